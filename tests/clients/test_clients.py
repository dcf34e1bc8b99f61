"""Libraries that nobody here wrote go through every grant and client authentication that they and the portal have."""

import itertools
from collections.abc import Callable

import pytest

from tests.clients import programs
from tests.clients.browser import Browser
from tests.clients.conftest import SCOPE, Shop
from tests.clients.programs import BASIC, KEY, METHODS, NONE, POST
from tests.stack import CONSUMER

pytestmark = pytest.mark.gateway

Library = Callable[[], list[str]]
# Each with the ways in which it lets a client prove itself.
LIBRARIES = {
    programs.authlib: METHODS,
    programs.oauth4webapi: METHODS,
    programs.openid_client: METHODS,
    programs.x_oauth2: (BASIC, POST, NONE),
}
EACH = [pytest.param(library, id=library.__name__) for library in LIBRARIES]
PROVEN = [
    pytest.param(library, method, key, id="-".join(filter(None, (library.__name__, method, key))))
    for library, methods in LIBRARIES.items()
    for method, key in itertools.chain(
        ((method, "") for method in methods if method in {BASIC, POST}),
        ((KEY, key) for key in ("RSA", "EC") if KEY in methods),
    )
]
PEOPLE = [
    pytest.param(library, method, id=f"{library.__name__}-{method}")
    for library, methods in LIBRARIES.items()
    for method in methods
]


@pytest.mark.parametrize(("library", "method", "key"), PROVEN)
def test_machine(library: Library, method: str, key: str, shop: Shop):
    """Discovery, client credentials for one resource, a call through the gateway, introspection and revocation."""
    seen = programs.run(library(), shop.task("machine", method, key=key), pytest.fail)
    assert (seen["scope"], seen["called"]) == (SCOPE, 200)
    if library is programs.x_oauth2:
        return  # it knows nothing of what follows
    client_id = shop.confidential["client_id"]
    assert (seen["before"]["active"], seen["before"]["client_id"]) == (True, client_id)
    assert (seen["before"]["iss"], seen["before"]["scope"]) == (shop.issuer, SCOPE)
    assert f"{shop.gateway}/catalogue/v1" in seen["before"]["aud"]
    assert seen["after"] == {"active": False}
    if library is not programs.openid_client:  # which leaves access tokens to those that they are for
        assert (seen["claims"]["sub"], seen["claims"]["scope"]) == (client_id, SCOPE)


@pytest.mark.parametrize(("library", "method"), PEOPLE)
def test_person(library: Library, method: str, shop: Shop, browser: Browser):
    """The code with PKCE, the ID token, userinfo, a refresh, and a refresh token that comes again."""
    scope = f"openid profile email {SCOPE}"
    seen = programs.run(library(), shop.task("person", method, scope=scope, key="EC"), browser.visit)
    assert browser.arrivals[-1]["iss"] == [shop.issuer]
    person = {"sub": seen["sub"], "name": "Mara Lindqvist", "email": CONSUMER, "email_verified": True}
    assert seen["userinfo"] == person
    assert (seen["scope"], seen["called"], seen["rotated"]) == (scope, 200, True)
    assert (seen["reused"], seen["family"]) == ("invalid_grant", "invalid_grant")


@pytest.mark.parametrize("library", EACH)
def test_device(library: Library, shop: Shop, browser: Browser):
    """A device waits for its person, and gives its refresh token back."""
    scope = f"openid {SCOPE}"
    seen = programs.run(library(), shop.task("device", NONE, scope=scope), browser.visit)
    assert seen["sub"].startswith("usr_")
    assert seen["scope"] == scope
    assert seen.get("pending", "authorization_pending") == "authorization_pending"
    assert seen.get("revoked", "invalid_grant") == "invalid_grant"


@pytest.mark.parametrize("library", EACH)
def test_refusals(library: Library, shop: Shop, browser: Browser):
    """Each finds our errors where it looks for them; an answer under another issuer's name is none (RFC 9207)."""
    seen = programs.run(library(), shop.task("refusals", BASIC, scope="openid"), browser.visit)
    assert seen.pop("secret") == "invalid_client"
    if seen:
        foreign = seen.pop("foreign")
        assert seen == {"denied": "access_denied", "token": "invalid_token"}
        assert foreign == "OAUTH_INVALID_RESPONSE"
