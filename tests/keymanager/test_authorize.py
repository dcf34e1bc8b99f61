"""RFC 6749 4.1 with RFC 7636, 8252, 9207 and 9700, as a browser and a client see them."""

import pytest
import time_machine
from django.test import Client

from keymanager import actions, signing
from keymanager.models import Consent, PersonGrant, RevokedToken
from keymanager.oauth import redirects
from portal.accounts.models import AuditEvent
from portal.errors import Invalid
from tests import factories
from tests.keymanager.authorization import CALLBACK, LOOPBACK, VERIFIER, address, allow, answer, redeem

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(application, consumer):
    """A confidential client that people sign in through."""
    return factories.ClientFactory(application=application, by=consumer, redirect_uris=[CALLBACK])


@pytest.fixture
def app(application, consumer):
    """A public client: one in a browser, and on the person's own computer."""
    return factories.ClientFactory(
        application=application, by=consumer, redirect_uris=[CALLBACK, LOOPBACK], public=True
    )


@pytest.fixture
def browser(client_as, stranger):
    """Of a person who has nothing to do with the application's team."""
    return client_as(stranger)


def events() -> list[str]:
    return list(AuditEvent.objects.order_by("pk").values_list("event", flat=True))


# ---- the whole way ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("client", ["shop", "app"])
def test_code_for_tokens(client, request, browser, ask, stranger, application, settings):
    issued = request.getfixturevalue(client)
    page = browser.get(address(issued))
    assert page.status_code == 200
    assert page["Cache-Control"] == "no-store"
    assert "form-action 'self' https://shop.example" in page["Content-Security-Policy"]
    assert "Checkout asks to act for you" in page.content.decode()
    assert "items:read" in page.content.decode()
    fields = answer(browser.post(address(issued), {"decision": "allow"}))
    assert (fields["state"], fields["iss"]) == ("st&te=1", settings.ISSUER)
    response = redeem(ask, issued, fields["code"])
    assert (response.status_code, response["Cache-Control"]) == (200, "no-store"), response.content
    body = response.json()
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 600, "items:read")
    claims = signing.verify(body["access_token"])
    assert claims["sub"] == stranger.public_id
    assert claims["client_id"] == issued.credential.public_id
    assert (claims["app"], claims["subs"], claims["scope"]) == (
        application.public_id,
        {"items": "gold"},
        "items:read",
    )
    assert claims["aud"] == [settings.GATEWAY_URLS["production"]]
    assert events()[-3:] == ["consent_given", "authorization_code_issued", "authorization_code_redeemed"]


def test_default_scope_is_what_the_subscriptions_open(browser, ask, shop):
    assert redeem(ask, shop, allow(browser, shop, scope=None)).json()["scope"] == "items:read items:write"


def test_nothing_is_stored_readable(browser, ask, shop):
    code = allow(browser, shop)
    body = redeem(ask, shop, code).json()
    stored = "".join(
        str(list(model.objects.values()))
        for model in (PersonGrant, actions.RevokedToken, AuditEvent, Consent)
    ) + str(list(PersonGrant.objects.values("refresh_tokens__token_hash")))
    for secret in (code, body["access_token"], body["refresh_token"], VERIFIER, shop.secret):
        assert secret not in stored


def test_sign_in_comes_first(shop, stranger):
    browser = Client()
    response = browser.get(address(shop))
    assert response.status_code == 302
    assert (
        response["Location"].startswith("/login/?next=/o/authorize/")
        or "next=/o/authorize/" in response["Location"]
    )
    assert not PersonGrant.objects.exists()


# ---- consent ------------------------------------------------------------------------------------------------------
def test_consent_is_remembered(browser, shop, ask):
    allow(browser, shop)
    fields = answer(browser.get(address(shop)))
    assert redeem(ask, shop, fields["code"]).status_code == 200
    assert Consent.objects.count() == 1


def test_more_scopes_ask_again(browser, shop):
    allow(browser, shop)
    assert browser.get(address(shop, scope="items:read items:write")).status_code == 200
    allow(browser, shop, scope="items:write")
    assert Consent.objects.get().scopes == "items:read items:write"


def test_rotated_client_does_not_ask_again(browser, shop, consumer):
    allow(browser, shop)
    new = actions.rotate(credential=shop.credential, overlap=900, by=consumer)
    assert "code" in answer(browser.get(address(new)))


def test_sandbox_asks_again(browser, shop, application, consumer):
    allow(browser, shop)
    sandbox = factories.ClientFactory(
        application=application, by=consumer, redirect_uris=[CALLBACK], environment="sandbox"
    )
    assert browser.get(address(sandbox)).status_code == 200


def test_loopback_always_asks(browser, app):
    uri = "http://127.0.0.1:53211/callback"
    allow(browser, app, redirect_uri=uri)
    page = browser.get(address(app, redirect_uri=uri))
    assert page.status_code == 200
    assert "form-action 'self' http://127.0.0.1:53211" in page["Content-Security-Policy"]


def test_after_the_sign_in_form_there_is_a_page(shop, client_as, stranger):
    allow(client_as(stranger), shop)
    browser = Client()
    browser.get(address(shop))
    browser.force_login(stranger)
    assert browser.get(address(shop)).status_code == 200
    allow(browser, shop)
    assert "code" in answer(browser.get(address(shop)))


def test_deny(browser, shop):
    fields = answer(browser.post(address(shop), {"decision": "deny"}))
    assert (fields["error"], fields["state"]) == ("access_denied", "st&te=1")
    assert AuditEvent.objects.get(event="authorization_refused").data == {"reason": "access_denied"}
    assert not Consent.objects.exists()


def test_post_without_a_decision_asks(browser, shop):
    assert browser.post(address(shop)).status_code == 200
    assert not Consent.objects.exists()


def test_post_needs_our_form(shop, stranger):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(stranger)
    assert browser.post(address(shop), {"decision": "allow"}).status_code == 403
    assert not Consent.objects.exists()


def test_withdraw(browser, ask, shop, stranger, client_as, consumer):
    token = redeem(ask, shop, allow(browser, shop)).json()["access_token"]
    consent = Consent.objects.get()
    page = browser.get("/account/consents/").content.decode()
    assert "Checkout" in page
    assert f"/account/consents/{consent.public_id}/withdraw/" in page
    other = client_as(consumer)
    assert "Checkout" not in other.get("/account/consents/").content.decode()
    assert other.post(f"/account/consents/{consent.public_id}/withdraw/").status_code == 404
    assert browser.post(f"/account/consents/{consent.public_id}/withdraw/").status_code == 302
    assert RevokedToken.objects.get().jti == signing.verify(token)["jti"]
    assert not Consent.objects.exists()
    assert browser.get(address(shop)).status_code == 200
    assert "consent_withdrawn" in events()


# ---- errors that stay here ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "uri",
    [
        None,
        "",
        "https://shop.example/callback/",
        "https://shop.example/Callback",
        "https://shop.example/callback?x=1",
        "https://shop.example:443/callback",
        "https://shop.example/callback#x",
        "https://shop.example@evil.example/callback",
        "https://shop.example.evil.example/callback",
        "https://shop.example/callback/../evil",
        "https://SHOP.example/callback",
        "http://shop.example/callback",
        "https://shop.example/callback\r\nx",
        "//shop.example/callback",
        "javascript:alert(1)",
        "http://127.0.0.1/other",
        "http://127.0.0.1:80@evil.example/callback",
        "http://127.0.0.1:x/callback",
        "http://127.0.0.2/callback",
        "http://localhost/callback",
    ],
)
def test_never_to_an_address_that_is_not_registered(uri, browser, app):
    response = browser.get(address(app, redirect_uri=uri))
    assert response.status_code == 400
    assert "Location" not in response
    assert events()[-1] == "authorization_refused"


@pytest.mark.parametrize("client_id", [None, "", "cred_nobody", "x\0"])
def test_unknown_client(client_id, browser, shop):
    response = browser.get(address(shop, client_id=client_id))
    assert response.status_code == 400


def test_revoked_client(browser, shop, consumer):
    actions.revoke(credential=shop.credential, by=consumer)
    assert browser.get(address(shop)).status_code == 400


def test_client_without_redirect_uris(browser, client_of):
    assert browser.get(address(client_of)).status_code == 400


# ---- errors that go back to the client ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"scope": "items:delete"}, "invalid_scope"),
        ({"scope": "items:read portal:admin"}, "invalid_scope"),
        ({"nonce": "n" * 300}, "invalid_request"),
        ({"request": "x"}, "request_not_supported"),
        ({"request_uri": "https://x.example"}, "request_uri_not_supported"),
    ],
)
def test_errors(changes, error, browser, shop, settings):
    for send in (browser.get, lambda where: browser.post(where, {"decision": "allow"})):
        fields = answer(send(address(shop, **changes)))
        assert (fields["error"], fields["state"], fields["iss"]) == (error, "st&te=1", settings.ISSUER)
    assert events()[-1] == "authorization_refused"
    assert not PersonGrant.objects.exists()


@pytest.mark.parametrize("again", ["state=b", "scope=items:read", "client_id=x", "response_type=code"])
def test_parameter_twice(again, browser, shop):
    where = address(shop).replace("?", f"?{again}&")
    assert answer(browser.get(where))["error"] == "invalid_request"


@pytest.mark.parametrize("state", ["s" * 3000, "a\nb"])
def test_state_that_cannot_be_passed_on(state, browser, shop):
    fields = answer(browser.get(address(shop, state=state)))
    assert fields["error"] == "invalid_request"
    assert "state" not in fields


def test_without_state(browser, shop):
    assert "state" not in answer(browser.post(address(shop, state=None), {"decision": "allow"}))


# ---- the code -----------------------------------------------------------------------------------------------------
def refused(response) -> None:
    assert (response.status_code, response.json()) == (400, {"error": "invalid_grant"})
    assert response["Cache-Control"] == "no-store"


def test_replayed_code_ends_everything(browser, ask, shop):
    code = allow(browser, shop)
    body = redeem(ask, shop, code).json()
    refused(redeem(ask, shop, code))
    assert RevokedToken.objects.get().jti == signing.verify(body["access_token"])["jti"]
    refused(ask(shop, grant_type="refresh_token", refresh_token=body["refresh_token"]))
    assert AuditEvent.objects.get(event="authorization_code_refused").data == {"reason": "replayed"}


def test_code_of_another_client(browser, ask, shop, app):
    code = allow(browser, shop)
    refused(redeem(ask, app, code))
    assert AuditEvent.objects.get(event="authorization_code_refused").target_id == app.credential.public_id
    assert redeem(ask, shop, code).status_code == 200


def test_code_that_waited(browser, ask, shop, later):
    code = allow(browser, shop)
    with time_machine.travel(later(61)):
        refused(redeem(ask, shop, code))


@pytest.mark.parametrize(
    "changes",
    [
        {"code": "x"},
        {"code": "x" * 600},
        {"redirect_uri": LOOPBACK},
        {"code_verifier": VERIFIER + "x"},
    ],
)
def test_code_with_something_wrong(changes, browser, ask, shop):
    code = allow(browser, shop)
    refused(redeem(ask, shop, **{"code": code, **changes}))


@pytest.mark.parametrize("name", ["code", "redirect_uri", "code_verifier"])
def test_code_with_something_missing(name, browser, ask, shop):
    response = redeem(ask, shop, **{"code": allow(browser, shop), name: ""})
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


def test_code_needs_the_clients_secret(browser, ask, shop):
    code = allow(browser, shop)
    response = redeem(ask, actions.Issued(shop.credential, ""), code)
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    assert redeem(ask, actions.Issued(shop.credential, "pcs_x"), code).status_code == 401


def test_code_of_somebody_who_left(browser, ask, shop, stranger):
    code = allow(browser, shop)
    stranger.is_active = False
    stranger.save()
    refused(redeem(ask, shop, code))


def test_code_after_the_subscription_ended(browser, ask, shop, application):
    code = allow(browser, shop)
    application.subscriptions.update(status="cancelled")
    body = redeem(ask, shop, code).json()
    assert (body["scope"], signing.verify(body["access_token"])["subs"]) == ("", {})


# ---- which client may what ----------------------------------------------------------------------------------------
def test_public_client_has_no_token_of_its_own(ask, app):
    for secret in ("", "x"):
        response = ask(None, client_id=app.credential.public_id, client_secret=secret)
        assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


def test_public_client_is_no_client_of_the_introspection(ask, app):
    where = "/o/introspect/"
    device = "urn:ietf:params:oauth:grant-type:device_code"
    for extra in ({}, {"client_secret": ""}, {"grant_type": device}):
        assert (
            ask(None, path=where, client_id=app.credential.public_id, token="x", **extra).status_code == 401
        )


def test_client_without_people_refuses_codes(ask, client_of):
    response = redeem(ask, client_of, "x")
    assert (response.status_code, response.json()["error"]) == (400, "unauthorized_client")


def test_rotation_keeps_kind_and_redirect_uris(app, consumer):
    new = actions.rotate(credential=app.credential, overlap=900, by=consumer)
    client = new.credential.oauth_application
    assert (new.secret, client.client_type, client.redirect_uris.split()) == (
        "",
        "public",
        [CALLBACK, LOOPBACK],
    )


# ---- redirect URIs ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "uri",
    [
        "http://shop.example/cb",
        "https://shop.example/cb#x",
        "https://*.example/cb",
        "https://a@shop.example/cb",
        "https:///cb",
        "https://shop.example:port/cb",
        "shop.example/cb",
        "javascript:alert(1)",
        "http://localhost/cb",
        "https://shop.example/" + "x" * 500,
        "https://shop.example/a\\b",
    ],
)
def test_redirect_uri_not_acceptable(uri):
    with pytest.raises(Invalid):
        redirects.checked([uri])


def test_redirect_uris_at_most():
    with pytest.raises(Invalid):
        redirects.checked([f"https://shop.example/{n}" for n in range(11)])


def test_redirect_uris_once_each():
    assert redirects.checked([CALLBACK, f" {CALLBACK} ", "", "http://[::1]:80/cb"]) == [
        CALLBACK,
        "http://[::1]:80/cb",
    ]
