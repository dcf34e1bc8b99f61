"""Dates in the person's own zone, as the browser's cookie names it."""

import datetime as dt

import pytest
from django.utils import timezone

from portal.templatetags.portico import ago, local, when
from portal.zones import COOKIE, zone_of

SUMMER = dt.datetime(2025, 7, 1, 22, 30, 5, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        (None, "1 Jul 2025, 22:30:05 UTC"),
        ("Europe/Berlin", "2 Jul 2025, 00:30:05 CEST"),
        ("Asia/Kolkata", "2 Jul 2025, 04:00:05 IST"),
        ("America/Sao_Paulo", "1 Jul 2025, 19:30:05 UTC-03"),
    ],
)
def test_local_names_its_zone(zone, text):
    with timezone.override(zone_of(zone or "")):
        assert local(SUMMER) == text
        assert f'title="{text}"' in when(SUMMER)
        assert f'datetime="{SUMMER.isoformat()}"' in when(SUMMER)


def test_old_date_is_of_the_persons_day():
    with timezone.override(zone_of("Europe/Berlin")):
        assert ago(SUMMER) == "2 Jul 2025"


@pytest.mark.parametrize(
    "name", ["", "Mars/Base", "../../etc/passwd", "/etc/passwd", "Europe/Berlin\0", "x" * 5000]
)
def test_nonsense_is_no_zone(name):
    assert zone_of(name) is None


def test_page_is_in_the_browsers_zone(client_as, consumer):
    team = consumer.memberships.get().team
    team.created_at = SUMMER
    team.save()
    client = client_as(consumer)
    assert "1 Jul 2025, 22:30:05 UTC" in client.get("/teams/").content.decode()
    client.cookies[COOKIE] = "Europe/Berlin"
    assert "2 Jul 2025, 00:30:05 CEST" in client.get("/teams/").content.decode()
    assert timezone.get_current_timezone_name() == "UTC"


def test_programs_read_utc(client_as, consumer):
    client = client_as(consumer)
    client.cookies[COOKIE] = "Europe/Berlin"
    team = client.get("/api/v1/teams/").json()["results"][0]
    assert team["created_at"].endswith("Z")
