"""The Subscribers tab: for who decides about subscriptions, with what they call."""

import pytest
from django.utils import timezone

from gateway.models import CallSeries, HourCalls, QuotaUse
from gateway.usage.quotas import period_of
from portal.accounts.models import TeamRole
from tests import factories
from tests.apis.pages import HTMX, text

pytestmark = pytest.mark.django_db
PAGE = "/apis/products/2.3.0/subscribers/"
FILE = "/apis/products/2.3.0/subscribers.csv"


@pytest.fixture
def products(db):
    return factories.ApiVersionFactory(api=factories.ApiFactory(slug="products"), version="2.3.0")


def subscribed(products, name, *, calls=0, hours_ago=1, **fields):
    application = factories.ApplicationFactory(name=name)
    row = factories.SubscriptionFactory(application=application, api=products.api, **fields)
    if calls:
        series = CallSeries.objects.create(
            digest=application.public_id,
            environment="production",
            api=products.api,
            version=products,
            application=application,
        )
        HourCalls.objects.create(
            series=series,
            at=timezone.now() - timezone.timedelta(hours=hours_ago),
            status_class=2,
            reason="",
            calls=calls,
            received=0,
            sent=0,
            latency=[0] * 25,
        )
    return row


def test_subscribers_with_their_calls(client_as, publisher, products):
    subscribed(products, "Checkout", calls=1204)
    subscribed(products, "Old", calls=99, hours_ago=200)
    subscribed(products, "Gone", status="cancelled")
    page = text(client_as(publisher).get(PAGE))
    assert "1,204" in page
    assert "99" not in page.split('id="results"')[1].split("app_")[0]
    assert "Gone" not in page
    assert "Open to suspend" in page
    assert "Gone" in text(client_as(publisher).get(f"{PAGE}?status=cancelled"))


def used(row, calls):
    start, end = period_of("day", "UTC", timezone.now())
    QuotaUse.objects.create(
        application=row.application, api=row.api, period="day", starts_at=start, ends_at=end, used=calls
    )


def test_subscribers_with_what_is_left_of_their_quota(client_as, publisher, products):
    daily = factories.PlanFactory(slug="daily", quota_requests=5000, quota_period="day")
    used(subscribed(products, "Checkout", plan=daily), 1204)
    used(subscribed(products, "Returns", plan=daily), 5000)
    page = text(client_as(publisher).get(PAGE))
    assert "3,796" in page
    assert "of 5,000 a day" in page
    assert "until 00:00" in page
    lines = text(client_as(publisher).get(FILE)).splitlines()
    assert ",0,3796,sub_" in lines[1]
    assert ",0,0,sub_" in lines[2]


def test_subscribers_filters(client_as, publisher, products):
    gold = factories.PlanFactory(slug="gold")
    subscribed(products, "Checkout", plan=gold)
    subscribed(products, "Returns", status="suspended")
    client = client_as(publisher)
    for asked, found in (("q=check", "Checkout"), ("plan=gold", "Checkout"), ("status=suspended", "Returns")):
        page = text(client.get(f"{PAGE}?{asked}", headers=HTMX))
        assert found in page
        assert ("Returns" if found == "Checkout" else "Checkout") not in page
    assert "No subscription matches" in text(client.get(f"{PAGE}?q=%00nobody"))


def test_subscribers_only_for_the_publishing_team(client, client_as, consumer, stranger, admin, products):
    member = factories.person("Mia Member", team="publishers", role=TeamRole.MEMBER)
    for address in (PAGE, FILE):
        assert client.get(address).status_code == 302
        for person in (consumer, stranger):
            assert client_as(person).get(address).status_code == 404
        for person in (member, admin):
            assert client_as(person).get(address).status_code == 200


def test_subscribers_query_count_is_constant(client_as, publisher, products, django_assert_max_num_queries):
    client = client_as(publisher)
    daily = factories.PlanFactory(slug="daily", quota_requests=5000, quota_period="day")
    subscribed(products, "One", plan=daily)
    text(client.get(PAGE))
    with django_assert_max_num_queries(24) as few:
        client.get(PAGE)
    for n in range(12):
        used(subscribed(products, f"App {n}", calls=n, plan=daily), n)
    with django_assert_max_num_queries(len(few)):
        client.get(PAGE)


def test_subscribers_as_a_file(client_as, publisher, products):
    subscribed(products, "=cmd|' /C calc'!A0", calls=7)
    lines = text(client_as(publisher).get(FILE)).splitlines()
    assert lines[0].startswith("application,application_id,team")
    assert lines[1].startswith("'=cmd")
    assert ",7,,sub_" in lines[1]


def test_banner_names_the_readers_own_applications(client_as, consumer, products):
    products.status = "deprecated"
    products.save()
    subscribed(products, "Checkout", calls=1204)
    page = text(client_as(consumer).get("/apis/products/2.3.0/"))
    assert "One of your applications still calls it" in page
    assert "1,204 calls" in page
