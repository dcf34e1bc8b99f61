"""Usage as people and programs read it: pages, CSV, REST; who sees what."""

import csv
import datetime as dt
import io

import pytest
from django.utils import timezone

from gateway import tasks
from gateway.models import BUCKETS_MS, QuotaUse
from gateway.usage.charts import nice_top, short
from gateway.usage.latency import percentile
from gateway.usage.ranges import RANGES
from gateway.usage.tail import Tail
from tests import factories
from tests.gateway.logs import append, line, log_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def calls(tmp_path, consumer, publisher):
    """An application of `consumer` calls an API of `publisher`: 6 calls answered, 2 refused, 1 failed, 1 by nobody."""
    plan = factories.PlanFactory(slug="gold", quota_requests=100, quota_period="month")
    version = factories.ApiVersionFactory(api=factories.ApiFactory(slug="orders", name="Orders <b>"))
    credential = factories.KeyFactory(application=factories.ApplicationFactory(name="Shop <i>")).credential
    subscription = factories.SubscriptionFactory(
        application=credential.application, api=version.api, plan=plan
    )
    names = {
        "application": credential.application.public_id,
        "credential": credential.public_id,
        "time": timezone.now().isoformat().replace("+00:00", "Z"),
    }
    tail = Tail(log_in(tmp_path))
    append(
        tail.log.live,
        *[line(duration_ms=took, **names) for took in (1, 2, 4, 6, 80)],
        line(environment="sandbox", **names),
        *[line(status=429, reason="plan_rate", path='/<script>"', **names)] * 2,
        line(status=502, **names),
        line(status=401, reason="key_unknown", **(names | {"application": None, "credential": None})),
    )
    while tail.step():
        pass
    tasks.roll_up_usage()
    return subscription


def page_of(client, **query):
    answer = client.get("/usage/", query)
    assert answer.status_code == 200
    return answer


def total(answer):
    return answer.context["report"].totals.calls


@pytest.mark.parametrize("found", RANGES)
def test_consumer_sees_the_calls_of_own_applications(client_as, consumer, calls, found):
    answer = page_of(client_as(consumer), range=found)
    report = answer.context["report"]
    assert (report.totals.calls, report.totals.failed, report.refused) == (9, 3, 2)
    assert [sum(points) for points in report.points.values()] == [9]
    assert [(failure.reason, failure.calls) for failure in report.failures] == [("plan_rate", 2), ("", 1)]
    text = answer.content.decode()
    assert "Orders &lt;b&gt;" in text
    assert "<b>" not in text.replace("</b>", "").partition("<main")[2]


def test_publisher_sees_who_calls_the_apis_of_the_team(client_as, publisher, calls):
    answer = page_of(client_as(publisher), of="orders")
    assert total(answer) == 10
    assert {group.name for group in answer.context["report"].parties} == {"Shop <i>", "Unknown"}
    assert total(page_of(client_as(publisher), of="apis")) == 10
    assert total(page_of(client_as(publisher))) == 10


def test_admin_sees_everything(client_as, admin, calls):
    assert total(page_of(client_as(admin))) == 10


def test_stranger_sees_nothing(client_as, stranger, calls):
    client = client_as(stranger)
    assert total(page_of(client)) == 0
    for of in ("orders", calls.application.public_id, "nonsense"):
        for address in ("/usage/", "/usage/calls.csv", "/usage/failed/", "/api/v1/usage/"):
            assert client.get(address, {"of": of}).status_code == 404, (address, of)
    assert client.get("/api/v1/failed-calls/").json()["results"] == []
    assert client.get("/api/v1/quotas/").json()["results"] == []
    assert "Shop" not in client.get("/usage/failed/").content.decode()


def test_consumer_does_not_see_others_calls_to_an_api(client_as, consumer, calls):
    assert client_as(consumer).get("/usage/", {"of": "orders"}).status_code == 404


def test_nobody_is_asked_to_sign_in(client_as):
    assert client_as(None).get("/usage/").status_code == 302
    assert client_as(None).get("/api/v1/usage/").status_code in {401, 403}


def test_environment_is_a_filter(client_as, consumer, calls):
    assert total(page_of(client_as(consumer), environment="sandbox")) == 1


def test_page_answers_htmx_with_its_part(client_as, consumer, calls):
    answer = client_as(consumer).get("/usage/", headers={"HX-Request": "true"})
    assert answer.content.decode().lstrip().startswith('<div class="stack g6" id="usage">')


def test_page_shows_charts_with_a_sentence_and_a_table(client_as, consumer, calls):
    text = page_of(client_as(consumer), range="24h").content.decode()
    assert 'role="img" aria-label="Calls an hour, from' in text
    assert text.count('<svg class="chart') == 3
    assert "Orders &lt;b&gt; 9 in all" in text
    assert text.count("<details") == 3
    assert "Busiest:" in text
    assert "9 of 100" not in text
    assert "7 of 100 a month" in text


def test_page_marks_when_a_quota_was_used_up(client_as, consumer, publisher, calls):
    QuotaUse.objects.update(used=100, exhausted_at=timezone.now())
    text = page_of(client_as(consumer), range="24h").content.decode()
    assert text.count('<line class="mk"') == 2
    assert text.count("Orders &lt;b&gt; quota used up") == 4  # two drawings, each with its sentence
    assert "Ask for a bigger plan" in text
    assert f"{calls.get_absolute_url()}change-plan/" in text
    theirs = page_of(client_as(publisher), of="orders").content.decode()
    assert "Shop &lt;i&gt; quota used up" in theirs
    assert "Ask for a bigger plan" not in theirs
    QuotaUse.objects.update(exhausted_at=timezone.now() - dt.timedelta(days=3))
    assert '<line class="mk"' not in page_of(client_as(consumer)).content.decode()


def test_bigger_plan_is_for_who_may_subscribe(client_as, calls):
    QuotaUse.objects.update(used=90)
    member = factories.person("Mia Member", team=calls.application.team.slug, role="member")
    text = page_of(client_as(member)).content.decode()
    assert "Ask for a bigger plan" in text
    assert f"{calls.get_absolute_url()}change-plan/" not in text


def test_page_without_calls_says_so(client_as, consumer):
    assert "No calls in this time." in page_of(client_as(consumer)).content.decode()


def test_csv_has_the_numbers_of_the_chart(client_as, consumer, calls):
    answer = client_as(consumer).get("/usage/calls.csv", {"range": "24h"})
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert len(rows) == 24
    assert sum(int(row["calls"]) for row in rows) == 9
    assert answer["Content-Type"].startswith("text/csv")


def test_page_takes_few_queries(client_as, consumer, calls, django_assert_max_num_queries):
    client = client_as(consumer)
    page_of(client)
    with django_assert_max_num_queries(32):
        page_of(client)


def test_failed_calls_are_listed_with_reasons(client_as, consumer, calls):
    text = client_as(consumer).get("/usage/failed/").content.decode()
    assert text.count("Too many requests") >= 2
    assert "The API answered 5xx" in text
    assert "&lt;script&gt;&quot;" in text
    assert (
        "/&lt;script"
        not in client_as(consumer).get("/usage/failed/", {"reason": "upstream_timeout"}).content.decode()
    )


def test_publisher_does_not_see_callers_credentials(client_as, publisher, consumer, calls):
    label = calls.application.credentials.get().prefix
    assert label in client_as(consumer).get("/usage/failed/").content.decode()
    text = client_as(publisher).get("/usage/failed/", {"of": "orders"}).content.decode()
    assert "Too many requests" in text
    assert label not in text


def test_applications_of_one_name_are_told_apart(client_as, publisher, calls, tmp_path):
    other = factories.ApplicationFactory(
        name=calls.application.name, team=factories.TeamFactory(slug="others")
    )
    tail = Tail(log_in(tmp_path))
    append(
        tail.log.live,
        line(
            application=other.public_id,
            credential=None,
            time=timezone.now().isoformat().replace("+00:00", "Z"),
        ),
    )
    tail.step()
    report = page_of(client_as(publisher), of="orders", range="1h").context["report"]
    assert {name: sum(points) for name, points in report.points.items()} == {
        "Shop <i>": 9,
        "Shop <i> (2)": 1,
        "Unknown": 1,
    }
    assert sorted(group.calls for group in report.parties) == [1, 1, 9]


def test_pages_lead_to_their_calls(client_as, consumer, publisher, calls):
    application, api = calls.application, calls.api
    assert (
        f"/usage/?of={application.public_id}"
        in client_as(consumer).get(application.get_absolute_url()).content.decode()
    )
    for person, shown in ((publisher, True), (consumer, False)):
        text = client_as(person).get(api.get_absolute_url(), follow=True).content.decode()
        assert (f"/usage/?of={api.slug}" in text) is shown


def test_subscription_page_shows_what_is_left(client_as, consumer, publisher, calls):
    for person in (consumer, publisher):
        text = client_as(person).get(calls.get_absolute_url()).content.decode()
        assert "7 of 100 a month" in text
        assert "93 left" in text


# ---- REST ---------------------------------------------------------------------------------------------------------
def test_rest_usage_is_what_the_page_shows(client_as, consumer, calls):
    body = client_as(consumer).get("/api/v1/usage/", {"range": "1h"}).json()
    assert (body["calls"], body["failed"], body["refused"], body["of"]) == (9, 3, 2, "applications")
    assert len(body["begins"]) == len(body["points"][0]["calls"]) == 60
    assert body["operations"][0]["name"] == "GET /items"
    assert body["reasons"][0] == {
        "reason": "plan_rate",
        "status_class": 4,
        "api": "Orders <b>",
        "calls": 2,
    }
    assert 0 < body["latency"]["p50_ms"] < body["latency"]["p99_ms"] <= 100


def test_rest_quotas_say_what_is_left(client_as, consumer, calls):
    (body,) = client_as(consumer).get("/api/v1/quotas/", {"subscription": calls.public_id}).json()["results"]
    assert (body["quota"], body["used"], body["remaining"], body["period"]) == (100, 7, 93, "month")
    assert client_as(consumer).get("/api/v1/quotas/", {"api": "other"}).json()["results"] == []


def test_rest_failed_calls_are_filtered(client_as, consumer, publisher, calls):
    mine = client_as(consumer).get("/api/v1/failed-calls/").json()["results"]
    assert sorted(row["status"] for row in mine) == [429, 429, 502]
    theirs = client_as(publisher).get("/api/v1/failed-calls/", {"reason": "key_unknown"}).json()["results"]
    assert [(row["status"], row["application"]) for row in theirs] == [(401, None)]


# ---- numbers ------------------------------------------------------------------------------------------------------
def test_percentiles_are_read_within_a_bucket():
    buckets = [0] * (len(BUCKETS_MS) + 1)
    assert percentile(buckets, 50) is None
    buckets[5] = 100
    assert percentile(buckets, 50) == pytest.approx(8.5)
    buckets[-1] = 900
    assert percentile(buckets, 99) == 30_000


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (999, "999"), (1200, "1,200"), (12_340, "12.3k"), (2_000_000, "2M")]
)
def test_short_numbers(number, text):
    assert short(number) == text


@pytest.mark.parametrize("most", [0, 1, 4, 5, 9, 10, 11, 99, 101, 999, 14_800, 10**9])
def test_axis_holds_what_is_drawn(most):
    assert most <= nice_top(most) <= max(4, most * 2)


def test_ranges_end_now():
    now = dt.datetime(2026, 11, 23, 14, 37, 5, tzinfo=dt.UTC)
    assert RANGES["1h"].starts(now)[-1] == now.replace(second=0)
    assert RANGES["24h"].starts(now)[-1] == now.replace(minute=0, second=0)
    assert RANGES["14d"].starts(now)[0] == dt.datetime(2026, 11, 10, tzinfo=dt.UTC)
