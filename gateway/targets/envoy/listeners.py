"""The listeners: one per environment, each with the whole filter chain.

They hold no data that changes in ordinary work, because a changed listener drains its connections and empties its
rate buckets; what changes comes by the route (RDS) and filter (ECDS) resources of `routes` and `policies`.
"""

import re
from pathlib import Path
from typing import Any

from gateway.targets.envoy.groups import header_input
from gateway.targets.envoy.options import EnvoyOptions
from gateway.targets.envoy.replies import BAD_PATH, REASON_HEADER, TYPE, local_reply_config

_HTTP = TYPE + "envoy.extensions.filters.http."
_MANAGER = TYPE + "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
RBAC = _HTTP + "rbac.v3.RBAC"
JWT = _HTTP + "jwt_authn.v3.JwtAuthentication"
RATE_LIMIT = _HTTP + "local_ratelimit.v3.LocalRateLimit"
HEADER_MUTATION = _HTTP + "header_mutation.v3.HeaderMutation"
_SKIP = TYPE + "envoy.extensions.filters.common.matcher.action.v3.SkipFilter"
_UNLESS = TYPE + "envoy.extensions.common.matching.v3.ExtensionWithMatcher"
_LUA = Path(__file__).parent / "lua"
_RBAC_METADATA = "envoy.filters.http.rbac"
_JWT_METADATA = "envoy.filters.http.jwt_authn"
_RECENT = f"%DYNAMIC_METADATA({_RBAC_METADATA}:recent_enforced_effective_policy_id)%"

# The filters that ask for a credential; public operations and the answer 404 go without them. Of a public call, too, the
# filter `credential` takes what is meant for the gateway alone.
CREDENTIAL_FILTERS = (
    "keys",
    "identity",
    "jwt",
    "resource",
    "clients",
    "client",
    "deny",
    "recent",
    "agreed",
    "subs",
    "ratelimit",
)

# What a call without an API key has in place of the key's hash.
NO_KEY = "-"

# The plan that the map of recent changes names, for the large map behind it.
RECENT_PLAN = "x-portal-plan"

# Never believed of a caller: what the chain tells itself and the backend, and what Envoy does.
_KEPT_PREFIXES = ("x-portal-", "x-envoy-")
# With these a caller may ask some backends for another operation than the one that was authorized.
_OVERRIDES = (
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
)
# In a path that is normalized already: dots and slashes that some backends would still find in it.
_HIDDEN_DOTS = (
    "/..;",
    "%c0%ae",
    "%c0%af",
    "%c1%9c",
    "%e0%80%ae",
    "%e0%80%af",
    "%f0%80%80%ae",
    "%f0%80%80%af",
)

# Needed inside the chain only. x-portal-client and x-portal-app do reach the backend: they tell it who calls.
_INTERNAL = (
    "x-portal-probe",
    "x-portal-keyhash",
    "x-portal-sub",
    RECENT_PLAN,
    "x-portal-jti",
    "x-portal-keyapp",
    "x-portal-issuer",
    "x-portal-outclient",
    "x-portal-iat",
    "x-portal-limits",
    "x-portal-address",
)

# The listener that takes no call: its route table is where one is tried before it may harm anybody.
TRIAL = "trial"

LOG_FORMAT = {
    "time": "%START_TIME%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "api": "%METADATA(ROUTE:portal:api)%",
    "version": "%METADATA(ROUTE:portal:version)%",
    "operation": "%METADATA(ROUTE:portal:operation)%",
    # The latter where a key was refused before the filter that makes one of both.
    "credential": "%REQ(X-PORTAL-CLIENT?X-PORTAL-KEYCLIENT)%",
    "application": "%REQ(X-PORTAL-APP?X-PORTAL-KEYAPP)%",
    "plan": f"%DYNAMIC_METADATA({_RBAC_METADATA}:subs_enforced_effective_policy_id)%",
    # Only a request that came to the filters has it. What Envoy answered before them still has the caller's own headers,
    # so nothing that is read from a header here is true without it.
    "checked": f"%DYNAMIC_METADATA({_RBAC_METADATA}:key_enforced_engine_result)%",
    "jti": "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:jwt:jti)%",
    "probe": "%REQ(X-PORTAL-PROBE)%",
    "method": "%REQ(:METHOD):20%",
    "path": "%PATH(NQ:ORIG_OR_PATH):500%",
    "status": "%RESPONSE_CODE%",
    "reason": f"%RESP({REASON_HEADER})%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "flags": "%RESPONSE_FLAGS%",
    "duration_ms": "%DURATION%",
    "upstream_ms": "%RESPONSE_DURATION%",
    "received": "%BYTES_RECEIVED%",
    "sent": "%BYTES_SENT%",
}


def listener_resources(options: EnvoyOptions) -> list[dict[str, Any]]:
    """The LDS resources."""
    return [*(_listener(options, environment) for environment in options.listeners), _trial(options)]


def _trial(options: EnvoyOptions) -> dict[str, Any]:
    """Bound to no port, so that the address is never used."""
    manager = {
        "@type": _MANAGER,
        "stat_prefix": TRIAL,
        "rds": {"route_config_name": TRIAL, "config_source": _file(options, f"rds.{TRIAL}.json")},
        "http_filters": [{"name": "router", "typed_config": {"@type": _HTTP + "router.v3.Router"}}],
    }
    return {
        "@type": TYPE + "envoy.config.listener.v3.Listener",
        "name": TRIAL,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 1}},
        "bind_to_port": False,
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


def _listener(options: EnvoyOptions, environment: str) -> dict[str, Any]:
    address = options.listeners[environment]
    return {
        "@type": TYPE + "envoy.config.listener.v3.Listener",
        "name": environment,
        "address": {"socket_address": {"address": address.host, "port_value": address.port}},
        # With SO_REUSEPORT a second Envoy would silently take half of the traffic.
        "enable_reuse_port": False,
        "filter_chains": [
            {"filters": [{"name": "http", "typed_config": _connection_manager(options, environment)}]}
        ],
    }


def _connection_manager(options: EnvoyOptions, environment: str) -> dict[str, Any]:
    rds = {"route_config_name": environment, "config_source": _file(options, f"rds.{environment}.json")}
    return {
        "@type": _MANAGER,
        "stat_prefix": environment,
        "server_name": "portico",
        "use_remote_address": True,
        "xff_num_trusted_hops": options.trusted_hops,
        "always_set_request_id_in_response": True,
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "request_headers_timeout": "10s",
        "early_header_mutation_extensions": [_sanitize()],
        # Some backends read x_portal_app as x-portal-app.
        "common_http_protocol_options": {
            "headers_with_underscores_action": "DROP_HEADER",
            "idle_timeout": "300s",
        },
        "upgrade_configs": [{"upgrade_type": "websocket", "enabled": False}],
        "rds": rds,
        "http_filters": _chain(options, environment),
        "local_reply_config": local_reply_config(),
        "access_log": [_access_log(options, environment)],
    }


def _file(options: EnvoyOptions, name: str) -> dict[str, Any]:
    return {"resource_api_version": "V3", "path_config_source": {"path": str(options.resources / name)}}


def _chain(options: EnvoyOptions, environment: str) -> list[dict[str, Any]]:
    def ecds(name: str, file: str, type_url: str) -> dict[str, Any]:
        return {
            "name": name,
            "config_discovery": {"type_urls": [type_url], "config_source": _file(options, file)},
        }

    # ECDS resources are named by their filter, so each environment's own come from a file of its own.
    return [
        _hidden_dots(),
        {"name": "cors", "typed_config": {"@type": _HTTP + "cors.v3.Cors"}},
        _unless(_none_of("x-api-key", "x-portico-probe"), _lua("credential", options)),
        ecds("keys", f"keys.{environment}.pb", RBAC),
        _unless(_is("x-portal-keyhash", NO_KEY), _lua("identity", options)),
        {"name": "access", "typed_config": {"@type": RBAC}},
        ecds("jwt", f"jwt.{environment}.json", JWT),
        _resource(),
        ecds("clients", f"clients.{environment}.pb", RBAC),
        _unless(_none_of("x-portal-issuer"), _lua("client", options)),
        _mutation("subscription", _subscription_key()),
        ecds("deny", "deny.json", RBAC),
        ecds("limits", "limits.json", RBAC),
        ecds("recent", "recent.json", RBAC),
        _mutation("agreed", [set_header(RECENT_PLAN, _RECENT)]),
        ecds("subs", "subs.pb", RBAC),
        {"name": "scopes", "typed_config": {"@type": RBAC}},
        _probe(options),
        ecds("ratelimit", "ratelimit.json", RATE_LIMIT),
        _mutation("internal", [_remove_all("x-portico-"), *({"remove": name} for name in _INTERNAL)]),
        _router(),
    ]


def _sanitize() -> dict[str, Any]:
    """Before any filter, because a refused upgrade is answered and logged without them."""
    mutations = [*map(_remove_all, _KEPT_PREFIXES), *({"remove": name} for name in _OVERRIDES)]
    mutations.append(set_header("x-portal-keyhash", NO_KEY))
    kind = TYPE + "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"
    return {"name": "sanitize", "typed_config": {"@type": kind, "mutations": mutations}}


def _remove_all(prefix: str) -> dict[str, Any]:
    return {"remove_on_match": {"key_matcher": {"prefix": prefix, "ignore_case": True}}}


def _hidden_dots() -> dict[str, Any]:
    """Refuse a path that would leave the API at a backend which takes `..;` or overlong UTF-8 for dots and slashes."""
    hidden = rf"\C*(?i:{'|'.join(map(re.escape, _HIDDEN_DOTS))})\C*"
    path = {"url_path": {"path": {"safe_regex": {"regex": hidden}}}}
    policy = {"permissions": [path], "principals": [{"any": True}]}
    rules = {"action": "DENY", "policies": {BAD_PATH: policy}}
    return {"name": "dots", "typed_config": {"@type": RBAC, "rules": rules}}


def _resource() -> dict[str, Any]:
    """A token that was asked for some APIs (RFC 8707) has the claim `subs_only`: it opens those in `subs` alone.

    Every other token goes by the subscriptions as they are now; its policy is tried first, so that it pays nothing for
    the expression. What cannot be evaluated is refused.
    """
    limited = {"filter": _JWT_METADATA, "path": [{"key": "jwt"}, {"key": "subs_only"}]}
    limited_token = {"sourced_metadata": {"metadata_matcher": {**limited, "value": {"bool_match": True}}}}
    anything = [{"any": True}]
    policies = {
        "all": {"permissions": anything, "principals": [{"not_id": limited_token}]},
        "named": {"permissions": anything, "principals": anything, "condition": _within_subs()},
    }
    return {
        "name": "resource",
        "typed_config": {"@type": RBAC, "rules": {"action": "ALLOW", "policies": policies}},
    }


def _within_subs() -> dict[str, Any]:
    """CEL as a syntax tree, which is all that the filter takes: `route.api in token.subs`."""
    token = _member(_filter_metadata({"ident_expr": {"name": "metadata"}}), _JWT_METADATA, "jwt")
    route = _field({"ident_expr": {"name": "xds"}}, "route_metadata")
    return _call("@in", _member(_filter_metadata(route), "portal", "api"), _member(token, "subs"))


def _call(function: str, *args: dict[str, Any]) -> dict[str, Any]:
    return {"call_expr": {"function": function, "args": list(args)}}


def _field(of: dict[str, Any], name: str) -> dict[str, Any]:
    return {"select_expr": {"operand": of, "field": name}}


def _filter_metadata(of: dict[str, Any]) -> dict[str, Any]:
    return _field(of, "filter_metadata")


def _member(of: dict[str, Any], *keys: str) -> dict[str, Any]:
    for key in keys:
        of = _call("_[_]", of, {"const_expr": {"string_value": key}})
    return of


def _mutation(name: str, mutations: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": name,
        "typed_config": {"@type": HEADER_MUTATION, "mutations": {"request_mutations": mutations}},
    }


def _lua(name: str, options: EnvoyOptions) -> dict[str, Any]:
    source = (_LUA / f"{name}.lua").read_text().replace("@@PROBE_SECRET@@", options.probe_secret)
    config = {
        "@type": _HTTP + "lua.v3.Lua",
        "stat_prefix": name,
        "default_source_code": {"inline_string": source},
        # None of them touches what routes are found by.
        "clear_route_cache": False,
    }
    return {"name": name, "typed_config": config}


def _unless(matcher: dict[str, Any], extension: dict[str, Any]) -> dict[str, Any]:
    """The filter, left out of a call that the matcher matches: a script costs every call that runs it."""
    config = {"@type": _UNLESS, "extension_config": extension, "xds_matcher": matcher}
    return {"name": extension["name"], "typed_config": config}


def _skipped() -> dict[str, Any]:
    return {"action": {"name": "skip", "typed_config": {"@type": _SKIP}}}


def _is(header: str, value: str) -> dict[str, Any]:
    return {"matcher_tree": {"input": header_input(header), "exact_match_map": {"map": {value: _skipped()}}}}


def _none_of(*headers: str) -> dict[str, Any]:
    """Whatever a header's value is, an empty one and any bytes too, it is there."""
    anything = {"value_match": {"safe_regex": {"google_re2": {}, "regex": r"\C*"}}}
    there = [{"single_predicate": {"input": header_input(name), **anything}} for name in headers]
    one = {"or_matcher": {"predicate": there}} if len(there) > 1 else there[0]
    return {"matcher_list": {"matchers": [{"predicate": {"not_matcher": one}, "on_match": _skipped()}]}}


def set_header(name: str, value: str, action: str = "OVERWRITE_IF_EXISTS_OR_ADD") -> dict[str, Any]:
    return {"append": {"append_action": action, "header": {"key": name, "value": value}}}


def _subscription_key() -> list[dict[str, Any]]:
    """The token's identity (put there by jwt) or else the key's, then "application:api" to look the plan up by."""
    return [
        set_header("x-portal-client", "%REQ(X-PORTAL-KEYCLIENT)%", "ADD_IF_ABSENT"),
        set_header("x-portal-app", "%REQ(X-PORTAL-KEYAPP)%", "ADD_IF_ABSENT"),
        set_header("x-portal-sub", "%REQ(X-PORTAL-APP)%:%METADATA(ROUTE:portal:api)%"),
        {"remove": "x-portal-keyclient"},
    ]


def _probe(options: EnvoyOptions) -> dict[str, Any]:
    """A signed probe that every earlier filter let through ends here with 204: no backend, no rate taken."""
    config = {
        "@type": _HTTP + "fault.v3.HTTPFault",
        "headers": [{"name": "x-portico-probe", "string_match": {"exact": options.probe_secret}}],
        "abort": {"http_status": 204, "percentage": {"numerator": 100}},
    }
    return {"name": "probe", "typed_config": config}


def _router() -> dict[str, Any]:
    """Header mediation sits behind the router, so that the publisher's headers touch the API's answers only.

    A refusal of the gateway's own with the API's cache-control would be remembered as if it were an answer.
    """
    codec = {"@type": _HTTP + "upstream_codec.v3.UpstreamCodec"}
    upstream = [_mutation("mediation", []), {"name": "codec", "typed_config": codec}]
    return {
        "name": "router",
        "typed_config": {"@type": _HTTP + "router.v3.Router", "upstream_http_filters": upstream},
    }


def _access_log(options: EnvoyOptions, environment: str) -> dict[str, Any]:
    fields = {**LOG_FORMAT, "environment": environment}
    config = {
        "@type": TYPE + "envoy.extensions.access_loggers.file.v3.FileAccessLog",
        "path": str(options.access_log),
        "log_format": {"json_format": fields, "omit_empty_values": True},
    }
    return {"name": "file", "typed_config": config}
