"""The key manager's pages with data on them: axe on each, rotation and revocation by keyboard alone and without script."""

import re
import secrets
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor
from tests.browser.test_pages import examine
from tests.journeys.caller import Caller, personal_token
from tests.stack import ADMIN, CONSUMER, Stack, call

pytestmark = pytest.mark.browser

CALLBACK = "http://127.0.0.1/callback"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.fixture(scope="module")
def consumer(stack: Stack) -> Caller:
    return Caller(stack, personal_token(stack, CONSUMER, "portal:read", "portal:subscribe"))


@pytest.fixture(scope="module")
def application(consumer: Caller) -> str:
    name = f"Keyring {secrets.token_hex(3)}"
    found: str = consumer.post("/applications/", 201, name=name, team="web-shop")["id"]
    consumer.post("/subscriptions/", 201, application=found, api="product-catalogue", plan="standard")
    return found


@pytest.fixture
def key(consumer: Caller, application: str) -> str:
    """The id of a new API key."""
    new = {"kind": "api_key", "environment": "production", "name": f"Till {secrets.token_hex(2)}"}
    return consumer.post(f"/applications/{application}/credentials/", 201, **new)["id"]


def no_flaw(page: Page) -> None:
    assert examine(page, fully=True) == []


def shown_key(page: Page) -> str:
    found = page.get_by_text(re.compile(r"^ptk_live_\w{30}$")).first
    expect(found).to_be_visible()
    return found.inner_text()


def test_credential_pages_have_no_flaw(visit: Callable[..., Visitor], key: str):
    visitor = visit(CONSUMER, reduced_motion="reduce", color_scheme="light")
    for path in (
        "/credentials/",
        "/credentials/?unused_days=90",
        f"/credentials/{key}/",
        f"/credentials/{key}/rotate/",
        f"/credentials/{key}/revoke/",
        "/account/tokens/",
        "/account/consents/",
        "/device/",
        "/device/?user_code=WDJB-MJHT",
        "/revoke-token/",
    ):
        assert visitor.open(path) == 200, path
        no_flaw(visitor.page)


def test_signing_keys_have_no_flaw(visit: Callable[..., Visitor]):
    visitor = visit(ADMIN, reduced_motion="reduce", color_scheme="light")
    assert visitor.open("/signing-keys/") == 200
    no_flaw(visitor.page)


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_consent_and_device_are_answered(
    visit: Callable[..., Visitor], stack: Stack, application: str, script: bool
):
    """One person agrees to a client in a browser, then to the same on a device, finds both listed and withdraws."""
    visitor = visit(CONSUMER, reduced_motion="reduce", color_scheme="light", java_script_enabled=script)
    page = visitor.page
    client = made_client(visitor, application)
    fields = {"response_type": "code", "client_id": client, "redirect_uri": CALLBACK, "scope": "openid email"}
    fields |= {"state": "s", "code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    assert visitor.open(f"/o/authorize/?{urlencode(fields)}") == 200
    expect(page.get_by_role("heading", level=1, name=re.compile("asks to act for you"))).to_be_visible()
    if script:
        no_flaw(page)
    page.route(f"{CALLBACK}**", lambda route: route.fulfill(body="Welcome back"))
    page.get_by_role("button", name="Allow").click()
    page.wait_for_url(re.compile(r"^http://127\.0\.0\.1/callback\?.*code="))

    asked = call(
        f"{stack.portal}/o/device_authorization/",
        method="POST",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        body=urlencode({"client_id": client, "scope": "openid"}),
    ).json
    visitor.open("/device/")
    page.get_by_label(re.compile("code", re.IGNORECASE)).first.fill(asked["user_code"].lower())
    page.locator("main form button[type=submit]").last.click()
    expect(page.get_by_role("button", name="Allow")).to_be_visible()
    if script:
        no_flaw(page)
    page.get_by_role("button", name="Allow").click()
    page.wait_for_url("**/account/consents/")
    if script:
        no_flaw(page)
    connected = page.get_by_role("link", name=re.compile("^Withdraw from"))
    before = connected.count()
    assert before
    connected.first.click()
    page.get_by_role("button", name="Withdraw", exact=True).click()
    expect(connected).to_have_count(before - 1)


def made_client(visitor: Visitor, application: str) -> str:
    """A public client that people sign in through, by the form; its id."""
    page = visitor.page
    visitor.open(f"/applications/{application}/new-client/")
    page.get_by_label("Name", exact=True).fill(f"App {secrets.token_hex(2)}")
    page.get_by_label("Production").check()
    page.get_by_label("Redirect URIs").fill(CALLBACK)
    page.get_by_label("It cannot keep a secret").check()
    page.get_by_role("button", name="Create").click()
    found = page.get_by_text(re.compile(r"^cred_\w+$")).first
    expect(found).to_be_visible()
    return found.inner_text()


def reach(page: Page, role: str, name: str | re.Pattern[str]) -> None:
    """Go on with the Tab key to the control of that name."""
    wanted = page.get_by_role(role, name=name).first  # type: ignore[arg-type]
    expect(wanted).to_be_attached()
    for _ in range(80):
        if wanted.evaluate("it => it === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the Tab key does not lead to {role} {name}")


def test_keyboard_rotates_and_revokes(visit: Callable[..., Visitor], key: str):
    page = visit(CONSUMER, reduced_motion="reduce").page
    page.goto(f"{page.url.split('/', 3)[0]}//{page.url.split('/')[2]}/credentials/{key}/")
    reach(page, "link", re.compile("^Rotate"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name=re.compile("^Rotate"))).to_be_visible()
    page.get_by_role("link", name="Skip to content").focus()
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "overlap":
            break
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    chosen = page.locator("input[name=overlap]:checked").get_attribute("value")
    reach(page, "button", "Rotate")
    page.keyboard.press("Enter")
    fresh = shown_key(page)
    assert chosen is not None
    no_flaw(page)
    reach(page, "link", re.compile(r"^(ptk_live_|cred_)"))
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/credentials/{key}/")
    assert fresh not in page.content()
    if chosen == "0":
        expect(page.locator(".titlerow").get_by_text("Revoked")).to_be_visible()
        return
    reach(page, "link", re.compile("^Revoke"))
    page.keyboard.press("Enter")
    reach(page, "textbox", re.compile("^Why"))
    page.keyboard.type("Found in a repository")
    reach(page, "button", re.compile("^Revoke"))
    page.keyboard.press("Enter")
    expect(page.locator(".titlerow").get_by_text("Revoked")).to_be_visible()


def test_without_script_rotates_and_revokes(visit: Callable[..., Visitor], key: str):
    visitor = visit(CONSUMER, java_script_enabled=False)
    page = visitor.page
    visitor.open("/credentials/")
    page.locator(f"a[href='/credentials/{key}/']").first.click()
    page.get_by_role("link", name=re.compile("^Rotate")).first.click()
    page.locator("input[name=overlap][value='3600']").check()
    page.get_by_role("button", name="Rotate").click()
    fresh = shown_key(page)
    visitor.open(f"/credentials/{key}/")
    assert fresh not in page.content()
    page.get_by_role("link", name=re.compile("^Revoke")).first.click()
    page.get_by_label("Why?").fill("No longer deployed")
    page.get_by_role("button", name=re.compile("^Revoke")).click()
    expect(page.locator(".titlerow").get_by_text("Revoked")).to_be_visible()
