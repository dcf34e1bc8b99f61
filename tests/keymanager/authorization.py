"""A browser and a client that go through the authorization code grant, as the standards' own words have it."""

import base64
import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.http import HttpResponse
from django.test import Client

from keymanager.actions import Issued

CALLBACK = "https://shop.example/callback"
LOOPBACK = "http://127.0.0.1/callback"
VERIFIER = "correct-horse-battery-staple-correct-horse-battery"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


def address(issued: Issued, **changes: str | None) -> str:
    """The authorization request of a good client, with some parameters changed or (None) left out."""
    fields: dict[str, str | None] = {
        "response_type": "code",
        "client_id": issued.credential.public_id,
        "redirect_uri": CALLBACK,
        "scope": "items:read",
        "state": "st&te=1",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changes,
    }
    return f"/o/authorize/?{urlencode({name: value for name, value in fields.items() if value is not None})}"


def answer(response: HttpResponse, callback: str = CALLBACK) -> dict[str, str]:
    """The parameters that the client finds at its redirect URI."""
    assert response.status_code == 302, response.content[:300]
    assert response["Location"].split("?")[0] == callback
    return dict(parse_qsl(urlsplit(response["Location"]).query))


def allow(browser: Client, issued: Issued, **changes: str | None) -> str:
    """The person agrees; the code that the client gets."""
    response = browser.post(address(issued, **changes), {"decision": "allow"})
    return answer(response, changes.get("redirect_uri") or CALLBACK)["code"]


def redeem(ask: Callable[..., HttpResponse], issued: Issued, code: str, **changes: Any) -> HttpResponse:
    """The code for tokens; a public client sends its id alone."""
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
        **changes,
    }
    return post(ask, issued, **fields)


def refresh(ask: Callable[..., HttpResponse], issued: Issued, token: str, **changes: Any) -> HttpResponse:
    return post(ask, issued, **{"grant_type": "refresh_token", "refresh_token": token, **changes})


def post(ask: Callable[..., HttpResponse], issued: Issued, **fields: Any) -> HttpResponse:
    if issued.secret:
        return ask(issued, **fields)
    return ask(None, **{"client_id": issued.credential.public_id, **fields})
