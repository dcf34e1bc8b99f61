"""Who may see which applications and subscriptions."""

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q

from portal.accounts.models import Viewer
from portal.accounts.roles import Permission, teams_with

if TYPE_CHECKING:
    from apis.models import Api

    from .models import Application, RequestForm, Subscription  # noqa: F401  named in strings


class ApplicationQuerySet(models.QuerySet["Application"]):
    def live(self) -> Self:
        return self.filter(deleted_at__isnull=True)

    def visible_to(self, user: Viewer) -> Self:
        """Applications of the person's teams that are not deleted; an admin sees all."""
        if not user.is_authenticated:
            return self.none()
        if user.is_admin:
            return self.live()
        return self.live().filter(team_id__in=teams_with(user, Permission.VIEW_APPLICATION))

    def own(self, user: Viewer) -> Self:
        """Applications of the person's own teams; an admin's too, who may see all."""
        return self.live().filter(team_id__in=teams_with(user, Permission.VIEW_APPLICATION))


class RequestFormQuerySet(models.QuerySet["RequestForm"]):
    def current_of(self, api: "Api") -> "RequestForm | None":
        """What is asked now; None where nothing is."""
        newest = self.filter(api=api).order_by("-number").first()
        return newest if newest and newest.schema else None


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    def live(self) -> Self:
        return self.filter(status__in=self.model.LIVE)

    def visible_to(self, user: Viewer) -> Self:
        """The consumer's side through the application's team, the publisher's through the API's."""
        if not user.is_authenticated:
            return self.none()
        if user.is_admin:
            return self
        return self.filter(
            Q(application__team_id__in=teams_with(user, Permission.VIEW_APPLICATION))
            | Q(api__team_id__in=teams_with(user, Permission.REVIEW))
        )

    def reviewable_by(self, user: Viewer) -> Self:
        """Subscriptions to APIs whose requests this person may decide."""
        if not user.is_authenticated:
            return self.none()
        if user.is_admin:
            return self
        return self.filter(api__team_id__in=teams_with(user, Permission.REVIEW))

    def waiting(self) -> Self:
        """Requests that wait for a decision, oldest first."""
        return self.filter(status__in=["pending", "change_pending"]).order_by("requested_at", "id")
