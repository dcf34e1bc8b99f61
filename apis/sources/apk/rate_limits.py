"""RateLimitPolicy: limits of subscriptions become plans, the others are stated."""

from collections.abc import Iterator
from typing import Any

from apis.sources.annotations import annotations_of
from apis.sources.apk.kinds import RATE_LIMIT_POLICIES, attached
from apis.sources.apk.policies import part_of
from apis.sources.apk.values import mapping, merged
from apis.sources.fields import SLUG, SLUG_HINT, Fields, Report, plain_text, ref_of, shown
from apis.sources.published import PublishedPlan, Reading
from apis.sources.source import LookUp
from portal.kube import KubeObject

# Unit of v1alpha1 and of v1alpha3, whose limits of subscriptions have no fixed choice in the CRD.
SECONDS = {
    "second": 1,
    "minute": 60,
    "min": 60,
    "hour": 3_600,
    "day": 86_400,
    "week": 604_800,
    "month": 2_592_000,
}
UNITS = {
    spelling: str(seconds)
    for unit, seconds in SECONDS.items()
    for spelling in (unit, unit.capitalize(), unit.upper(), unit + "s", unit.capitalize() + "s")
}


def read_rate_limit_policy(obj: KubeObject, look_up: LookUp) -> Reading:
    """One RateLimitPolicy: a plan if it limits subscriptions, otherwise nothing of its own."""
    report = Report(obj)
    stated = Fields(obj.body.get("spec"), "spec", report)
    default, override = stated.section("default"), stated.section("override")
    if not (stated.has("default") or stated.has("override")):
        stated.missing("default", "Give the limit in spec.default or spec.override.")
    subscription = merged(default.values.get("subscription"), override.values.get("subscription"))
    place = override if override.has("subscription") else default
    if subscription is None:
        return Reading((), report.problems)
    limit = Fields(subscription, place.at("subscription"), report)
    count = limit.section("requestCount")
    for name in ("requestsPerUnit", "unit"):
        if not count.has(name):
            count.missing(name, "Say how many requests are allowed, and in which unit of time.")
    name = plan_name(obj)
    if not SLUG.fullmatch(name):
        report.add("metadata.name", f"The name {name[:100]} cannot be a plan's name", SLUG_HINT)
    requests = count.number("requestsPerUnit", most=1_000_000_000)
    published = PublishedPlan(
        ref=ref_of(obj),
        name=name,
        display_name=obj.name[:100],
        description=" ".join((*plan_sentences(limit), *limit_sentences(settings_of(obj)))),
        rate_requests=requests,
        rate_seconds=int(count.choice("unit", UNITS, "60")),
        burst=requests,
        approval=annotations_of(obj, report).approval,
    )
    return Reading((), report.problems) if report.problems else Reading((published,))


def plan_name(policy: KubeObject) -> str:
    """The policy's name as a plan's, which has no dots."""
    return policy.name.replace(".", "-").lower()


def plan_sentences(limit: Fields) -> Iterator[str]:
    """What a subscription's limit states beyond the count."""
    if not limit.flag("stopOnQuotaReach", default=True):
        yield "stopOnQuotaReach is false; Portico refuses requests over the limit all the same."
    burst = mapping(limit.values.get("burstControl"))
    if burst:
        yield f"A burst control of {amount_of(burst)} is stated, which is not enforced."


def settings_of(policy: KubeObject) -> dict[Any, Any]:
    """The limits that count: the override over the default."""
    found = merged(part_of(policy, "default"), part_of(policy, "override"))
    return mapping(found)


def limit_sentences(settings: dict[Any, Any]) -> Iterator[str]:
    """Limits that a plan cannot express."""
    api, custom = mapping(settings.get("api")), mapping(settings.get("custom"))
    if api:
        yield f"The cluster's own gateway limits all callers of the API together to {amount_of(api)}."
    if custom:
        key, value = plain_text(custom.get("key"), 100), plain_text(custom.get("value"), 100)
        yield f"The cluster's own gateway limits requests with {key} = {value} to {amount_of(custom)}."


def amount_of(limit: dict[Any, Any]) -> str:
    """A limit in words."""
    requests, unit = limit.get("requestsPerUnit"), plain_text(limit.get("unit"), 30)
    return f"{shown(requests)} requests per {unit or 'unit'}"


def plans_of(
    api: KubeObject, gateways: tuple[KubeObject, ...], look_up: LookUp
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The plans of the policies that point at an API, and sentences about limits that no plan expresses."""
    plans, sentences = [], []
    for policy in attached(look_up, RATE_LIMIT_POLICIES, api):
        settings = settings_of(policy)
        if mapping(settings.get("subscription")) and SLUG.fullmatch(plan_name(policy)):
            plans.append(plan_name(policy))
        sentences += [f"RateLimitPolicy {policy.name}: {told}" for told in limit_sentences(settings)]
    for gateway in gateways:
        for policy in attached(look_up, RATE_LIMIT_POLICIES, gateway):
            told = limit_sentences(settings_of(policy))
            sentences += [f"RateLimitPolicy {policy.name} of Gateway {gateway.name}: {text}" for text in told]
    return tuple(dict.fromkeys(plans))[:20], tuple(sentences)
