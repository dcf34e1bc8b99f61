"""Minutes into hours into days, and the forgetting of what is old. Each may run at any time and twice."""

import datetime as dt
import time

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from gateway.models import (
    BUCKETS_MS,
    CallCount,
    CallSeries,
    DayCalls,
    FailedCall,
    HourCalls,
    LogPosition,
    MinuteCalls,
    QuotaUse,
    RollupDue,
)

_SUMS = ", ".join(f"sum(latency[{n}])::bigint" for n in range(1, len(BUCKETS_MS) + 2))
# What is there is replaced, not added to. Rows of the span can only become more: nothing has to be deleted.
_ROLL = """
INSERT INTO {into} (series_id, at, status_class, reason, calls, received, sent, latency)
SELECT series_id, %s, status_class, reason, sum(calls), sum(received), sum(sent), ARRAY[{sums}]
FROM {source} WHERE at >= %s AND at < %s GROUP BY series_id, status_class, reason
ON CONFLICT (at, series_id, status_class, reason) DO UPDATE SET
  calls = EXCLUDED.calls, received = EXCLUDED.received, sent = EXCLUDED.sent, latency = EXCLUDED.latency
"""
_DUE = """
INSERT INTO {table} AS known (unit, at, touched) VALUES ('day', %s, 1)
ON CONFLICT (unit, at) DO UPDATE SET touched = known.touched + 1
"""
# What is summed up, into what, and how long that is.
_STEPS: dict[str, tuple[type[CallCount], type[CallCount], dt.timedelta]] = {
    "hour": (MinuteCalls, HourCalls, dt.timedelta(hours=1)),
    "day": (HourCalls, DayCalls, dt.timedelta(days=1)),
}
# Of a task's 50 s.
_SECONDS = 30.0
# Series that are forgotten at once; the task comes every hour.
_PRUNED = 20_000


def roll_up() -> int:
    """Sum up every hour, then every day, whose parts changed, the newest first; how many. What is left is done next time."""
    until, done = time.monotonic() + _SECONDS, 0
    for unit in ("hour", "day"):
        for due in RollupDue.objects.filter(unit=unit).order_by("-at"):
            if time.monotonic() > until:
                return done
            _roll(due)
            done += 1
    return done


@transaction.atomic
def _roll(due: RollupDue) -> None:
    """What is counted meanwhile either is in the sum or has touched the row again, which then stays."""
    source, into, length = _STEPS[due.unit]
    end = due.at + length
    names = {"into": into._meta.db_table, "source": source._meta.db_table, "sums": _SUMS}
    with connection.cursor() as cursor:
        cursor.execute(_ROLL.format(**names), [due.at, due.at, end])
        if due.unit == "hour":
            day = due.at.astimezone(dt.UTC).replace(hour=0)
            cursor.execute(_DUE.format(table=RollupDue._meta.db_table), [day])
    RollupDue.objects.filter(pk=due.pk, touched=due.touched).delete()


def prune() -> None:
    """Forget what is older than the settings say; never minutes and hours that are not summed up yet."""
    now = timezone.now()
    _forget(MinuteCalls, "hour", now - dt.timedelta(days=settings.USAGE_MINUTE_DAYS))
    _forget(HourCalls, "day", now - dt.timedelta(days=settings.USAGE_HOUR_DAYS))
    DayCalls.objects.filter(at__lt=now - dt.timedelta(days=settings.USAGE_DAY_DAYS)).delete()
    QuotaUse.objects.filter(ends_at__lt=now - dt.timedelta(days=settings.USAGE_DAY_DAYS)).delete()
    prune_failed(now)
    prune_series()


def _forget(model: type[MinuteCalls | HourCalls], unit: str, before: dt.datetime) -> None:
    oldest_due = RollupDue.objects.filter(unit=unit).order_by("at").values_list("at", flat=True).first()
    model.objects.filter(at__lt=min(before, oldest_due or before)).delete()


def prune_series() -> None:
    """Forget who called what where no counts say it any more. Nothing is counted meanwhile, so that none gets new ones."""
    idle = list(CallSeries.objects.idle().values_list("pk", flat=True)[:_PRUNED])
    if idle:
        with transaction.atomic():
            LogPosition.objects.locked()
            CallSeries.objects.filter(pk__in=idle).idle().delete()


def prune_failed(now: dt.datetime) -> None:
    """Keep the newest refused and failed calls, so many and so long as the settings say."""
    FailedCall.objects.filter(at__lt=now - dt.timedelta(days=settings.REQUEST_LOG_DAYS)).delete()
    newest = FailedCall.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    FailedCall.objects.filter(pk__lte=newest - settings.REQUEST_LOG_ROWS).delete()
