"""The main flow without a mouse: the skip link, and a focus that can be seen wherever it goes."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor
from tests.stack import CONSUMER, PUBLISHER

pytestmark = pytest.mark.browser

MOST_STOPS = 60
# What has the focus, whether something around it shows that, and whether it can be seen at all.
FOCUS = """() => {
  const it = document.activeElement;
  if (!it || it === document.body) return null;
  const ringed = (el) => { const s = getComputedStyle(el); return s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2; };
  let shown = false;
  for (let el = it, n = 0; el && n < 5 && !shown; el = el.parentElement, n++) shown = ringed(el);
  const box = it.getBoundingClientRect();
  const seen = box.width > 0 && box.bottom > 0 && box.top < innerHeight;
  return [it.outerHTML.slice(0, 120), shown, seen];
}"""
PAGES = {
    CONSUMER: [
        "/",
        "/apis/orders/",
        "/apis/orders/v2/reference/placeOrder/",
        "/apis/orders/subscribe/",
        "/applications/new/",
    ],
    PUBLISHER: ["/approvals/", "/publish/", "/sync/"],
    "": ["/login/"],
}


@pytest.mark.parametrize("email", PAGES)
def test_keyboard_focus_is_visible_at_every_stop(visit: Callable[..., Visitor], email: str):
    visitor = visit(email, reduced_motion="reduce")
    for path in PAGES[email]:
        visitor.open(path)
        stops = [stop for stop in walk(visitor.page) if stop]
        assert len(stops) > 3, path
        hidden = [
            f"{path} {what}: shown {shown}, seen {seen}"
            for what, shown, seen in stops
            if not (shown and seen)
        ]
        assert not hidden, "\n".join(hidden)


def test_keyboard_skip_link_is_first_and_leads_to_the_content(visit: Callable[..., Visitor]):
    visitor = visit()
    visitor.open("/")
    visitor.page.keyboard.press("Tab")
    skip = visitor.page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.locator("main")).to_be_focused()


def test_keyboard_opens_and_closes_the_search(visit: Callable[..., Visitor]):
    visitor = visit()
    visitor.open("/apis/orders/")
    visitor.page.keyboard.press("Control+k")
    field = visitor.page.locator("#palette").get_by_role("combobox")
    expect(field).to_be_focused()
    visitor.page.keyboard.press("Escape")
    expect(field).to_be_hidden()
    visitor.page.keyboard.press("Control+k")
    field.fill("shipments")
    field.press("Enter")
    visitor.page.wait_for_url(lambda url: "/find/?q=shipments" in url or url.endswith("/apis/shipments/"))


def walk(page: Page) -> list[list[object] | None]:
    """Each stop of the Tab key, until the focus leaves the page."""
    stops: list[list[object] | None] = []
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        stops.append(page.evaluate(FOCUS))
        if stops[-1] is None:
            break
    return stops
