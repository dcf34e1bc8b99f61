"""Where an API's requests go: extensions of the definition, and TargetEndpoint objects (pkg/swagger/endpoints.go)."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from apis.sources.addresses import checked_url, service_url
from apis.sources.fields import Fields, Report, shown
from apis.sources.published import PRODUCTION, SANDBOX, Upstream
from apis.sources.source import LookUp
from apis.sources.wso2_v1alpha1.kinds import TARGET_ENDPOINT
from portal.errors import Invalid
from portal.kube import KubeObject

EXTENSIONS = {PRODUCTION: "x-wso2-production-endpoints", SANDBOX: "x-wso2-sandbox-endpoints"}
SHARED = "x-wso2-endpoints"
# What Go's url.ParseRequestURI takes; everything else names a TargetEndpoint.
URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|/")


def upstreams_of(
    data: dict[Any, Any], obj: KubeObject, mode: str, look_up: LookUp, report: Report
) -> tuple[dict[str, Upstream], tuple[str, ...]]:
    """The upstream of each environment, and sentences about what else is stated."""
    found, sentences = {}, []
    if mode.lower() == "sidecar":
        sentence = (
            "The backend runs inside the pod of the cluster's own gateway, out of reach of Portico's gateway."
        )
        return {}, (sentence,)
    for environment, extension in EXTENSIONS.items():
        urls = urls_of(data, extension, report)
        if urls:
            address = address_of(urls[0], obj, mode, look_up, report, extension)
            if address:
                found[environment] = Upstream(address)
        if len(urls) > 1:
            sentences.append(
                f"{extension} gives {len(urls)} addresses; the first is used, without balancing."
            )
    if has_own_endpoints(data):
        sentences.append(
            "Some operations have endpoints of their own; all requests go to the API's endpoint."
        )
    elif not any(data.get(extension) for extension in EXTENSIONS.values()):
        message = "The definition names no backend"
        report.add(
            "x-wso2-production-endpoints", message, "Add the extension with a urls list to the definition."
        )
    return found, tuple(sentences)


def urls_of(data: dict[Any, Any], extension: str, report: Report) -> tuple[str, ...]:
    """The addresses of one extension, which may refer to an entry of x-wso2-endpoints."""
    stated = data.get(extension)
    if isinstance(stated, str):
        name = stated.removeprefix(f"#/{SHARED}/")
        stated = next((entry[name] for entry in shared_endpoints(data) if name in entry), None)
        if stated is None:
            message = f"{extension} refers to {name[:100]}, which {SHARED} does not have"
            report.add(extension, message, f"Add {name[:100]} to {SHARED}.")
            return ()
    if stated is None:
        return ()
    return Fields(stated, extension, report).texts("urls", most=50, longest=500)


def shared_endpoints(data: dict[Any, Any]) -> Iterator[dict[Any, Any]]:
    """The entries of x-wso2-endpoints, a list of mappings with one name each."""
    stated = data.get(SHARED)
    for entry in stated if isinstance(stated, list) else ():
        if isinstance(entry, dict):
            yield entry


def address_of(
    stated: str, obj: KubeObject, mode: str, look_up: LookUp, report: Report, extension: str
) -> str | None:
    """The address that is stated, or that of the TargetEndpoint which is named."""
    if not URI.match(stated):
        return address_of_target(stated, obj, mode, look_up, report, extension)
    try:
        return checked_url(stated, obj.namespace)
    except Invalid as error:
        report.add(extension, error.message, error.remedy)
        return None


def target_of(stated: str, namespace: str) -> tuple[str, str]:
    """Name and namespace of the TargetEndpoint that `name` or `name.namespace` means."""
    parts = stated.split(".")
    return (parts[0], parts[1]) if len(parts) == 2 else (stated, namespace)


def address_of_target(
    stated: str, obj: KubeObject, mode: str, look_up: LookUp, report: Report, extension: str
) -> str | None:
    """The address of the Service that the operator creates for a TargetEndpoint, under the same name."""
    name, namespace = target_of(stated, obj.namespace)
    # One of the API's own generation.
    target = look_up(replace(TARGET_ENDPOINT, version=obj.kind.version), namespace, name)
    if target is None:
        message = f"TargetEndpoint {namespace}/{name} is not there"
        report.add(extension, message, "Create it, or give an http or https address. Portico will notice.")
        return None
    spec = target.body.get("spec")
    spec = spec if isinstance(spec, dict) else {}
    protocol = spec.get("applicationProtocol")
    if protocol not in ("http", "https"):
        message = f"TargetEndpoint {namespace}/{name} has the protocol {shown(protocol)}"
        report.add(extension, message, "Set its spec.applicationProtocol to http or https.")
        return None
    if mode.lower() == "serverless":
        return service_url(name, namespace, 443 if protocol == "https" else 80, protocol)
    port = first_port(spec)
    if port is None:
        message = f"TargetEndpoint {namespace}/{name} has no port"
        report.add(extension, message, "Give its first entry of spec.ports a port from 1 to 65,535.")
        return None
    return service_url(name, namespace, port, protocol)


def first_port(spec: dict[Any, Any]) -> int | None:
    """The port that counts: the first one's."""
    ports = spec.get("ports")
    first = ports[0] if isinstance(ports, list) and ports else None
    port = first.get("port") if isinstance(first, dict) else None
    return port if type(port) is int and 0 < port < 65_536 else None


def has_own_endpoints(data: dict[Any, Any]) -> bool:
    """Whether an operation states its own endpoint."""
    return any(name in operation for operation in operations_of(data) for name in EXTENSIONS.values())


def operations_of(data: dict[Any, Any]) -> Iterator[dict[Any, Any]]:
    """Every operation object of the definition, malformed ones left out."""
    paths = data.get("paths")
    for item in paths.values() if isinstance(paths, dict) else ():
        for operation in item.values() if isinstance(item, dict) else ():
            if isinstance(operation, dict):
                yield operation
