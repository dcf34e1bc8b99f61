"""RFC 8628: a device asks, a person types its code and decides, the device collects its tokens."""

import pytest
import time_machine
from django.test import Client

from keymanager import signing
from keymanager.models import Consent, DeviceRequest, RevokedToken
from keymanager.oauth.grant_types import DEVICE
from portal.accounts.models import AuditEvent
from tests import factories
from tests.keymanager.authorization import refresh

pytestmark = pytest.mark.django_db


@pytest.fixture
def tv(application, consumer):
    """A public client without any redirect URI."""
    return factories.ClientFactory(application=application, by=consumer, public=True)


@pytest.fixture
def browser(client_as, stranger):
    return client_as(stranger)


@pytest.fixture
def asked(ask, tv) -> dict:
    response = start(ask, tv, scope="openid items:read")
    assert (response.status_code, response["Cache-Control"]) == (200, "no-store"), response.content
    return response.json()


def start(ask, issued, **fields):
    return ask(None, path="/o/device_authorization/", client_id=issued.credential.public_id, **fields)


def collect(ask, issued, code: str):
    return ask(None, grant_type=DEVICE, client_id=issued.credential.public_id, device_code=code)


def error(response) -> str:
    assert (response.status_code, response["Cache-Control"]) == (400, "no-store"), response.content
    return response.json()["error"]


def decide(browser, code: str, decision: str = "allow"):
    return browser.post("/device/", {"user_code": code, "decision": decision})


def test_device_the_whole_way(ask, tv, asked, browser, stranger, settings):
    assert asked["verification_uri"] == f"{settings.PORTAL_URL}/device/"
    assert asked["verification_uri_complete"].endswith(f"/device/?user_code={asked['user_code']}")
    assert (asked["expires_in"], asked["interval"]) == (600, 5)
    assert error(collect(ask, tv, asked["device_code"])) == "authorization_pending"
    assert asked["user_code"] in browser.get(f"/device/?user_code={asked['user_code']}").content.decode()
    page = browser.post("/device/", {"user_code": asked["user_code"].lower().replace("-", " ")})
    assert "Checkout asks to act for you" in page.content.decode()
    assert "items:read" in page.content.decode()
    assert not Consent.objects.exists()
    assert decide(browser, asked["user_code"]).status_code == 302
    body = collect(ask, tv, asked["device_code"]).json()
    assert body["scope"] == "openid items:read"
    claims = signing.verify(body["access_token"])
    assert (claims["sub"], claims["client_id"]) == (stranger.public_id, tv.credential.public_id)
    assert body["id_token"]
    assert refresh(ask, tv, body["refresh_token"]).status_code == 200
    events = list(AuditEvent.objects.order_by("pk").values_list("event", flat=True))
    assert events[-5:] == [
        "device_asked", "consent_given", "device_allowed", "device_code_redeemed", "token_refreshed",
    ]  # fmt: skip


def test_device_denied(ask, tv, asked, browser):
    decide(browser, asked["user_code"], "deny")
    assert error(collect(ask, tv, asked["device_code"])) == "access_denied"
    assert not Consent.objects.exists()


def test_device_collects_once(ask, tv, asked, browser):
    decide(browser, asked["user_code"])
    body = collect(ask, tv, asked["device_code"]).json()
    assert error(collect(ask, tv, asked["device_code"])) == "invalid_grant"
    assert RevokedToken.objects.get().jti == signing.verify(body["access_token"])["jti"]
    assert error(refresh(ask, tv, body["refresh_token"])) == "invalid_grant"


def test_device_asks_too_often(ask, tv, asked, later):
    assert error(collect(ask, tv, asked["device_code"])) == "authorization_pending"
    assert error(collect(ask, tv, asked["device_code"])) == "slow_down"
    with time_machine.travel(later(6)):
        assert error(collect(ask, tv, asked["device_code"])) == "slow_down"
    with time_machine.travel(later(30)):
        assert error(collect(ask, tv, asked["device_code"])) == "authorization_pending"


def test_device_codes_are_over_in_ten_minutes(ask, tv, asked, browser, later):
    with time_machine.travel(later(601)):
        assert "No device waits" in decide(browser, asked["user_code"]).content.decode()
        assert error(collect(ask, tv, asked["device_code"])) == "expired_token"
    assert DeviceRequest.objects.get().status == "pending"


def test_device_code_is_the_clients_own(ask, tv, asked, browser, application, consumer):
    decide(browser, asked["user_code"])
    other = factories.ClientFactory(application=application, by=consumer, public=True)
    assert error(collect(ask, other, asked["device_code"])) == "invalid_grant"
    assert collect(ask, tv, asked["device_code"]).status_code == 200


def test_user_code_works_once(asked, browser):
    decide(browser, asked["user_code"])
    assert "No device waits" in decide(browser, asked["user_code"]).content.decode()


def test_guessing_user_codes(asked, browser, client_as, consumer):
    for _ in range(10):
        assert decide(browser, "BBBB-BBBB").status_code == 200
    assert decide(browser, asked["user_code"]).status_code == 429
    assert not Consent.objects.exists()
    assert decide(client_as(consumer), asked["user_code"]).status_code == 302


def test_page_is_for_people_who_signed_in(asked, stranger):
    response = Client().get("/device/?user_code=BBBB-BBBB")
    assert (response.status_code, "next=/device/" in response["Location"]) == (302, True)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(stranger)
    assert decide(browser, asked["user_code"]).status_code == 403


def test_nothing_is_stored_readable(asked):
    stored = str(list(DeviceRequest.objects.values())) + str(list(AuditEvent.objects.values()))
    assert asked["device_code"] not in stored
    assert asked["user_code"] not in stored
    assert asked["user_code"].replace("-", "") not in stored


def test_who_may_not_ask(ask, client_of, tv):
    where = "/o/device_authorization/"
    assert ask(client_of, path=where).json()["error"] == "unauthorized_client"
    assert ask(None, path=where, client_id=client_of.credential.public_id).status_code == 401
    assert ask(None, path=where, client_id="cred_nobody").status_code == 401
    assert error(start(ask, tv, scope="portal:admin")) == "invalid_scope"
    assert Client().get(where).status_code == 405
    assert Client().post(f"{where}?client_id={tv.credential.public_id}").status_code == 400


def test_asking_without_end(ask, tv):
    for _ in range(60):
        assert start(ask, tv).status_code == 200
    assert error(start(ask, tv)) == "slow_down"


def test_device_of_somebody_who_left(ask, tv, asked, browser, stranger):
    decide(browser, asked["user_code"])
    stranger.is_active = False
    stranger.save()
    assert error(collect(ask, tv, asked["device_code"])) == "invalid_grant"
