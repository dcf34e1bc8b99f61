"""Consents for scripts: the same as the page."""

import pytest

from keymanager import signing
from keymanager.models import Consent, RevokedToken
from portal.accounts.models import AuditEvent
from tests import factories
from tests.keymanager.authorization import CALLBACK, allow, redeem, refresh

pytestmark = pytest.mark.django_db
WHERE = "/api/v1/consents/"


@pytest.fixture
def shop(application, consumer):
    return factories.ClientFactory(application=application, by=consumer, redirect_uris=[CALLBACK])


def test_list_read_withdraw(shop, client_as, stranger, ask):
    browser = client_as(stranger)
    body = redeem(ask, shop, allow(browser, shop, scope="openid items:read")).json()
    (row,) = browser.get(WHERE).json()["results"]
    consent = Consent.objects.get()
    assert row.pop("created_at")
    assert row == {
        "id": consent.public_id,
        "application": consent.application.public_id,
        "name": "Checkout",
        "team": "consumers",
        "environment": "production",
        "scopes": ["items:read", "openid"],
        "resources": [],
    }
    assert browser.get(f"{WHERE}{consent.public_id}/").json()["id"] == consent.public_id
    assert browser.delete(f"{WHERE}{consent.public_id}/").status_code == 204
    assert not Consent.objects.exists()
    assert RevokedToken.objects.get().jti == signing.verify(body["access_token"])["jti"]
    assert refresh(ask, shop, body["refresh_token"]).status_code == 400
    assert AuditEvent.objects.get(event="consent_withdrawn").by == stranger


def test_consents_are_nobody_elses(shop, client_as, stranger, consumer, admin):
    allow(client_as(stranger), shop)
    where = f"{WHERE}{Consent.objects.get().public_id}/"
    for other in (consumer, admin):
        assert client_as(other).get(WHERE).json()["results"] == []
        assert client_as(other).get(where).status_code == 404
        assert client_as(other).delete(where).status_code == 404
    assert client_as(None).get(WHERE).status_code in {401, 403}
    assert client_as(None).delete(where).status_code in {401, 403}
    assert Consent.objects.exists()
