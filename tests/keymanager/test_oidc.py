"""OpenID Connect Core: ID token, userinfo, prompt and max_age, checked by an independent library."""

import base64
import hashlib
import json
import time

import pytest
import time_machine
from django.test import Client
from jwcrypto import jwk, jwt

from keymanager import actions, signing
from keymanager.models import Consent
from portal.errors import Invalid
from tests import factories
from tests.keymanager.authorization import CALLBACK, address, allow, answer, redeem, refresh

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(application, consumer):
    return factories.ClientFactory(application=application, by=consumer, redirect_uris=[CALLBACK])


@pytest.fixture
def browser(client_as, stranger):
    return client_as(stranger)


def about(body: dict) -> dict:
    """The ID token's claims, after another library has checked it against the published keys."""
    keys = jwk.JWKSet.from_json(Client().get("/o/.well-known/jwks.json").content)
    token = jwt.JWT(jwt=body["id_token"], key=keys, expected_type="JWS", algs=["RS256"])
    assert json.loads(token.header)["typ"] == "JWT"
    return json.loads(token.claims)


def userinfo(token: str, method: str = "get"):
    return getattr(Client(), method)("/o/userinfo/", headers={"Authorization": f"Bearer {token}"})


def test_id_token(browser, ask, shop, stranger, settings):
    page = browser.get(address(shop, scope="openid profile items:read")).content.decode()
    assert "see your name" in page
    body = redeem(ask, shop, allow(browser, shop, scope="openid profile items:read", nonce="n-0S6")).json()
    assert body["scope"] == "openid profile items:read"
    claims = about(body)
    issued_at, ends = claims.pop("iat"), claims.pop("exp")
    assert ends - issued_at == 600
    assert abs(claims.pop("auth_time") - time.time()) < 60
    digest = hashlib.sha256(body["access_token"].encode()).digest()[:16]
    assert claims == {
        "iss": settings.ISSUER,
        "aud": shop.credential.public_id,
        "sub": stranger.public_id,
        "name": "Stan Stranger",
        "nonce": "n-0S6",
        "at_hash": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
    }


def test_id_token_is_no_access_token(browser, ask, shop):
    body = redeem(ask, shop, allow(browser, shop, scope="openid")).json()
    with pytest.raises(Invalid):
        signing.verify(body["id_token"])
    assert userinfo(body["id_token"]).status_code == 401


def test_no_id_token_without_openid(browser, ask, shop):
    body = redeem(ask, shop, allow(browser, shop, scope="items:read profile")).json()
    assert "id_token" not in body


def test_id_token_of_a_refresh(browser, ask, shop, later):
    first = redeem(ask, shop, allow(browser, shop, scope="openid", nonce="n")).json()
    with time_machine.travel(later(300)):
        second = about(refresh(ask, shop, first["refresh_token"]).json())
    assert "nonce" not in second
    assert second["auth_time"] == about(first)["auth_time"]


def test_client_itself_gets_no_scope_of_a_person(ask, shop):
    response = ask(shop, scope="openid")
    assert (response.status_code, response.json()["error"]) == (400, "invalid_scope")


@pytest.mark.parametrize("method", ["get", "post"])
def test_userinfo(method, browser, ask, shop, stranger):
    token = redeem(ask, shop, allow(browser, shop, scope="openid email")).json()["access_token"]
    response = userinfo(token, method)
    assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
    assert response.json() == {"sub": stranger.public_id, "email": stranger.email, "email_verified": False}
    stranger.emailaddress_set.create(email=stranger.email, verified=True, primary=True)
    assert userinfo(token).json()["email_verified"] is True


def test_userinfo_refusals(browser, ask, shop, client_of):
    response = Client().get("/o/userinfo/")
    assert (response.status_code, response["WWW-Authenticate"]) == (401, 'Bearer realm="portico"')
    assert "invalid_token" in userinfo("x")["WWW-Authenticate"]
    without = redeem(ask, shop, allow(browser, shop)).json()["access_token"]
    assert userinfo(without).status_code == 403
    assert "insufficient_scope" in userinfo(without)["WWW-Authenticate"]
    assert userinfo(ask(client_of).json()["access_token"]).status_code == 403
    assert Client().get(f"/o/userinfo/?access_token={without}").status_code == 401


@pytest.mark.parametrize("end", ["time", "person", "consent", "client"])
def test_userinfo_ends_with(end, browser, ask, shop, stranger, consumer, later):
    token = redeem(ask, shop, allow(browser, shop, scope="openid")).json()["access_token"]
    assert userinfo(token).status_code == 200
    if end == "time":
        with time_machine.travel(later(601)):
            assert userinfo(token).status_code == 401
        return
    if end == "person":
        stranger.is_active = False
        stranger.save()
    elif end == "consent":
        browser.post(f"/account/consents/{Consent.objects.get().public_id}/withdraw/")
    else:
        actions.revoke(credential=shop.credential, by=consumer)
    assert userinfo(token).status_code == 401


# ---- prompt and max_age -------------------------------------------------------------------------------------------
def test_prompt_none(browser, shop):
    assert answer(Client().get(address(shop, prompt="none")))["error"] == "login_required"
    assert answer(browser.get(address(shop, prompt="none")))["error"] == "consent_required"
    allow(browser, shop)
    assert "code" in answer(browser.get(address(shop, prompt="none")))


@pytest.mark.parametrize("prompt", ["consent", "select_account"])
def test_prompt_asks_again(prompt, browser, shop):
    allow(browser, shop)
    assert browser.get(address(shop, prompt=prompt)).status_code == 200


@pytest.mark.parametrize(
    "changes", [{"prompt": "none login"}, {"prompt": "create"}, {"max_age": "-1"}, {"max_age": "x"}]
)
def test_prompt_not_understood(changes, browser, shop):
    assert answer(browser.get(address(shop, **changes)))["error"] == "invalid_request"


@pytest.mark.parametrize("changes", [{"prompt": "login"}, {"max_age": "0"}])
def test_proving_anew(changes, shop, stranger):
    stranger.set_password("correct horse battery")
    stranger.save()
    browser = Client()
    browser.force_login(stranger)
    where = address(shop, **changes)
    response = browser.get(where)
    assert response.status_code == 302
    assert "reauthenticate" in response["Location"]
    assert browser.post(where, {"decision": "allow"}).status_code == 302
    assert not Consent.objects.exists()
    done = browser.post(response["Location"], {"password": "correct horse battery", "next": where})
    assert (done.status_code, done["Location"]) == (302, where)
    assert browser.get(where).status_code == 200
    assert "code" in answer(browser.post(where, {"decision": "allow"}))
    assert browser.get(where).status_code == 302


def test_discovery_of_openid(settings):
    data = Client().get("/o/.well-known/openid-configuration").json()
    assert data["userinfo_endpoint"] == f"{settings.PORTAL_URL}/o/userinfo/"
    assert data["scopes_supported"] == ["openid", "profile", "email"]
    assert (data["subject_types_supported"], data["id_token_signing_alg_values_supported"]) == (
        ["public"],
        ["RS256"],
    )
