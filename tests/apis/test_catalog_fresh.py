"""What is new or changed since somebody was here, and whether an API answers, on the cards of the catalog."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from apis.models import Api, ApiVersion
from gateway.models import VersionHealth

pytestmark = pytest.mark.django_db


def aged(published: ApiVersion, *, created: int, changed: int) -> None:
    """Published and last changed so many days ago."""
    now = timezone.now()
    ApiVersion.objects.filter(pk=published.pk).update(published_at=now - timedelta(days=created))
    Api.objects.filter(pk=published.api_id).update(
        current_version=published, updated_at=now - timedelta(days=changed), visibility="public"
    )


@pytest.mark.parametrize(
    ("created", "changed", "says"),
    [(2, 1, '<span class="fresh">new</span>'), (90, 1, "changed <time"), (90, 30, None)],
)
def test_catalog_says_what_is_new_and_changed(client_as, published, created, changed, says):
    aged(published, created=created, changed=changed)
    page = client_as(None).get("/").text
    assert ('class="fresh"' in page) is bool(says)
    assert not says or says in page


def test_catalog_narrows_to_what_changed_since_the_last_visit(client_as, consumer, published):
    aged(published, created=90, changed=1)
    consumer.visited_at = timezone.now() - timedelta(days=3)
    consumer.save()
    client = client_as(consumer)
    page = client.get("/").text
    assert "Since my last visit" in page
    moment = page.split('name="changed_since"')[1].split('value="')[1].split('"')[0]
    assert "Changed since" in client.get("/", {"changed_since": moment}).text
    aged(published, created=90, changed=5)
    assert "No API fits all of these filters" in client.get("/", {"changed_since": moment}).text
    assert client.get("/api/v1/apis/", {"changed_since": moment}).json()["results"] == []
    assert len(client.get("/api/v1/apis/", {"changed_since": "2026-01-01"}).json()["results"]) == 1


def test_catalog_refuses_a_moment_that_is_none(client_as):
    assert client_as(None).get("/?changed_since=yesterday").status_code == 400
    assert client_as(None).get("/api/v1/apis/?changed_since=yesterday").status_code == 400


@pytest.mark.parametrize(
    ("answering", "shown"), [(None, "Not probed"), (True, "<b>Live</b>"), (False, "<b>Not answering</b>")]
)
def test_catalog_shows_what_the_last_probe_saw(client_as, published, answering, shown):
    aged(published, created=90, changed=30)
    if answering is not None:
        at = timezone.now() - timedelta(minutes=4)
        VersionHealth.objects.create(version=published, answering=answering, at=at)
    page = client_as(None).get("/").text
    assert shown in page
    assert bool(re.search(r"</b> <time [^&]*>4 min ago</time>", page)) is (answering is not None)
    overview = client_as(None).get("/apis/products/").text
    assert ("Not answering" if answering is False else "Live" if answering else "Not probed") in overview
