"""HTTPRoute and Gateway of gateway.networking.k8s.io/v1, as far as other objects' readers need them.

The API server has checked these objects by the CRDs of the Gateway API; what is malformed all the same (in a folder of
manifests) is left out. Nothing here raises, whatever an object holds.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from apis.sources.fields import plain_text
from apis.sources.published import Condition
from portal.kube import Kind, KubeObject

GROUP = "gateway.networking.k8s.io"
HTTPROUTE = Kind(group=GROUP, version="v1", kind="HTTPRoute", plural="httproutes", namespaced=True)
GATEWAY = Kind(group=GROUP, version="v1", kind="Gateway", plural="gateways", namespaced=True)

EXACT, PREFIX, REGEX = "Exact", "PathPrefix", "RegularExpression"
# The CRD's own limits are 16 rules, 64 matches, 16 filters and 16 backends.
MOST = 64


@dataclass(frozen=True, slots=True)
class Match:
    """One way to match a request. `besides` says what counts besides the path: "headers", "query parameters"."""

    type: str
    path: str
    method: str = ""
    besides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BackendRef:
    """Where a rule sends requests: a Service where group is "" and kind Service. `port` 0: not stated."""

    group: str
    kind: str
    namespace: str
    name: str
    port: int
    weight: int = 1
    filtered: bool = False


@dataclass(frozen=True, slots=True)
class RouteRule:
    """One rule of an HTTPRoute. `filters` are as the object holds them; `timeout` is a Gateway API duration or ""."""

    matches: tuple[Match, ...]
    backends: tuple[BackendRef, ...]
    filters: tuple[Mapping[str, Any], ...]
    timeout: str = ""


@dataclass(frozen=True, slots=True)
class Parent:
    """The Gateway, and the listener of it if one is named, that a route hangs on."""

    group: str
    kind: str
    namespace: str
    name: str
    section: str = ""
    port: int = 0


def hostnames_of(route: KubeObject) -> tuple[str, ...]:
    """The hostnames of an HTTPRoute, wildcards among them."""
    names = _list(_mapping(route.body.get("spec")), "hostnames")
    return tuple(dict.fromkeys(text for name in names if (text := plain_text(name, 253))))


def parents_of(route: KubeObject) -> tuple[Parent, ...]:
    """What an HTTPRoute hangs on."""
    entries = _mappings(_mapping(route.body.get("spec")), "parentRefs")
    return tuple(parent_of(entry, route.namespace) for entry in entries)


def parent_of(entry: Mapping[str, Any], namespace: str) -> Parent:
    """One parentRef, with the defaults of the Gateway API."""
    return Parent(
        group=plain_text(entry.get("group", GROUP)),
        kind=plain_text(entry.get("kind")) or "Gateway",
        namespace=plain_text(entry.get("namespace")) or namespace,
        name=plain_text(entry.get("name"), 253),
        section=plain_text(entry.get("sectionName"), 253),
        port=_port(entry.get("port")),
    )


def rules_of(route: KubeObject) -> tuple[RouteRule, ...]:
    """The rules of an HTTPRoute. A rule without matches matches every path."""
    return tuple(
        RouteRule(
            matches=tuple(match_of(match) for match in _mappings(rule, "matches")) or (Match(PREFIX, "/"),),
            backends=tuple(backends_of(rule, route.namespace)),
            filters=tuple(_mappings(rule, "filters")),
            timeout=plain_text(_mapping(rule.get("timeouts")).get("request"), 50),
        )
        for rule in _mappings(_mapping(route.body.get("spec")), "rules")
    )


def match_of(entry: Mapping[str, Any]) -> Match:
    """One match, with the defaults of the Gateway API."""
    path = _mapping(entry.get("path"))
    besides = {"headers": "headers", "queryParams": "query parameters"}
    return Match(
        type=plain_text(path.get("type"), 50) or PREFIX,
        path=plain_text(path.get("value"), 1_024) or "/",
        method=plain_text(entry.get("method"), 20),
        besides=tuple(word for name, word in besides.items() if _list(entry, name)),
    )


def backends_of(rule: Mapping[str, Any], namespace: str) -> Iterator[BackendRef]:
    """Where a rule sends requests. A backend of weight 0 gets none, and is left out."""
    for entry in _mappings(rule, "backendRefs"):
        weight = entry.get("weight")
        if name := plain_text(entry.get("name"), 253):
            found = BackendRef(
                group=plain_text(entry.get("group")),
                kind=plain_text(entry.get("kind")) or "Service",
                namespace=plain_text(entry.get("namespace"), 253) or namespace,
                name=name,
                port=_port(entry.get("port")),
                weight=weight if type(weight) is int else 1,
                filtered=bool(_list(entry, "filters")),
            )
            if found.weight > 0:
                yield found


def parent_conditions(route: KubeObject) -> tuple[Condition, ...]:
    """The conditions that the controllers of its parents report, worst first where several parents differ.

    One for each type (Accepted, ResolvedRefs, ...); its message names the parent that it is about.
    """
    worst: dict[str, Condition] = {}
    for status in _mappings(_mapping(route.body.get("status")), "parents"):
        parent = parent_of(_mapping(status.get("parentRef")), route.namespace)
        for entry in _mappings(status, "conditions"):
            found = _condition(entry, f"{parent.kind} {parent.namespace}/{parent.name}")
            known = worst.get(found.type)
            if found.type and found.status and (known is None or _rank(found) < _rank(known)):
                worst[found.type] = found
    return tuple(worst.values())


def listener_url(gateway: KubeObject, host: str, parent: Parent) -> str:
    """The address at which a Gateway serves a host, "" where no HTTP listener of it fits.

    An HTTPS listener goes before an HTTP one: what asks for TLS should get it.
    """
    found: dict[str, int] = {}
    for listener in _mappings(_mapping(gateway.body.get("spec")), "listeners"):
        scheme = {"HTTP": "http", "HTTPS": "https"}.get(plain_text(listener.get("protocol")), "")
        port = _port(listener.get("port"))
        if parent.section not in ("", plain_text(listener.get("name"), 253)) or parent.port not in (0, port):
            continue
        if scheme and port and fits(host, plain_text(listener.get("hostname"), 253)):
            found.setdefault(scheme, port)
    for scheme, usual in (("https", 443), ("http", 80)):
        if port := found.get(scheme, 0):
            return f"{scheme}://{host}" + ("" if port == usual else f":{port}")
    return ""


def fits(host: str, pattern: str) -> bool:
    """Whether a listener's hostname, which may begin with *., takes a host."""
    if pattern.startswith("*."):
        return host.endswith(pattern[1:])
    return pattern in ("", host)


def _condition(entry: Mapping[str, Any], parent: str) -> Condition:
    generation = entry.get("observedGeneration")
    message = plain_text(entry.get("message"))
    return Condition(
        type=plain_text(entry.get("type")),
        status=plain_text(entry.get("status")),
        reason=plain_text(entry.get("reason")),
        message=f"{parent}: {message}" if message else parent,
        observed_generation=generation if type(generation) is int else None,
    )


def _rank(condition: Condition) -> int:
    return {"False": 0, "Unknown": 1}.get(condition.status, 2)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(values: Mapping[str, Any], name: str) -> list[Any]:
    value = values.get(name)
    return value[:MOST] if isinstance(value, list) else []


def _mappings(values: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    return [entry for entry in _list(values, name) if isinstance(entry, dict)]


def _port(value: Any) -> int:
    return value if type(value) is int and 0 < value < 65_536 else 0
