"""The search over everything and the keys: without a mouse, and never in the way of somebody who types."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor
from tests.browser.test_pages import ALL_RULES, flaws_of
from tests.stack import CONSUMER

pytestmark = pytest.mark.browser


def field_of(page: Page):
    return page.locator("#palette").get_by_role("combobox")


def test_palette_is_worked_by_keys(visit: Callable[..., Visitor]):
    visitor = visit(CONSUMER, reduced_motion="reduce")
    page, keys = visitor.page, visitor.page.keyboard
    visitor.open("/applications/")
    keys.press("Control+k")
    field = field_of(page)
    expect(field).to_be_focused()
    options = page.locator("#palette").get_by_role("option")
    expect(options.filter(has_text="Register an application")).to_be_visible()
    keys.type("shipments")
    first = options.first
    expect(first).to_contain_text("Shipments")
    expect(first).to_have_attribute("aria-selected", "true")
    expect(field).to_have_attribute("aria-activedescendant", first.get_attribute("id") or "-")
    expect(field).to_have_attribute("aria-expanded", "true")
    assert flaws_of(page, "palette", ALL_RULES) == []
    keys.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    keys.press("ArrowUp")
    keys.press("ArrowUp")
    expect(options.last).to_have_attribute("aria-selected", "true")
    keys.press("ArrowDown")
    expect(field).to_be_focused()
    keys.press("Enter")
    expect(page).to_have_url(re.compile("/apis/shipments/$"))


def test_palette_leads_to_operations_and_actions(visit: Callable[..., Visitor]):
    visitor = visit(CONSUMER)
    page, keys = visitor.page, visitor.page.keyboard
    visitor.open("/apis/orders/")
    keys.press("/")
    expect(field_of(page)).to_be_focused()
    keys.type("post orders")
    expect(page.locator("#palette").get_by_role("group", name="Operations")).to_contain_text("POST/orders")
    field_of(page).fill("light dark")
    theme = page.locator("#palette").get_by_role("option", name="Switch between light and dark")
    expect(theme).to_have_attribute("aria-selected", "true")
    keys.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(field_of(page)).to_be_hidden()
    keys.press("Control+k")
    field_of(page).fill("sign out")
    expect(page.locator("#palette").get_by_role("option", name="Sign out")).to_have_attribute(
        "aria-selected", "true"
    )
    keys.press("Enter")
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


def test_keys_help_and_can_be_turned_off(visit: Callable[..., Visitor]):
    visitor = visit(CONSUMER, reduced_motion="reduce")
    page, keys = visitor.page, visitor.page.keyboard
    visitor.open("/")
    keys.press("/")
    search = page.get_by_label("Search APIs", exact=True)
    expect(search).to_be_focused()
    keys.type("/?g")
    expect(search).to_have_value("/?g")
    search.blur()
    keys.press("?")
    sheet = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(sheet).to_be_visible()
    assert flaws_of(page, "keys", ALL_RULES) == []
    sheet.get_by_role("switch").uncheck()
    keys.press("Escape")
    expect(sheet).to_be_hidden()
    for key in ("?", "/", "g", "a"):
        keys.press(key)
    expect(sheet).to_be_hidden()
    expect(search).not_to_be_focused()
    visitor.open("/")
    keys.press("?")
    expect(sheet).to_be_hidden()
    keys.press("Control+k")
    expect(field_of(page)).to_be_focused()
    keys.press("Escape")
    page.get_by_role("link", name="Keyboard").click()
    sheet.get_by_role("switch").check()
    keys.press("Escape")
    keys.press("g")
    keys.press("a")
    expect(page).to_have_url(re.compile("/applications/$"))


def test_search_over_everything_without_script(visit: Callable[..., Visitor]):
    visitor = visit(CONSUMER, java_script_enabled=False)
    page = visitor.page
    visitor.open("/applications/")
    page.get_by_role("link", name="Search everything").click()
    page.get_by_label("Search for an API").fill("shipments")
    page.get_by_label("Search for an API").press("Enter")
    page.locator("#found").get_by_role("link", name=re.compile("^Shipments")).first.click()
    expect(page).to_have_url(re.compile("/apis/shipments/$"))
    page.get_by_role("link", name="Keyboard").click()
    expect(page.get_by_role("heading", name="Keyboard shortcuts")).to_be_in_viewport()
