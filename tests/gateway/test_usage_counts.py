"""From lines to rows: counts, rollups, last use, single failed calls. Real Postgres, a log by hand."""

import datetime as dt

import pytest
from django.db import OperationalError, transaction
from django.db.models import Sum
from django.utils import timezone

from gateway import tasks
from gateway.models import (
    CallSeries,
    DayCalls,
    FailedCall,
    HourCalls,
    LogPosition,
    MinuteCalls,
    RollupDue,
)
from gateway.usage import rollups, store
from gateway.usage.tail import Tail
from keymanager.models import Credential
from tests import factories
from tests.gateway.logs import append, line, log_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def tail(tmp_path):
    return Tail(log_in(tmp_path))


@pytest.fixture
def known():
    """The API, application, credential and plan that `line` speaks of."""
    plan = factories.PlanFactory(slug="gold")
    version = factories.ApiVersionFactory(api=factories.ApiFactory(slug="orders"), version="1.0.0")
    issued = factories.KeyFactory()
    return version, issued.credential, plan


def now_line(known, seconds_ago=0, **fields):
    credential = known[1]
    at = timezone.now() - dt.timedelta(seconds=seconds_ago)
    names = {"application": credential.application.public_id, "credential": credential.public_id}
    return line(time=at.isoformat().replace("+00:00", "Z"), **(names | fields))


def count(tail, *lines):
    append(tail.log.live, *lines)
    while tail.step():
        pass


def own(model=MinuteCalls, *, everybody=False):
    """Counts by caller, or of everybody."""
    return model.objects.filter(series__everybody=everybody)


def total(model=MinuteCalls):
    """All calls, which are the same however they are counted."""
    by_caller, of_everybody = (
        own(model, everybody=everybody).aggregate(n=Sum("calls"))["n"] or 0 for everybody in (False, True)
    )
    assert by_caller == of_everybody
    return by_caller


def test_counts_and_position_are_saved_together(tail, known):
    version, credential, plan = known
    count(tail, now_line(known), now_line(known))
    count(tail, now_line(known), b"rubbish\n", now_line(known, probe="1"))
    assert total() == 3
    series = CallSeries.objects.get(everybody=False)
    assert (series.version, series.credential, series.plan) == (version, credential, plan)
    assert (series.api, series.application, series.operation) == (
        version.api,
        credential.application,
        "GET /items",
    )
    at = LogPosition.objects.get()
    assert (at.lines, at.probes, at.malformed, at.offset) == (5, 1, 1, tail.log.live.stat().st_size)


def test_histogram_is_added_bucket_by_bucket(tail, known):
    for took in (7, 7, 8, 40_000):
        count(tail, now_line(known, duration_ms=took))
    latency = [sum(bucket) for bucket in zip(*own().values_list("latency", flat=True), strict=True)]
    assert (latency[4], latency[5], latency[-1], sum(latency)) == (2, 1, 1, 4)


def test_failed_save_counts_nothing_and_then_all(tail, known, monkeypatch):
    def broken(*args):
        raise OperationalError("away")

    append(tail.log.live, now_line(known))
    with monkeypatch.context() as patch:
        patch.setattr(store.quotas, "add", broken)
        with pytest.raises(OperationalError):
            tail.step()
    assert (total(), CallSeries.objects.count()) == (0, 0)
    count(tail, now_line(known))
    assert total() == 2


def test_two_counters_count_once(tail, known, tmp_path):
    count(tail, now_line(known))
    count(Tail(log_in(tmp_path)), now_line(known))
    count(tail, now_line(known))
    assert total() == 3


def test_names_that_nobody_has_count_all_the_same(tail):
    count(tail, line(), line(api=None, version=None, operation=None, application=None, credential=None))
    assert total() == 2
    assert set(CallSeries.objects.values_list("application", "api")) == {(None, None)}


def test_everybodys_calls_are_counted_by_operation(tail, known):
    version, _, _ = known
    other = factories.KeyFactory().credential
    names = {"application": other.application.public_id, "credential": other.public_id}
    count(tail, now_line(known), now_line(known, **names), now_line(known, operation="GET /other"))
    assert CallSeries.objects.filter(everybody=False).count() == 3
    together = CallSeries.objects.filter(everybody=True)
    assert {(row.version, row.operation, row.application) for row in together} == {
        (version, "GET /items", None),
        (version, "GET /other", None),
    }
    sums = own(everybody=True).values_list("series__operation").annotate(Sum("calls"), Sum("latency__4"))
    assert set(sums) == {("GET /items", 2, 2), ("GET /other", 1, 1)}


def test_step_without_anything_new_asks_nothing_of_the_database(tail, known, django_assert_num_queries):
    count(tail, now_line(known))
    with django_assert_num_queries(0):
        tail.step()


# ---- last use -----------------------------------------------------------------------------------------------------
def test_last_use_is_noted_at_most_once_a_minute(tail, known):
    credential = known[1]
    count(tail, now_line(known, seconds_ago=90))
    first = seen(credential)
    assert timezone.now() - first < dt.timedelta(seconds=95)
    count(tail, now_line(known, seconds_ago=60))
    assert seen(credential) == first
    count(tail, now_line(known))
    assert seen(credential) > first


def seen(credential):
    return Credential.objects.values_list("last_used_at", flat=True).get(pk=credential.pk)


def test_last_use_is_on_the_credential_pages(tail, known, client_as, admin):
    credential = known[1]
    page = client_as(admin).get(credential.get_absolute_url()).content.decode()
    assert "not recorded" in page
    count(tail, now_line(known))
    for address in (
        credential.get_absolute_url(),
        "/credentials/",
        credential.application.get_absolute_url(),
        f"{credential.get_absolute_url()}rotate/",
    ):
        assert "not recorded" not in client_as(admin).get(address).content.decode(), address


# ---- single failed calls ------------------------------------------------------------------------------------------
def test_failed_call_is_kept_with_its_reason(tail, known):
    refused = {"status": 403, "reason": "not_subscribed"}
    count(
        tail,
        now_line(known),
        now_line(known, status=502),
        now_line(known, path="/a\0b" + "x" * 600, **refused),
    )
    assert [(row.status, row.reason) for row in FailedCall.objects.order_by("status")] == [
        (403, "not_subscribed"),
        (502, ""),
    ]
    assert "\0" not in FailedCall.objects.get(status=403).path


def test_failed_calls_are_forgotten(tail, known, settings):
    count(tail, *[now_line(known, status=500, path=f"/{n}") for n in range(20)])
    settings.REQUEST_LOG_ROWS = 5
    tasks.prune_usage()
    assert [row.path for row in FailedCall.objects.order_by("pk")] == [f"/{n}" for n in range(15, 20)]
    FailedCall.objects.filter(path="/15").update(at=timezone.now() - dt.timedelta(days=8))
    tasks.prune_usage()
    assert FailedCall.objects.count() == 4


# ---- rollups ------------------------------------------------------------------------------------------------------
def test_rollups_are_the_sums_however_often_they_run(tail, known):
    count(tail, *[now_line(known, seconds_ago=1800 * n, duration_ms=n) for n in range(20)])
    for _ in range(3):
        tasks.roll_up_usage()
        assert total() == total(HourCalls) == total(DayCalls) == 20
    assert not RollupDue.objects.exists()
    count(tail, now_line(known, seconds_ago=3600), now_line(known, status=500))
    tasks.roll_up_usage()
    assert total() == total(HourCalls) == total(DayCalls) == 22
    buckets = [sum(row.latency) for row in own(DayCalls)]
    assert sum(buckets) == 22


def test_minute_counted_during_a_rollup_is_summed_up_next_time(tail, known):
    count(tail, now_line(known))
    due = RollupDue.objects.get()
    count(tail, now_line(known))
    with transaction.atomic():
        rollups._roll(due)
    assert RollupDue.objects.filter(unit="hour").exists()
    tasks.roll_up_usage()
    assert total(HourCalls) == 2


def test_old_counts_are_forgotten_once_they_are_summed_up(tail, known, settings):
    count(tail, now_line(known, seconds_ago=3600 * 30), now_line(known))
    settings.USAGE_MINUTE_DAYS = 1
    tasks.prune_usage()
    assert total() == 2, "not summed up yet"
    tasks.roll_up_usage()
    tasks.prune_usage()
    assert (total(), total(HourCalls), total(DayCalls)) == (1, 2, 2)
    settings.USAGE_HOUR_DAYS = settings.USAGE_DAY_DAYS = 0
    tasks.prune_usage()
    assert (total(HourCalls), total(DayCalls)) == (0, 0)


def test_line_of_a_forgotten_time_counts_where_counts_are_kept(tail, known, settings):
    """A WebSocket that ends after a week must not replace a summed-up hour by itself."""
    count(tail, now_line(known, seconds_ago=3600 * 24 * 9))
    at = own().get().at
    assert timezone.now() - at < dt.timedelta(days=settings.USAGE_MINUTE_DAYS)


def test_series_without_counts_are_forgotten(tail, known, settings):
    count(tail, now_line(known), now_line(known, operation="GET /old", seconds_ago=60))
    tasks.roll_up_usage()
    tasks.prune_usage()
    assert CallSeries.objects.count() == 4
    for model in (MinuteCalls, HourCalls, DayCalls):
        model.objects.filter(series__operation="GET /old").delete()
    tasks.prune_usage()
    assert set(CallSeries.objects.values_list("operation", flat=True)) == {"GET /items"}


def test_series_is_known_anew_each_day(tail, known, monkeypatch):
    """What was forgotten meanwhile gets a new row: no count is left without its series."""
    count(tail, now_line(known))
    MinuteCalls.objects.all().delete()
    tasks.prune_usage()
    assert not CallSeries.objects.exists()
    tomorrow = timezone.now() + dt.timedelta(days=1)
    monkeypatch.setattr(timezone, "now", lambda: tomorrow)
    count(tail, now_line(known))
    assert total() == 1
