"""Who may see which counts, and how counts are added up."""

import datetime as dt
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from apis.models import Api
from portal.accounts.models import Viewer
from portal.accounts.roles import Permission, teams_with
from subscriptions.models import Application

if TYPE_CHECKING:
    from .models import CallCount, CallSeries, FailedCall, LogPosition, QuotaUse  # noqa: F401  named in strings


class LogPositionQuerySet(models.QuerySet["LogPosition"]):
    def locked(self) -> "LogPosition":
        """The one row, made if need be, and nobody else's until the transaction ends."""
        self.bulk_create([self.model(name="access")], ignore_conflicts=True)
        return self.select_for_update().get(name="access")

    def current(self) -> "LogPosition | None":
        return self.filter(name="access").first()


class CallSeriesQuerySet(models.QuerySet["CallSeries"]):
    def of_applications(self, user: Viewer) -> Self:
        """Calls by the person's teams' applications."""
        return self.filter(application__in=Application.objects.visible_to(user).values("pk"))

    def of_apis(self, user: Viewer, *, everybody: bool = False) -> Self:
        """Calls to the APIs that the person's teams publish, by caller or of `everybody`; all APIs for an admin."""
        if not user.is_authenticated:
            return self.none()
        rows = self.filter(everybody=everybody)
        return rows if user.is_admin else rows.filter(api__team_id__in=teams_with(user, Permission.REVIEW))

    def idle(self) -> Self:
        """Those of which nothing is kept any more: no counts, no single failed calls."""
        from .models import DayCalls, FailedCall, HourCalls, MinuteCalls  # noqa: PLC0415  models import this module

        kept = (MinuteCalls, HourCalls, DayCalls, FailedCall)
        return self.filter(*(~Exists(model.objects.filter(series=OuterRef("pk"))) for model in kept))


class CallCountQuerySet(models.QuerySet["CallCount"]):
    def between(self, start: dt.datetime, end: dt.datetime) -> Self:
        return self.filter(at__gte=start, at__lt=end)


class FailedCallQuerySet(models.QuerySet["FailedCall"]):
    def visible_to(self, user: Viewer) -> Self:
        """Calls by the person's applications, and to the APIs that the person's teams publish."""
        if not user.is_authenticated:
            return self.none()
        if user.is_admin:
            return self
        mine = Application.objects.visible_to(user).values("pk")
        published = Api.objects.filter(team_id__in=teams_with(user, Permission.REVIEW)).values("pk")
        return self.filter(Q(series__application__in=mine) | Q(series__api__in=published))

    def with_names(self) -> Self:
        """What a list of them reads, in one query."""
        return self.select_related(
            "series__api", "series__version", "series__application", "series__credential"
        )


class QuotaUseQuerySet(models.QuerySet["QuotaUse"]):
    def current(self, now: dt.datetime | None = None) -> Self:
        """Of periods that have begun and not ended."""
        now = now or timezone.now()
        return self.filter(starts_at__lte=now, ends_at__gt=now)
