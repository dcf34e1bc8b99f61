"""RFC 8707: a token for some of the application's APIs, through every grant."""

import pytest

from keymanager import signing
from keymanager.models import Consent, PersonGrant
from keymanager.oauth.grant_types import DEVICE
from tests import factories
from tests.keymanager.authorization import CALLBACK, address, allow, answer, redeem, refresh

pytestmark = pytest.mark.django_db
GATEWAY = "http://127.0.0.1:8081"
ITEMS, ORDERS = f"{GATEWAY}/items/1.0.0", f"{GATEWAY}/orders/1.0.0"


@pytest.fixture(autouse=True)
def _two_apis(application, settings):
    """Beside `items` the application may call `orders`, which shares a scope with it, and not `secrets`."""
    settings.GATEWAY_URLS = {"production": GATEWAY, "sandbox": "http://127.0.0.1:8082"}
    orders, _ = (
        factories.ApiVersionFactory(
            api=factories.ApiFactory(slug=slug),
            operations=[("GET", "/", [f"{slug}:read"]), ("POST", "/", ["items:write"])],
        )
        for slug in ("orders", "secrets")
    )
    factories.SubscriptionFactory(
        application=application, api=orders.api, plan=factories.PlanFactory(slug="tin")
    )


@pytest.fixture
def shop(application, consumer):
    return factories.ClientFactory(application=application, by=consumer, redirect_uris=[CALLBACK])


@pytest.fixture
def browser(client_as, stranger):
    return client_as(stranger)


def claims_of(response) -> dict:
    assert response.status_code == 200, response.content
    claims = signing.verify(response.json()["access_token"])
    assert claims["scope"] == response.json()["scope"]
    return claims


def target_refused(response) -> None:
    assert (response.status_code, response["Cache-Control"]) == (400, "no-store")
    assert response.json() == {"error": "invalid_target"}


# ---- client credentials -------------------------------------------------------------------------------------------
def test_one_api(ask, client_of):
    claims = claims_of(ask(client_of, resource=ITEMS))
    assert claims["aud"] == [GATEWAY, ITEMS]
    assert (claims["subs"], claims["subs_only"]) == ({"items": "gold"}, True)
    assert claims["scope"] == "items:read items:write"


@pytest.mark.parametrize("asked", [[ITEMS, ORDERS], [ORDERS, f"{ITEMS}/", ORDERS]])
def test_several_apis(asked, ask, client_of):
    claims = claims_of(ask(client_of, resource=asked))
    assert sorted(claims["aud"]) == [GATEWAY, ITEMS, ORDERS]
    assert claims["subs"] == {"items": "gold", "orders": "tin"}
    assert claims["scope"] == "items:read items:write orders:read"


@pytest.mark.parametrize("asked", [[], [GATEWAY], [f"{GATEWAY}/"], [GATEWAY, ITEMS]])
def test_the_whole_gateway(asked, ask, client_of):
    claims = claims_of(ask(client_of, resource=asked))
    assert (claims["aud"], len(claims["subs"]), "subs_only" in claims) == ([GATEWAY], 2, False)


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "/",
        "items",
        "/items/1.0.0",
        "https://elsewhere.example/items/1.0.0",
        f"{GATEWAY}.elsewhere.example/items/1.0.0",
        "http://127.0.0.1:8082",
        "http://127.0.0.1:8082/items/1.0.0",
        f"{GATEWAY}/secrets/1.0.0",
        f"{GATEWAY}/items",
        f"{GATEWAY}/items/1.0.0/items",
        f"{ITEMS}#x",
        f"{ITEMS}?x=1",
        f"{ITEMS}//",
        "urn:items",
        "\0",
        "x" * 3000,
        [ITEMS, f"{GATEWAY}/secrets/1.0.0"],
        [ITEMS, ""],
        [f"{ITEMS}{n}" for n in range(21)],
    ],
)
def test_not_a_resource_of_the_application(asked, ask, client_of):
    target_refused(ask(client_of, resource=asked))


def test_scope_has_to_be_of_the_resource(ask, client_of):
    assert claims_of(ask(client_of, resource=ITEMS, scope="items:read"))["scope"] == "items:read"
    response = ask(client_of, resource=ORDERS, scope="items:read")
    assert (response.status_code, response.json()["error"]) == (400, "invalid_scope")


def test_ended_subscription_is_no_resource(ask, client_of, application):
    application.subscriptions.filter(api__slug="orders").update(status="cancelled")
    target_refused(ask(client_of, resource=ORDERS))
    target_refused(ask(client_of, resource=[ITEMS, ORDERS]))


def test_introspection_tells_the_audience(ask, client_of):
    token = ask(client_of, resource=ITEMS).json()["access_token"]
    assert ask(client_of, path="/o/introspect/", token=token).json()["aud"] == [GATEWAY, ITEMS]


# ---- authorization code -------------------------------------------------------------------------------------------
def where(issued, *resources: str, **changes) -> str:
    return address(issued, **changes) + "".join(f"&resource={uri}" for uri in resources)


def code_for(browser, issued, *resources: str, **changes) -> str:
    return answer(browser.post(where(issued, *resources, **changes), {"decision": "allow"}))["code"]


def test_person_is_told_and_the_token_limited(browser, ask, shop):
    page = browser.get(where(shop, ITEMS, scope="items:read openid"))
    assert f'<span class="m">{ITEMS}</span>' in page.content.decode()
    claims = claims_of(redeem(ask, shop, code_for(browser, shop, ITEMS, scope="items:read openid")))
    assert (claims["aud"], claims["subs"], claims["scope"]) == (
        [GATEWAY, ITEMS],
        {"items": "gold"},
        "items:read openid",
    )
    assert f"only {ITEMS}" in browser.get("/account/consents/").content.decode()


def test_default_scope_is_that_of_the_resource(browser, ask, shop):
    code = code_for(browser, shop, ORDERS, scope=None)
    assert claims_of(redeem(ask, shop, code))["scope"] == "items:write orders:read"


@pytest.mark.parametrize(
    ("resources", "scope", "error"),
    [
        ([f"{GATEWAY}/secrets/1.0.0"], "items:read", "invalid_target"),
        ([ITEMS, "x"], "items:read", "invalid_target"),
        ([""], "items:read", "invalid_target"),
        ([ORDERS], "items:read", "invalid_scope"),
    ],
)
def test_authorization_refused(resources, scope, error, browser, shop):
    assert answer(browser.get(where(shop, *resources, scope=scope)))["error"] == error
    assert not PersonGrant.objects.exists()


def test_code_for_two_is_narrowed_to_one(browser, ask, shop):
    code = code_for(browser, shop, ITEMS, ORDERS, scope=None)
    target_refused(redeem(ask, shop, code, resource=GATEWAY))
    target_refused(redeem(ask, shop, code, resource=f"{GATEWAY}/secrets/1.0.0"))
    body = redeem(ask, shop, code, resource=ORDERS)
    claims = claims_of(body)
    assert (claims["aud"], claims["scope"]) == ([GATEWAY, ORDERS], "items:write orders:read")


def test_code_for_all_is_narrowed(browser, ask, shop):
    code = allow(browser, shop, scope=None)
    assert claims_of(redeem(ask, shop, code, resource=ITEMS))["subs"] == {"items": "gold"}


def test_code_for_one_is_not_widened(browser, ask, shop):
    target_refused(redeem(ask, shop, code_for(browser, shop, ITEMS), resource=[ITEMS, ORDERS]))


# ---- consent ------------------------------------------------------------------------------------------------------
def asks(browser, issued, *resources: str, scope: str = "items:write") -> bool:
    response = browser.get(where(issued, *resources, scope=scope))
    return response.status_code == 200 or "code" not in answer(response)


def test_consent_for_one_resource_says_nothing_about_another(browser, shop):
    code_for(browser, shop, ITEMS, scope="items:write")
    assert not asks(browser, shop, ITEMS)
    assert asks(browser, shop, ORDERS)
    assert asks(browser, shop, ITEMS, ORDERS)
    assert asks(browser, shop)
    code_for(browser, shop, ITEMS, ORDERS, scope="items:write")
    assert not asks(browser, shop, ORDERS)
    assert asks(browser, shop, ORDERS, scope="orders:read")
    assert Consent.objects.count() == 2


def test_consent_for_all_covers_one(browser, shop):
    allow(browser, shop, scope="items:write")
    assert not asks(browser, shop, ITEMS)


# ---- refresh ------------------------------------------------------------------------------------------------------
def test_refresh_narrows_this_token_only(browser, ask, shop):
    first = redeem(ask, shop, code_for(browser, shop, ITEMS, ORDERS, scope=None)).json()
    target_refused(refresh(ask, shop, first["refresh_token"], resource=f"{GATEWAY}/secrets/1.0.0"))
    target_refused(refresh(ask, shop, first["refresh_token"], resource=GATEWAY))
    second = refresh(ask, shop, first["refresh_token"], resource=ITEMS)
    assert claims_of(second)["subs"] == {"items": "gold"}
    third = refresh(ask, shop, second.json()["refresh_token"])
    assert sorted(claims_of(third)["subs"]) == ["items", "orders"]


def test_refresh_keeps_the_limit_when_the_subscription_ended(browser, ask, shop, application):
    body = redeem(ask, shop, code_for(browser, shop, ORDERS, scope=None)).json()
    application.subscriptions.filter(api__slug="orders").update(status="cancelled")
    claims = claims_of(refresh(ask, shop, body["refresh_token"]))
    assert (claims["subs"], claims["subs_only"], claims["scope"]) == ({}, True, "")


# ---- device -------------------------------------------------------------------------------------------------------
@pytest.fixture
def tv(application, consumer):
    return factories.ClientFactory(application=application, by=consumer, public=True)


def start(ask, tv, **fields):
    return ask(None, path="/o/device_authorization/", client_id=tv.credential.public_id, **fields)


def test_device(ask, tv, browser):
    asked = start(ask, tv, resource=[ITEMS, ORDERS]).json()
    assert ITEMS in browser.post("/device/", {"user_code": asked["user_code"]}).content.decode()
    browser.post("/device/", {"user_code": asked["user_code"], "decision": "allow"})
    fields = {
        "grant_type": DEVICE,
        "client_id": tv.credential.public_id,
        "device_code": asked["device_code"],
    }
    target_refused(ask(None, **fields, resource=GATEWAY))
    assert claims_of(ask(None, **fields, resource=ORDERS))["subs"] == {"orders": "tin"}


def test_device_refused(ask, tv):
    target_refused(start(ask, tv, resource=f"{GATEWAY}/secrets/1.0.0"))
    assert start(ask, tv, resource=ORDERS, scope="items:read").json()["error"] == "invalid_scope"
