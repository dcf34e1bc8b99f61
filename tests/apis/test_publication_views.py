"""Publishers' decisions on pages. test_rest.py carries the same cases over REST."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests import factories
from tests.apis.pages import text

pytestmark = pytest.mark.django_db
TOMORROW = (timezone.now() + timedelta(days=1)).date().isoformat()


@pytest.mark.parametrize(
    ("before", "step", "body", "after"),
    [
        ("discovered", "publish", {}, "published"),
        ("discovered", "reject", {"reason": "No owner."}, "rejected"),
        ("published", "deprecate", {"sunset_on": TOMORROW}, "deprecated"),
        ("deprecated", "republish", {}, "published"),
        ("published", "block", {"reason": "Leaks."}, "blocked"),
        ("blocked", "unblock", {"note": "Mended."}, "published"),
        ("deprecated", "retire", {}, "retired"),
    ],
)
def test_decision(client_as, publisher, version_in, before, step, body, after):
    version = version_in(before)
    client, path = client_as(publisher), version_in(before).get_absolute_url()
    path = f"{version.get_absolute_url()}{step}/"
    assert step in text(client.get(version.get_absolute_url()))
    assert "csrfmiddlewaretoken" in text(client.get(path))
    response = client.post(path, body)
    assert (response.status_code, response["Location"]) == (302, version.get_absolute_url())
    version.refresh_from_db()
    assert version.status == after
    text(client.get(version.get_absolute_url()))


@pytest.mark.parametrize(
    ("before", "step", "body", "said"),
    [
        ("discovered", "reject", {}, "This field is required"),
        ("published", "block", {"reason": " "}, "This field is required"),
        ("published", "deprecate", {}, "This field is required"),
        ("published", "deprecate", {"sunset_on": "soon"}, "valid date"),
        ("published", "deprecate", {"sunset_on": "2020-01-01"}, "is past"),
        ("published", "deprecate", {"sunset_on": TOMORROW, "successor": "9"}, "valid choice"),
        ("discovered", "publish", {"note": "x" * 2001}, "at most 2000"),
    ],
)
def test_decision_bad_input(client_as, publisher, version_in, before, step, body, said):
    version = version_in(before)
    assert said in text(client_as(publisher).post(f"{version.get_absolute_url()}{step}/", body), 400)
    version.refresh_from_db()
    assert version.status == before


@pytest.mark.parametrize("method", ["get", "post"])
def test_decision_conflict(client_as, publisher, version_in, method):
    version = version_in("blocked")
    page = text(getattr(client_as(publisher), method)(f"{version.get_absolute_url()}publish/"), 409)
    assert "blocked" in page


@pytest.mark.parametrize("method", ["get", "post"])
def test_decision_without_permission(client_as, consumer, version_in, method):
    version = version_in("published")
    text(getattr(client_as(consumer), method)(f"{version.get_absolute_url()}block/"), 403)
    assert "/block/" not in text(client_as(consumer).get(version.get_absolute_url()))


@pytest.mark.parametrize("method", ["get", "post"])
def test_decision_unseen(client_as, stranger, version_in, method):
    version = version_in("discovered")
    text(getattr(client_as(stranger), method)(f"{version.get_absolute_url()}publish/"), 404)


def test_decision_anonymous(client, version_in):
    response = client.get(f"{version_in('published').get_absolute_url()}block/")
    assert response.status_code == 302
    assert "/login/" in response["Location"]


def test_retire_says_how_many_lose_access(client_as, publisher, version_in):
    version = version_in("deprecated")
    for _ in range(2):
        factories.SubscriptionFactory(api=version.api)
    assert "2 applications lose access." in text(
        client_as(publisher).get(f"{version.get_absolute_url()}retire/")
    )
    factories.ApiVersionFactory(api=version.api, version="2.0.0")
    assert "they keep 2.0.0" in text(client_as(publisher).get(f"{version.get_absolute_url()}retire/"))


def test_waiting_publishes_the_ticked_ones(client_as, publisher, version_in, granted):
    ticked, other = version_in("discovered"), version_in("discovered")
    foreign = factories.ApiVersionFactory(
        api=factories.ApiFactory(team=factories.TeamFactory(slug="others")), status="discovered"
    )
    client = client_as(publisher)
    page = text(client.get("/publish/"))
    assert ticked.public_id in page
    assert foreign.public_id not in page
    response = client.post(
        "/publish/", {"version": [ticked.public_id, foreign.public_id, "no/such"]}, follow=True
    )
    assert "1 published" in text(response)
    for version, status in ((ticked, "published"), (other, "discovered"), (foreign, "discovered")):
        version.refresh_from_db()
        assert version.status == status


def test_waiting_nothing(client_as, publisher, granted):
    assert "Nothing waits" in text(client_as(publisher).get("/publish/"))
    assert "tick the versions first" in text(client_as(publisher).post("/publish/", follow=True))


def test_waiting_without_permission(client_as, stranger):
    text(client_as(stranger).get("/publish/"), 403)
