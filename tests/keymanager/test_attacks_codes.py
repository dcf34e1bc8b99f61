"""Codes and refresh tokens in the wrong hands, redirects to the wrong place, and what the time of a refusal tells."""

import re
import sys
import threading
from collections.abc import Callable
from urllib.parse import quote

import pytest
from django.db import connections
from django.http import HttpResponse
from django.test import Client

from keymanager.models import PersonGrant, RevokedToken
from keymanager.oauth import clients, fast
from keymanager.oauth.grant_types import DEVICE
from keymanager.oauth.validator import Validator
from portal.accounts.models import AuditEvent
from tests import factories
from tests.keymanager.authorization import (
    CALLBACK,
    CHALLENGE,
    LOOPBACK,
    VERIFIER,
    address,
    allow,
    answer,
    redeem,
    refresh,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def app(application, consumer):
    return factories.ClientFactory(
        application=application, by=consumer, redirect_uris=[CALLBACK, LOOPBACK], public=True
    )


@pytest.fixture
def browser(client_as, stranger):
    return client_as(stranger)


def refused_for(reason: str) -> bool:
    return AuditEvent.objects.filter(event="authorization_code_refused", data={"reason": reason}).exists()


# ---- PKCE ---------------------------------------------------------------------------------------------------------
def test_challenge_is_no_verifier(browser, ask, app):
    """What `plain` would take: who saw the authorization request knows the challenge."""
    response = redeem(ask, app, allow(browser, app), code_verifier=CHALLENGE)
    assert response.json() == {"error": "invalid_grant"}
    assert refused_for("code_verifier")


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge": None},
        {"code_challenge": ""},
        {"code_challenge_method": None},
        {"code_challenge_method": ""},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": "s256"},
        {"code_challenge": VERIFIER, "code_challenge_method": "plain"},
        {"code_challenge": CHALLENGE + "="},
        {"code_challenge": CHALLENGE[:-1] + "é"},
    ],
)
def test_no_request_without_a_good_challenge(changes, browser, app):
    assert answer(browser.get(address(app, **changes)))["error"] == "invalid_request"
    assert AuditEvent.objects.get(event="authorization_refused").data == {"reason": "invalid_request"}


@pytest.mark.parametrize("extra", ["code_challenge_method=plain", f"code_challenge={VERIFIER}"])
def test_challenge_twice(extra, browser, app):
    for where in (f"{address(app)}&{extra}", address(app).replace("?", f"?{extra}&")):
        assert answer(browser.post(where, {"decision": "allow"}))["error"] == "invalid_request"
    assert not PersonGrant.objects.exists()


def test_code_of_another_request_with_ones_own_verifier(browser, client_as, consumer, ask, app):
    """Code injection (RFC 9700 4.5): the attacker's verifier does not fit the code of the victim."""
    stolen = allow(browser, app, code_challenge="A" * 43)
    assert redeem(ask, app, stolen).json() == {"error": "invalid_grant"}
    assert redeem(ask, app, allow(client_as(consumer), app)).status_code == 200


@pytest.mark.parametrize("uri", [LOOPBACK, "https://evil.example/", CALLBACK + "/", CALLBACK.upper()])
def test_code_goes_back_to_where_it_was_asked_from(uri, browser, ask, app):
    assert redeem(ask, app, allow(browser, app), redirect_uri=uri).json() == {"error": "invalid_grant"}
    assert refused_for("redirect_uri")


# ---- redirects ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/",
        f"https://evil.example/?{CALLBACK}",
        f"{CALLBACK}%2f..%2fevil",
        f"{CALLBACK};x",
        f"{CALLBACK}\\@evil.example",
        "https://shop.example%2eevil.example/callback",
        "https://shop.example:443/callback",
        "https://user@shop.example/callback",
        "https://shop.example./callback",
        "http://127.0.0.1:80/callback/../other",
        "http://127.0.0.1:99999999/callback",
        "http://127.1/callback",
        "http://2130706433/callback",
        "http://[::1]/callback",
        "http://user@127.0.0.1/callback",
        "data:text/html,x",
    ],
)
@pytest.mark.parametrize("prompt", [None, "none"])
def test_nobody_is_sent_elsewhere(prompt, uri, app, browser):
    for visitor in (Client(), browser):
        where = address(app, redirect_uri=uri, prompt=prompt)
        for response in (visitor.get(where), visitor.post(where, {"decision": "deny"})):
            assert response.status_code == 400
            assert "Location" not in response
            # Only as a part of this request's own address, for signing in.
            assert not re.search(
                r"""(href|action|content|url)=["']?(https?:)?//evil""", response.content.decode()
            )
    assert AuditEvent.objects.filter(event="authorization_refused", data__reason="redirect_uri").count() == 2


def test_two_redirect_uris(browser, app):
    evil = quote("https://evil.example/", safe="")
    assert browser.get(f"{address(app)}&redirect_uri={evil}").status_code == 400
    fields = answer(browser.get(address(app).replace("?", f"?redirect_uri={evil}&")))
    assert fields["error"] == "invalid_request"


def test_sign_in_leads_back_here_and_nowhere_else(app, stranger):
    password = {"login": stranger.email, "password": "correct horse battery"}
    for elsewhere in ("https://evil.example/", "//evil.example/", "/\\evil.example"):
        response = Client().post(f"/login/?next={quote(elsewhere)}", {**password, "next": elsewhere})
        assert response.status_code == 302
        assert "evil.example" not in response["Location"]


# ---- at the same time ---------------------------------------------------------------------------------------------
def at_once(do: Callable[[], HttpResponse], times: int = 4) -> list[int]:
    """The status of the same request, sent by so many at the same moment."""
    ready, statuses = threading.Barrier(times), []

    def one() -> None:
        ready.wait()
        statuses.append(do().status_code)
        connections.close_all()

    threads = [threading.Thread(target=one) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(statuses)


@pytest.mark.django_db(transaction=True)
def test_race_with_one_code(browser, ask, app):
    code = allow(browser, app)
    assert at_once(lambda: redeem(ask, app, code)) == [200, 400, 400, 400]
    assert PersonGrant.objects.get().ended_at is not None
    assert RevokedToken.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_race_with_one_refresh_token(browser, ask, app):
    token = redeem(ask, app, allow(browser, app)).json()["refresh_token"]
    assert at_once(lambda: refresh(ask, app, token)) == [200, 400, 400, 400]
    assert PersonGrant.objects.get().ended_at is not None
    assert RevokedToken.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_race_with_one_device_code(browser, ask, app):
    own = {"client_id": app.credential.public_id}
    asked = ask(None, path="/o/device_authorization/", **own).json()
    browser.post("/device/", {"user_code": asked["user_code"], "decision": "allow"})
    fields = {"grant_type": DEVICE, "device_code": asked["device_code"], **own}
    assert at_once(lambda: ask(None, **fields)) == [200, 400, 400, 400]
    assert RevokedToken.objects.count() == 1


# ---- time ---------------------------------------------------------------------------------------------------------
def steps(do: Callable[[], object]) -> list[tuple[str, str]]:
    """Every call that is made, of Python's and of C's: what the time of a refusal consists of."""
    made: list[tuple[str, str]] = []

    def note(frame, event, arg) -> None:
        if event in {"call", "c_call"}:
            made.append((event, frame.f_code.co_name if event == "call" else arg.__name__))

    sys.setprofile(note)
    try:
        do()
    finally:
        sys.setprofile(None)
    return made


def guesses(secret: str) -> list[str]:
    """Wrong secrets of the right length that share more and more of their beginning with the right one."""
    return [secret[:n] + ("x" if secret[n] != "x" else "y") * (len(secret) - n) for n in range(len(secret))]


@pytest.mark.parametrize("way", ["short", "long"])
def test_steps_to_a_refusal_do_not_depend_on_how_wrong_a_secret_is(way, client_of):
    """The statistics of the clock are in the figures of `make bench`; that there is nothing to measure is shown here."""
    client = clients.read(client_of.credential.public_id)
    stored = client_of.credential.oauth_application.client_secret
    checks = {
        "short": lambda secret: fast._proven(client, secret),
        "long": lambda secret: Validator()._check_secret(secret, stored),
    }
    check = checks[way]
    wrong = guesses(client_of.secret)
    assert check(client_of.secret) is True
    assert not any(check(guess) for guess in wrong)
    assert len({tuple(steps(lambda guess=guess: check(guess))) for guess in [*wrong, client_of.secret]}) == 1
