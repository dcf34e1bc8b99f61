"""Answers that go on, in a browser: each event shows as it comes over the gateway, until the person stops it."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor
from tests.stack import CONSUMER, Stack, call, until

pytestmark = pytest.mark.browser
DEFINITION = """\
openapi: 3.1.0
info: {title: Ticker, version: v1}
paths:
  /events/orders:
    get: {operationId: hear, summary: Hear of orders, responses: {"200": {description: Events, content: {text/event-stream: {schema: {type: string}}}}}}
"""
HEAR = "/apis/ticker/v1/reference/hear/"


@pytest.fixture(scope="module")
def ticker(stack: Stack) -> None:
    """A public API over the demo's backend, which sends one event a second and never ends."""
    manifests = stack.manifests / "storefront"
    manifest: dict[str, Any] = yaml.safe_load((manifests / "store-locator.yaml").read_text())
    manifest["metadata"]["name"] = "ticker"
    manifest["spec"] |= {
        "displayName": "Ticker",
        "version": "v1",
        "definition": {"inline": DEFINITION},
        "basePath": "/ticker/v1",
    }
    (manifests / "ticker.yaml").write_text(yaml.safe_dump(manifest))
    address = f"{stack.gateways['production']}/ticker/v1/events/orders"
    until(lambda: call(address).status == 200, "the ticker at the gateway")
    until(lambda: call(f"{stack.portal}{HEAR}").status == 200, "the ticker's reference")


def test_events_show_as_they_come_until_stopped(visit: Callable[..., Visitor], ticker: None):
    visitor = visit(CONSUMER)
    page = visitor.page
    visitor.open(HEAR)
    answer = page.get_by_role("group", name="Answer")
    events = answer.locator("[data-events] li")
    send, stop = (page.locator("#try").get_by_role("button", name=name) for name in ("Send request", "Stop"))
    for _ in range(2):  # a second time as well: the place of the first is free again
        send.click()
        expect(answer).not_to_contain_text("Stopped.")  # that is of the time before
        expect(events.nth(0)).to_contain_text('"state": "placed"')
        expect(stop).to_be_visible()
        expect(events.nth(1)).to_contain_text('"state": "paid"')
        stop.click()
        expect(events.last).to_have_text("Stopped.")
        expect(send).to_be_visible()
    assert page.url.endswith(HEAR)
    shown = events.count()
    page.wait_for_timeout(1500)  # longer than the backend is silent: nothing comes any more
    assert events.count() == shown


def test_answer_that_does_not_come_is_said(visit: Callable[..., Visitor], ticker: None):
    visitor = visit(CONSUMER)
    page = visitor.page
    visitor.open(HEAR)
    said = page.get_by_role("group", name="Answer")
    for status, words in ((0, "The connection to the portal broke off."), (500, "did not take it")):
        answer_with(page, status)
        page.get_by_role("button", name="Send request").click()
        expect(said).to_contain_text(words)
        expect(page.get_by_role("button", name="Send request")).to_be_visible()
    visitor.complaints.clear()  # the failures above, which are meant
    page.unroute_all()
    page.context.clear_cookies(name="portico_session")
    page.get_by_role("button", name="Send request").click()
    page.wait_for_url(lambda url: "/login/" in url)


def answer_with(page: Page, status: int) -> None:
    """What the try's POST meets from now on; 0 is a connection that breaks."""
    page.unroute_all()
    page.route(
        "**/try/ticker/**",
        lambda route: route.fulfill(status=status, body="<h1>Broken</h1>") if status else route.abort(),
    )
