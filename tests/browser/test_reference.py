"""The Reference in a browser: operations change in place, a search finds without script, a key stays in its tab."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.stack import CONSUMER

pytestmark = pytest.mark.browser
REFERENCE = "/apis/orders/v2/reference/"
HELD = "ptk_live_0123456789abcdefghij"


def test_operations_change_in_place(visit: Callable[..., Visitor]):
    visitor = visit(CONSUMER)
    page = visitor.page
    visitor.open(f"{REFERENCE}listOrders/")
    page.set_viewport_size({"width": 1280, "height": 500})
    page.evaluate("window.stays = true; scrollTo(0, 300)")
    page.get_by_role("link", name="Place an order").click()
    expect(page).to_have_url(re.compile("/reference/placeOrder/$"))
    expect(page).to_have_title(re.compile("^Place an order"))
    expect(page.get_by_role("heading", name="Place an order")).to_be_visible()
    expect(page.locator("#ops [aria-current=page]")).to_have_text(re.compile("Place an order"))
    assert page.evaluate("window.stays")
    # From its beginning, wherever the page before it was being read.
    expect(page.get_by_role("heading", name="Place an order")).to_be_in_viewport()
    page.locator("#op-q").fill("cancel")
    expect(page.locator("#op-list li")).to_have_count(1)
    page.locator("#op-list a").click()
    expect(page.get_by_role("heading", name="Cancel an open order")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Place an order")).to_be_visible()


def test_language_changes_in_place_and_is_remembered(visit: Callable[..., Visitor]):
    visitor = visit()
    page = visitor.page
    visitor.open(f"{REFERENCE}placeOrder/")
    page.get_by_label("Language").select_option("ruby")
    expect(page.get_by_label("The call", exact=True)).to_contain_text("Net::HTTP")
    visitor.open(f"{REFERENCE}listOrders/")
    expect(page.get_by_label("The call", exact=True)).to_contain_text("Net::HTTP")


def test_reference_works_without_script(visit: Callable[..., Visitor]):
    visitor = visit(java_script_enabled=False)
    page = visitor.page
    visitor.open(REFERENCE)
    page.get_by_label("Search operations").fill("place")
    page.get_by_role("button", name="Search").click()
    page.locator("#results a").click()
    expect(page.get_by_role("heading", name="Place an order")).to_be_visible()
    page.locator("summary", has_text="2 fields").first.click()
    expect(page.get_by_text("quantity").first).to_be_visible()
    page.get_by_label("Language").select_option("go")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_label("The call", exact=True)).to_contain_text("http.NewRequest")


def test_held_key_is_copied_and_not_shown(visit: Callable[..., Visitor]):
    visitor = visit(permissions=["clipboard-read", "clipboard-write"])
    page = visitor.page
    visitor.open(f"{REFERENCE}listOrders/?auth=key&environment=production")
    page.evaluate(f"sessionStorage.setItem('key production', '{HELD}')")
    page.reload()
    expect(page.get_by_text("Copied with your key ptk_live_0123••••")).to_be_visible()
    page.get_by_role("button", name="Copy the call").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert HELD in page.evaluate("navigator.clipboard.readText()")
    assert HELD not in page.content()
