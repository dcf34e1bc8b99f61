"""Regions that htmx changes: the address says what is shown, the back button undoes it, and nothing else moves."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Visitor
from tests.stack import CONSUMER, PUBLISHER

pytestmark = pytest.mark.browser

# Where what stands around a changing region is, and how far the page is scrolled.
PLACES = """() => [scrollY, ...[...document.querySelectorAll('header.top, h1, main form, .tabs, main > .wrap > .pagehead')]
    .map((one) => { const box = one.getBoundingClientRect(); return [one.tagName, box.left, box.top, box.width]; })]"""


def places(page: Page) -> list[Any]:
    found: list[Any] = page.evaluate(PLACES)
    return found


def back(page: Page, to: Callable[[str], bool], *, by: int = -1) -> None:
    """As the browser's own button does. A state that htmx made is loaded anew by it: wait for that document."""
    page.evaluate("document.documentElement.dataset.leaving = 1")
    devtools = page.context.new_cdp_session(page)
    known = devtools.send("Page.getNavigationHistory")
    entry = known["entries"][known["currentIndex"] + by]
    devtools.send("Page.navigateToHistoryEntry", {"entryId": entry["id"]})
    expect(page.locator("html[data-leaving]")).to_have_count(0)
    page.wait_for_load_state()
    page.wait_for_url(to)


def test_catalog_filters_go_into_the_address_and_back(visit: Callable[..., Visitor]):
    visitor = visit(CONSUMER, reduced_motion="reduce")
    page = visitor.page
    visitor.open("/")
    results = page.locator("#results")
    names = results.locator("h3")
    before, all_of_them = places(page), names.all_inner_texts()
    box = page.locator("#facets").get_by_role("checkbox", name="GraphQL").first
    box.check()
    page.wait_for_url("**type=graphql**")
    expect(results).not_to_contain_text("Product Catalogue")
    assert places(page) == before
    page.get_by_role("searchbox", name="Search APIs").fill("storefront")
    page.wait_for_url("**q=storefront**")
    assert places(page) == before

    back(page, lambda url: "q=" not in url and "type=graphql" in url)
    back(page, lambda url: "type=graphql" not in url)
    expect(results).to_contain_text("Product Catalogue")
    expect(box).not_to_be_checked()
    assert names.all_inner_texts() == all_of_them
    back(page, lambda url: "type=graphql" in url, by=1)
    expect(results).not_to_contain_text("Product Catalogue")
    expect(box).to_be_checked()


def test_catalog_is_as_it_was_after_a_look_at_an_api(visit: Callable[..., Visitor]):
    visitor = visit(CONSUMER, reduced_motion="reduce")
    page = visitor.page
    visitor.open("/")
    page.locator("#facets").get_by_role("checkbox", name="GraphQL").first.check()
    page.wait_for_url("**type=graphql**")
    address = page.url
    page.locator("#results h3 a").first.click()
    page.wait_for_url("**/apis/**")
    back(page, lambda url: url == address)
    expect(page.locator("#facets").get_by_role("checkbox", name="GraphQL").first).to_be_checked()
    expect(page.locator("#results")).not_to_contain_text("Product Catalogue")


def test_sync_page_polls_and_filters_in_place(visit: Callable[..., Visitor]):
    visitor = visit(PUBLISHER, reduced_motion="reduce")
    page = visitor.page
    visitor.open("/sync/")
    before = places(page)
    with page.expect_response(lambda answer: "/sync/" in answer.url, timeout=15_000):
        pass
    page.wait_for_timeout(300)
    assert places(page) == before
    page.locator("#q").fill("nothing like it")
    page.wait_for_url("**q=nothing**")
    assert places(page) == before
    # A filter of what is watched live takes the address over: back leaves the page.
    back(page, lambda url: "/sync/" not in url)
    back(page, lambda url: "q=nothing" in url, by=1)
    expect(page.locator("#q")).to_have_value("nothing like it")


@pytest.mark.parametrize(
    ("email", "path", "tabs"),
    [
        (CONSUMER, "/apis/orders/v2/", ["Reference", "Plans", "Changelog"]),
        (PUBLISHER, "/approvals/", ["Approved", "Rejected"]),
    ],
)
def test_tabs_have_an_address_each(visit: Callable[..., Visitor], email: str, path: str, tabs: list[str]):
    visitor = visit(email, reduced_motion="reduce")
    page = visitor.page
    visitor.open(path)
    seen = [page.url]
    for tab in tabs:
        page.locator(".tabs").get_by_role("link", name=tab).first.click()
        page.wait_for_url(lambda url: url != seen[-1])
        seen.append(page.url)
        expect(page.locator(".tabs [aria-current=page]")).to_contain_text(tab)
    for address in reversed(seen[:-1]):
        back(page, lambda url, address=address: url == address)
    page.reload()
    expect(page).to_have_url(seen[0])


def test_operation_is_changed_in_place_and_back(visit: Callable[..., Visitor]):
    visitor = visit(CONSUMER, reduced_motion="reduce")
    page = visitor.page
    visitor.open("/apis/orders/v2/reference/listOrders/")
    title = page.locator("#reference h2, article h2").first.inner_text()
    other = page.locator("nav a[href*='placeOrder'], aside a[href*='placeOrder']").first
    other.click()
    page.wait_for_url("**/placeOrder/**")
    expect(page).to_have_title(re.compile("^Place an order"))
    back(page, lambda url: "/listOrders/" in url)
    expect(page.locator("#reference h2, article h2").first).to_have_text(title)


def test_usage_range_is_undone_by_the_back_button(visit: Callable[..., Visitor]):
    visitor = visit(CONSUMER, reduced_motion="reduce")
    page = visitor.page
    visitor.open("/usage/")
    before = places(page)
    page.locator(".seg label", has_text="14 d").click()
    page.wait_for_url("**range=14d**")
    expect(page.locator("#usage")).to_contain_text("the 14 d before")
    assert places(page) == before
    back(page, lambda url: "range=14d" not in url)
    expect(page.locator("#usage")).to_contain_text("the 48 h before")
    expect(page.get_by_role("radio", name="48 h")).to_be_checked()


def test_back_is_right_before_the_page_can_hear_of_it(visit: Callable[..., Visitor]):
    visitor = visit(CONSUMER, reduced_motion="reduce")
    page = visitor.page
    visitor.open("/")
    page.locator("#facets").get_by_role("checkbox", name="GraphQL").first.check()
    page.wait_for_url("**type=graphql**")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/htmx*.js", hold)
    page.reload(wait_until="commit")
    page.locator("#results").wait_for(state="attached")
    page.evaluate("history.back()")
    page.wait_for_url(lambda url: "type=" not in url, wait_until="commit")
    assert held
    page.unroute("**/htmx*.js")  # lets those go that are held
    expect(page.locator("#results")).to_contain_text("Product Catalogue")
    expect(page.locator("#facets [name=type]:checked")).to_have_count(0)
