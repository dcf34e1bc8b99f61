"""Who may see what of the catalog. Everything that reads an Api for a person begins with `visible_to`."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Exists, OuterRef, Q

from portal.accounts.models import NamespaceGrant, Viewer
from portal.accounts.roles import Permission, teams_with

if TYPE_CHECKING:
    from .models import Api, ApiVersion, Plan, SyncProblem  # noqa: F401  named in strings


def own_namespaces(user: Viewer) -> Q:
    """Rows with `cluster` and `namespace`: those of the namespaces granted to teams in which they may look at the sync."""
    granted = NamespaceGrant.objects.filter(
        team_id__in=teams_with(user, Permission.VIEW_SYNC),
        cluster=OuterRef("cluster"),
        namespace=OuterRef("namespace"),
    )
    return Q(Exists(granted))


class ApiQuerySet(models.QuerySet["Api"]):
    def visible_to(self, user: Viewer) -> Self:
        """Published APIs by their visibility, and whatever state the person's own teams' APIs are in."""
        if user.is_authenticated and user.is_admin:
            return self
        from .models import ApiVersion, Visibility  # noqa: PLC0415  models import this module

        published = Exists(ApiVersion.objects.on_sale().filter(api=OuterRef("pk")))
        if not user.is_authenticated:
            return self.filter(published, visibility=Visibility.PUBLIC)
        own = Q(team_id__in=teams_with(user, Permission.VIEW_SOURCE))
        return self.filter(own | Q(published, visibility__in=[Visibility.PUBLIC, Visibility.INTERNAL]))


class ApiVersionQuerySet(models.QuerySet["ApiVersion"]):
    def on_sale(self) -> Self:
        """In the catalog: published, deprecated or blocked, and still in the cluster."""
        return self.filter(status__in=self.model.VISIBLE, withdrawn_at__isnull=True)

    def seen_of(self, api: "Api", user: Viewer) -> Self:
        """What `visible_to` gives of an API that the person sees, without asking for that again; a test holds the two together."""
        found = self.filter(api=api)
        if user.is_authenticated and user.is_admin:
            return found
        return found if api.team_id in teams_with(user, Permission.VIEW_SOURCE) else found.on_sale()

    def served(self) -> Self:
        """What the gateway lets calls through to."""
        return self.filter(status__in=self.model.SERVED, withdrawn_at__isnull=True, definition_pending=False)

    def due_to_retire(self, now: datetime) -> Self:
        """Deprecated versions whose sunset has come, in UTC, and that have been deprecated for a day at least.

        A mistyped year in an object must not end a version before anybody has seen it. What is withdrawn waits until it is back.
        """
        return self.filter(
            status="deprecated",
            withdrawn_at__isnull=True,
            sunset_on__lte=now.astimezone(UTC).date(),
            deprecated_at__lte=now - timedelta(days=1),
        )

    def visible_to(self, user: Viewer) -> Self:
        """Versions of visible APIs; what is not on sale only for the owning team and admins."""
        if user.is_authenticated and user.is_admin:
            return self
        from .models import Api  # noqa: PLC0415

        apis = Api.objects.visible_to(user).values("pk")
        own = (
            Q(api__team_id__in=teams_with(user, Permission.VIEW_SOURCE))
            if user.is_authenticated
            else Q(pk__in=[])
        )
        on_sale = Q(status__in=self.model.VISIBLE, withdrawn_at__isnull=True)
        return self.filter(Q(api__in=apis) & (own | on_sale))

    def publishable_by(self, user: Viewer) -> Self:
        if user.is_authenticated and user.is_admin:
            return self
        return self.filter(
            api__team_id__in=teams_with(user, Permission.PUBLISH) if user.is_authenticated else []
        )


class PlanQuerySet(models.QuerySet["Plan"]):
    def live(self) -> Self:
        return self.filter(withdrawn_at__isnull=True)


class SyncProblemQuerySet(models.QuerySet["SyncProblem"]):
    def visible_to(self, user: Viewer) -> Self:
        """An admin sees all; a publisher those of the namespaces granted to their teams."""
        if not user.is_authenticated:
            return self.none()
        if user.is_admin:
            return self
        return self.filter(own_namespaces(user))
