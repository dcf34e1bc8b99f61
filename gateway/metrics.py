"""What Prometheus reads of the gateway. No label names an application or an API: there may be any number of those."""

import datetime as dt
from collections.abc import Iterator

from django.conf import settings
from django.db.models import Count, Q, Sum
from django.utils import timezone

from portal.prometheus import Metric, Sample

from . import sweep
from .listen import at_work
from .models import LogPosition, MinuteCalls, QuotaUse, Receipt, ReceiptStatus, Revision, VersionProblem
from .publish import envoy_options
from .usage.access_log import AccessLog, Position

SPAN = dt.timedelta(minutes=5)
_SWEPT = dt.timedelta(hours=1)


def metrics() -> list[Metric]:
    """A dozen short queries."""
    now = timezone.now()
    return [
        Metric("portico_gateway_calls", "Calls in the last five minutes.", _calls(now)),
        *_counting(now),
        Metric("portico_quotas", "Quotas of the running periods, by how much is used.", _quotas(now)),
        Metric("portico_gateway_agent", "Whether a gateway agent is at work.", [Sample({}, int(at_work()))]),
        *_revision(now),
        Metric("portico_gateway_receipts", "Changes that are not proven yet.", _receipts()),
        Metric(
            "portico_gateway_held_versions",
            "Versions of APIs that the gateway cannot take.",
            [Sample({}, VersionProblem.objects.count())],
        ),
        Metric(
            "portico_gateway_sweep_differing",
            "What the sweep found not enforced as agreed in the last hour.",
            [Sample({}, Receipt.objects.filter(event=sweep.EVENT, saved_at__gt=now - _SWEPT).count())],
        ),
    ]


def _calls(now: dt.datetime) -> Iterator[Sample]:
    rows = (
        MinuteCalls.objects.between(now - SPAN, now)
        .filter(series__everybody=True)
        .values("series__environment", "status_class", "reason")
        .annotate(sum=Sum("calls"))
        .order_by("series__environment", "status_class", "reason")
    )
    for row in rows:
        status = f"{row['status_class']}xx" if row["status_class"] else "none"
        labels = {"environment": row["series__environment"], "status": status, "reason": row["reason"]}
        yield Sample(labels, row["sum"])


def _counting(now: dt.datetime) -> Iterator[Metric]:
    """How far the access log is counted. The bytes that wait are known where its files are."""
    at = LogPosition.objects.current()
    if at is None:
        return
    for name, what in (
        ("lines", "read"),
        ("probes", "of probes"),
        ("malformed", "that no call can be read from"),
    ):
        yield Metric(
            f"portico_usage_{name}_total",
            f"Lines of the access log {what}.",
            [Sample({}, getattr(at, name))],
            kind="counter",
        )
    if settings.GATEWAY_DIR.is_dir():
        log = AccessLog(envoy_options(), settings.ACCESS_LOG_BYTES)
        waiting = log.waiting(Position(at.number, at.offset))
        late = (now - at.counted_at).total_seconds() if waiting and at.counted_at else 0
        yield Metric("portico_usage_lag_bytes", "Of the access log, not counted yet.", [Sample({}, waiting)])
        yield Metric(
            "portico_usage_lag_seconds", "Since calls were counted last, while some wait.", [Sample({}, late)]
        )


def _quotas(now: dt.datetime) -> Iterator[Sample]:
    counted = QuotaUse.objects.current(now).aggregate(
        open=Count("pk", filter=Q(nearly_at=None, exhausted_at=None)),
        nearly=Count("pk", filter=Q(nearly_at__isnull=False, exhausted_at=None)),
        used_up=Count("pk", filter=Q(exhausted_at__isnull=False)),
    )
    for state, count in counted.items():
        yield Sample({"state": state}, count)


def _revision(now: dt.datetime) -> Iterator[Metric]:
    last = Revision.objects.first()
    if last is None:
        return
    age = (now - last.written_at).total_seconds()
    yield Metric(
        "portico_gateway_revision",
        "Number of the last set of files written.",
        [Sample({}, last.pk)],
        "counter",
    )
    yield Metric("portico_gateway_revision_age_seconds", "Since it was written.", [Sample({}, age)])
    yield Metric(
        "portico_gateway_revision_refused",
        "Whether Envoy refused some of it and runs on what it took before.",
        [Sample({}, int(bool(last.rejection)))],
    )


def _receipts() -> Iterator[Sample]:
    open_ones = [ReceiptStatus.RUNNING, ReceiptStatus.STUCK]
    rows = Receipt.objects.filter(status__in=open_ones).order_by().values_list("status").annotate(Count("pk"))
    counted = dict.fromkeys(map(str, open_ones), 0) | dict(rows)
    for status, count in counted.items():
        yield Sample({"status": status}, count)
