"""The filters whose data changes in ordinary work, each an ECDS resource in a file of its own."""

import datetime as dt
import hashlib
import json
from collections.abc import Collection, Mapping
from email.utils import format_datetime
from typing import Any

from gateway.snapshot import (
    Denied,
    EnvironmentState,
    Issuer,
    KeyIdentity,
    KeyLimits,
    OutsideIssuer,
    PlanLimits,
    Reason,
    Snapshot,
)
from gateway.targets.envoy.groups import header_input
from gateway.targets.envoy.listeners import JWT, NO_KEY, RATE_LIMIT, RBAC, RECENT_PLAN
from gateway.targets.envoy.replies import TYPE
from gateway.targets.envoy.wire import Ahead, rbac_map, rbac_map_of_two

# Envoy refuses an empty map; no request can carry this value, because Lua and the filters write "-" for "none".
_NOBODY = "(nobody)"
_ACTION = TYPE + "envoy.config.rbac.v3.Action"
_IP = TYPE + "envoy.extensions.matching.input_matchers.ip.v3.Ip"
# What every name of limits begins with.
_LIMITS = "l"
# What `recent` calls a call that it knows nothing of; no plan's slug begins with it.
_NOT_RECENT = "-"
# Below 50 ms Envoy refuses a refill interval.
_SHORTEST_FILL_S = 0.05
_UNLIMITED = 1_000_000_000
# Of 20, the default, the oldest would be forgotten and with them their limits. A live bucket takes 450 bytes.
_MAX_BUCKETS = 1_000_000


def keys_resource(state: EnvironmentState) -> bytes:
    """Key hash -> "credential.application[.limits]", or that it expired; NO_KEY where none was sent."""
    identities = {digest: _identity(who) for digest, who in state.keys.items()}
    return rbac_map(
        "keys",
        stat_prefix="key_",
        header="x-portal-keyhash",
        allowed={NO_KEY: "-", **identities},
        denied=dict.fromkeys(sorted(state.expired_keys), Reason.KEY_EXPIRED),
        otherwise=Reason.KEY_UNKNOWN,
    )


def _identity(who: KeyIdentity) -> str:
    name = f"{who.credential}.{who.application}"
    return f"{name}.{_limits_name(who.limits)}" if who.limits else name


def _limits_name(limits: KeyLimits) -> str:
    """Follows from what they are, so that a key never meets limits that are not its own, whichever file came first."""
    text = json.dumps([limits.apis, limits.ranges])
    return _LIMITS + hashlib.sha256(text.encode()).hexdigest()[:32]


def limits_resource(snapshot: Snapshot) -> dict[str, Any]:
    """What limited keys are good for, each set of limits once. A key without any is not looked up.

    Limits that are not here let nobody in: their key has just come, or has just ended.
    The filter also notes the Retry-After of those whom `subs` then refuses for a used-up quota: the notes that a filter
    makes itself come too late for its own refusal.
    """
    known = {_limits_name(limits): {"matcher": _within(limits)} for limits in limits_of(snapshot)}
    unknown = _refusal(Reason.KEY_UNKNOWN)
    tree = {"exact_match_map": {"map": {_NOBODY: unknown, **dict(sorted(known.items()))}}}
    looked_up = {"matcher_tree": {"input": header_input("x-portal-limits"), **tree}, "on_no_match": unknown}
    limited = {
        "predicate": _single("x-portal-limits", {"value_match": {"prefix": _LIMITS}}),
        "on_match": {"matcher": looked_up},
    }
    matcher = {"matcher_list": {"matchers": [limited]}, "on_no_match": _allowed()}
    config = {"@type": RBAC, "rules_stat_prefix": "limits_", "matcher": matcher}
    if snapshot.refused_until:
        config |= {"shadow_rules_stat_prefix": "limits_", "shadow_matcher": _ends(snapshot.refused_until)}
    return _extension("limits", config)


def limits_of(snapshot: Snapshot) -> set[KeyLimits]:
    """All that keys have."""
    return {
        who.limits for state in snapshot.environments.values() for who in state.keys.values() if who.limits
    }


def _ends(until: Mapping[str, dt.datetime]) -> dict[str, Any]:
    """ "application:api" -> when its quota begins anew. Decides nothing."""
    notes = {
        key: {"action": _action(format_datetime(end, usegmt=True), "ALLOW")}
        for key, end in sorted(until.items())
    }
    return _lookup("x-portal-sub", notes, otherwise=_allowed())


def _within(limits: KeyLimits) -> dict[str, Any]:
    """Refuse what is outside of one key's limits. A slug holds no colon, so what follows the colon is the whole slug."""
    needed = []
    if limits.apis:
        slugs = [_single("x-portal-sub", {"value_match": {"suffix": f":{slug}"}}) for slug in limits.apis]
        one = {"or_matcher": {"predicate": slugs}} if len(slugs) > 1 else slugs[0]
        needed.append((one, Reason.KEY_NOT_FOR_API))
    if limits.ranges:
        networks = [network.split("/") for network in limits.ranges]
        ranges = [{"address_prefix": address, "prefix_len": int(bits)} for address, bits in networks]
        config = {"@type": _IP, "cidr_ranges": ranges, "stat_prefix": "limits"}
        inside = _single("x-portal-address", {"custom_match": {"name": "ip", "typed_config": config}})
        needed.append((inside, Reason.ADDRESS_NOT_ALLOWED))
    matchers = [{"predicate": {"not_matcher": one}, "on_match": _refusal(why)} for one, why in needed]
    return {"matcher_list": {"matchers": matchers}, "on_no_match": _allowed()}


def clients_resource(state: EnvironmentState) -> bytes:
    """Issuer and client of a verified outside token -> "credential.application"; every other call names no issuer."""
    return rbac_map_of_two(
        "clients",
        stat_prefix="client_",
        headers=("x-portal-issuer", "x-portal-outclient"),
        allowed={
            issuer.url: {
                client: f"{who.credential}.{who.application}" for client, who in issuer.clients.items()
            }
            for issuer in state.outside
        },
        absent="-",
        otherwise=Reason.CLIENT_UNKNOWN,
    )


def subscriptions_resource(snapshot: Snapshot) -> bytes:
    """ "application:api" -> plan, or the reason why that subscription is refused.

    A plan that `recent` has found is taken as it is, if it is one of those that limits are there for.
    """
    return rbac_map(
        "subs",
        stat_prefix="subs_",
        header="x-portal-sub",
        allowed={key: plan for key, plan in snapshot.subscriptions.items() if key not in snapshot.refusals},
        denied={_NOBODY: Reason.NOT_SUBSCRIBED, **snapshot.refusals},
        otherwise=Reason.NOT_SUBSCRIBED,
        ahead=Ahead(RECENT_PLAN, _NOT_RECENT, tuple(plan.slug for plan in snapshot.plans)),
    )


def recent_resource(snapshot: Snapshot, keys: Collection[str]) -> dict[str, Any]:
    """What is agreed of these lookup keys, whatever the large map says of them: a plan's name, or a refusal."""
    agreed = {key: _agreed(snapshot, key) for key in sorted(keys)}
    otherwise = {"action": _action(_NOT_RECENT, "ALLOW")}
    matcher = _lookup("x-portal-sub", agreed, otherwise=otherwise)
    return _extension("recent", {"@type": RBAC, "rules_stat_prefix": "recent_", "matcher": matcher})


def _agreed(snapshot: Snapshot, key: str) -> dict[str, Any]:
    if key in snapshot.subscriptions and key not in snapshot.refusals:
        return {"action": _action(snapshot.subscriptions[key], "ALLOW")}
    return _refusal(snapshot.refusals.get(key, Reason.NOT_SUBSCRIBED))


def recent_keys(body: bytes) -> frozenset[str]:
    """The lookup keys that a file of `recent_resource` names; none where it cannot be read."""
    try:
        (resource,) = json.loads(body)["resources"]
        tree = resource["typed_config"]["matcher"]["matcher_tree"]
        return frozenset(tree["exact_match_map"]["map"]) - {_NOBODY}
    except (LookupError, TypeError, ValueError):
        return frozenset()


def deny_resource(denied: Denied) -> dict[str, Any]:
    """Revoked credentials and tokens: small, and therefore in force within milliseconds."""
    refusal = _refusal(Reason.TOKEN_REVOKED)
    cutoffs = {
        application: {"matcher": _issued_since(seconds)}
        for application, seconds in sorted(denied.tokens_not_before.items())
    }
    old = {"matcher": _lookup("x-portal-app", cutoffs, otherwise=_allowed())} if cutoffs else _allowed()
    revoked = dict.fromkeys(sorted(denied.revoked_tokens), refusal)
    tokens = _lookup("x-portal-jti", revoked, otherwise=old)
    ended = dict.fromkeys(sorted(denied.revoked_credentials), refusal)
    matcher = _lookup("x-portal-client", ended, otherwise={"matcher": tokens})
    return _extension("deny", {"@type": RBAC, "rules_stat_prefix": "deny_", "matcher": matcher})


def _lookup(header: str, found: dict[str, Any], *, otherwise: dict[str, Any]) -> dict[str, Any]:
    tree = {"input": header_input(header), "exact_match_map": {"map": found or {_NOBODY: otherwise}}}
    return {"matcher_tree": tree, "on_no_match": otherwise}


def _issued_since(seconds: int) -> dict[str, Any]:
    """Refuse a token whose `iat` is less, or that has none. An API key is no token."""
    may = [_single("x-portal-iat", _regex(at_least(seconds))), _single("x-portal-keyapp", _regex(".+"))]
    allowed = {"predicate": {"or_matcher": {"predicate": may}}, "on_match": _allowed()}
    return {"matcher_list": {"matchers": [allowed]}, "on_no_match": _refusal(Reason.TOKEN_REVOKED)}


def at_least(number: int) -> str:
    """A regular expression of all whole numbers that are not less, for want of a matcher that compares."""
    digits = str(number)
    greater = [
        f"{digits[:place]}[{int(digit) + 1}-9][0-9]{{{len(digits) - place - 1}}}"
        for place, digit in enumerate(digits)
        if digit != "9"
    ]
    return "|".join((digits, *greater, f"[1-9][0-9]{{{len(digits)},}}"))


def _single(header: str, match: dict[str, Any]) -> dict[str, Any]:
    return {"single_predicate": {"input": header_input(header), **match}}


def _regex(expression: str) -> dict[str, Any]:
    return {"value_match": {"safe_regex": {"google_re2": {}, "regex": expression}}}


def _refusal(reason: Reason) -> dict[str, Any]:
    return {"action": _action(reason, "DENY")}


def _allowed() -> dict[str, Any]:
    return {"action": _action("allowed", "ALLOW")}


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
        "x-portal-iat": "iat",
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
    headers = {
        "x-portal-issuer": "iss",
        "x-portal-outclient": issuer.client_claim,
        "x-portal-iat": "iat",
    }
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
