"""VirtualService of networking.istio.io, published by the annotation `portico.dev/api`, as an HTTPRoute is.

v1 and v1beta1 are one object in two spellings: a cluster serves both, and it is read as the newer one there. Policies of
Istio (RequestAuthentication, AuthorizationPolicy) select workloads, not routes, and are not read.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from apis.sources.addresses import is_host, service_url
from apis.sources.fields import SLUG, SLUG_HINT, Report, conditions_of, plain_text
from apis.sources.published import Cors, HeaderRules, Reading
from apis.sources.routed import OPT_IN, published_route, route_annotations
from apis.sources.routing import (
    Backend,
    Rule,
    Served,
    cors_of,
    header_rules,
    literal_path,
    no_way,
    plain_path,
    seconds_of,
    serve,
    unique,
)
from apis.sources.source import CONFIG_MAP, About, LookUp, Source
from portal.kube import Kind, KubeObject

ISTIO = "networking.istio.io"
VERSIONS = ("v1", "v1beta1")
VIRTUAL_SERVICE, VIRTUAL_SERVICE_V1BETA1 = KINDS = tuple(
    Kind(group=ISTIO, version=version, kind="VirtualService", plural="virtualservices", namespaced=True)
    for version in VERSIONS
)
ISTIO_GATEWAYS = {
    version: Kind(group=ISTIO, version=version, kind="Gateway", plural="gateways", namespaced=True)
    for version in VERSIONS
}
# The mesh itself, in `gateways`: a name that only sidecars resolve.
MESH = "mesh"
CLUSTER_HOSTS = (".svc", ".svc.cluster.local", ".local")
MOST = 64
LEFT = {
    "fault": "Faults are injected in the cluster; Portico's gateway injects none.",
    "mirror": "Requests are mirrored in the cluster; Portico's gateway mirrors nothing.",
    "mirrors": "Requests are mirrored in the cluster; Portico's gateway mirrors nothing.",
    "retries": "Retries are stated, which Portico's gateway does not make.",
}
NARROWED = {
    "headers": "headers",
    "withoutHeaders": "headers",
    "queryParams": "query parameters",
    "method": "methods",
    "authority": "hosts",
    "scheme": "schemes",
    "port": "ports",
    "sourceLabels": "the caller's labels",
    "sourceNamespace": "the caller's namespace",
}


def read_virtual_service(obj: KubeObject, look_up: LookUp) -> Reading:
    """One VirtualService; nothing if no annotation asks for it.

    It has conditions only where Istio is told to report them (PILOT_ENABLE_STATUS).
    """
    if OPT_IN not in obj.annotations:
        return Reading()
    report = Report(obj)
    annotations = route_annotations(obj, report)
    if not annotations.common.api:
        report.add("metadata.annotations.api", f"{OPT_IN} is no name for an API", SLUG_HINT)
    served = served_route(obj, look_up, report)
    if served is None or report.problems:
        return Reading((), report.problems)
    published = published_route(obj, annotations, served, conditions_of(obj), look_up, report)
    return Reading((), report.problems) if report.problems else Reading((published,))


def served_route(obj: KubeObject, look_up: LookUp, report: Report) -> Served | None:
    """How Portico serves a VirtualService. None, with a problem, if it has no way to its destinations."""
    rules = tuple(rule_of(route, obj.namespace) for route in mappings(spec_of(obj), "http"))
    if not rules:
        report.add("spec.http", "There are no HTTP routes", "Give it an HTTP route with a destination.")
        return None
    served = serve(rules, lambda: gateway_url(obj, look_up))
    if not served.url:
        no_way("spec.http", report)
        return None
    return served


def gateway_url(obj: KubeObject, look_up: LookUp) -> str:
    """Where an Istio gateway serves the hosts, "" if only the mesh does.

    A Gateway that is not there to be read counts as one with HTTP on port 80.
    """
    unread = ""
    named = [name for name in texts(spec_of(obj).get("gateways")) if name != MESH]
    for host in texts(spec_of(obj).get("hosts")):
        outside = "." in host and "*" not in host and ":" not in host and is_host(host)
        if not outside or host.endswith(CLUSTER_HOSTS):
            continue
        for name in named:
            namespace, _, short = name.rpartition("/")
            gateway = look_up(ISTIO_GATEWAYS[obj.kind.version], namespace or obj.namespace, short)
            if gateway and (url := server_url(gateway, host)):
                return url
            if gateway is None:
                unread = unread or f"http://{host}"
    return unread


def server_url(gateway: KubeObject, host: str) -> str:
    """The address at which a Gateway of Istio serves a host, TLS before plain HTTP; "" where none fits."""
    found: dict[str, int] = {}
    for server in mappings(spec_of(gateway), "servers"):
        port = mapping(server.get("port"))
        protocol, tls = plain_text(port.get("protocol"), 20).upper(), mapping(server.get("tls"))
        scheme = {"HTTP": "http", "HTTP2": "http", "GRPC": "http", "HTTPS": "https"}.get(protocol, "")
        redirects = scheme == "http" and tls.get("httpsRedirect") is True
        passes = tls.get("mode") in ("PASSTHROUGH", "AUTO_PASSTHROUGH")
        number = port_of(port.get("number"))
        # A server's hosts may be limited to a namespace, as in shop/*.example.
        patterns = [text.rpartition("/")[2] for text in texts(server.get("hosts"))]
        if scheme and number and not redirects and not passes and any(fits(host, text) for text in patterns):
            found.setdefault(scheme, number)
    for scheme, usual in (("https", 443), ("http", 80)):
        if number := found.get(scheme, 0):
            return f"{scheme}://{host}" + ("" if number == usual else f":{number}")
    return ""


def fits(host: str, pattern: str) -> bool:
    """Whether a server's host, which may be * or begin with *., takes a host."""
    return pattern in ("*", host) or (pattern.startswith("*.") and host.endswith(pattern[1:]))


def rule_of(route: Mapping[str, Any], namespace: str) -> Rule:
    """One HTTP route in Portico's words."""
    matches = mappings(route, "match") or [{}]
    destinations = [entry for entry in mappings(route, "route") if entry.get("weight") != 0]
    rewrite = mapping(route.get("rewrite"))
    request, response, about_headers = headers_of(route)
    cors, about_cors = stated_cors(route)
    beyond = [*about_headers, *about_cors, *destination_sentences(destinations)]
    beyond += [sentence for name, sentence in LEFT.items() if route.get(name)]
    if authority := plain_text(rewrite.get("authority"), 253):
        beyond.append(f"The host is rewritten to {authority} in the cluster, not by Portico's gateway.")
    uri = rewrite.get("uri")
    kinds = {kind for match in matches for kind, _ in uris_of(match)}
    return Rule(
        paths=unique(path for match in matches for path in paths_of(match)),
        backends=tuple(backend_of(entry, namespace) for entry in destinations),
        becomes=plain_text(uri, 1_024) if isinstance(uri, str) and uri else None,
        request_headers=request,
        response_headers=response,
        cors=cors,
        timeout_seconds=seconds_of(plain_text(route.get("timeout"), 50)),
        narrowed=unique(narrowings(matches, kinds)),
        beyond=tuple(dict.fromkeys(beyond)),
        # An exact or regular path is rewritten as a whole; what a delegate does is in another object.
        alone=not destinations
        or bool(route.get("redirect") or route.get("directResponse") or route.get("delegate"))
        or bool(rewrite.get("uriRegexRewrite"))
        or bool(isinstance(uri, str) and uri and kinds - {"prefix"}),
    )


def uris_of(match: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """How a match looks at the path: "prefix", "exact" or "regex", and by what."""
    uri = mapping(match.get("uri"))
    for kind in ("prefix", "exact", "regex"):
        if text := plain_text(uri.get(kind), 1_024):
            yield kind, text


def paths_of(match: Mapping[str, Any]) -> tuple[str, ...]:
    """What the paths that a match takes begin with."""
    found = [(kind, text) for kind, text in uris_of(match)]
    return tuple(literal_path(text) if kind == "regex" else plain_path(text) for kind, text in found) or ("",)


def narrowings(matches: Iterable[Mapping[str, Any]], kinds: set[str]) -> Iterator[str]:
    """What the matches look at besides path beginnings."""
    for match in matches:
        yield from (word for name, word in NARROWED.items() if match.get(name))
    if "exact" in kinds:
        yield "exact paths"
    if "regex" in kinds:
        yield "regular expressions"


def backend_of(entry: Mapping[str, Any], namespace: str) -> Backend:
    """One destination, with an address if it is a Service of the cluster.

    A short name is a Service of the VirtualService's own namespace (VirtualService reference, `Destination.host`). The
    port may be left out only where the Service has one; as Services are not read, it counts as 80 then.
    """
    destination = mapping(entry.get("destination"))
    host = plain_text(destination.get("host"), 253)
    port = port_of(mapping(destination.get("port")).get("number")) or 80
    name, _, rest = host.partition(".")
    place, _, zone = rest.partition(".")
    labels = SLUG.fullmatch(name) and (not place or SLUG.fullmatch(place))
    if not labels or zone not in ("", "svc", "svc.cluster.local"):
        return Backend(f"{host}:{port}", "")
    scheme = "https" if port == 443 else "http"
    return Backend(f"{host}:{port}", service_url(name, place or namespace, port, scheme))


def destination_sentences(destinations: list[Mapping[str, Any]]) -> Iterator[str]:
    """What destinations state beyond their Service."""
    for entry in destinations:
        if subset := plain_text(mapping(entry.get("destination")).get("subset"), 100):
            yield f"The subset {subset} is stated, which Portico's gateway does not tell from its Service."
        if entry.get("headers"):
            yield "Header changes of single destinations are stated, which apply in the cluster only."


def headers_of(route: Mapping[str, Any]) -> tuple[HeaderRules, HeaderRules, list[str]]:
    """The header rules for requests and for answers, and sentences about what is left."""
    stated = mapping(route.get("headers"))
    found: list[HeaderRules] = []
    sentences: list[str] = []
    for where in ("request", "response"):
        changes = mapping(stated.get(where))
        to_set = [(name, plain_text(value, 4_096)) for name, value in headers_in(changes, "set")]
        # Envoy's variables, such as %REQ(...)%, are the cluster's gateway's own; Portico sets plain text.
        plain = [(name, value) for name, value in to_set if "%" not in value]
        rules, left = header_rules(plain, texts(changes.get("remove")), where)
        found.append(rules)
        sentences += left
        sentences += [
            f"The {where} header {name[:100]} is set in the cluster, not by Portico's gateway."
            for name, value in to_set
            if "%" in value
        ]
        sentences += [
            f"A value is added to the {where} header {name[:100]} in the cluster; Portico's gateway adds none."
            for name, _ in headers_in(changes, "add")
        ]
    return found[0], found[1], sentences


def headers_in(changes: Mapping[str, Any], name: str) -> list[tuple[str, Any]]:
    """Names and values of a mapping of headers."""
    entries = list(mapping(changes.get(name)).items())[:MOST]
    return [(header, value) for header, value in entries if isinstance(header, str)]


def stated_cors(route: Mapping[str, Any]) -> tuple[Cors | None, tuple[str, ...]]:
    """corsPolicy: origins that are exact, and "*"; prefixes and expressions are beyond Portico's gateway."""
    stated = route.get("corsPolicy")
    if not isinstance(stated, dict):
        return None, ()
    origins = [plain_text(entry.get("exact"), 300) or "?" for entry in mappings(stated, "allowOrigins")]
    # Until Istio 1.5 exact origins were a list of texts.
    origins += texts(stated.get("allowOrigin"))
    if any(entry.get("regex") in (".*", ".+") for entry in mappings(stated, "allowOrigins")):
        origins = ["*"]
    age = seconds_of(plain_text(stated.get("maxAge"), 50), most=86_400)
    return cors_of(
        origins,
        texts(stated.get("allowMethods")),
        texts(stated.get("allowHeaders")),
        texts(stated.get("exposeHeaders")),
        stated.get("allowCredentials") is True,
        age or None,
    )


def spec_of(obj: KubeObject) -> Mapping[str, Any]:
    """The spec, empty if it is malformed."""
    return mapping(obj.body.get("spec"))


def mapping(value: Any) -> Mapping[str, Any]:
    """A mapping, empty for anything else."""
    return value if isinstance(value, dict) else {}


def mappings(values: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The mappings of a list."""
    value = values.get(name)
    return [entry for entry in value[:MOST] if isinstance(entry, dict)] if isinstance(value, list) else []


def texts(value: Any) -> tuple[str, ...]:
    """The texts of a list."""
    entries = value[:MOST] if isinstance(value, list) else ()
    return tuple(text for entry in entries if (text := plain_text(entry, 300)))


def port_of(value: Any) -> int:
    """A port, 0 for anything else."""
    return value if type(value) is int and 0 < value < 65_536 else 0


SOURCES = tuple(
    Source(
        kind=kind,
        depends_on=(CONFIG_MAP, ISTIO_GATEWAYS[kind.version]),
        read=read_virtual_service,
        about=About(
            publisher="Istio",
            reads="The annotations, hosts, HTTP routes with matches, destinations, rewriting, timeout, headers and CORS,"
            " the definition in a ConfigMap or at a path of the backend, and conditions.",
            enforced="Base path, upstream, timeout, and where one Service serves all routes: rewriting of the path, set"
            " and removed headers, and CORS, as far as all routes agree.",
            shown="Matches by method, header, query and caller, subsets, mirrors, faults, retries, added header values,"
            " and that requests go through the cluster's own gateway where there are several destinations.",
        ),
    )
    for kind in KINDS
)
