"""What an API key may be limited to, and what its rotation makes of that."""

import pytest

from keymanager import actions
from keymanager.models import Credential
from portal.accounts.models import AuditEvent
from portal.errors import Invalid
from subscriptions.models import Subscription, SubscriptionStatus
from tests import factories

pytestmark = pytest.mark.django_db
API = "/api/v1"
RANGES = ["203.0.113.0/24", "2001:db8::/32"]


def limited(application, by, **fields):
    limits = {"allowed_apis": ["items"], "allowed_ranges": RANGES, **fields}
    return actions.issue_key(
        application=application, environment="production", name="CI", by=by, **limits
    ).credential


def slugs(credential) -> list[str]:
    return sorted(api.slug for api in credential.allowed_apis.all())


def test_issue_limited(application, consumer):
    key = limited(application, consumer)
    key.refresh_from_db()
    assert (slugs(key), key.allowed_ranges) == (["items"], RANGES)
    event = AuditEvent.objects.get(event="credential_issued")
    assert (event.data["apis"], event.data["ranges"]) == (["items"], RANGES)


def test_issue_without_limits_is_for_all(key_of):
    assert (slugs(key_of.credential), key_of.credential.allowed_ranges) == ([], [])


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"allowed_apis": ["items", "other"]}, "allowed_apis"),
        ({"allowed_apis": ["nothing"]}, "allowed_apis"),
        ({"allowed_ranges": ["10.0.0.1/8"]}, "allowed_ranges"),
    ],
)
def test_issue_beyond_the_application(fields, field, application, consumer):
    factories.ApiVersionFactory(api=factories.ApiFactory(slug="other"))
    with pytest.raises(Invalid) as refusal:
        limited(application, consumer, **fields)
    assert refusal.value.field == field
    assert not Credential.objects.exists()


def test_issue_for_an_api_whose_subscription_ended(application, consumer):
    Subscription.objects.update(status=SubscriptionStatus.CANCELLED)
    with pytest.raises(Invalid):
        limited(application, consumer)


@pytest.mark.parametrize("overlap", [0, 900])
def test_rotate_keeps_the_limits(overlap, application, consumer):
    old = limited(application, consumer)
    Subscription.objects.update(status=SubscriptionStatus.CANCELLED)  # what it may never widens
    new = actions.rotate(credential=old, overlap=overlap, by=consumer).credential
    new.refresh_from_db()
    assert (slugs(new), new.allowed_ranges) == (["items"], RANGES)


def test_gateway_hears_of_a_key_with_its_limits(application, consumer):
    """The notice comes when everything that the gateway compiles is written."""
    from keymanager.signals import credential_changed

    seen = []

    def listen(instance, **kwargs):
        seen.append((slugs(instance), Credential.objects.get(pk=instance.pk).allowed_ranges))

    credential_changed.connect(listen)
    try:
        limited(application, consumer)
    finally:
        credential_changed.disconnect(listen)
    assert seen == [(["items"], RANGES)]


# ---- pages --------------------------------------------------------------------------------------------------------
FORM = {"name": "CI", "environment": "production", "expires": "90"}


def test_page_issues_a_limited_key(client_as, consumer, application):
    browser, page = client_as(consumer), f"/applications/{application.public_id}/new-key/"
    body = browser.get(page).content.decode()
    assert 'value="items"' in body
    fields = {**FORM, "allowed_apis": ["items"], "allowed_ranges": "203.0.113.0/24,\n 2001:db8::/32"}
    assert browser.post(page, fields).status_code == 200
    key = Credential.objects.get()
    assert (slugs(key), key.allowed_ranges) == (["items"], RANGES)
    shown = browser.get(key.get_absolute_url()).content.decode()
    assert "203.0.113.0/24, 2001:db8::/32" in shown


@pytest.mark.parametrize(
    ("fields", "said"),
    [({"allowed_ranges": "10.0.0.1/8"}, "10.0.0.0/8"), ({"allowed_apis": ["other"]}, "other")],
)
def test_page_says_what_is_wrong_with_a_limit(fields, said, client_as, consumer, application):
    page = f"/applications/{application.public_id}/new-key/"
    body = client_as(consumer).post(page, {**FORM, **fields}).content.decode()
    assert said in body
    assert not Credential.objects.exists()


def test_page_shows_calls_of_the_allowed_apis_only(client_as, consumer, application):
    other = factories.ApiVersionFactory(
        api=factories.ApiFactory(slug="other", name="Other things"), operations=[("GET", "/others", [])]
    )
    factories.SubscriptionFactory(application=application, api=other.api, plan=factories.PlanFactory())
    page = f"/applications/{application.public_id}/new-key/"
    allowed = client_as(consumer).post(page, {**FORM, "allowed_apis": ["items"]}).content.decode()
    assert "/others" not in allowed
    assert "/others" in client_as(consumer).post(page, FORM).content.decode()


# ---- REST ---------------------------------------------------------------------------------------------------------
def post(client, application, **fields):
    body = {"kind": "api_key", "environment": "production", "name": "CI", **fields}
    path = f"{API}/applications/{application.public_id}/credentials/"
    return client.post(path, body, content_type="application/json")


def test_rest_issues_a_limited_key(client_as, consumer, application):
    response = post(client_as(consumer), application, allowed_apis=["items"], allowed_ranges=RANGES)
    body = response.json()
    assert response.status_code == 201, body
    assert (body["allowed_apis"], body["allowed_ranges"]) == (["items"], RANGES)
    assert body["created_by"] == "Cora Consumer"


@pytest.mark.parametrize(
    "fields",
    [
        {"allowed_ranges": ["office"]},
        {"allowed_ranges": "203.0.113.0/24"},
        {"allowed_apis": ["other"]},
        {"allowed_apis": [{"a": 1}]},
        {"kind": "oauth_client", "allowed_apis": ["items"]},
        {"kind": "oauth_client", "allowed_ranges": RANGES},
    ],
)
def test_rest_says_what_is_wrong_with_a_limit(fields, client_as, consumer, application):
    response = post(client_as(consumer), application, **fields)
    assert response.status_code == 400
    assert set(response.json()["errors"]) == {name for name in fields if name != "kind"}
    assert not Credential.objects.exists()
