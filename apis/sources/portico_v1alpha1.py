"""`Api` and `Plan` of portico.dev/v1alpha1 (deploy/crds/), our own kinds.

The rules of the CRD are checked here again, because a folder of manifests has no API server in front of it. An object
with any problem publishes nothing: its last good version stays.
"""

import re
from datetime import date
from zoneinfo import ZoneInfo

from apis.sources.addresses import checked_url, service_url
from apis.sources.config_maps import definition_of, only_key
from apis.sources.docs import docs_of
from apis.sources.fields import SLUG, SLUG_HINT, VERSION, VERSION_HINT, Fields, Report, conditions_of, ref_of
from apis.sources.integration import KINDS as INTEGRATIONS, ports_of, service_name
from apis.sources.mediation import mediation_of
from apis.sources.published import (
    ENVIRONMENTS,
    DefinitionAddress,
    DefinitionText,
    HealthCheck,
    OperationScopes,
    PublishedApi,
    PublishedPlan,
    Reading,
    Security,
    Upstream,
)
from apis.sources.source import CONFIG_MAP, About, LookUp, Source
from portal.errors import Invalid
from portal.kube import Kind, KubeObject

API = Kind(group="portico.dev", version="v1alpha1", kind="Api", plural="apis", namespaced=True)
PLAN = Kind(group="portico.dev", version="v1alpha1", kind="Plan", plural="plans", namespaced=False)

TYPES = {"REST": "rest", "GraphQL": "graphql", "AsyncAPI": "asyncapi", "gRPC": "grpc", "SOAP": "soap"}
VISIBILITIES = {"Public": "public", "Internal": "internal", "Team": "team"}
APPROVALS = {"Manual": "manual", "Automatic": "automatic"}
METHODS = {name: name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}
RATE_SECONDS = {"Second": "1", "Minute": "60", "Hour": "3600"}
QUOTA_PERIODS = {"Day": "day", "Week": "week", "Month": "month"}

BASE_PATH = re.compile(r"(?=.{1,200}\Z)(/(?!\.{1,2}(/|\Z))[A-Za-z0-9._~-]+)+")
BASE_PATH_HINT = (
    "Begin with /, end without, and use letters, digits and . _ ~ - between, at most 200 characters."
)
DNS_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
HEALTH_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*")
OPERATION_PATH = re.compile(r"/\S*")
SCOPE = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")


def read_api(obj: KubeObject, look_up: LookUp) -> Reading:
    """One Api object: one version of one API."""
    report = Report(obj)
    spec = Fields(obj.body.get("spec"), "spec", report)
    key, version = key_of(spec, obj), version_of(spec)
    publication = spec.section("publication")
    deprecated, sunset, successor = retirement_of(publication, version)
    published = PublishedApi(
        ref=ref_of(obj),
        key=key,
        version=version,
        display_name=spec.text("displayName", most=100) or key,
        base_path=spec.text("basePath", f"/{key}/{version}", like=BASE_PATH, hint=BASE_PATH_HINT),
        summary=spec.text("summary", most=300),
        description=spec.text("description", most=20_000),
        type=spec.choice("type", TYPES, "rest"),
        owner_team=spec.text("ownerTeam", like=SLUG, hint=SLUG_HINT),
        contact=spec.text("contact", most=200),
        tags=spec.texts("tags", most=20, longest=40),
        visibility=spec.choice("visibility", VISIBILITIES, "internal"),
        approval=publication.choice("approval", APPROVALS, "manual"),
        deprecated=deprecated,
        sunset=sunset,
        successor=successor,
        definition=definition_in(spec, obj, look_up),
        upstreams=upstreams_of(spec, obj.namespace, look_up),
        security=security_of(spec.section("security")),
        plans=spec.texts("plans", most=20, like=SLUG, hint=SLUG_HINT),
        mediation=mediation_of(spec.section("mediation")),
        conditions=conditions_of(obj),
        docs=docs_of(spec, obj, look_up),
    )
    return Reading((), report.problems) if report.problems else Reading((published,))


def key_of(spec: Fields, obj: KubeObject) -> str:
    """What the versions of one API share: spec.api, or the object's name where that is a slug."""
    if not spec.has("api") and not SLUG.fullmatch(obj.name):
        spec.missing("api", f"The object's name is no slug, so set spec.api. {SLUG_HINT}")
    return spec.text("api", obj.name, like=SLUG, hint=SLUG_HINT)


def version_of(spec: Fields) -> str:
    """The version that consumers see."""
    if not spec.has("version"):
        spec.missing("version", VERSION_HINT)
    return spec.text("version", like=VERSION, hint=VERSION_HINT)


def retirement_of(publication: Fields, version: str) -> tuple[bool, date | None, str]:
    """Whether the version is deprecated, until when it is served, and which version follows it."""
    deprecated = publication.flag("deprecated")
    successor = publication.text("successor", like=VERSION, hint=VERSION_HINT)
    for name in ("sunset", "successor"):
        if publication.has(name) and not deprecated:
            message = f"{publication.at(name)} is set on a version that is not deprecated"
            publication.report.add(publication.at(name), message, "Set publication.deprecated to true.")
    if successor and successor == version:
        publication.wrong(
            "successor", successor, "another version", "Name the version that follows this one."
        )
    return deprecated, sunset_of(publication), successor


def sunset_of(publication: Fields) -> date | None:
    """The day from which the version is no longer served."""
    text = publication.text("sunset")
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        publication.wrong("sunset", text, "a day of the calendar", "Write it like 2027-06-30.")
        return None


def definition_in(
    spec: Fields, obj: KubeObject, look_up: LookUp
) -> DefinitionText | DefinitionAddress | None:
    """The definition's text or address from its one source, None if no definition is given."""
    definition = spec.section("definition")
    given = [name for name in ("inline", "configMapRef", "url") if definition.has(name)]
    if len(given) > 1 or (spec.has("definition") and not given):
        message = "spec.definition gives " + (" and ".join(given) or "no source")
        remedy = "Give exactly one of inline, configMapRef and url."
        definition.report.add("spec.definition", message, remedy)
    elif given == ["url"]:
        return definition_at(definition, obj.namespace)
    elif given == ["inline"]:
        text = definition.text("inline", most=1_000_000)
        return DefinitionText(text, "spec.definition.inline") if text else None
    elif given == ["configMapRef"]:
        return definition_from_config_map(definition.section("configMapRef"), obj, look_up)
    return None


def definition_at(definition: Fields, namespace: str) -> DefinitionAddress | None:
    """The address that the definition is fetched from, by the rules of upstreams; a slash at its end stays."""
    url = definition.text("url", most=2_000)
    checked = address_of(definition, url, namespace)
    slash = "/" if url.endswith("/") else ""
    return DefinitionAddress(checked + slash, url) if checked else None


def address_of(fields: Fields, url: str, namespace: str) -> str:
    """The address in a field `url`, empty where it is wrong."""
    try:
        return checked_url(url, namespace) if fields.has("url") else ""
    except Invalid as error:
        fields.report.add(fields.at("url"), error.message, error.remedy)
        return ""


def definition_from_config_map(reference: Fields, obj: KubeObject, look_up: LookUp) -> DefinitionText | None:
    """The definition in a ConfigMap of the same namespace."""
    if not reference.has("name"):
        reference.missing("name", "Name the ConfigMap that holds the definition.")
    name, key = reference.text("name"), reference.text("key")
    if not name or (reference.has("key") and not key):
        return None
    config_map = look_up(CONFIG_MAP, obj.namespace, name)
    if config_map is None:
        message = f"ConfigMap {obj.namespace}/{name} is not there"
        reference.report.add(
            reference.at("name"), message, "Create it, or name another one. Portico will notice."
        )
        return None
    try:
        return definition_of(config_map, key or only_key(config_map, "data", "binaryData"))
    except Invalid as error:
        reference.report.add(reference.at("key"), error.message, error.remedy)
        return None


def upstreams_of(spec: Fields, namespace: str, look_up: LookUp) -> dict[str, Upstream]:
    """The backend of each environment."""
    stated = spec.section("upstreams")
    found = {}
    for environment in ENVIRONMENTS:
        if stated.has(environment):
            upstream = stated.section(environment)
            url, backend = backend_of(upstream, namespace, look_up)
            if url:
                timeout = upstream.number("timeoutSeconds", 30, most=600) or 30
                found[environment] = Upstream(url, timeout, backend, health_check_of(upstream))
    if not any(stated.has(environment) for environment in ENVIRONMENTS):
        stated.missing("production", "Give the backend of production, of sandbox, or of both.")
    return found


def health_check_of(upstream: Fields) -> HealthCheck | None:
    """Only where one is stated: nobody is asked who did not wish it."""
    stated = upstream.section("healthCheck")
    if not upstream.has("healthCheck"):
        return None
    if not stated.has("path"):
        stated.missing("path", "Give a path of the backend that answers 200 while it is well.")
    path = stated.text("path", most=200, like=HEALTH_PATH, hint="Give an absolute path such as /healthz.")
    interval = stated.number("intervalSeconds", 10, least=5, most=600) or 10
    return HealthCheck(path, interval) if path else None


def backend_of(upstream: Fields, namespace: str, look_up: LookUp) -> tuple[str, str]:
    """The address of one backend, empty where it is wrong, and the object that it was taken from if there is one."""
    given = [name for name in ("service", "url", "integration") if upstream.has(name)]
    if len(given) != 1:
        message = f"{upstream.path} gives " + (" and ".join(given) or "no backend")
        upstream.report.add(upstream.path, message, "Give exactly one of service, url and integration.")
        return "", ""
    if given == ["service"]:
        return service_of(upstream.section("service"), namespace), ""
    if given == ["integration"]:
        return integration_of(upstream.section("integration"), namespace, look_up)
    return address_of(upstream, upstream.text("url", most=500), namespace), ""


def integration_of(reference: Fields, namespace: str, look_up: LookUp) -> tuple[str, str]:
    """The address of an Integration of either group, and its name in words."""
    if not reference.has("name"):
        reference.missing("name", "Name the Integration.")
    name = reference.text("name", like=DNS_NAME, hint="Use the name as the object has it.")
    namespace = reference.text("namespace", namespace, like=SLUG, hint=SLUG_HINT)
    port = reference.number("port", most=65_535)
    if not name:
        return "", ""
    # Both are always asked for, so that either one is noticed when it comes or goes.
    found = [obj for kind in INTEGRATIONS if (obj := look_up(kind, namespace, name))]
    if not found:
        message = f"Integration {namespace}/{name} is not there"
        reference.report.add(
            reference.at("name"), message, "Create it, or name another one. Portico will notice."
        )
        return "", ""
    ports = ports_of(found[0], Report(found[0]))
    if port and port not in ports:
        listed = ", ".join(map(str, ports[:20]))
        wanted = f"a port of the Integration: {listed}"
        reference.wrong("port", port, wanted, f"Give one of {listed}, or leave the port out.")
    url = service_url(service_name(found[0]), namespace, port or ports[0])
    return url, f"Integration {namespace}/{name}"


def service_of(service: Fields, namespace: str) -> str:
    """The address of a Service of the cluster."""
    for name in ("name", "port"):
        if not service.has(name):
            service.missing(name, f"Give the Service's {name}.")
    name = service.text("name", like=SLUG, hint=SLUG_HINT)
    namespace = service.text("namespace", namespace, like=SLUG, hint=SLUG_HINT)
    port = service.number("port", most=65_535)
    scheme = service.choice("scheme", {"http": "http", "https": "https"}, "http")
    return service_url(name, namespace, port, scheme) if name and port else ""


def security_of(security: Fields) -> Security:
    """How callers prove who they are."""
    if not security.values:
        return Security()
    found = Security(
        oauth2=security.flag("oauth2", default=True),
        api_key=security.flag("apiKey", default=True),
        public=security.flag("public"),
        scopes=tuple(scopes_of(entry) for entry in security.sections("scopes", most=300)),
    )
    if not (found.oauth2 or found.api_key or found.public):
        message = "spec.security allows no way to call the API"
        security.report.add(security.path, message, "Allow at least one of oauth2, apiKey and public.")
    if found.scopes and (found.public or not found.oauth2):
        message = "Scopes are required of callers who need no token"
        security.report.add(
            security.at("scopes"), message, "Allow oauth2 and not public, or leave the scopes out."
        )
    return found


def scopes_of(entry: Fields) -> OperationScopes:
    """The scopes of one operation."""
    for name in ("method", "path", "scopes"):
        if not entry.has(name):
            entry.missing(name, "Give method, path and scopes of the operation.")
    return OperationScopes(
        method=entry.choice("method", METHODS, ""),
        path=entry.text("path", most=500, like=OPERATION_PATH, hint="Write it as the definition does."),
        scopes=entry.texts("scopes", most=10, like=SCOPE, hint="Use a scope as RFC 6749 allows it."),
    )


def read_plan(obj: KubeObject, look_up: LookUp) -> Reading:
    """One Plan object."""
    report = Report(obj)
    spec = Fields(obj.body.get("spec"), "spec", report)
    rate, quota = spec.section("rate"), spec.section("quota")
    requests, seconds = limit_of(rate, RATE_SECONDS, 1_000_000)
    quota_requests, period = limit_of(quota, QUOTA_PERIODS, 1_000_000_000_000)
    if not SLUG.fullmatch(obj.name):
        report.add("metadata.name", f"The name {obj.name[:100]} cannot be a plan's name", SLUG_HINT)
    published = PublishedPlan(
        ref=ref_of(obj),
        name=obj.name,
        display_name=spec.text("displayName", most=100) or obj.name,
        description=spec.text("description", most=1_000),
        rate_requests=requests,
        rate_seconds=int(seconds) if seconds else None,
        burst=burst_of(spec, requests, seconds),
        quota_requests=quota_requests,
        quota_period=period,
        time_zone=time_zone_of(quota),
        approval=spec.choice("approval", APPROVALS, "manual"),
    )
    return Reading((), report.problems) if report.problems else Reading((published,))


def limit_of(limit: Fields, periods: dict[str, str], most: int) -> tuple[int | None, str]:
    """So many requests in a period; (None, "") where there is no limit."""
    if not limit.values:
        return None, ""
    for name in ("requests", "per"):
        if not limit.has(name):
            limit.missing(name, "Give both requests and per.")
    return limit.number("requests", most=most), limit.choice("per", periods, "")


def time_zone_of(quota: Fields) -> str:
    """Where the quota's periods begin at midnight."""
    name = quota.text("timeZone", most=64) or "UTC"
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, not a plain path, a folder
        quota.wrong(
            "timeZone", name, "a name of the IANA time zone database", "Write it as in Europe/Berlin."
        )
    return name


def burst_of(spec: Fields, requests: int | None, seconds: str) -> int | None:
    """How many requests may come at once: as stated, otherwise as many as the rate has."""
    burst = spec.number("burst", requests, most=1_000_000)
    if not spec.has("rate"):
        if spec.has("burst"):
            spec.report.add(
                "spec.burst", "There is a burst without a rate", "Give spec.rate too, or leave it out."
            )
        return None
    if burst and requests and burst > requests * (60 if seconds == "1" else 1):
        wanted = "at most what the rate allows in its own period (in a minute for a rate per Second)"
        spec.wrong("burst", burst, wanted, "Make the burst smaller or the rate larger.")
    return burst


SOURCES = (
    Source(
        kind=PLAN,
        depends_on=(),
        read=read_plan,
        about=About(
            publisher="Portico",
            reads="Rate, burst, quota, approval, name and description of a plan.",
            enforced="Rate, burst and quota.",
        ),
    ),
    Source(
        kind=API,
        depends_on=(CONFIG_MAP, *INTEGRATIONS),
        read=read_api,
        about=About(
            publisher="Portico",
            reads="Everything in the object, the Integrations it names, and its definition: inline, from a ConfigMap or from an address.",
            enforced="Base path, upstreams with their timeouts and health checks, security, scopes, plans and mediation.",
        ),
    ),
)
