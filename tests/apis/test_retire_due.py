"""Versions whose sunset has come are retired by Portico itself."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apis.models import ApiVersion
from apis.tasks import retire_due
from portal.accounts.models import AuditEvent
from tests import factories

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def deprecated(sunset: int | None, *, since: int = 9, **fields: object) -> ApiVersion:
    """Deprecated `since` days ago, with the sunset in so many days."""
    now = timezone.now()
    day = None if sunset is None else now.date() + sunset * DAY
    return factories.ApiVersionFactory(
        status="deprecated", sunset_on=day, deprecated_at=now - since * DAY, **fields
    )


@pytest.mark.parametrize(
    ("sunset", "fields", "status"),
    [
        (0, {}, "retired"),
        (-400, {}, "retired"),
        (1, {}, "deprecated"),
        (None, {}, "deprecated"),
        (-400, {"since": 0}, "deprecated"),
        (0, {"withdrawn_at": timezone.now()}, "deprecated"),
    ],
)
def test_retire_due(sunset, fields, status):
    version = deprecated(sunset, **fields)
    retire_due()
    version.refresh_from_db()
    assert version.status == status


def test_retire_due_once_with_a_trail(notices):
    version = deprecated(0)
    retire_due()
    retire_due()
    (event,) = AuditEvent.objects.filter(event="version_retired")
    assert (event.by, event.by_name) == (None, "system")
    assert event.note == f"Its sunset was {version.sunset_on:%-d %B %Y}."
    assert notices == [("retired", "1.0.0")]
