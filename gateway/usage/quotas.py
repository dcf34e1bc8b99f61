"""Quotas of plans: which calendar period a moment belongs to, what is used of it, and who is refused until it ends."""

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.db import connection
from django.utils import timezone

from apis.models import Plan, QuotaPeriod
from gateway.actions import notify_application
from gateway.models import QuotaUse
from subscriptions.models import Subscription, SubscriptionStatus

# Of the quota, as a part of it.
NEARLY = 0.8
# The calls of one that was suspended a moment ago are still in the log.
_COUNTED = (*Subscription.ENFORCED, SubscriptionStatus.SUSPENDED)

_ADD = """
INSERT INTO {table} AS known (application_id, api_id, period, starts_at, ends_at, used)
SELECT application, api, period, starts, ends, calls
FROM jsonb_to_recordset(%s::jsonb) AS added(application bigint, api bigint, period text, starts timestamptz,
     ends timestamptz, calls bigint)
ORDER BY application, api, period, starts
ON CONFLICT (application_id, api_id, period, starts_at) DO UPDATE SET used = known.used + EXCLUDED.used
RETURNING id, application_id, api_id, period, used, nearly_at IS NULL, exhausted_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Quota:
    """What an application may call an API in each calendar period."""

    requests: int
    period: str
    zone: str

    @classmethod
    def of(cls, plan: Plan) -> "Quota | None":
        return cls(plan.quota_requests, plan.quota_period, plan.time_zone) if plan.quota_requests else None

    def span(self, moment: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
        """The period that `moment` is in: its first moment, and that of the next one."""
        return period_of(self.period, self.zone, moment)


def period_of(period: str, zone: str, moment: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    """The calendar day, week (from Monday) or month of `moment` in `zone`, in UTC: its begin and the next one's.

    A day is as long as the zone says: 23 or 25 hours where clocks change.
    """
    place = _zone(zone)
    day = moment.astimezone(place).date()
    if period == QuotaPeriod.WEEK:
        first = day - dt.timedelta(days=day.weekday())
        after = first + dt.timedelta(days=7)
    elif period == QuotaPeriod.MONTH:
        first = day.replace(day=1)
        after = (first + dt.timedelta(days=31)).replace(day=1)
    else:
        first, after = day, day + dt.timedelta(days=1)
    return _midnight(first, place), _midnight(after, place)


def _midnight(day: dt.date, place: ZoneInfo) -> dt.datetime:
    return dt.datetime.combine(day, dt.time.min, place).astimezone(dt.UTC)


@lru_cache(maxsize=1000)
def _zone(name: str) -> ZoneInfo:
    """A zone that this machine does not know any more counts as UTC."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


# ---- counting -----------------------------------------------------------------------------------------------------
def add(passed: Mapping[tuple[str, str, dt.datetime], int], now: dt.datetime) -> None:
    """Add calls that were let through, by application (app_…), API (slug) and minute. A quota used up wakes the agent."""
    held = _quotas({application for application, _, _ in passed}, {api for _, api, _ in passed})
    sums: Counter[tuple[int, int, str, dt.datetime, dt.datetime]] = Counter()
    for (application, api, minute), calls in passed.items():
        if found := held.get((application, api)):
            application_id, api_id, quota = found
            sums[application_id, api_id, quota.period, *quota.span(minute)] += calls
    if not sums:
        return
    limits = {(application, api): quota.requests for application, api, quota in held.values()}
    names = ("application", "api", "period", "starts", "ends")
    rows = [dict(zip(names, key, strict=True)) | {"calls": calls} for key, calls in sums.items()]
    with connection.cursor() as cursor:
        cursor.execute(_ADD.format(table=QuotaUse._meta.db_table), [json.dumps(rows, default=str)])
        _note(cursor.fetchall(), limits, now)


def _quotas(applications: set[str], apis: set[str]) -> dict[tuple[str, str], tuple[int, int, Quota]]:
    """(app_…, slug) -> the application's and the API's rows and the quota, where there is one."""
    rows = Subscription.objects.filter(
        application__public_id__in=applications,
        api__slug__in=apis,
        status__in=_COUNTED,
        plan__quota_requests__isnull=False,
    )
    fields = ("application__public_id", "api__slug", "application_id", "api_id")
    plan = ("plan__quota_requests", "plan__quota_period", "plan__time_zone")
    return {
        (application, api): (application_id, api_id, Quota(*limits))
        for application, api, application_id, api_id, *limits in rows.values_list(*fields, *plan)
    }


def _note(
    uses: Iterable[tuple[int, int, int, str, int, bool, bool]],
    limits: Mapping[tuple[int, int], int],
    now: dt.datetime,
) -> None:
    """Write down which uses just got to 80 % and to the whole of their quota."""
    nearly, exhausted = [], []
    for use, application, api, _, used, was_far, was_open in uses:
        limit = limits[application, api]
        if was_far and used >= NEARLY * limit:
            nearly.append(use)
        if was_open and used >= limit:
            exhausted.append(use)
    if nearly:
        QuotaUse.objects.filter(pk__in=nearly).update(nearly_at=now)
    if exhausted:
        used_up = QuotaUse.objects.filter(pk__in=exhausted)
        used_up.update(exhausted_at=now)
        for public_id in set(used_up.values_list("application__public_id", flat=True)):
            notify_application(public_id)


# ---- what follows -------------------------------------------------------------------------------------------------
class Exhausted:
    """The quotas that are used up at one moment, read once."""

    def __init__(self, now: dt.datetime) -> None:
        self.now = now
        rows = QuotaUse.objects.current(now).filter(exhausted_at__isnull=False)
        fields = ("application_id", "api_id", "period", "starts_at", "used")
        self._used = {tuple(key): used for *key, used in rows.values_list(*fields)}

    def __bool__(self) -> bool:
        return bool(self._used)

    def until(self, application: int, api: int, quota: Quota) -> dt.datetime | None:
        """When the period ends whose quota this application has used up, or None: it may call."""
        start, end = quota.span(self.now)
        used = self._used.get((application, api, quota.period, start))
        return end if used is not None and used >= quota.requests else None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a subscription stands with its plan's quota now."""

    subscription: Subscription
    quota: Quota
    used: int
    starts_at: dt.datetime
    ends_at: dt.datetime
    exhausted_at: dt.datetime | None

    @property
    def remaining(self) -> int:
        return max(0, self.quota.requests - self.used)

    @property
    def percent(self) -> int:
        """Whole percent used, at most 100, and 100 only when nothing is left."""
        return min(100, self.used * 100 // self.quota.requests)

    @property
    def runs_out_at(self) -> dt.datetime | None:
        """When it is used up at the period's pace so far; None where it lasts, or nothing can be said yet."""
        now = timezone.now()
        gone = now - self.starts_at
        if self.remaining == 0 or self.used == 0 or gone < dt.timedelta(minutes=5):
            return None
        # Compared as a number: at a slow pace it is further away than a date can be.
        seconds = gone.total_seconds() * (self.remaining / self.used)
        return now + dt.timedelta(seconds=seconds) if seconds < (self.ends_at - now).total_seconds() else None


def standings(subscriptions: Iterable[Subscription], now: dt.datetime | None = None) -> list[Standing]:
    """Those of `subscriptions` (with their plan at hand) that have a quota, in the same order: one query."""
    now = now or timezone.now()
    held = [(row, quota) for row in subscriptions if (quota := Quota.of(row.plan))]
    uses = QuotaUse.objects.current(now).filter(
        application__in={row.application_id for row, _ in held}, api__in={row.api_id for row, _ in held}
    )
    found = {(use.application_id, use.api_id, use.period, use.starts_at): use for use in uses}
    result = []
    for row, quota in held:
        start, end = quota.span(now)
        use = found.get((row.application_id, row.api_id, quota.period, start))
        used = use.used if use else 0
        since = use.exhausted_at if use and used >= quota.requests else None
        result.append(Standing(row, quota, used, start, end, since))
    return result
