"""The queue of requests by keyboard: from one to the next, select, and decide."""

import secrets
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.journeys.caller import Caller, personal_token
from tests.stack import CONSUMER, PUBLISHER, Stack

pytestmark = pytest.mark.browser


@pytest.fixture
def asking(stack: Stack) -> str:
    """What the names of three applications that ask for a plan begin with."""
    consumer = Caller(stack, personal_token(stack, CONSUMER, "portal:read", "portal:subscribe"))
    begin = f"Asks {secrets.token_hex(3)}"
    for n in range(3):
        application = consumer.post("/applications/", 201, name=f"{begin} {n}", team="web-shop")["id"]
        consumer.post("/subscriptions/", 202, application=application, api="orders", plan="gold")
    return begin


def test_queue_is_worked_through_by_keyboard(visit: Callable[..., Visitor], asking: str):
    visitor = visit(PUBLISHER, reduced_motion="reduce")
    page = visitor.page
    visitor.open(f"/approvals/?q={asking.replace(' ', '+')}")
    heading, rows = page.locator("#drawer h2"), page.locator("#queue tbody tr[aria-current=true] th a")
    expect(heading).to_have_text(f"{asking} 0")
    for key, shown in (("j", 1), ("j", 2), ("k", 1)):
        page.keyboard.press(key)
        expect(heading).to_have_text(f"{asking} {shown}")
        expect(rows).to_have_text(f"{asking} {shown}")
    page.keyboard.press("x")
    expect(page.get_by_role("checkbox", name=f"Select {asking} 1")).to_be_checked()
    page.keyboard.press("r")
    expect(page.get_by_label("Note to them")).to_be_focused()
    page.keyboard.type("as needed")
    page.keyboard.press("Escape")
    page.get_by_label("Note to them").blur()
    page.keyboard.press("a")
    expect(page.get_by_text("1 approved.")).to_be_visible()
    visitor.open("/approvals/?show=approved")
    expect(page.get_by_text(f"{asking} 1")).to_be_visible()
    expect(page.get_by_text("“as needed”").first).to_be_visible()


def test_queue_selects_all_and_shows_the_clicked_one(visit: Callable[..., Visitor], asking: str):
    visitor = visit(PUBLISHER, reduced_motion="reduce")
    page = visitor.page
    visitor.open(f"/approvals/?q={asking.replace(' ', '+')}")
    page.get_by_role("link", name=f"{asking} 2").click()
    expect(page.locator("#drawer h2")).to_have_text(f"{asking} 2")
    page.get_by_label("Select all on this page").check()
    expect(page.locator("#queue tbody input:checked")).to_have_count(3)
    page.get_by_label("Note, needed to reject").fill("Not this year.")
    page.locator(".bulk").get_by_role("button", name="Reject").click()
    expect(page.get_by_text("3 rejected.")).to_be_visible()
