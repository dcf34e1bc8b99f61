"""What pages of the catalog keep from one reader to the next: never stale, and never for other eyes."""

import pytest
from django.db import transaction

from apis import permissions
from apis.models import Api, ApiVersion
from portal.accounts.models import Membership, NamespaceGrant, Team
from subscriptions.models import Subscription
from subscriptions.templatetags.approvals import waiting
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hidden(free) -> ApiVersion:
    """Of an API that only its team may see."""
    api = factories.ApiFactory(slug="refunds", name="Refunds", visibility="team")
    version = factories.ApiVersionFactory(api=api, plans=[free])
    Api.objects.filter(pk=api.pk).update(current_version=version)
    return version


def test_kept_page_is_never_for_other_eyes(client_as, publisher, consumer, stranger, admin, hidden):
    pages = ("/apis/refunds/", f"/apis/refunds/{hidden.version}/")
    for _ in range(2):
        for person, status in ((publisher, 200), (admin, 200), (consumer, 404), (stranger, 404), (None, 404)):
            for page in pages:
                assert client_as(person).get(page).status_code == status, (person, page)
        assert "/apis/refunds/" in client_as(publisher).get("/").text
        assert "/apis/refunds/" not in client_as(consumer).get("/").text


def test_kept_page_follows_what_a_person_may(client_as, publisher, stranger, hidden):
    assert client_as(publisher).get("/apis/refunds/").status_code == 200
    client = client_as(stranger)
    assert client.get("/apis/refunds/").status_code == 404
    member = Membership.objects.create(team=Team.objects.get(slug="publishers"), user=stranger, role="member")
    assert client.get("/apis/refunds/").status_code == 200
    assert "/apis/refunds/" in client.get("/").text
    member.delete()
    assert client.get("/apis/refunds/").status_code == 404
    assert "/apis/refunds/" not in client.get("/").text


def test_kept_page_follows_each_change(client_as, consumer, hidden, free):
    client = client_as(consumer)
    page = f"/apis/refunds/{hidden.version}/"
    Api.objects.update(visibility="public")
    assert "Refunds" in client.get(page).text
    Api.objects.update(name="Paybacks")
    assert "Paybacks" in client.get(page).text
    assert "Paybacks" in client.get("/").text
    ApiVersion.objects.update(status="deprecated")
    assert "is deprecated" in client.get(page).text
    assert "Deprecated" in client.get("/").text
    type(free).objects.update(name="Gratis")
    assert "Gratis" in client.get("/").text
    Api.objects.update(visibility="team")
    assert client.get(page).status_code == 404
    assert "Paybacks" not in client.get("/").text


def test_kept_page_keeps_nothing_of_a_transaction_that_is_taken_back(client_as, hidden):
    Api.objects.update(visibility="public")
    client = client_as(None)
    assert "Refunds" in client.get("/").text
    with transaction.atomic():
        Api.objects.update(name="Never said")
        assert "Never said" in client.get("/").text
        transaction.set_rollback(True)
    assert "Never said" not in client.get("/").text + client.get("/apis/refunds/").text


def test_approvals_waiting_are_those_of_the_queryset(publisher, consumer, stranger, admin, hidden, free):
    application = factories.ApplicationFactory(team=factories.TeamFactory(slug="shop"))
    factories.SubscriptionFactory(application=application, api=hidden.api, plan=free, status="pending")
    for person in (publisher, consumer, stranger, admin):
        assert waiting(person) == Subscription.objects.reviewable_by(person).waiting().count()
    assert waiting(publisher) == 1


def test_sync_is_seen_by_whose_team_has_a_namespace(publisher, consumer, admin, hidden):
    assert [permissions.can_view_sync(person) for person in (publisher, consumer, admin)] == [
        False,
        False,
        True,
    ]
    NamespaceGrant.objects.create(cluster="test", namespace="p", team=Team.objects.get(slug="publishers"))
    publisher.roles_by_team = consumer.roles_by_team = None  # as the next request reads them
    assert [permissions.can_view_sync(person) for person in (publisher, consumer, admin)] == [
        True,
        False,
        True,
    ]
    assert [permissions.publishes(person) for person in (publisher, consumer)] == [True, False]
