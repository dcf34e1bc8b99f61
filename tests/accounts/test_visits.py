"""When somebody was here before: noted rarely, and the same through one visit."""

from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.accounts import visits
from portal.accounts.models import User
from tests import factories

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 12, tzinfo=timezone.get_default_timezone())


@pytest.fixture
def clock(monkeypatch):
    """Sets the time: minutes after noon."""

    def at(minutes: float) -> None:
        monkeypatch.setattr(visits.timezone, "now", lambda: NOW + timedelta(minutes=minutes))

    at(0)
    return at


def visit(user: User) -> datetime:
    """As a new request sees it."""
    return visits.last_visit(User.objects.get(pk=user.pk))


def test_visit_of_somebody_new_shows_what_is_recent(clock):
    user = factories.UserFactory()
    assert visit(user) == visits.last_visit(AnonymousUser()) == NOW - visits.RECENT


def test_visit_goes_on_until_half_an_hour_of_silence(clock):
    user = factories.UserFactory()
    visit(user)
    clock(1000)
    for minutes in (1000, 1020, 1045, 1070):
        clock(minutes)
        assert visit(user) == NOW, minutes
    clock(1101)
    assert visit(user) == NOW + timedelta(minutes=1070)


def test_visit_is_written_at_most_once_in_ten_minutes(clock):
    user = factories.UserFactory()
    visit(user)
    user.refresh_from_db()
    for minutes, writes in ((5, 0), (9, 0), (11, 1)):
        clock(minutes)
        with CaptureQueriesContext(connection) as asked:
            visits.last_visit(user)
        assert len(asked) == writes


def test_visit_of_two_windows_at_once_is_noted_once(clock):
    user = factories.UserFactory()
    visit(user)
    one, other = User.objects.get(), User.objects.get()
    clock(60)
    visits.last_visit(one)
    clock(60.1)
    visits.last_visit(other)
    user.refresh_from_db()
    assert (user.last_visit_at, user.visited_at) == (NOW, NOW + timedelta(minutes=60))
