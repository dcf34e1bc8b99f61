"""What a signed-in person's home shows: what needs them first, then what they have, what changed, and what is on its way."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery
from django.urls import reverse
from django.utils import dateformat, timezone
from django.utils.translation import gettext as _, ngettext

from apis.models import Api, ApiVersion, Comparison, Publication
from keymanager.models import Credential
from portal.accounts.models import User
from portal.accounts.roles import Permission, can, teams_with
from subscriptions.models import Application, Subscription
from subscriptions.querysets import SubscriptionQuerySet

from .models import Receipt, ReceiptStatus

# Of each list; what is more is a link away.
SHOWN = 5
APPLICATIONS = 8
CHANGES = 8
# Days that a credential's end is told ahead, and that a change is news.
EXPIRY_DAYS = 30
NEWS_DAYS = 30


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that happened or is about to, and where it is dealt with. `at` is when."""

    state: str
    icon: str
    text: str
    about: str
    address: str
    action: str
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Step:
    """One of the first three things to do."""

    text: str
    about: str
    address: str
    done: bool


@dataclass(frozen=True, slots=True)
class Some:
    """The first of a list, and how many there are in all."""

    rows: list[Subscription]
    count: int

    @property
    def more(self) -> int:
        return self.count - len(self.rows)


def subscriptions_of(user: User) -> SubscriptionQuerySet:
    """The live ones of the person's own applications."""
    mine = Subscription.objects.live().filter(application__in=Application.objects.own(user))
    return mine.select_related("application", "api__current_version", "plan", "requested_plan")


def applications_of(user: User) -> QuerySet[Application]:
    """The person's own, the last used first, with `live_subscriptions` and `last_used_at`."""
    used = Credential.objects.filter(application=OuterRef("pk"), last_used_at__isnull=False)
    return (
        Application.objects.own(user)
        .select_related("team")
        .annotate(
            live_subscriptions=Count("subscriptions", filter=Q(subscriptions__status__in=Subscription.LIVE)),
            last_used_at=Subquery(used.order_by("-last_used_at").values("last_used_at")[:1]),
        )
        .order_by(F("last_used_at").desc(nulls_last=True), "name", "pk")
    )


def asked_by(user: User) -> Some:
    """Requests of the person's own applications that wait for somebody's decision."""
    return _some(subscriptions_of(user).waiting())


def asked_of(user: User) -> Some:
    """Requests that wait for the person's own decision."""
    rows = Subscription.objects.reviewable_by(user).waiting()
    return _some(rows.select_related("application__team", "api", "plan", "requested_plan"))


def _some(rows: QuerySet[Subscription]) -> Some:
    first = list(rows[: SHOWN + 1])
    return Some(first[:SHOWN], len(first) if len(first) <= SHOWN else rows.count())


# ---- what needs somebody ------------------------------------------------------------------------------------------
def needed_of(user: User) -> list[Notice]:
    """What stops working unless somebody acts, the soonest first."""
    found = [*_stuck(user), *_expiring(user), *_retiring(user)]
    return sorted(found, key=lambda notice: notice.at)[: 2 * SHOWN]


def _stuck(user: User) -> Iterable[Notice]:
    since = timezone.now() - dt.timedelta(days=NEWS_DAYS)
    rows = Receipt.objects.visible_to(user).filter(status=ReceiptStatus.STUCK, saved_at__gt=since)
    for row in rows.with_subjects()[:SHOWN]:
        yield Notice(
            "bad",
            "bad",
            _("{subject} did not reach the gateway").format(subject=row.subject),
            row.problem,
            row.get_absolute_url(),
            _("See the receipt"),
            row.saved_at,
        )


def _expiring(user: User) -> Iterable[Notice]:
    rows = Credential.objects.filter(application__in=Application.objects.own(user))
    for row in (
        rows.expiring(days=EXPIRY_DAYS).select_related("application__team").order_by("expires_at")[:SHOWN]
    ):
        may = row.rotatable and can(user, Permission.MANAGE_CREDENTIALS, row.application.team)
        yield Notice(
            "warn",
            "key",
            _("{kind} {name} expires").format(kind=row.get_kind_display(), name=row.name),
            f"{row.application.name}, {row.get_environment_display().lower()}",
            reverse("keymanager:rotate", args=[row.public_id]) if may else row.get_absolute_url(),
            _("Rotate") if may else _("See it"),
            row.expires_at or timezone.now(),
        )


def _retiring(user: User) -> Iterable[Notice]:
    today = timezone.now().date()
    rows = _versions_used_by(user).filter(status=Publication.DEPRECATED, sunset_on__gte=today)
    for row in rows.order_by("sunset_on", "pk")[:SHOWN]:
        last = row.sunset_on or today
        instead = (
            _("{successor} replaces it").format(successor=row.successor)
            if row.successor
            else _("Nothing replaces it yet")
        )
        yield Notice(
            "warn",
            "clock",
            _("{row} retires on {day}").format(row=row, day=dateformat.format(last, "j M Y")),
            instead,
            row.get_absolute_url(),
            _("What to do"),
            dt.datetime.combine(last, dt.time.min, dt.UTC),
        )


# ---- what changed -------------------------------------------------------------------------------------------------
def changes_for(user: User) -> list[Notice]:
    """News of the APIs that the person's applications are subscribed to, the latest first."""
    since = timezone.now() - dt.timedelta(days=NEWS_DAYS)
    found = [*_new_versions(user, since), *_deprecations(user, since), *_breaks(user, since)]
    return sorted(found, key=lambda notice: notice.at, reverse=True)[:CHANGES]


def _versions_used_by(user: User) -> QuerySet[ApiVersion]:
    """Versions on sale of APIs that the person's applications are subscribed to, and that the person may see."""
    used = Subscription.objects.live().filter(application__in=Application.objects.own(user))
    seen = Api.objects.visible_to(user).filter(pk__in=used.values("api"))
    return ApiVersion.objects.on_sale().filter(api__in=seen.values("pk")).select_related("api")


def _new_versions(user: User, since: dt.datetime) -> Iterable[Notice]:
    older = ApiVersion.objects.filter(api=OuterRef("api"), discovered_at__lt=OuterRef("discovered_at"))
    rows = _versions_used_by(user).filter(Exists(older), status=Publication.PUBLISHED, published_at__gt=since)
    for row in rows.order_by("-published_at", "-pk")[:CHANGES]:
        yield Notice(
            "info",
            "plus",
            _("{name} {version} is there").format(name=row.api.name, version=row.version),
            _("A new version"),
            row.get_absolute_url(),
            _("See it"),
            row.published_at or since,
        )


def _deprecations(user: User, since: dt.datetime) -> Iterable[Notice]:
    rows = _versions_used_by(user).filter(status=Publication.DEPRECATED, deprecated_at__gt=since)
    for row in rows.order_by("-deprecated_at", "-pk")[:CHANGES]:
        until = (
            _("Retires on {sunset_on}").format(sunset_on=dateformat.format(row.sunset_on, "j M Y"))
            if row.sunset_on
            else _("Without a date yet")
        )
        yield Notice(
            "warn",
            "clock",
            _("{row} is deprecated").format(row=row),
            until,
            row.get_absolute_url(),
            _("What to do"),
            row.deprecated_at or since,
        )


def _breaks(user: User, since: dt.datetime) -> Iterable[Notice]:
    versions = _versions_used_by(user)
    rows = Comparison.objects.filter(version__in=versions.values("pk"), took_at__gt=since, breaking__gt=0)
    for row in rows.defer("changes").select_related("version__api").order_by("-took_at", "-pk")[:CHANGES]:
        yield Notice(
            "bad",
            "warn",
            _("{version} broke its definition").format(version=row.version),
            ngettext(
                "{breaking} change that callers may not survive",
                "{breaking} changes that callers may not survive",
                row.breaking,
            ).format(breaking=row.breaking),
            row.get_absolute_url(),
            _("See what changed"),
            row.took_at or since,
        )


# ---- what is on its way -------------------------------------------------------------------------------------------
def underway(user: User) -> list[Receipt]:
    """Changes that the gateway does not enforce yet, the latest first."""
    rows = Receipt.objects.visible_to(user).filter(status=ReceiptStatus.RUNNING)
    return list(rows.with_subjects()[:SHOWN])


# ---- what to do first ---------------------------------------------------------------------------------------------
def steps_of(user: User) -> list[Step]:
    """The first three things to do; none for whoever has done them all, or only publishes."""
    mine = Application.objects.own(user)
    first = mine.order_by("pk").first()
    if first is None and Api.objects.filter(team_id__in=teams_with(user, Permission.REVIEW)).exists():
        return []
    subscribed = Subscription.objects.live().filter(application__in=mine).exists()
    held = Credential.objects.filter(application__in=mine).usable().exists()
    if first and subscribed and held:
        return []
    key = reverse("keymanager:new-key", args=[first.public_id]) if first else ""
    return [
        Step(
            _("Register an application"),
            _("What calls the APIs. It belongs to a team, so it outlives any one person."),
            reverse("subscriptions:register"),
            first is not None,
        ),
        Step(
            _("Subscribe it to an API"),
            _("Find one in the catalog and choose a plan; automatic plans open at once."),
            reverse("apis:catalog"),
            subscribed,
        ),
        Step(
            _("Give it a key and call"),
            _("An API key is one line in a header. The page of the API has the call ready to copy."),
            key,
            held,
        ),
    ]
