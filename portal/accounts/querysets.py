from typing import TYPE_CHECKING, Self

from django.db import models

if TYPE_CHECKING:
    from .models import AuditEvent, Team, Viewer  # noqa: F401  named in strings


class TeamQuerySet(models.QuerySet["Team"]):
    def visible_to(self, user: "Viewer") -> Self:
        """Teams the person belongs to; an admin sees all."""
        if not user.is_authenticated:
            return self.none()
        if user.is_admin:
            return self
        return self.filter(memberships__user=user)


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    def visible_to(self, user: "Viewer") -> Self:
        """What concerns the person's teams, or was done by the person; an admin sees all."""
        if not user.is_authenticated:
            return self.none()
        if user.is_admin:
            return self
        return self.filter(models.Q(team__memberships__user=user) | models.Q(by=user)).distinct()

    def about(self, target: models.Model) -> Self:
        """Newest first, with the people's names loaded."""
        return self.filter(target_type=target._meta.label, target_id=target.public_id).select_related("by")  # type: ignore[attr-defined]
