"""Who may see which receipts: whoever may see what it is about."""

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q

from apis.models import ApiVersion
from keymanager.models import Credential
from portal.accounts.models import Viewer
from portal.accounts.roles import Permission, teams_with
from subscriptions.models import Subscription

if TYPE_CHECKING:
    from .models import Receipt  # noqa: F401  named in a string below


class ReceiptQuerySet(models.QuerySet["Receipt"]):
    def visible_to(self, user: Viewer) -> Self:
        """Receipts of the person's subscriptions and credentials, and of the APIs the person's teams publish."""
        if not user.is_authenticated:
            return self.none()
        if user.is_admin:
            return self
        return self.filter(
            Q(subscription__in=Subscription.objects.visible_to(user).values("pk"))
            | Q(credential__in=Credential.objects.visible_to(user).values("pk"))
            | Q(version__api__team_id__in=teams_with(user, Permission.VIEW_SOURCE))
        )

    def about(self, subject: models.Model) -> Self:
        """Receipts of one subscription, credential or version, newest first."""
        return self.filter(**{subject_field(subject): subject}).order_by("-saved_at", "-id")

    def with_subjects(self) -> Self:
        """What naming the subject and probing it reads, in one query."""
        return self.select_related(
            "revision",
            "by",
            "version__api",
            "subscription__application__team",
            "subscription__api",
            "credential__application__team",
            "credential__issuer",
        )


def subject_field(subject: models.Model) -> str:
    """The foreign key that holds this kind of subject."""
    fields: dict[type[models.Model], str] = {
        Subscription: "subscription",
        Credential: "credential",
        ApiVersion: "version",
    }
    return fields[type(subject)]
