"""Who may see which credentials."""

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.accounts.models import User
from portal.accounts.roles import Permission, teams_with

if TYPE_CHECKING:
    from .models import Credential


class CredentialQuerySet(models.QuerySet["Credential"]):
    def usable(self) -> Self:
        """Active or in its overlap, not past its expiry, of an application that is not deleted."""
        now = timezone.now()
        return self.filter(
            Q(status="active") | Q(status="retiring", retires_at__gt=now),
            Q(expires_at__isnull=True) | Q(expires_at__gt=now),
            application__deleted_at__isnull=True,
        )

    def visible_to(self, user: User) -> Self:
        """Credentials of the person's teams' applications; an admin sees all."""
        if not user.is_authenticated:
            return self.none()
        live = self.filter(application__deleted_at__isnull=True)
        if user.is_admin:
            return live
        return live.filter(application__team_id__in=teams_with(user, Permission.VIEW_APPLICATION))
