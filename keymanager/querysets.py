"""Who may see which credentials."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import connection, models
from django.db.models import Q
from django.utils import timezone

from portal.accounts.models import Viewer
from portal.accounts.roles import Permission, teams_with

if TYPE_CHECKING:
    from .models import Credential, PersonalToken, SigningKey  # noqa: F401  named in strings

# A token may have been signed a moment after its key retired, by a process that had not heard yet.
_SLACK = timedelta(seconds=60)
_SEEN = """
UPDATE {table} AS credential SET last_used_at = found.at FROM (
  SELECT known.id, seen.at FROM unnest(%s::text[], %s::timestamptz[]) AS seen(public_id, at)
  JOIN {table} AS known ON known.public_id = seen.public_id
  WHERE known.last_used_at IS NULL OR known.last_used_at <= seen.at - interval '1 minute'
  FOR UPDATE OF known SKIP LOCKED) AS found
WHERE credential.id = found.id
"""


class CredentialQuerySet(models.QuerySet["Credential"]):
    def usable(self) -> Self:
        """Active or in its overlap, not past its expiry, of an application that is not deleted."""
        now = timezone.now()
        return self.filter(
            Q(status="active") | Q(status="retiring", retires_at__gt=now),
            Q(expires_at__isnull=True) | Q(expires_at__gt=now),
            application__deleted_at__isnull=True,
        )

    def live(self) -> Self:
        """Not revoked; what still counts against an application's limit."""
        return self.exclude(status="revoked")

    def expiring(self, *, days: int) -> Self:
        """Active ones, of applications that are not deleted, that expire within so many days."""
        now = timezone.now()
        soon = self.filter(status="active", expires_at__gt=now, expires_at__lte=now + timedelta(days=days))
        return soon.filter(application__deleted_at__isnull=True)

    def unused(self, *, days: int) -> Self:
        """Not seen in use for so many days, and at least that old."""
        since = timezone.now() - timedelta(days=days)
        return self.filter(Q(last_used_at__lt=since) | Q(last_used_at__isnull=True, created_at__lt=since))

    def seen(self, times: Mapping[str, datetime]) -> None:
        """Note when each (cred_…) was last used, to the minute: one statement, which waits for nobody's lock.

        One that somebody is changing just now is noted the next time.
        """
        if times:
            with connection.cursor() as cursor:
                cursor.execute(
                    _SEEN.format(table=self.model._meta.db_table), [list(times), list(times.values())]
                )

    def visible_to(self, user: Viewer) -> Self:
        """Credentials of the person's teams' applications; an admin sees all."""
        if not user.is_authenticated:
            return self.none()
        live = self.filter(application__deleted_at__isnull=True)
        if user.is_admin:
            return live
        return live.filter(application__team_id__in=teams_with(user, Permission.VIEW_APPLICATION))


class SigningKeyQuerySet(models.QuerySet["SigningKey"]):
    def published(self) -> Self:
        """Next, active, and retired ones whose longest token may still live."""
        living = timezone.now() - timedelta(seconds=settings.MAX_TOKEN_SECONDS) - _SLACK
        return self.filter(Q(status__in=["next", "active"]) | Q(status="retired", retired_at__gt=living))


class PersonalTokenQuerySet(models.QuerySet["PersonalToken"]):
    def visible_to(self, user: Viewer) -> Self:
        """One's own, whoever one is: nobody sees another person's."""
        return self.filter(user=user) if user.is_authenticated else self.none()
