"""RateLimiting: a named limit becomes a plan."""

from apis.sources.annotations import annotations_of
from apis.sources.fields import SLUG, SLUG_HINT, Fields, Report, plain_text, ref_of
from apis.sources.published import PublishedPlan, Reading
from apis.sources.source import LookUp
from portal.kube import KubeObject

SECONDS = {"sec": 1, "second": 1, "min": 60, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
# The operator's gateway counts a month as 30 days.
SECONDS |= {"month": 2_592_000}
UNITS = {spelling: str(seconds) for unit, seconds in SECONDS.items() for spelling in (unit, unit + "s")}
# The spellings that pkg/controller/ratelimiting takes.
TYPES = {name: name.lower() for word in ("subscription", "application") for name in (word, word.capitalize())}
TYPES |= {"advance": "advance", "Advance": "advance"}
TYPE_SENTENCES = {
    "application": "In the cluster this limit counts all APIs of an application together; here it counts each alone.",
    "advance": "In the cluster this limit counts all callers of an API together; here it counts each application.",
}


def read_rate_limiting(obj: KubeObject, look_up: LookUp) -> Reading:
    """One RateLimiting object."""
    report = Report(obj)
    spec = Fields(obj.body.get("spec"), "spec", report)
    for name in ("type", "timeUnit", "unitTime", "requestCount"):
        if not spec.has(name):
            spec.missing(name, "The kind requires it.")
    count = spec.section("requestCount")
    if spec.has("requestCount") and not count.has("limit"):
        count.missing("limit", "Say how many requests are allowed.")
    requests = count.number("limit", most=1_000_000_000)
    units = spec.number("unitTime", 1, most=1_000_000) or 1
    seconds = int(spec.choice("timeUnit", UNITS, "60")) * units
    if seconds > 31_536_000:
        spec.wrong("unitTime", units, "within a year", "Choose a shorter time.")
    name = obj.name.replace(".", "-").lower()
    if not SLUG.fullmatch(name):
        report.add("metadata.name", f"The name {name[:100]} cannot be a plan's name", SLUG_HINT)
    published = PublishedPlan(
        ref=ref_of(obj),
        name=name,
        display_name=obj.name,
        description=" ".join([spec.text("description", most=1_000), *sentences_of(spec, obj.name)]).strip(),
        rate_requests=requests,
        rate_seconds=seconds,
        burst=requests,
        approval=annotations_of(obj, report).approval,
    )
    return Reading((), report.problems) if report.problems else Reading((published,))


def sentences_of(spec: Fields, name: str) -> list[str]:
    """What the object states beyond the limit. The operator itself never exports bandwidth and conditions."""
    found = []
    kind = spec.choice("type", TYPES, "subscription")
    if kind in TYPE_SENTENCES:
        found.append(TYPE_SENTENCES[kind])
    if "-" in name:
        # pkg/controller/ratelimiting: the policy's key is the object's name up to the first hyphen.
        found.append(f"The operator's own gateway knows this limit as {name.split('-', 1)[0]}.")
    if not spec.flag("stopOnQuotaReach", default=True) and kind == "subscription":
        found.append("stopOnQuotaReach is false; Portico refuses requests over the limit all the same.")
    amount = plain_text(spec.section("bandwidth").values.get("dataAmount"))
    if amount:
        unit = plain_text(spec.section("bandwidth").values.get("dataUnit"))
        found.append(f"A bandwidth of {amount} {unit}".strip()[:200] + " is stated, which is not enforced.")
    if spec.section("conditions").values:
        found.append("Conditions on headers or addresses are stated, which are not enforced.")
    return found
