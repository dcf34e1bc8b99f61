"""Home: what needs somebody, what they use, what changed; and the same lists on an application's page."""

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apis.models import Comparison, Document, PlanApproval, Publication
from gateway import home, tasks
from gateway.models import QuotaUse, Receipt, ReceiptStatus
from gateway.usage.quotas import Quota
from gateway.usage.subscribed import by_urgency, lately, rows_of
from gateway.usage.tail import Tail
from subscriptions.models import Subscription, SubscriptionStatus as Status
from tests import factories
from tests.gateway.logs import append, line, log_in

pytestmark = pytest.mark.django_db
NOW = timezone.now


def use(subscription, used):
    """As if the gateway had counted so many calls in the present period."""
    start, end = Quota.of(subscription.plan).span(NOW())
    QuotaUse.objects.create(
        application=subscription.application,
        api=subscription.api,
        period=subscription.plan.quota_period,
        starts_at=start,
        ends_at=end,
        used=used,
    )


@pytest.fixture
def plan():
    return factories.PlanFactory(slug="gold", quota_requests=100, quota_period="day")


@pytest.fixture
def api(plan):
    return factories.ApiVersionFactory(
        api=factories.ApiFactory(slug="orders", name="Orders <b>"), plans=[plan], version="1.0.0"
    ).api


@pytest.fixture
def application(consumer):
    return factories.ApplicationFactory(name="Shop <i>")


@pytest.fixture
def subscription(application, api, plan):
    return factories.SubscriptionFactory(application=application, api=api, plan=plan)


def text_of(client, path="/home/"):
    answer = client.get(path)
    assert answer.status_code == 200
    text = answer.content.decode()
    assert "Shop <i>" not in text
    assert "Orders <b>" not in text
    return text


def test_nobody_is_asked_to_sign_in(client_as):
    assert client_as(None).get("/home/")["Location"] == "/login/?next=/home/"


def test_home_is_first_in_the_navigation_and_after_signing_in(client_as, consumer):
    assert '<a href="/home/" data-go="h">Home</a>' in client_as(consumer).get("/").content.decode()
    assert 'href="/home/"' not in client_as(None).get("/").content.decode()
    answer = client_as(None).post("/login/", {"login": consumer.email, "password": "correct horse battery"})
    assert answer["Location"] == "/home/"


# ---- the first steps ----------------------------------------------------------------------------------------------
def test_newcomer_is_told_three_steps(client_as, consumer, plan, api):
    client = client_as(consumer)
    text = text_of(client)
    assert "Three steps to a first call" in text
    assert text.count(">Done<") == 0
    application = factories.ApplicationFactory()
    assert text_of(client).count("Done</span>") == 1
    factories.SubscriptionFactory(application=application, api=api, plan=plan)
    text = text_of(client)
    assert text.count("Done</span>") == 2
    assert f"/applications/{application.public_id}/new-key/" in text
    factories.KeyFactory(application=application)
    assert "Three steps" not in text_of(client)


def test_who_only_publishes_is_not_told_to_consume(client_as, publisher, api):
    assert "Three steps" not in text_of(client_as(publisher))


# ---- what needs somebody ------------------------------------------------------------------------------------------
def test_what_ends_soonest_comes_first(client_as, consumer, application, subscription):
    version = subscription.api.current_version
    version.status, version.sunset_on = Publication.DEPRECATED, (NOW() + dt.timedelta(days=9)).date()
    version.successor = "2.0.0"
    version.save()
    late, soon, far = (factories.KeyFactory(application=application, name=name).credential for name in "abc")
    for credential, days in ((late, 20), (soon, 2), (far, 90)):
        credential.expires_at = NOW() + dt.timedelta(days=days)
        credential.save()
    texts = [notice.text for notice in home.needed_of(consumer)]
    assert texts[0] == "API key b expires"
    assert "retires on" in texts[1]
    assert texts[2:] == ["API key a expires"]
    text = text_of(client_as(consumer))
    assert f"/credentials/{soon.public_id}/rotate/" in text
    assert "2.0.0 replaces it" in text


def test_member_is_not_sent_to_rotate(application):
    member = factories.person("Mia Member", team="consumers")
    credential = factories.KeyFactory(application=application).credential
    credential.expires_at = NOW() + dt.timedelta(days=2)
    credential.save()
    (notice,) = home.needed_of(member)
    assert (notice.action, notice.address) == ("See it", credential.get_absolute_url())


def test_stuck_change_is_told_and_running_one_shown(client_as, consumer, subscription):
    Receipt.objects.create(
        subscription=subscription, event="approved", status=ReceiptStatus.STUCK, problem="Envoy is away <b>."
    )
    running = Receipt.objects.create(subscription=subscription, event="approved")
    text = text_of(client_as(consumer))
    assert "did not reach the gateway" in text
    assert "Envoy is away &lt;b&gt;." in text
    assert running.get_absolute_url() in text
    assert "On the way to the gateway" in text


def test_requests_are_shown_to_both_sides(client_as, consumer, publisher, stranger, application, api):
    manual = factories.PlanFactory(approval=PlanApproval.MANUAL)
    row = factories.SubscriptionFactory(application=application, api=api, plan=manual, status=Status.PENDING)
    mine, theirs = text_of(client_as(consumer)), text_of(client_as(publisher))
    assert "Your requests" in mine
    assert "For you to decide" not in mine
    assert "For you to decide" in theirs
    assert row.get_absolute_url() in theirs
    assert row.get_absolute_url() not in text_of(client_as(stranger))


# ---- what changed -------------------------------------------------------------------------------------------------
def test_changes_are_of_the_apis_in_use(client_as, consumer, subscription):
    api = subscription.api
    old = api.current_version
    assert home.changes_for(consumer) == [], "the first version is no news"
    new = factories.ApiVersionFactory(api=api, version="2.0.0", published_at=NOW())
    old.status, old.deprecated_at = Publication.DEPRECATED, NOW() - dt.timedelta(days=1)
    old.save()
    before, after = (
        Document.objects.create(version=old, sha256=text * 64, format="openapi-3.1", text=text)
        for text in "ab"
    )
    change = Comparison.objects.create(
        version=old, old=before, new=after, took_at=NOW() - dt.timedelta(days=2), breaking=2
    )
    Comparison.objects.create(version=old, old=before, new=after, took_at=NOW(), safe=2)
    elsewhere = factories.ApiVersionFactory(version="1").api
    factories.ApiVersionFactory(api=elsewhere, version="2", published_at=NOW())
    found = home.changes_for(consumer)
    assert [notice.address for notice in found] == [
        new.get_absolute_url(),
        old.get_absolute_url(),
        change.get_absolute_url(),
    ]
    assert "broke its definition" in text_of(client_as(consumer))


def test_old_changes_and_hidden_apis_are_no_news(consumer, subscription):
    api = subscription.api
    factories.ApiVersionFactory(api=api, version="2.0.0", published_at=NOW() - dt.timedelta(days=40))
    factories.ApiVersionFactory(api=api, version="3.0.0", published_at=NOW())
    assert len(home.changes_for(consumer)) == 1
    api.visibility = "team"
    api.save()
    assert home.changes_for(consumer) == []


# ---- subscriptions ------------------------------------------------------------------------------------------------
def test_most_urgent_subscription_comes_first(application, plan):
    def one(status=Status.ACTIVE, used=0):
        row = factories.SubscriptionFactory(application=application, plan=plan, status=status)
        if used:
            use(row, used)
        return row

    rows = [
        one(Status.CANCELLED),
        one(),
        one(used=10),
        one(Status.PENDING),
        one(used=80),
        one(used=95),
        one(used=100),
        one(Status.SUSPENDED, used=1),
    ]
    found = list(by_urgency(application.subscriptions.select_related("api", "plan")))
    # Both first ones refuse calls; of them the one with more of its quota used.
    assert [rows.index(row) for row in found] == [6, 7, 5, 4, 3, 2, 1, 0]
    looks = [row.look for row in rows_of(found)]
    assert looks[0] == ("warn", "Refusing with 429", "warn")
    assert looks[1] is None


def test_state_is_what_the_receipt_proves(subscription):
    def look():
        (row,) = rows_of([subscription])
        return row.look and row.look[1]

    assert look() is None
    receipt = Receipt.objects.create(subscription=subscription, event="approved")
    assert look() == "On its way"
    receipt.status, receipt.probed_at = ReceiptStatus.COMPLETE, NOW()
    receipt.save()
    assert look() == "Enforced"
    version = subscription.api.current_version
    version.status, version.sunset_on = Publication.DEPRECATED, dt.date(2027, 1, 31)
    version.save()
    subscription.api.refresh_from_db()
    assert look() == "Retires 31 Jan"


def test_calls_quota_and_what_remains_are_shown(client_as, consumer, subscription, tmp_path):
    tail = Tail(log_in(tmp_path))
    key = factories.KeyFactory(application=subscription.application).credential
    names = {"application": subscription.application.public_id, "credential": key.public_id}
    lines = [line(time=NOW().isoformat().replace("+00:00", "Z"), **names)] * 7
    lines += [line(time=(NOW() - dt.timedelta(days=2)).isoformat().replace("+00:00", "Z"), **names)] * 3
    append(tail.log.live, *lines)
    while tail.step():
        pass
    tasks.roll_up_usage()
    for path in ("/home/", subscription.application.get_absolute_url()):
        text = text_of(client_as(consumer), path)
        assert "Orders &lt;b&gt;: 7 calls in the last 24 hours" in text
        assert "7 of 100 a day" in text
        assert "93" in text
    found = lately(subscription.application)
    assert (found.day, found.week) == (7, 10)
    text = text_of(client_as(consumer), f"{subscription.application.get_absolute_url()}delete/")
    assert "7 calls in the last 24 hours, 10 in the last 7 days" in text


def test_admins_home_is_their_own(client_as, admin, subscription):
    text = text_of(client_as(admin))
    assert "Shop" not in text
    assert "Your teams have none yet" in text


@pytest.mark.parametrize("path", ["/home/", "application"])
def test_pages_take_as_many_queries_whatever_there_is(
    client_as, consumer, application, plan, path, django_assert_max_num_queries
):
    def more(count):
        for n in range(count):
            other = application if n % 2 else factories.ApplicationFactory()
            row = factories.SubscriptionFactory(application=other, plan=plan)
            use(row, n)
            factories.SubscriptionFactory(application=other, plan=plan, status=Status.PENDING)
            Receipt.objects.create(subscription=row, event="approved")
            factories.ApiVersionFactory(api=row.api, version="2.0.0", published_at=NOW())
            credential = factories.KeyFactory(application=other).credential
            credential.expires_at = NOW() + dt.timedelta(days=3)
            credential.save()

    path = application.get_absolute_url() if path == "application" else path
    client = client_as(consumer)
    more(6)
    client.get(path)
    with CaptureQueriesContext(connection) as few:
        client.get(path)
    more(20)
    with django_assert_max_num_queries(len(few)):
        text_of(client, path)
    assert Subscription.objects.count() > 40
    assert "subscriptions=2" in text_of(client, path) or "page=2" in text_of(client, path)
