"""One application of a running Portico, with a confidential and a public client, and somebody who signs in through them."""

import json
import secrets
from dataclasses import dataclass
from typing import Any

import pytest
from jwcrypto import jwk

from tests.clients.browser import Browser
from tests.clients.programs import KEY, NONE
from tests.journeys.caller import Caller, personal_token
from tests.stack import CONSUMER, Stack, bearer, call, until

# On loopback the person is asked each time. Nobody listens there: the browser does not follow.
REDIRECT_URI = "http://127.0.0.1:49152/callback"
SCOPE = "catalogue:review"
ALGORITHMS = {"RSA": "RS256", "EC": "ES256"}


@dataclass(frozen=True)
class Shop:
    """The application's clients, and where their libraries find the portal and the API."""

    stack: Stack
    confidential: dict[str, str]
    public: dict[str, str]
    keys: dict[str, dict[str, str]]

    @property
    def issuer(self) -> str:
        return f"{self.stack.portal}/o"

    @property
    def gateway(self) -> str:
        return self.stack.gateways["production"]

    def task(self, story: str, method: str, *, scope: str = SCOPE, key: str = "EC") -> dict[str, Any]:
        client = self.public if method == NONE else self.confidential
        if method == KEY:
            client = {"client_id": client["client_id"], "key": self.keys[key]}
        return {
            **client,
            "story": story,
            "method": method,
            "scope": scope,
            "issuer": self.issuer,
            "resource": f"{self.gateway}/catalogue/v1",
            "redirect_uri": REDIRECT_URI,
            "api": f"{self.gateway}/catalogue/v1/products",
        }


@pytest.fixture(scope="package")
def shop(stack: Stack) -> Shop:
    caller = Caller(stack, personal_token(stack, CONSUMER, "portal:read", "portal:subscribe"))
    name = f"Foreign clients {secrets.token_hex(3)}"
    application = caller.post("/applications/", 201, name=name, team="web-shop")["id"]
    confidential, public = (_client(caller, application, public=public) for public in (False, True))
    keys = _keys(caller, confidential["client_id"])
    fields = {"application": application, "api": "product-catalogue", "plan": "standard"}
    subscription = caller.post("/subscriptions/", 201, **fields)["id"]
    where = f"/receipts/?subscription={subscription}"
    until(
        lambda: (rows := caller.get(where)["results"]) and rows[0]["status"] == "complete", "the subscription"
    )
    return Shop(stack, confidential, public, keys)


@pytest.fixture(scope="package")
def browser(stack: Stack) -> Browser:
    return Browser(CONSUMER, stack.password(CONSUMER))


def _client(caller: Caller, application: str, *, public: bool) -> dict[str, str]:
    fields = {"kind": "oauth_client", "environment": "production", "name": "Public" if public else "Web"}
    made = caller.post(
        f"/applications/{application}/credentials/",
        201,
        **fields,
        public=public,
        redirect_uris=["http://127.0.0.1/callback"],
    )
    return {name: made[name] for name in ("client_id", "client_secret") if made.get(name)}


def _keys(caller: Caller, client_id: str) -> dict[str, dict[str, str]]:
    """The client's own private keys, whose public halves the portal has got."""
    made = [
        jwk.JWK.generate(kty="RSA", size=2048, kid="rsa", alg="RS256"),
        jwk.JWK.generate(kty="EC", crv="P-256", kid="ec", alg="ES256"),
    ]
    answer = call(
        f"{caller.stack.portal}/api/v1/credentials/{client_id}/keys/",
        method="PUT",
        headers={**bearer(caller.token), "Content-Type": "application/json"},
        body=json.dumps({"keys": [key.export_public(as_dict=True) for key in made]}),
    )
    assert answer.status == 200, answer
    return {key["kty"]: key.export(as_dict=True) for key in made}
