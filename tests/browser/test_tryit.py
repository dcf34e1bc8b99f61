"""A try in a browser: by mouse, by keyboard alone and without script. Nothing moves when the answer comes."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.stack import CONSUMER

pytestmark = pytest.mark.browser
OPERATION = "/apis/store-locator/1.0/reference/listStores/"
SHIFTS = """() => new Promise((done) => new PerformanceObserver((list) => done(
    list.getEntries().filter((e) => !e.hadRecentInput).reduce((sum, e) => sum + e.value, 0)
)).observe({type: "layout-shift", buffered: true}) || setTimeout(() => done(0), 500))"""


@pytest.mark.parametrize("way", ["mouse", "keyboard", "no-script"])
def test_operation_is_tried(visit: Callable[..., Visitor], way: str):
    visitor = visit(CONSUMER, java_script_enabled=way != "no-script")
    page = visitor.page
    visitor.open(OPERATION)
    send = page.get_by_role("button", name="Send request")
    if way == "keyboard":
        send.focus()
        page.keyboard.press("Enter")
    else:
        send.click()
    answer = page.get_by_role("group", name="Answer")
    expect(answer).to_contain_text("200 OK")
    expect(answer).to_contain_text('"id": "bern"')
    expect(answer).to_contain_text(re.compile(r"Portal \d+ ms\s*Gateway \d+ ms\s*API \d+ ms"))
    if way == "no-script":
        expect(page.get_by_role("heading", name="Try it")).to_be_visible()
        assert page.url.endswith("#response")
    else:
        assert page.url.endswith(OPERATION)
        assert page.evaluate(SHIFTS) <= 0.01


def test_typed_key_goes_along_and_is_copied(visit: Callable[..., Visitor]):
    visitor = visit(CONSUMER, permissions=["clipboard-read", "clipboard-write"])
    page = visitor.page
    visitor.open("/apis/product-catalogue/v1/reference/listProducts/")
    page.get_by_label("Credential", exact=True).first.select_option("key")
    page.get_by_label("Key or token").fill("ptk_test_nobodyhasthiskeyatall")
    page.get_by_role("button", name="Send request").click()
    answer = page.get_by_role("group", name="Answer")
    expect(answer).to_contain_text("401 Unauthorized")
    expect(answer).to_contain_text("No API key is like this one.")
    answer.get_by_text("As curl").click()
    answer.get_by_role("button", name="Copy as curl").click()
    expect(answer.get_by_role("button", name="Copied")).to_be_visible()
    assert "ptk_test_nobodyhasthiskeyatall" in page.evaluate("navigator.clipboard.readText()")
    assert "ptk_test_nobodyhasthiskeyatall" not in page.content()
    expect(answer.get_by_role("link", name="Why was I refused?")).to_have_attribute(
        "href", re.compile("request=[0-9a-f-]{36}")
    )


def test_names_of_the_schema_are_completed(visit: Callable[..., Visitor]):
    visitor = visit(CONSUMER)
    page = visitor.page
    visitor.open("/apis/storefront-graph/v1/reference/products/")
    query = page.get_by_label("Query", exact=True)
    query.fill("{ ")
    query.press_sequentially("prod")
    names = page.get_by_role("listbox", name="Names of the schema")
    expect(names.get_by_role("option", name="products")).to_be_visible()
    query.press("ArrowDown")
    query.press("Tab")
    expect(query).to_have_value(re.compile(r"^\{ products?$"))
    expect(names).to_have_count(0)
