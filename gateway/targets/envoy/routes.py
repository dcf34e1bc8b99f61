"""The route tables: which method and path is which operation, where it goes, and what it needs."""

import re
from collections.abc import Iterable
from email.utils import format_datetime
from functools import cache
from typing import Any
from urllib.parse import quote, urlsplit

from gateway.snapshot import Cors, HeaderChanges, Reason, Route, Version
from gateway.targets.envoy.clusters import cluster_name
from gateway.targets.envoy.groups import first_match, header_input
from gateway.targets.envoy.listeners import CREDENTIAL_FILTERS, set_header
from gateway.targets.envoy.replies import REASON_HEADER, TYPE

_ROUTE = TYPE + "envoy.config.route.v3."
_OFF = {"@type": _ROUTE + "FilterConfig", "disabled": True, "config": {}}
_RBAC_PER_ROUTE = TYPE + "envoy.extensions.filters.http.rbac.v3.RBACPerRoute"
_MUTATION_PER_ROUTE = TYPE + "envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute"
_CORS_POLICY = TYPE + "envoy.extensions.filters.http.cors.v3.CorsPolicy"
# Where jwt_authn puts the scopes of a token: ours, and those of outside issuers.
_SCOPE_CLAIMS = (("jwt", "scope"), ("outside", "scope"), ("outside", "scp"))
_BY_KEY = {"header": {"name": "x-portal-keyapp", "present_match": True}}
# Kinds whose answers may go on for ever, and kinds that may become a WebSocket.
_STREAMING_KINDS = frozenset({"grpc", "asyncapi"})
_UPGRADING_KINDS = frozenset({"graphql", "asyncapi"})
_VARIABLE = re.compile(r"\{[^{}/]*\}")


def route_resource(environment: str, versions: Iterable[Version]) -> dict[str, Any]:
    """The RDS resource of one environment: a tree keyed by base path, then the version's routes in order.

    A list of all routes would be scanned in order: half a millisecond at 10,000.
    """
    tree = _tree(sorted(versions, key=lambda version: version.base_path))
    if tree:
        matcher = {"matcher_tree": {"input": header_input(":path"), "prefix_match_map": {"map": tree}}}
        matcher["on_no_match"] = first_match([], _not_found())
        host: dict[str, Any] = {"matcher": matcher}
    else:
        host = {"routes": [_not_found()]}
    return {
        "@type": _ROUTE + "RouteConfiguration",
        "name": environment,
        "response_headers_to_remove": [REASON_HEADER],
        "virtual_hosts": [{"name": "apis", "domains": ["*"], **host}],
    }


def _tree(versions: list[Version]) -> dict[str, Any]:
    """Longest base path wins, so a base path above another lends it its routes: /pets serves /pets/v1x."""
    tables = {version.base_path: version_routes(version) for version in versions}
    tree = {}
    for base, routes in tables.items():
        inherited = [r for parent in _parents(base) if parent in tables for r in tables[parent]]
        tree[base] = first_match([*routes, *inherited], _not_found())
    return tree


def _parents(base: str) -> list[str]:
    """Every base path above `base`, longest first."""
    return [base[:end] for end in range(len(base) - 1, 1, -1) if base[end] == "/"]


def _not_found() -> dict[str, Any]:
    """Without it an unknown path would be asked for a credential first and then answer 403."""
    return {
        "name": "not-found",
        "match": {"prefix": "/"},
        "direct_response": {"status": 404},
        "typed_per_filter_config": _filters_off("probe"),
    }


def _filters_off(*more: str) -> dict[str, Any]:
    return dict.fromkeys((*CREDENTIAL_FILTERS, *more), _OFF)


def version_routes(version: Version) -> list[dict[str, Any]]:
    """One Envoy route for each operation, the more literal path first; a preflight route where browsers may call."""
    action = _action(version)
    ordered = sorted(version.routes, key=lambda route: (_specificity(route.path), route.method))
    routes = [_operation(version, route, action) for route in ordered]
    if not version.routes:
        routes = [_whole(version, action)]
    if version.cors:
        routes.insert(0, _preflight(version, action))
    return routes


def _specificity(path: str) -> list[tuple[int, str]]:
    """Sort key: segment by segment, literal before part-literal before variable."""
    return [
        (2 if _VARIABLE.fullmatch(part) else 1 if _VARIABLE.search(part) else 0, part)
        for part in path.split("/")
    ]


def _operation(version: Version, route: Route, action: dict[str, Any]) -> dict[str, Any]:
    match = path_match(version.base_path, route.path)
    match["headers"] = [{"name": ":method", "string_match": {"exact": route.method}}]
    public = version.public or route.public
    served = _served(version, match, action, route.operation, public=public, scopes=route.scopes)
    if route.public and not version.public:
        # The token is good for the operations beside it, and nobody else's to have.
        served["request_headers_to_remove"] = ["authorization"]
    return served


def _whole(version: Version, action: dict[str, Any]) -> dict[str, Any]:
    match = {"path_separated_prefix": version.base_path}
    return _served(version, match, action, "any", public=version.public, scopes=())


def path_match(base: str, path: str) -> dict[str, Any]:
    """Envoy's match of a path template below a base path: an exact string, or a linear-time expression.

    A variable is one non-empty path segment or part of one, as in OpenAPI 3.
    """
    if path == "/":
        return {"safe_regex": {"regex": f"{re.escape(base)}/?"}}
    parts = _VARIABLE.split(path)
    literals = [_encode(part) for part in parts]
    if len(literals) == 1:
        return {"path": base + literals[0]}
    return {"safe_regex": {"regex": re.escape(base) + "[^/]+".join(re.escape(part) for part in literals)}}


def _encode(literal: str) -> str:
    """Percent-encode what a request's path would carry encoded, leaving what is encoded already."""
    return quote(literal, safe="/!$&'()*+,;=:@~%-._")


def _served(
    version: Version,
    match: dict[str, Any],
    action: dict[str, Any],
    operation: str,
    *,
    public: bool,
    scopes: tuple[str, ...],
) -> dict[str, Any]:
    route: dict[str, Any] = {
        "name": f"{version.name} {operation}"[:200],
        "match": match,
        "metadata": {
            "filter_metadata": {
                "portal": {"api": version.api, "version": version.version, "operation": operation}
            }
        },
        "route": action,
        "typed_per_filter_config": _filters(version, public=public, scopes=scopes),
    }
    if headers := _lifecycle_headers(version):
        route["response_headers_to_add"] = headers
    return route


def _action(version: Version) -> dict[str, Any]:
    parts = urlsplit(version.upstream)
    action: dict[str, Any] = {
        "cluster": cluster_name(version),
        "host_rewrite_literal": parts.netloc,
        "timeout": "0s" if version.kind in _STREAMING_KINDS else f"{version.timeout_s:g}s",
        "retry_policy": {"retry_on": "connect-failure,refused-stream", "num_retries": 1},
    }
    target = parts.path.rstrip("/") + "/"
    if target != version.base_path + "/":
        substitution = target.replace("\\", "\\\\")
        pattern = {"regex": f"^{re.escape(version.base_path)}/?"}
        action["regex_rewrite"] = {"pattern": pattern, "substitution": substitution}
    if version.kind in _UPGRADING_KINDS:
        action["upgrade_configs"] = [{"upgrade_type": "websocket", "enabled": True}]
    return action


def _filters(version: Version, *, public: bool, scopes: tuple[str, ...]) -> dict[str, Any]:
    """The per-route filter settings: which credentials, which scopes, which header changes."""
    config: dict[str, Any] = {}
    if public:
        config |= _filters_off()
    if version.blocked:
        config["access"] = _deny(Reason.BLOCKED_API, {"any": True})
    elif not public and not (version.tokens and version.keys):
        config["access"] = _deny(Reason.NOT_AUTHENTICATED, _wrong_kind(version))
    if scopes and not public:
        config["scopes"] = _scopes(scopes)
    if version.request_headers or version.response_headers:
        config["mediation"] = _mediation(version)
    if version.cors:
        config["cors"] = _cors_policy(version.cors)
    return config


def _wrong_kind(version: Version) -> dict[str, Any]:
    """Who brings a kind of credential that the version does not take."""
    if version.keys:
        return {"not_id": _BY_KEY}
    return _BY_KEY if version.tokens else {"any": True}


def _deny(reason: Reason, principal: dict[str, Any]) -> dict[str, Any]:
    policy = {"permissions": [{"any": True}], "principals": [principal]}
    rules = {"action": "DENY", "policies": {str(reason): policy}}
    return {"@type": _RBAC_PER_ROUTE, "rbac": {"rules": rules}}


@cache
def _scopes(scopes: tuple[str, ...]) -> dict[str, Any]:
    """Refuse a token that lacks one of the scopes."""
    all_scopes = {"and_ids": {"ids": [_has_scope(scope) for scope in scopes]}}
    return _deny(Reason.SCOPE_MISSING, {"not_id": {"or_ids": {"ids": [_BY_KEY, all_scopes]}}})


def _has_scope(scope: str) -> dict[str, Any]:
    """In a token of ours, or in one of an outside issuer, some of which call the claim `scp`."""
    return {"or_ids": {"ids": [_in_claim(path, scope) for path in _SCOPE_CLAIMS]}}


def _in_claim(path: tuple[str, str], scope: str) -> dict[str, Any]:
    value = {"list_match": {"one_of": {"string_match": {"exact": scope}}}}
    keys = [{"key": key} for key in path]
    matcher = {"filter": "envoy.filters.http.jwt_authn", "path": keys, "value": value}
    return {"sourced_metadata": {"metadata_matcher": matcher}}


def _mediation(version: Version) -> dict[str, Any]:
    mutations = {
        "request_mutations": _changes(version.request_headers),
        "response_mutations": _changes(version.response_headers),
    }
    return {"@type": _MUTATION_PER_ROUTE, "mutations": {k: v for k, v in mutations.items() if v}}


def _changes(changes: HeaderChanges) -> list[dict[str, Any]]:
    """Percent signs are doubled, or Envoy would take the publisher's text for a format command."""
    return [
        *({"remove": name} for name in changes.remove),
        *(set_header(name, value.replace("%", "%%")) for name, value in changes.set),
        *(
            set_header(name, value.replace("%", "%%"), "APPEND_IF_EXISTS_OR_ADD")
            for name, value in changes.add
        ),
    ]


def _preflight(version: Version, action: dict[str, Any]) -> dict[str, Any]:
    """A browser's question before its call carries no credential: the cors filter answers it, or else it is refused.

    The filter ignores direct responses, hence a route that the access filter lets nobody take.
    """
    asked = {"name": "access-control-request-method", "present_match": True}
    method = {"name": ":method", "string_match": {"exact": "OPTIONS"}}
    nobody = {"access": _deny(Reason.UNKNOWN_PATH, {"any": True}), "cors": _cors_policy(version.cors)}
    return {
        "name": f"{version.name} preflight"[:200],
        "match": {"path_separated_prefix": version.base_path, "headers": [method, asked]},
        "route": action,
        "typed_per_filter_config": {**_filters_off("probe"), **nobody},
    }


def _cors_policy(cors: Cors | None) -> dict[str, Any]:
    cors = cors or Cors(())
    origins = [{"safe_regex": {"regex": ".*"}} if o == "*" else {"exact": o} for o in cors.origins]
    policy: dict[str, Any] = {
        "@type": _CORS_POLICY,
        "allow_origin_string_match": origins,
        "allow_methods": ", ".join(cors.methods),
        "allow_headers": ", ".join(cors.headers),
        "expose_headers": ", ".join(cors.expose),
        "max_age": str(cors.max_age_s),
    }
    if cors.credentials:
        policy["allow_credentials"] = True
    return policy


def _lifecycle_headers(version: Version) -> list[dict[str, Any]]:
    """Deprecation (RFC 9745), Sunset and Link (RFC 8594)."""
    headers = {}
    if version.deprecated_at:
        headers["deprecation"] = f"@{int(version.deprecated_at.timestamp())}"
    if version.sunset_at:
        headers["sunset"] = format_datetime(version.sunset_at, usegmt=True)
    if version.link and (version.deprecated_at or version.sunset_at):
        headers["link"] = f'<{version.link}>; rel="deprecation"'.replace("%", "%%")
    return [
        {"append_action": "OVERWRITE_IF_EXISTS_OR_ADD", "header": {"key": key, "value": value}}
        for key, value in headers.items()
    ]
