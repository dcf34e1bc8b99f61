"""How a backend is, by the calls that were passed on to it."""

import datetime as dt

import pytest
from django.core.cache import cache

from gateway.usage import rollups
from gateway.usage.health import BackendHealth, backend_health, record_of
from tests import factories
from tests.gateway.test_usage_counts import count, known, now_line, tail  # noqa: F401  fixtures

pytestmark = pytest.mark.django_db
UNAVAILABLE = {"status": 503, "reason": "upstream_unavailable"}
REFUSED = {"status": 403, "reason": "not_subscribed"}


def test_backend_is_known_by_its_calls(tail, known, django_assert_num_queries):  # noqa: F811
    version = known[0]
    count(
        tail,
        now_line(known),
        now_line(known, status=500),
        now_line(known, **UNAVAILABLE),
        now_line(known, **REFUSED),
        now_line(known, environment="sandbox", status=504, reason="upstream_timeout"),
        now_line(known, seconds_ago=600, **UNAVAILABLE),
    )
    other = factories.ApiVersionFactory()
    with django_assert_num_queries(1):
        found = backend_health([version, other])
    assert found == {version.pk: [BackendHealth("production", 2, 1), BackendHealth("sandbox", 0, 1)]}
    assert [health.state for health in found[version.pk]] == ["unwell", "down"]
    assert BackendHealth("production", 3, 0).state == "well"


def test_record_is_of_the_calls_of_everybody_in_production(tail, known, client_as):  # noqa: F811
    version = known[0]
    page = f"/apis/{version.api.slug}/{version.version}/"
    assert b"Availability" not in client_as(None).get(page).content
    cache.clear()
    lines = [now_line(known, duration_ms=20) for _ in range(2998)]
    count(
        tail,
        *lines,
        now_line(known, status=500, duration_ms=900),
        now_line(known, **UNAVAILABLE),
        now_line(known, **REFUSED),
        now_line(known, environment="sandbox", status=504, reason="upstream_timeout"),
    )
    rollups.roll_up()
    rollups.roll_up()
    found = record_of(version)
    assert (found.calls, found.failed, found.availability) == (3000, 2, "99.93")
    assert 10 < found.p50 <= found.p99 <= 20
    assert b"99.93 %" in client_as(None).get(page).content


def test_backend_health_is_on_the_source_page(tail, known, client_as, admin):  # noqa: F811
    version = known[0]
    page = f"/apis/{version.api.slug}/{version.version}/source/"
    assert b"five minutes" not in client_as(admin).get(page).content
    count(tail, now_line(known, **UNAVAILABLE))
    assert b"Does not answer" in client_as(admin).get(page).content
    assert backend_health([version], now=dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)) == {}
