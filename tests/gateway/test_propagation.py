"""How fast decisions reach the gateway: figures from receipts and changes, open to everybody, naming nobody."""

import datetime as dt

import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from apis.models import Change
from gateway.models import Receipt
from gateway.propagation import BARS, measured
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _measured_anew():
    cache.clear()


def receipt(
    event: str, *, took_ms: float | None, ago: dt.timedelta = dt.timedelta(hours=1), status: str = "complete"
):
    saved = timezone.now() - ago
    probed = None if took_ms is None else saved + dt.timedelta(milliseconds=took_ms)
    Receipt.objects.create(
        subscription=factories.SubscriptionFactory(),
        event=event,
        saved_at=saved,
        probed_at=probed,
        status=status,
    )


def by_name() -> dict:
    cache.clear()
    return {one.promise.name: one for one in measured()}


def test_nothing_measured_yet():
    for found in measured():
        assert (found.changes, found.kept, found.p50, found.bars) == (0, 0, None, [0] * BARS)
        assert found.is_kept


def test_openings_and_closings_are_apart():
    receipt("approved", took_ms=100)
    receipt("revoked", took_ms=500)
    receipt("suspended", took_ms=700)
    receipt("updated", took_ms=9000)
    found = by_name()
    assert (found["Approved to 200"].changes, found["Revoked to 401"].changes) == (1, 2)
    assert found["Revoked to 401"].p50 == pytest.approx(600, abs=1)
    assert found["Approved to 200"].percent == 100


def test_late_ones_and_those_that_never_came_are_missed():
    for _ in range(8):
        receipt("approved", took_ms=200)
    receipt("approved", took_ms=5000)
    receipt("approved", took_ms=None, status="stuck")
    found = by_name()["Approved to 200"]
    assert (found.changes, found.kept, found.verdict) == (10, 8, "Missed, 80.00 %")
    assert sum(found.bars) == 10
    assert found.bars[-1] == 2


def test_under_way_replaced_and_old_ones_do_not_count():
    receipt("approved", took_ms=None, ago=dt.timedelta(milliseconds=100), status="running")
    receipt("approved", took_ms=None, status="superseded")
    receipt("approved", took_ms=100, ago=dt.timedelta(days=8))
    assert by_name()["Approved to 200"].changes == 0


def test_days():
    receipt("approved", took_ms=100)
    receipt("approved", took_ms=300, ago=dt.timedelta(days=2))
    days = by_name()["Approved to 200"].days
    assert [day.changes for day in days] == [1, 1]
    assert [round(day.p50) for day in days] == [100, 300]


def test_listed_from_the_cluster():
    now = timezone.now()
    for number, ms in enumerate((100, 200, 3000)):
        change = Change.objects.create(
            cluster="test", kind="k", namespace="n", name=str(number), noticed_at=now, due_at=now
        )
        Change.objects.filter(pk=change.pk).update(
            noticed_at=now - dt.timedelta(milliseconds=ms), listed_at=now
        )
    found = by_name()["Applied to listed"]
    assert (found.changes, found.kept) == (3, 2)


def test_page_and_rest_are_open_to_everybody(client, django_assert_max_num_queries):
    receipt("approved", took_ms=100)
    with django_assert_max_num_queries(20):
        page = client.get("/status/")
    assert page.status_code == 200
    text = page.content.decode()
    assert "Approved to 200" in text
    assert "The gateway agent is not at work" in text
    found = client.get("/api/v1/status/").json()
    assert found["gateway_agent"] is False
    assert [one["changes"] for one in found["promises"]] == [0, 1, 0]


def test_page_is_measured_once_in_a_while(client):
    client.get("/api/v1/status/")
    with connection.execute_wrapper(lambda execute, sql, *rest: execute(_no_receipts(sql), *rest)):
        assert client.get("/api/v1/status/").status_code == 200


def _no_receipts(sql: str) -> str:
    assert "gateway_receipt" not in sql
    return sql


def test_sync_page_shows_it(client_as, admin, settings):
    settings.CLUSTERS = {"test": {}}
    assert "How fast a decision reaches the gateway" in client_as(admin).get("/sync/").content.decode()
