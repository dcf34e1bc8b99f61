"""All tokens of an application at once: what ends, what goes on, who may."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from gateway.models import Receipt
from keymanager import actions, revocation, tokens
from keymanager.models import TokenCutoff
from portal.accounts.models import AuditEvent
from portal.errors import Conflict, NotFound
from tests import factories
from tests.keymanager.authorization import CALLBACK, allow, redeem, refresh

pytestmark = pytest.mark.django_db
PRESSED = "2026-11-23T12:00:00.4Z"


def claims(application, **changes) -> dict[str, object]:
    return {"jti": "j", "app": application.public_id, "iat": int(timezone.now().timestamp()), **changes}


def test_revoke_ends_tokens_to_the_second(application, client_of, consumer):
    with time_machine.travel(PRESSED, tick=False):
        cutoff = revocation.revoke_issued_tokens(application=application, by=consumer, reason=" In a log ")
        assert tokens.is_revoked(claims(application))
        assert not tokens.is_revoked(claims(factories.ApplicationFactory()))
    with time_machine.travel("2026-11-23T12:00:01Z", tick=False):
        assert not tokens.is_revoked(claims(application))
    assert cutoff.not_before.isoformat() == "2026-11-23T12:00:01+00:00"
    event = AuditEvent.objects.get(event="tokens_revoked")
    assert (event.target_id, event.by, event.note) == (application.public_id, consumer, "In a log")
    assert event.data["not_before"] == "2026-11-23T12:00:01+00:00"


def test_revoke_twice_moves_the_moment(application, client_of, consumer):
    first = revocation.revoke_issued_tokens(application=application, by=consumer)
    with time_machine.travel(timezone.now() + timedelta(minutes=1)):
        second = revocation.revoke_issued_tokens(application=application, by=consumer)
    assert second.not_before > first.not_before
    assert TokenCutoff.objects.count() == 1


def test_revoke_opens_a_receipt_for_each_client(application, client_of, key_of, consumer):
    other = factories.ClientFactory(application=application, environment="sandbox", by=consumer).credential
    gone = factories.ClientFactory(application=application, by=consumer).credential
    actions.revoke(credential=gone, by=consumer)
    revocation.revoke_issued_tokens(application=application, by=consumer)
    receipts = Receipt.objects.filter(event="tokens_revoked")
    assert {receipt.credential for receipt in receipts} == {client_of.credential, other}


def test_revoke_leaves_credentials(application, client_of, key_of, consumer, ask):
    revocation.revoke_issued_tokens(application=application, by=consumer)
    for issued in (client_of, key_of):
        issued.credential.refresh_from_db()
        assert issued.credential.usable
    assert ask(client_of).status_code == 200


def test_revoke_without_a_client(application, key_of, consumer):
    with pytest.raises(Conflict):
        revocation.revoke_issued_tokens(application=application, by=consumer)
    assert not TokenCutoff.objects.exists()


def test_revoke_of_a_deleted_application(application, client_of, consumer):
    application.deleted_at = timezone.now()
    application.save()
    with pytest.raises(NotFound):
        revocation.revoke_issued_tokens(application=application, by=consumer)


def test_introspection_knows(application, client_of, consumer, ask):
    token = ask(client_of).json()["access_token"]
    assert ask(client_of, path="/o/introspect/", token=token).json()["active"]
    revocation.revoke_issued_tokens(application=application, by=consumer)
    assert ask(client_of, path="/o/introspect/", token=token).json() == {"active": False}
    with time_machine.travel(timezone.now() + timedelta(seconds=1.1)):
        fresh = ask(client_of).json()["access_token"]
        assert ask(client_of, path="/o/introspect/", token=fresh).json()["active"]


@pytest.fixture
def shop(application, consumer):
    return factories.ClientFactory(application=application, by=consumer, redirect_uris=[CALLBACK])


def test_people_sign_in_again(application, shop, ask, client_as, stranger, consumer):
    """Refresh tokens, a code on its way and the person's own end point; the consent stays."""
    browser = client_as(stranger)
    first = redeem(ask, shop, allow(browser, shop, scope="openid items:read")).json()
    code = allow(browser, shop, scope="openid items:read")
    assert revocation.people_signed_in(application) == 1
    assert client_as(consumer).get("/o/userinfo/", headers=bearer(first)).status_code == 200

    revocation.revoke_issued_tokens(application=application, by=consumer)

    assert revocation.people_signed_in(application) == 0
    assert client_as(consumer).get("/o/userinfo/", headers=bearer(first)).status_code == 401
    for refused in (refresh(ask, shop, first["refresh_token"]), redeem(ask, shop, code)):
        assert refused.json() == {"error": "invalid_grant"}
    asked = ask(shop, path="/o/introspect/", token=first["refresh_token"])
    assert asked.json() == {"active": False}
    with time_machine.travel(timezone.now() + timedelta(seconds=1.1)):
        again = redeem(ask, shop, allow(browser, shop, scope="openid items:read")).json()
        assert client_as(consumer).get("/o/userinfo/", headers=bearer(again)).status_code == 200
    assert refresh(ask, shop, again["refresh_token"]).status_code == 200


def bearer(body: dict) -> dict[str, str]:
    return {"Authorization": f"Bearer {body['access_token']}"}


# ---- the page and REST: the same cases ----------------------------------------------------------------------------
def test_page_says_what_ends_and_ends_it(application, client_of, key_of, client_as, consumer):
    browser, page = client_as(consumer), f"/applications/{application.public_id}/revoke-tokens/"
    assert page in browser.get(application.get_absolute_url()).content.decode()
    body = browser.get(page).content.decode()
    assert client_of.credential.name in body
    assert "Nothing else ends" in body
    response = browser.post(page, {"reason": "In a log"}, follow=True)
    assert response.redirect_chain[-1][0] == client_of.credential.get_absolute_url()
    assert "are revoked" in response.content.decode()
    assert "Last done" in browser.get(page).content.decode()
    assert TokenCutoff.objects.get().by == consumer


def test_page_of_an_application_without_a_client(application, key_of, client_as, consumer):
    browser, page = client_as(consumer), f"/applications/{application.public_id}/revoke-tokens/"
    assert page not in browser.get(application.get_absolute_url()).content.decode()
    assert "has no tokens" in browser.get(page).content.decode()
    assert browser.post(page, follow=True).status_code in (200, 409)
    assert not TokenCutoff.objects.exists()


def test_rest_ends_them(application, client_of, client_as, consumer):
    path = f"/api/v1/applications/{application.public_id}/revoke-tokens/"
    response = client_as(consumer).post(path, {"reason": "In a log"}, "application/json")
    assert response.status_code == 200, response.content
    assert response.json()["application"] == application.public_id
    assert response.json()["not_before"] == TokenCutoff.objects.get().not_before.strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )


@pytest.mark.parametrize(("who", "status"), [("member", 403), ("stranger", 404)])
def test_revoke_is_for_maintainers(who, status, application, client_of, client_as, stranger):
    person = stranger if who == "stranger" else factories.person("Mo Member", team="consumers")
    browser = client_as(person)
    page = f"/applications/{application.public_id}/revoke-tokens/"
    assert browser.get(page).status_code == browser.post(page).status_code == status
    assert browser.post(f"/api/v1{page}", {}, "application/json").status_code == status
    assert not TokenCutoff.objects.exists()
