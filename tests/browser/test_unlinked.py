"""Pages to which only a form, a mail or a second factor leads: axe on each, in the four forms."""

import re
import secrets
from collections.abc import Callable

import pytest
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor
from tests.browser.test_pages import examine
from tests.stack import ADMIN, PUBLISHER, until

pytestmark = pytest.mark.browser


def looks_right(page: Page) -> None:
    assert examine(page, fully=True) == [], page.url


def sign_up(visitor: Visitor) -> tuple[str, str]:
    """A new person; their address and password."""
    name, password = secrets.token_hex(4), secrets.token_urlsafe()
    visitor.open("/signup/")
    visitor.page.get_by_label("Email").fill(f"{name}@example.com")
    visitor.page.get_by_label("Name").fill(f"Person {name}")
    visitor.page.get_by_label("Password").fill(password)
    visitor.page.get_by_role("button", name="Sign up").click()
    visitor.page.wait_for_url(lambda url: "/signup/" not in url)
    return f"{name}@example.com", password


def sign_in(visitor: Visitor, email: str, password: str) -> None:
    visitor.open("/login/")
    visitor.page.get_by_label("Email").fill(email)
    visitor.page.get_by_label("Password").first.fill(password)
    visitor.page.get_by_role("button", name="Sign in", exact=True).click()
    visitor.page.wait_for_url(lambda url: "/login/" not in url)


def mailed(admin: Visitor, email: str, path: str) -> str:
    """The address below `path` in the newest mail to them."""

    def found() -> str | None:
        admin.open("/mail/")
        mail = admin.page.locator("article", has_text=email).filter(has_text=path).first
        if not mail.count():
            return None
        match = re.search(rf"{re.escape(path)}\S+", mail.inner_text())
        return match[0] if match else None

    return str(until(found, f"a mail to {email} with {path}"))


def test_pages_of_signing_up_and_of_a_forgotten_password(visit: Callable[..., Visitor]):
    admin, visitor = visit(ADMIN), visit(reduced_motion="reduce", color_scheme="light")
    page = visitor.page
    email, _ = sign_up(visitor)
    visitor.open("/logout/")
    looks_right(page)
    for path in ("/confirm-email/", "/inactive/"):
        visitor.open(path)
        looks_right(page)
    visitor.open(mailed(admin, email, "/confirm-email/"))
    looks_right(page)
    page.get_by_role("button", name="Confirm").click()

    page.context.clear_cookies()
    visitor.open("/password/reset/")
    page.get_by_label("Email").fill(email)
    page.locator("main form button[type=submit]").click()
    page.wait_for_url("**/password/reset/done/")
    looks_right(page)
    visitor.open(mailed(admin, email, "/password/reset/key/"))
    looks_right(page)
    password = secrets.token_urlsafe()
    for field in page.locator("main input[type=password]").all():
        field.fill(password)
    page.locator("main form button[type=submit]").click()
    page.wait_for_url("**/password/reset/key/done/")
    looks_right(page)


def test_pages_of_a_second_factor(visit: Callable[..., Visitor]):
    visitor = visit(reduced_motion="reduce", color_scheme="light")
    page = visitor.page
    email, password = sign_up(visitor)
    confirm(visit(ADMIN), visitor, email)
    visitor.open("/reauthenticate/")
    looks_right(page)
    visitor.open("/2fa/totp/activate/")
    if "/reauthenticate/" in page.url:
        page.get_by_label("Password").fill(password)
        page.locator("main form button[type=submit]").first.click()
        page.wait_for_url("**/2fa/totp/activate/")
    looks_right(page)
    secret = page.locator(".copyline code").inner_text().strip()
    code = format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time())))
    page.get_by_label("Authenticator code").fill(code)
    page.get_by_role("button", name="Turn on").click()
    page.wait_for_url(lambda url: "activate" not in url)
    for path in ("/2fa/", "/2fa/recovery-codes/", "/2fa/recovery-codes/generate/", "/2fa/totp/deactivate/"):
        assert visitor.open(path) == 200, path
        looks_right(page)
    visitor.open("/2fa/reauthenticate/")
    looks_right(page)
    again = visit(reduced_motion="reduce", color_scheme="light")
    sign_in(again, email, password)
    expect(again.page).to_have_url(re.compile("/2fa/authenticate/"))
    looks_right(again.page)


def confirm(admin: Visitor, visitor: Visitor, email: str) -> None:
    """A second factor asks for an address that is theirs."""
    visitor.open(mailed(admin, email, "/confirm-email/"))
    visitor.page.get_by_role("button", name="Confirm").click()
    visitor.page.wait_for_url(lambda url: "confirm-email" not in url)


def test_pages_of_what_changed(visit: Callable[..., Visitor]):
    visitor = visit(PUBLISHER, reduced_motion="reduce", color_scheme="light")
    for path in ("/apis/orders/v2/changelog/", "/apis/orders/v2/changelog/since/v1/"):
        assert visitor.open(path) == 200, path
        looks_right(visitor.page)
