"""Subscriptions as their people see them: calls of the last day, what is left of the quota, and whether it is enforced."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Case, F, FloatField, IntegerField, OuterRef, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from gateway.models import CallSeries, HourCalls, QuotaUse, Receipt, ReceiptStatus
from subscriptions.models import Application, Subscription, SubscriptionStatus

from .quotas import NEARLY, Standing, standings
from .ranges import RANGES
from .reports import named

_WAITING = (SubscriptionStatus.PENDING, SubscriptionStatus.CHANGE_PENDING)
_ENFORCEMENT = {
    ReceiptStatus.COMPLETE: ("ok", "Enforced", "ok"),
    ReceiptStatus.RUNNING: ("info", "On its way", "clock"),
    ReceiptStatus.STUCK: ("bad", "Stuck", "bad"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One subscription in a list. `calls` are those of each of the last 24 hours."""

    subscription: Subscription
    standing: Standing | None
    calls: list[int]
    receipt: Receipt | None

    @property
    def used_up(self) -> bool:
        return self.standing is not None and not self.standing.remaining

    @property
    def look(self) -> tuple[str, str, str] | None:
        """State word, label and icon of what holds now; None: what the status says."""
        row = self.subscription
        if row.status not in Subscription.ENFORCED:
            return None
        if self.used_up:
            return ("warn", "Refusing with 429", "warn")
        version = row.api.current_version
        if version and version.sunset_on and version.status == "deprecated":
            return ("warn", f"Retires {version.sunset_on:%-d %b}", "clock")
        if row.status == SubscriptionStatus.ACTIVE and self.receipt:
            return _ENFORCEMENT.get(ReceiptStatus(self.receipt.status))
        return None


def by_urgency(rows: QuerySet[Subscription]) -> QuerySet[Subscription]:
    """First what refuses calls, then what soon will, then what waits; what is over comes last."""
    used = QuotaUse.objects.current().filter(
        application=OuterRef("application"), api=OuterRef("api"), period=OuterRef("plan__quota_period")
    )
    share = Coalesce(Subquery(used.order_by("-starts_at").values("used")[:1]), 0) * Value(1.0)
    rows = rows.annotate(
        share=Case(
            When(plan__quota_requests__gt=0, then=share / F("plan__quota_requests")),
            default=Value(0.0),
            output_field=FloatField(),
        )
    )
    urgency = Case(
        When(status=SubscriptionStatus.SUSPENDED, then=0),
        When(status__in=_WAITING, then=2),
        When(status__in=Subscription.ENFORCED, share__gte=1, then=0),
        When(status__in=Subscription.ENFORCED, share__gte=NEARLY, then=1),
        When(status__in=Subscription.ENFORCED, then=3),
        default=4,
        output_field=IntegerField(),
    )
    return rows.annotate(urgency=urgency).order_by(
        "urgency", "-share", "application__name", "api__name", "-pk"
    )


def rows_of(subscriptions: Sequence[Subscription]) -> list[Row]:
    """What a list shows of them, in the same order: four queries, however many there are."""
    counted = [row for row in subscriptions if row.status in Subscription.ENFORCED]
    held = {found.subscription.pk: found for found in standings(counted)}
    receipts = Receipt.objects.filter(subscription__in=[row.pk for row in subscriptions])
    newest = {
        receipt.subscription_id: receipt
        for receipt in receipts.order_by("subscription_id", "-saved_at", "-id").distinct("subscription_id")
    }
    calls = _hourly(subscriptions)
    none = [0] * RANGES["24h"].steps
    return [
        Row(row, held.get(row.pk), calls.get((row.application_id, row.api_id), none), newest.get(row.pk))
        for row in subscriptions
    ]


def _hourly(subscriptions: Sequence[Subscription]) -> dict[tuple[int, int], list[int]]:
    """Calls in each of the last 24 hours, by application and API."""
    found = RANGES["24h"]
    starts = found.starts(timezone.now())
    place = {start: n for n, start in enumerate(starts)}
    series = CallSeries.objects.filter(
        application__in={row.application_id for row in subscriptions},
        api__in={row.api_id for row in subscriptions},
    )
    counts = found.model.objects.filter(series__in=named(series), at__gte=starts[0]).order_by()
    lines: dict[tuple[int, int], list[int]] = {}
    for application, api, at, calls in counts.values_list(
        "series__application", "series__api", "at"
    ).annotate(n=Sum("calls")):
        if at in place:
            lines.setdefault((application, api), [0] * found.steps)[place[at]] += calls
    return lines


@dataclass(frozen=True, slots=True)
class Lately:
    """How much an application calls: what a deletion would refuse."""

    day: int
    week: int


def lately(application: Application) -> Lately:
    """Calls of the last 24 hours and 7 days, by the hour."""
    now = timezone.now()
    series = CallSeries.objects.filter(application=application)
    rows = HourCalls.objects.filter(series__in=named(series))

    def since(**span: int) -> int:
        sums = rows.filter(at__gt=now - dt.timedelta(**span)).aggregate(n=Sum("calls", default=0))
        return int(sums["n"])

    return Lately(since(hours=24), since(days=7))
