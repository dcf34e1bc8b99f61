"""Somebody who has never been here, from the landing page to a 200 of their own: at most twelve clicks.

Everything counts that a mouse would do: a click into the first field of a form (Tab leads to the next), and each try
again. Typing does not.
"""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Visitor
from tests.browser.test_pages import examine

pytestmark = pytest.mark.browser

MOST_CLICKS = 12
MOST_STOPS = 120


@dataclass
class Hand:
    """Presses things and counts. By keyboard, the focus gets there by the Tab key and Enter presses."""

    page: Page
    by_keyboard: bool
    clicks: int = 0

    def press(self, what: Locator) -> None:
        self.clicks += 1
        if self.by_keyboard:
            self.reach(what)
            self.page.keyboard.press("Enter")
        else:
            what.click()

    def write(self, *fields: tuple[Locator, str]) -> None:
        """Fill in what follows one another."""
        for number, (field, text) in enumerate(fields):
            if number or self.by_keyboard:
                self.reach(field)
            else:
                self.clicks += 1
                field.click()
            self.page.keyboard.type(text)

    def reach(self, what: Locator) -> None:
        expect(what).to_be_visible()
        for _ in range(MOST_STOPS):
            if what.evaluate("it => it === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        pytest.fail(f"the Tab key does not lead to {what}")


@pytest.mark.parametrize("way", ["mouse", "keyboard", "no-script"])
def test_stranger_makes_a_first_call_in_twelve_clicks(visit: Callable[..., Visitor], way: str):
    visitor = visit(java_script_enabled=way != "no-script", reduced_motion="reduce")
    page, hand = visitor.page, Hand(visitor.page, by_keyboard=way == "keyboard")
    main = page.locator("main")
    name = secrets.token_hex(4)
    visitor.open("/")

    hand.write((main.get_by_role("searchbox").first, "product"))
    if way == "no-script":
        page.keyboard.press("Enter")
    hand.press(main.locator("#results").get_by_role("link", name="Product Catalogue", exact=True))
    hand.press(main.get_by_role("link", name="Subscribe", exact=True))

    # Nobody here knows them yet.
    hand.press(main.get_by_role("link", name="Sign up"))
    hand.write(
        (main.get_by_label("Email"), f"{name}@example.com"),
        (main.get_by_label("Name"), f"Stranger {name}"),
        (main.get_by_label("Password"), secrets.token_urlsafe()),
    )
    hand.press(main.get_by_role("button", name="Sign up"))

    expect(page.get_by_role("heading", level=1, name="Subscribe to Product Catalogue")).to_be_visible()
    hand.write((main.get_by_label("Name of your application"), f"First app {name}"))
    hand.press(main.get_by_role("button", name="Subscribe"))

    expect(main.locator(".receipt")).to_be_visible()
    hand.press(main.get_by_role("link", name="Make the first call"))
    called(hand)
    assert hand.clicks <= MOST_CLICKS
    if way == "mouse":
        assert examine(page, fully=True) == []


def called(hand: Hand) -> None:
    """Send until the answer is a 200: who is quicker than the gateway sends again, and that counts."""
    answer = hand.page.locator("#response")
    while True:
        hand.press(hand.page.locator("#try").get_by_role("button", name="Send request"))
        expect(answer).to_contain_text(re.compile(r"\b(200|401|403)\b"))
        if "200 OK" in answer.inner_text():
            return
        assert hand.clicks < MOST_CLICKS, answer.inner_text()
