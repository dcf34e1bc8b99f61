"""SubscriptionPlan becomes a plan, Subscription an access that the cluster grants for itself."""

from collections.abc import Iterator

from apis.sources.annotations import annotations_of
from apis.sources.fields import SLUG, SLUG_HINT, Fields, Report, plain_text, ref_of
from apis.sources.published import PublishedAccess, PublishedPlan, Reading
from apis.sources.source import LookUp
from portal.kube import KubeObject

# A month counts 30 days, as a rate has no calendar.
SECONDS = {"Min": "60", "Hour": "3600", "Day": "86400", "Month": "2592000"}


def read_plan(obj: KubeObject, look_up: LookUp) -> Reading:
    """One SubscriptionPlan object; nothing while it is inactive."""
    report = Report(obj)
    spec = Fields(obj.body.get("spec"), "spec", report)
    status = spec.choice("status", {"ACTIVE": "active", "INACTIVE": "inactive"}, "active")
    if not spec.values.get("planName"):
        spec.missing("planName", "Give the plan a name.")
    requests = spec.number("throttleLimitCount", most=1_000_000_000)
    seconds = spec.choice("throttleLimitUnit", SECONDS, "")
    if bool(requests) != bool(seconds) and not report.problems:
        message = "A limit needs both a count and a unit"
        report.add(
            "spec.throttleLimitCount", message, "Give throttleLimitCount and throttleLimitUnit, or neither."
        )
    name = obj.name.replace(".", "-").lower()
    if not SLUG.fullmatch(name):
        report.add("metadata.name", f"The name {name[:100]} cannot be a plan's name", SLUG_HINT)
    published = PublishedPlan(
        ref=ref_of(obj),
        name=name,
        display_name=plain_text(spec.values.get("planName"), 100) or name,
        description=" ".join(sentences_of(spec)),
        rate_requests=requests,
        rate_seconds=int(seconds) if seconds else None,
        burst=requests,
        approval=annotations_of(obj, report).approval,
    )
    if report.problems or status == "inactive":
        return Reading((), report.problems)
    return Reading((published,))


def sentences_of(spec: Fields) -> Iterator[str]:
    """What a plan states beyond its limit."""
    if spec.values.get("stopOnQuotaReach") is False:
        yield "stopOnQuotaReach is false; Portico refuses requests over the limit all the same."
    if billing := plain_text(spec.values.get("billingPlan"), 100):
        yield f"The billing plan {billing} is stated, which Portico does not bill."
    if expiry := plain_text(spec.values.get("expiryTime"), 50):
        yield f"It is stated to end at {expiry}; Portico keeps it until the object goes or is INACTIVE."


def read_subscription(obj: KubeObject, look_up: LookUp) -> Reading:
    """One Subscription object. Its token is a secret and never read."""
    report = Report(obj)
    spec = Fields(obj.body.get("spec"), "spec", report)
    if not spec.values.get("apiId"):
        spec.missing("apiId", "Name the API that is subscribed to.")
    published = PublishedAccess(
        ref=ref_of(obj),
        api=spec.text("apiId"),
        application=plain_text(spec.values.get("applicationId"), 300),
        owner=plain_text(spec.values.get("billingCustomerId"), 300),
        plan=plain_text(spec.values.get("subscriptionPlanId"), 300),
        status=plain_text(spec.values.get("status"), 50) or "ACTIVE",
    )
    return Reading((), report.problems) if report.problems else Reading((published,))
