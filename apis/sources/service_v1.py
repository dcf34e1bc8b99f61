"""A plain Service whose backend serves its own OpenAPI, published by the annotation `portico.dev/openapi-path`.

FastAPI, Spring and others serve their definition beside the API. The annotation names its path; the definition is
fetched from the Service itself, and requests go to the same port of it.
"""

from typing import Any

from apis.sources.addresses import PATH, is_dotted, service_url
from apis.sources.annotations import PREFIX
from apis.sources.fields import SLUG, SLUG_HINT, Fields, Report, conditions_of, plain_text, ref_of
from apis.sources.published import PRODUCTION, DefinitionAddress, PublishedApi, Reading, Upstream
from apis.sources.routed import route_annotations
from apis.sources.source import About, LookUp, Source
from portal.kube import Kind, KubeObject

SERVICE = Kind(group="", version="v1", kind="Service", plural="services")
OPT_IN = PREFIX + "openapi-path"
ANNOTATIONS = "metadata.annotations"


def read_service(obj: KubeObject, look_up: LookUp) -> Reading:
    """One Service; nothing if no annotation asks for it."""
    if OPT_IN not in obj.annotations:
        return Reading()
    report = Report(obj)
    annotations = route_annotations(obj, report)
    common, version = annotations.common, annotations.version
    key = common.api or key_of(obj, report)
    path = path_of(obj, report)
    url = address_of(obj, report)
    published = PublishedApi(
        ref=ref_of(obj),
        key=key,
        version=version,
        display_name=annotations.display_name or key,
        base_path=annotations.base_path or f"/{key}/{version}",
        owner_team=common.owner_team,
        tags=common.tags,
        visibility=common.visibility,
        approval=common.approval,
        plans=common.plans,
        definition=DefinitionAddress(url + path, f"Service {obj.namespace}/{obj.name}, path {path}"),
        upstreams={PRODUCTION: Upstream(url)},
        conditions=conditions_of(obj),
    )
    return Reading((), report.problems) if report.problems else Reading((published,))


def key_of(obj: KubeObject, report: Report) -> str:
    """The Service's name, which is a slug wherever an API server accepted it."""
    if not SLUG.fullmatch(obj.name):
        report.add(f"{ANNOTATIONS}.api", f"The name {obj.name[:100]} cannot be an API's", SLUG_HINT)
    return obj.name


def path_of(obj: KubeObject, report: Report) -> str:
    """The path under which the backend serves its definition."""
    path = obj.annotations[OPT_IN]
    if not path.startswith("/") or len(path) > 500 or not PATH.fullmatch(path) or is_dotted(path):
        message = f"{OPT_IN} is {path[:100]!r}, which is no path"
        report.add(f"{ANNOTATIONS}.openapi-path", message, "Write it like /openapi.json, without a query.")
    return path


def address_of(obj: KubeObject, report: Report) -> str:
    """The Service with the port that the annotation names, else with the only one, else with the one for HTTP."""
    ports = ports_of(obj, report)
    stated = obj.annotations.get(f"{PREFIX}port", "")
    known = ", ".join(port["name"] or str(port["port"]) for port in ports[:20])
    if stated:
        found = [port for port in ports if stated in (port["name"], str(port["port"]))]
        message = f"The Service has no port {stated[:100]}"
    else:
        found = ports if len(ports) == 1 else [port for port in ports if speaks_http(port)]
        message = "The Service has several ports" if ports else "The Service has no port for TCP"
    if not found:
        remedy = f"Set {PREFIX}port to one of: {known}." if known else "Give the Service a port."
        report.add(f"{ANNOTATIONS}.port", message, remedy)
        return ""
    port = found[0]
    return service_url(obj.name, obj.namespace, port["port"], "https" if speaks_tls(port) else "http")


def ports_of(obj: KubeObject, report: Report) -> list[dict[str, Any]]:
    """Number, name and stated protocol of each port for TCP."""
    spec = Fields(obj.body.get("spec"), "spec", report)
    found = []
    for entry in spec.sections("ports", most=250):
        number = entry.number("port", most=65_535)
        if number and entry.text("protocol", "TCP") == "TCP":
            protocol = plain_text(entry.values.get("appProtocol"))
            found.append({"port": number, "name": entry.text("name", most=63), "protocol": protocol})
    return found


def speaks_http(port: dict[str, Any]) -> bool:
    """Whether a port is for HTTP, by what is stated or else by its name, as service meshes read it."""
    return (port["protocol"] or port["name"]).lower().startswith("http") or port["port"] in (80, 443)


def speaks_tls(port: dict[str, Any]) -> bool:
    """Whether a port is for HTTP over TLS."""
    stated = (port["protocol"] or port["name"]).lower()
    return stated.startswith("https") or (port["port"] == 443 and not stated.startswith("http"))


SOURCES = (
    Source(
        kind=SERVICE,
        depends_on=(),
        read=read_service,
        about=About(
            publisher=f"A Service with the annotation {OPT_IN}",
            reads="The annotations and ports; the definition is fetched from the Service itself.",
            enforced="Base path, the Service as upstream, tokens and API keys, plans.",
        ),
    ),
)
