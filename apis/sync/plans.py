"""One object's plan into the catalog. Everything here runs in the transaction that `refresh` opened."""

from django.utils import timezone

from apis.catalog import free_slug
from apis.models import ApiVersion, Plan
from apis.querysets import PlanQuerySet
from apis.signals import version_changed
from apis.sources import ObjectRef, Problem, PublishedPlan, Reading
from portal.accounts.audit import record

from .compare import fingerprint
from .surroundings import Surroundings
from .versions import Applied

# The model always has a rate. A plan without one gets the most that a Plan can state, which no gateway process reaches.
UNLIMITED = 1_000_000
LIMITS = ("rate_requests", "rate_seconds", "burst", "quota_requests", "quota_period", "time_zone")


def rows_of(ref: ObjectRef) -> PlanQuerySet:
    """The plan of this object, withdrawn or not."""
    return Plan.objects.filter(
        cluster=ref.cluster, kind=ref.kind, namespace=ref.namespace, object_name=ref.name
    )


def apply(ref: ObjectRef, reading: Reading, around: Surroundings, done: Applied) -> None:
    """Make the plan what the object says. A plan whose object is gone offers no new subscription; old ones keep it."""
    published = next((entry for entry in reading.published if isinstance(entry, PublishedPlan)), None)
    if published is not None:
        _apply_one(published, reading, around, done)
    elif not reading.problems and (row := rows_of(ref).live().first()):
        _withdraw(row, done)


def _apply_one(published: PublishedPlan, reading: Reading, around: Surroundings, done: Applied) -> None:
    ref = published.ref
    named = Plan.objects.filter(cluster=ref.cluster, namespace=ref.namespace, key=published.name)
    held = named.live().first()
    # The same object may be read as another version of its kind by now.
    same = held is not None and bool(ref.uid) and held.uid == ref.uid
    if held is not None and not same and (held.kind, held.object_name) != (ref.kind, ref.name):
        done.problems.append(_name_problem(published, held))
        done.refused = True
        return
    row = (
        rows_of(ref).first() or (held if same else None) or _withdrawn_namesake(published) or _new(published)
    )
    created, returned, before = row.pk is None, row.withdrawn_at is not None, _limits(row)
    _write(row, published, fingerprint(published, reading.problems, around))
    done.counts["created" if created else "updated"] += 1
    if created or returned:
        done.plan_keys.add(row.key)
    if created or returned:
        record("plan_discovered" if created else "plan_returned", row, by=None)
    elif _limits(row) != before:
        record("plan_changed", row, by=None, **{name: getattr(row, name) for name in LIMITS})
        _tell(row)


def _withdrawn_namesake(published: PublishedPlan) -> Plan | None:
    """An object that was renamed or made again takes its plan over, with the subscriptions under it."""
    ref = published.ref
    gone = Plan.objects.filter(
        cluster=ref.cluster, namespace=ref.namespace, key=published.name, withdrawn_at__isnull=False
    )
    return gone.first()


def _new(published: PublishedPlan) -> Plan:
    ref = published.ref
    return Plan(slug=free_slug(Plan, published.name, f"{published.name}-{ref.namespace or ref.cluster}"))


def _limits(row: Plan) -> tuple[object, ...]:
    return tuple(getattr(row, name) for name in LIMITS)


def _write(row: Plan, published: PublishedPlan, content_hash: str) -> None:
    ref = published.ref
    row.cluster, row.kind, row.namespace, row.object_name = ref.cluster, ref.kind, ref.namespace, ref.name
    row.uid, row.generation, row.key = ref.uid, ref.generation, published.name
    row.name, row.description = published.display_name[:120], published.description
    row.rate_requests = published.rate_requests or UNLIMITED
    row.rate_seconds = published.rate_seconds or 1
    row.burst = published.burst or row.rate_requests
    row.quota_requests, row.quota_period = published.quota_requests, published.quota_period
    row.time_zone = published.time_zone
    row.approval = published.approval
    row.content_hash, row.withdrawn_at = content_hash, None
    row.save()


def _withdraw(row: Plan, done: Applied) -> None:
    row.withdrawn_at = timezone.now()
    row.save(update_fields=["withdrawn_at"])
    done.counts["withdrawn"] += 1
    done.plan_keys.add(row.key)
    record("plan_withdrawn", row, by=None)


def _tell(row: Plan) -> None:
    """The gateway counts by these limits in every version that offers the plan."""
    for version in ApiVersion.objects.served().filter(plans=row).select_related("api"):
        version_changed.send(sender=ApiVersion, instance=version, event="plan_changed", by=None)


def _name_problem(published: PublishedPlan, held: Plan) -> Problem:
    kind = held.kind.rpartition("/")[2]
    return Problem(
        ref=published.ref,
        field="metadata.name",
        message=f"{kind} {held.object_path} is plan {published.name} already.",
        remedy="Give this object another name, or delete the other one.",
    )
