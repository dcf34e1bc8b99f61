"""HTTPRoute of the Gateway API, published by the annotation `portico.dev/api`.

An HTTPRoute that the operator of WSO2's API platform reads (annotations gateway.api-platform.wso2.com/...) is published by
those, where Portico's own are not there. One that an APIProduct of Kuadrant points at is not read here, not even while
the product is a draft: the product says whether and how the route is in a catalog.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from apis.sources.addresses import is_host, service_url
from apis.sources.fields import SLUG, SLUG_HINT, VERSION, VERSION_HINT, Fields, Report, plain_text
from apis.sources.gateway_api import (
    EXACT,
    GATEWAY,
    GROUP,
    HTTPROUTE,
    PREFIX,
    BackendRef,
    Match,
    RouteRule,
    hostnames_of,
    listener_url,
    parent_conditions,
    parents_of,
    rules_of,
)
from apis.sources.kuadrant_kinds import API_PRODUCT
from apis.sources.portico_v1alpha1 import BASE_PATH, BASE_PATH_HINT
from apis.sources.published import Cors, HeaderRules, Reading
from apis.sources.routed import OPT_IN, RouteAnnotations, published_route, route_annotations, with_api
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
from portal.kube import KubeObject

PLATFORM = "gateway.api-platform.wso2.com/"
PLATFORM_OPT_IN = tuple(PLATFORM + name for name in ("api-handle", "api-version", "context", "display-name"))


def read_http_route(obj: KubeObject, look_up: LookUp) -> Reading:
    """One HTTPRoute; nothing if no annotation asks for it, or if an APIProduct speaks for it."""
    by_platform = OPT_IN not in obj.annotations and any(name in obj.annotations for name in PLATFORM_OPT_IN)
    if not by_platform and OPT_IN not in obj.annotations:
        return Reading()
    if look_up.attached(API_PRODUCT, obj):
        return Reading()
    report = Report(obj)
    annotations, context = route_annotations(obj, report), None
    if by_platform:
        annotations, context = platform_annotations(obj, annotations, report)
    elif not annotations.common.api:
        report.add("metadata.annotations.api", f"{OPT_IN} is no name for an API", SLUG_HINT)
    served = served_route(obj, look_up, report, context)
    if served is None or report.problems:
        return Reading((), report.problems)
    published = published_route(obj, annotations, served, parent_conditions(obj), look_up, report)
    if context is not None and context:
        published = replace(published, base_path=annotations.base_path or context)
    return Reading((), report.problems) if report.problems else Reading((published,))


def platform_annotations(
    obj: KubeObject, annotations: RouteAnnotations, report: Report
) -> tuple[RouteAnnotations, str]:
    """The annotations of WSO2's API platform as Portico's own, and the context, "" for the root.

    The defaults are those of its operator: handle `<namespace>-<name>`, version v1.0, context /, the route's name.
    """
    stated = {str(name).removeprefix(PLATFORM): value for name, value in obj.annotations.items()}
    fields = Fields(stated, "metadata.annotations", report)
    handle = f"{obj.namespace}-{obj.name}".replace(".", "-").lower()[:63].strip("-")
    version = fields.text("api-version", like=VERSION, hint=VERSION_HINT) or "v1.0"
    context = fields.text("context").strip().replace("$version", version).rstrip("/")
    if context and not BASE_PATH.fullmatch(context):
        fields.wrong("context", context, "a path that can be served", BASE_PATH_HINT)
    known = with_api(annotations, fields.text("api-handle", like=SLUG, hint=SLUG_HINT) or handle)
    name = annotations.display_name or fields.text("display-name", most=100) or obj.name[:100]
    return replace(known, version=version, display_name=name), context


def served_route(
    obj: KubeObject, look_up: LookUp, report: Report, context: str | None = None
) -> Served | None:
    """How Portico serves an HTTPRoute. None, with a problem, if it has no way to its backends."""
    # The route's controller has the last word on backends of other namespaces: it knows the ReferenceGrants.
    refused = any(found.reason == "RefNotPermitted" for found in parent_conditions(obj))
    rules = tuple(rule_of(rule, obj.namespace, refused) for rule in rules_of(obj))
    if not rules:
        report.add("spec.rules", "The route has no rules", "Give it a rule with a backend.")
        return None
    served = serve(rules, lambda: gateway_url(obj, look_up), context)
    if not served.url:
        no_way("spec.rules", report)
        return None
    return served


def gateway_url(obj: KubeObject, look_up: LookUp) -> str:
    """Where the cluster's own gateway serves the route: at the first hostname that a listener of a parent takes.

    A Gateway that is not there to be read counts as one with HTTP on port 80.
    """
    unread = ""
    for host in hostnames_of(obj):
        if "*" in host or ":" in host or not is_host(host):
            continue
        for parent in parents_of(obj):
            if (parent.group, parent.kind) != (GROUP, "Gateway"):
                continue
            gateway = look_up(GATEWAY, parent.namespace, parent.name)
            if gateway and (url := listener_url(gateway, host, parent)):
                return url
            if gateway is None:
                unread = unread or f"http://{host}" + (f":{parent.port}" if parent.port else "")
    return unread


def rule_of(rule: RouteRule, namespace: str, refused: bool) -> Rule:
    """One rule in Portico's words."""
    filters = Filters()
    for entry in rule.filters:
        filters.take(entry)
    if any(backend.filtered for backend in rule.backends):
        filters.beyond.append("Filters of single backends are stated, which apply in the cluster only.")
    narrowed = [f"{word}" for match in rule.matches for word in match.besides]
    narrowed += ["methods" for match in rule.matches if match.method]
    narrowed += ["exact paths" for match in rule.matches if match.type == EXACT]
    narrowed += ["regular expressions" for match in rule.matches if match.type not in (EXACT, PREFIX)]
    return Rule(
        paths=unique(path_of(match) for match in rule.matches),
        backends=tuple(backend_of(backend, namespace, refused) for backend in rule.backends),
        becomes=filters.becomes,
        request_headers=filters.request,
        response_headers=filters.response,
        cors=filters.cors,
        timeout_seconds=seconds_of(rule.timeout),
        narrowed=unique(narrowed),
        beyond=tuple(filters.beyond),
        alone=filters.alone or not rule.backends,
    )


def path_of(match: Match) -> str:
    """What the paths that a match takes begin with."""
    return plain_path(match.path) if match.type in (EXACT, PREFIX) else literal_path(match.path)


def backend_of(backend: BackendRef, namespace: str, refused: bool) -> Backend:
    """One backend, with an address if Portico's gateway may call it."""
    name = f"{backend.kind} {backend.namespace}/{backend.name}:{backend.port}"
    service = (backend.group, backend.kind) == ("", "Service") and backend.port
    labels = SLUG.fullmatch(backend.name) and SLUG.fullmatch(backend.namespace)
    if not service or not labels or (refused and backend.namespace != namespace):
        return Backend(name, "")
    scheme = "https" if backend.port == 443 else "http"
    return Backend(name, service_url(backend.name, backend.namespace, backend.port, scheme))


class Filters:
    """Collects what the filters of one rule do."""

    def __init__(self) -> None:
        self.becomes: str | None = None
        self.request = HeaderRules()
        self.response = HeaderRules()
        self.cors: Cors | None = None
        self.beyond: list[str] = []
        self.alone = False

    def take(self, entry: Mapping[str, Any]) -> None:
        """One filter. What Portico's gateway cannot do becomes a sentence."""
        kind = plain_text(entry.get("type"), 50)
        known: dict[str, tuple[str, Callable[[Mapping[str, Any]], None]]] = {
            "RequestHeaderModifier": ("requestHeaderModifier", self.request_headers),
            "ResponseHeaderModifier": ("responseHeaderModifier", self.response_headers),
            "URLRewrite": ("urlRewrite", self.rewrite),
            "CORS": ("cors", self.allow_origins),
        }
        if kind in known:
            name, take = known[kind]
            stated = entry.get(name)
            take(stated if isinstance(stated, dict) else {})
        elif kind == "RequestRedirect":
            self.alone = True
        elif kind == "RequestMirror":
            self.beyond.append("Requests are mirrored in the cluster; Portico's gateway mirrors nothing.")
        elif kind == "ExtensionRef":
            named = entry.get("extensionRef")
            named = named if isinstance(named, dict) else {}
            name = f"{plain_text(named.get('kind'), 63)} {plain_text(named.get('name'), 253)}"
            self.beyond.append(f"The filter {name} is stated, which applies in the cluster only.")
        else:
            self.beyond.append(f"A filter of type {kind or 'unknown'} is stated, which is not enforced.")

    def request_headers(self, stated: Mapping[str, Any]) -> None:
        self.request = self.headers(stated, "request")

    def response_headers(self, stated: Mapping[str, Any]) -> None:
        self.response = self.headers(stated, "response")

    def headers(self, stated: Mapping[str, Any], where: str) -> HeaderRules:
        rules, left = header_rules(pairs(stated.get("set")), texts(stated.get("remove")), where)
        self.beyond += left
        self.beyond += [
            f"A value is added to the {where} header {name[:100]} in the cluster; Portico's gateway adds none."
            for name, _ in pairs(stated.get("add"))
        ]
        return rules

    def rewrite(self, stated: Mapping[str, Any]) -> None:
        path = stated.get("path")
        path = path if isinstance(path, dict) else {}
        if path.get("type") == "ReplacePrefixMatch":
            self.becomes = plain_text(path.get("replacePrefixMatch"), 1_024)
        elif path:
            self.alone = True
        if host := plain_text(stated.get("hostname"), 253):
            self.beyond.append(f"The host is rewritten to {host} in the cluster, not by Portico's gateway.")

    def allow_origins(self, stated: Mapping[str, Any]) -> None:
        age = stated.get("maxAge")
        self.cors, left = cors_of(
            texts(stated.get("allowOrigins")),
            texts(stated.get("allowMethods")),
            texts(stated.get("allowHeaders")),
            texts(stated.get("exposeHeaders")),
            stated.get("allowCredentials") is True,
            age if type(age) is int else None,
        )
        self.beyond += left


def texts(value: Any) -> tuple[str, ...]:
    """The texts of a list."""
    entries = value[:64] if isinstance(value, list) else ()
    return tuple(text for entry in entries if (text := plain_text(entry, 300)))


def pairs(value: Any) -> tuple[tuple[str, str], ...]:
    """Names and values of a list of headers."""
    entries = value[:64] if isinstance(value, list) else ()
    found = (
        (plain_text(entry.get("name"), 256), plain_text(entry.get("value"), 4_096))
        for entry in entries
        if isinstance(entry, dict)
    )
    return tuple((name, stated) for name, stated in found if name)


SOURCES = (
    Source(
        kind=HTTPROUTE,
        depends_on=(CONFIG_MAP, GATEWAY, API_PRODUCT),
        read=read_http_route,
        about=About(
            publisher="Gateway API (also with the annotations of WSO2's API platform)",
            reads="The annotations, the rules with their matches, backends and filters, hostnames, the definition in a"
            " ConfigMap or at a path of the backend, and the conditions of the parents.",
            enforced="Base path, upstream, timeout, and where one Service serves all rules: rewriting of the path, set and"
            " removed headers, and CORS, as far as all rules agree.",
            shown="Matches by method, header and query, added header values, mirroring, filters of extensions, and that"
            " requests go through the cluster's own gateway where the route has several backends.",
        ),
    ),
)
