"""The filters whose data changes in ordinary work, each an ECDS resource in a file of its own."""

from typing import Any

from gateway.snapshot import EnvironmentState, Issuer, OutsideIssuer, PlanLimits, Reason, Snapshot
from gateway.targets.envoy.listeners import JWT, RATE_LIMIT, RBAC
from gateway.targets.envoy.replies import TYPE
from gateway.targets.envoy.wire import rbac_map

# Envoy refuses an empty map; no request can carry this value, because Lua and the filters write "-" for "none".
_NOBODY = "(nobody)"
_HEADER_INPUT = TYPE + "envoy.type.matcher.v3.HttpRequestHeaderMatchInput"
_ACTION = TYPE + "envoy.config.rbac.v3.Action"
# Below 50 ms Envoy refuses a refill interval.
_SHORTEST_FILL_S = 0.05
_UNLIMITED = 1_000_000_000
# Of 20, the default, the oldest would be forgotten and with them their limits. A live bucket takes 450 bytes.
_MAX_BUCKETS = 1_000_000


def keys_resource(state: EnvironmentState) -> bytes:
    """Key hash -> "credential.application"; "-" is what Lua writes when no key was sent."""
    identities = {digest: f"{who.credential}.{who.application}" for digest, who in state.keys.items()}
    return rbac_map(
        "keys",
        stat_prefix="key_",
        header="x-portal-keyhash",
        allowed={"-": "-", **identities},
        denied={},
        otherwise=Reason.KEY_UNKNOWN,
    )


def clients_resource(state: EnvironmentState) -> bytes:
    """ "issuer|client" of a verified outside token -> "credential.application"; "|" is what every other call has.

    No issuer's URL holds a bar, so the first one ends it.
    """
    identities = {
        f"{issuer.url}|{client}": f"{who.credential}.{who.application}"
        for issuer in state.outside
        for client, who in issuer.clients.items()
    }
    return rbac_map(
        "clients",
        stat_prefix="client_",
        header="x-portal-outside",
        allowed={"|": "-", **identities},
        denied={},
        otherwise=Reason.CLIENT_UNKNOWN,
    )


def subscriptions_resource(snapshot: Snapshot) -> bytes:
    """ "application:api" -> plan, or the reason why that subscription is refused."""
    return rbac_map(
        "subs",
        stat_prefix="subs_",
        header="x-portal-sub",
        allowed={key: plan for key, plan in snapshot.subscriptions.items() if key not in snapshot.refusals},
        denied={_NOBODY: Reason.NOT_SUBSCRIBED, **snapshot.refusals},
        otherwise=Reason.NOT_SUBSCRIBED,
    )


def deny_resource(snapshot: Snapshot) -> dict[str, Any]:
    """Revoked credentials and tokens: small, and therefore in force within milliseconds."""
    tokens = _lookup(
        "x-portal-jti", snapshot.revoked_tokens, otherwise={"action": _action("allowed", "ALLOW")}
    )
    matcher = _lookup("x-portal-client", snapshot.revoked_credentials, otherwise={"matcher": tokens})
    return _extension("deny", {"@type": RBAC, "rules_stat_prefix": "deny_", "matcher": matcher})


def _lookup(header: str, revoked: frozenset[str], *, otherwise: dict[str, Any]) -> dict[str, Any]:
    refusal = {"action": _action(Reason.TOKEN_REVOKED, "DENY")}
    return {
        "matcher_tree": {
            "input": {"name": "h", "typed_config": {"@type": _HEADER_INPUT, "header_name": header}},
            "exact_match_map": {"map": dict.fromkeys((_NOBODY, *sorted(revoked)), refusal)},
        },
        "on_no_match": otherwise,
    }


def _action(name: str, action: str) -> dict[str, Any]:
    return {"name": "a", "typed_config": {"@type": _ACTION, "name": str(name), "action": action}}


def jwt_resource(issuer: Issuer, state: EnvironmentState) -> dict[str, Any]:
    """Access tokens of our issuer for this environment's address, and those of outside issuers for their audiences.

    The keys are inline: a restart needs no portal. Each issuer has its own, so that a token is only ever checked with
    the keys of the issuer that it names, whatever its `kid` says.
    """
    providers = {"portico": _own_provider(issuer, state.audience)}
    providers |= {f"outside-{number}": _outside_provider(one) for number, one in enumerate(state.outside)}
    by_key = {"prefix": "/", "headers": [{"name": "x-portal-keyapp", "present_match": True}]}
    any_of = [{"provider_name": name} for name in providers]
    requires = {"requires_any": {"requirements": any_of}} if len(any_of) > 1 else any_of[0]
    rules = [{"match": by_key}, {"match": {"prefix": "/"}, "requires": requires}]
    return _extension("jwt", {"@type": JWT, "providers": providers, "rules": rules})


def _own_provider(issuer: Issuer, audience: str) -> dict[str, Any]:
    """The last two claims are in probes only: they name an outside client, of which no token can be had here."""
    headers = {
        "x-portal-client": "client_id",
        "x-portal-app": "app",
        "x-portal-jti": "jti",
        "x-portal-issuer": "outside_issuer",
        "x-portal-outclient": "outside_client",
    }
    provider = _provider(issuer.url, (audience,), issuer.jwks, headers)
    return {
        **provider,
        "payload_in_metadata": "jwt",
        "normalize_payload_in_metadata": {"space_delimited_claims": ["scope"]},
    }


def _outside_provider(issuer: OutsideIssuer) -> dict[str, Any]:
    """Who it is that calls is looked up by the two headers; the payload has a place of its own, for the scopes."""
    headers = {"x-portal-issuer": "iss", "x-portal-outclient": issuer.client_claim}
    provider = _provider(issuer.url, issuer.audiences, issuer.jwks, headers)
    return {
        **provider,
        "payload_in_metadata": "outside",
        "normalize_payload_in_metadata": {"space_delimited_claims": ["scope", "scp"]},
    }


def _provider(url: str, audiences: tuple[str, ...], jwks: str, headers: dict[str, str]) -> dict[str, Any]:
    return {
        "issuer": url,
        "audiences": list(audiences),
        "require_expiration": True,
        "clock_skew_seconds": 5,
        "forward": False,
        "from_headers": [{"name": "authorization", "value_prefix": "Bearer "}],
        "claim_to_headers": [{"header_name": name, "claim_name": claim} for name, claim in headers.items()],
        "jwt_cache_config": {"jwt_cache_size": 10000},
        "local_jwks": {"inline_string": jwks},
    }


def rate_limit_resource(plans: tuple[PlanLimits, ...]) -> dict[str, Any]:
    """One bucket for each plan, API and application; the plan's name is what the subscription map answered."""
    plan_name = {"key": "envoy.filters.http.rbac", "path": [{"key": "subs_enforced_effective_policy_id"}]}
    api_name = {"key": "portal", "path": [{"key": "api"}]}
    actions = [
        {"metadata": {"descriptor_key": "plan", "source": "DYNAMIC", "metadata_key": plan_name}},
        {"metadata": {"descriptor_key": "api", "source": "ROUTE_ENTRY", "metadata_key": api_name}},
        {"request_headers": {"descriptor_key": "application", "header_name": "x-portal-app"}},
    ]
    always = {"default_value": {"numerator": 100}}
    config = {
        "@type": RATE_LIMIT,
        "stat_prefix": "plan",
        "filter_enabled": always,
        "filter_enforced": always,
        "token_bucket": {"max_tokens": _UNLIMITED, "tokens_per_fill": _UNLIMITED, "fill_interval": "1s"},
        "always_consume_default_token_bucket": False,
        "max_dynamic_descriptors": _MAX_BUCKETS,
        "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
        "enable_retry_after_header": True,
        "rate_limits": [{"actions": actions}],
        "descriptors": [_descriptor(plan) for plan in sorted(plans, key=lambda plan: plan.slug)],
    }
    return _extension("ratelimit", config)


def _descriptor(plan: PlanLimits) -> dict[str, Any]:
    entries = [{"key": "plan", "value": plan.slug}, {"key": "api"}, {"key": "application"}]
    return {"entries": entries, "token_bucket": token_bucket(plan)}


def token_bucket(plan: PlanLimits) -> dict[str, Any]:
    """Refill the plan's requests evenly over its period, a token at a time where Envoy's shortest interval allows."""
    tokens = max(1, -(-plan.requests * _SHORTEST_FILL_S // plan.period_s))
    interval = plan.period_s * tokens / plan.requests
    return {
        "max_tokens": max(plan.burst, int(tokens)),
        "tokens_per_fill": int(tokens),
        "fill_interval": f"{interval:.6f}s",
    }


def _extension(name: str, config: dict[str, Any]) -> dict[str, Any]:
    return {"@type": TYPE + "envoy.config.core.v3.TypedExtensionConfig", "name": name, "typed_config": config}
