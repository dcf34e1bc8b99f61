"""Subscriptions as their people see them: calls of the last day, what is left of the quota, and whether it is enforced."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import Case, F, FloatField, IntegerField, OuterRef, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce
from django.utils import dateformat, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from gateway.models import CallSeries, HourCalls, QuotaUse, Receipt, ReceiptStatus
from portal.lazily import gettext_lazy as _
from portal.zones import zone_name
from subscriptions.models import Application, Subscription, SubscriptionStatus

from . import charts
from .quotas import NEARLY, Standing, standings
from .ranges import RANGES
from .reports import named

_WAITING = (SubscriptionStatus.PENDING, SubscriptionStatus.CHANGE_PENDING)
# The urgency of what is over.
OVER = 4
# What a line is made of: of twenty versions everything else, eight JSON documents each, takes longer than the lines.
LINE_FIELDS = (
    *("public_id", "status", "application__name", "api__slug", "api__name"),
    *(f"api__current_version__{name}" for name in ("version", "status", "sunset_on")),
    *(f"plan__{name}" for name in ("name", "rate_requests", "rate_seconds")),
    *(f"plan__{name}" for name in ("quota_requests", "quota_period", "time_zone")),
    "requested_plan__name",
)
_NO_CALLS = format_html('<span class="t3">{}</span>', "—")
_ENFORCEMENT = {
    ReceiptStatus.COMPLETE: ("ok", _("Enforced"), "ok"),
    ReceiptStatus.RUNNING: ("info", _("On its way"), "clock"),
    ReceiptStatus.STUCK: ("bad", _("Stuck"), "bad"),
}


class Line(NamedTuple):
    """A subscription as a list shows it: plain values, so that its row is drawn once (portal.kept)."""

    address: str
    api: str
    api_address: str
    application: str
    version: str
    plan: str
    rate_text: str
    quota_text: str
    requested_plan: str
    spark: SafeString
    quota: int
    period: str
    used: int
    remaining: int
    until: str
    used_up: bool
    look: tuple[str, str, str] | None
    status: str
    status_name: str
    over: bool


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
            return ("warn", gettext("Refusing with 429"), "warn")
        version = row.api.current_version
        if version and version.sunset_on and version.status == "deprecated":
            return (
                "warn",
                gettext("Retires {sunset_on}").format(sunset_on=dateformat.format(version.sunset_on, "j M")),
                "clock",
            )
        if row.status == SubscriptionStatus.ACTIVE and self.receipt:
            return _ENFORCEMENT.get(ReceiptStatus(self.receipt.status))
        return None

    @property
    def line(self) -> Line:
        """How a list shows it."""
        row, standing = self.subscription, self.standing
        version = row.api.current_version
        return Line(
            address=row.get_absolute_url(),
            api=row.api.name,
            api_address=row.api.get_absolute_url(),
            application=row.application.name,
            version=version.version if version else "",
            plan=row.plan.name,
            rate_text=row.plan.rate_text,
            quota_text=row.plan.quota_text,
            requested_plan=str(row.requested_plan or ""),
            spark=self.spark,
            quota=standing.quota.requests if standing else 0,
            period=standing.quota.period if standing else "",
            used=standing.used if standing else 0,
            remaining=standing.remaining if standing else 0,
            until=short_moment(standing.ends_at) if standing and self.used_up else "",
            used_up=self.used_up,
            look=self.look,
            status=row.status,
            status_name=str(SubscriptionStatus(row.status).label),
            over=getattr(row, "urgency", None) == OVER,
        )

    @property
    def spark(self) -> SafeString:
        """The calls of the last day as a small line; a dash where there were none."""
        total = sum(self.calls)
        if not total:
            return _NO_CALLS
        return charts.spark(
            self.calls,
            gettext("{name}: {total:,} calls in the last 24 hours").format(
                name=self.subscription.api.name, total=total
            ),
        )


def short_moment(moment: dt.datetime) -> str:
    """`00:00 CET` of today or tomorrow, `1 Dec` of any other day, in the person's zone."""
    here = timezone.localtime(moment)
    near = moment - timezone.now() < dt.timedelta(hours=24)
    return f"{here:%H:%M} {zone_name(here)}" if near else dateformat.format(here, "j M")


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
        default=OVER,
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
