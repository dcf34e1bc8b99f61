"""Who uses an API: its subscriptions with the calls made under them, and whose applications still call a version."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from apis.models import Api, ApiVersion
from portal.accounts.models import Viewer
from subscriptions.models import Application, Subscription

from .models import HourCalls
from .usage.quotas import Standing, standings

# Those whose calls are counted against the quota, and those that will be again.
_COUNTED = (*Subscription.ENFORCED, Subscription.Status.SUSPENDED)
WEEK = dt.timedelta(days=7)
HEAD = (
    "application",
    "application_id",
    "team",
    "plan",
    "status",
    "since",
    "calls_7_days",
    "quota_remaining",
    "subscription",
)


def subscribers_of(api: Api, *, text: str = "", status: str = "", plan: str = "") -> QuerySet[Subscription]:
    """Subscriptions to the API: the live ones unless a status is named, of applications or teams like `text`."""
    rows = Subscription.objects.filter(api=api).select_related("application__team", "plan")
    rows = rows.filter(status=status) if status in Subscription.Status.values else rows.live()
    for word in text.split()[:8]:
        team = Q(application__team__name__icontains=word)
        rows = rows.filter(Q(application__name__icontains=word) | Q(application__public_id=word) | team)
    return rows.filter(plan__slug=plan) if plan else rows


def calls_by_application(api: Api, applications: Iterable[int]) -> dict[int, int]:
    """Primary key of an application -> its calls to the API in the last seven days. One query, whole hours."""
    rows = HourCalls.objects.filter(
        at__gte=timezone.now() - WEEK, series__api=api, series__application__in=list(applications)
    )
    return dict(rows.order_by().values_list("series__application").annotate(n=Sum("calls")))


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A subscription, its calls in the last seven days, and how it stands with its plan's quota, where there is one."""

    subscription: Subscription
    calls: int
    standing: Standing | None


def with_calls(api: Api, rows: Sequence[Subscription]) -> list[Subscriber]:
    """The same, in the same order: two queries, however many there are."""
    calls = calls_by_application(api, {row.application_id for row in rows})
    counted = [row for row in rows if row.status in _COUNTED]
    held = {found.subscription.pk: found for found in standings(counted)}
    return [Subscriber(row, calls.get(row.application_id, 0), held.get(row.pk)) for row in rows]


def still_calling(version: ApiVersion, user: Viewer) -> list[tuple[Application, int]]:
    """The person's applications that called this version in the last seven days, the busiest first."""
    if not user.is_authenticated:
        return []
    mine = Application.objects.visible_to(user).filter(
        subscriptions__api=version.api_id, subscriptions__status__in=Subscription.LIVE
    )
    rows = HourCalls.objects.filter(
        at__gte=timezone.now() - WEEK, series__version=version, series__application__in=mine
    )
    calls = dict(rows.order_by().values_list("series__application").annotate(n=Sum("calls")))
    found = Application.objects.in_bulk(list(calls))
    return sorted(((found[pk], n) for pk, n in calls.items()), key=lambda each: (-each[1], each[0].name))


def csv_rows(rows: Iterable[Subscriber]) -> Iterable[Sequence[object]]:
    """A head, and a row for each subscription."""
    yield HEAD
    for found in rows:
        row, left = found.subscription, found.standing.remaining if found.standing else ""
        application = row.application
        names = (application.name, application.public_id, application.team.name, row.plan.name)
        since = row.created_at.isoformat()
        yield (*map(plain, names), row.status, since, found.calls, left, row.public_id)


def plain(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text
