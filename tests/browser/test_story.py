"""The main job from sign-in to revocation, in a real browser and through the real gateway."""

import os
import re
import secrets
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor
from tests.browser.test_pages import examine
from tests.stack import CONSUMER, PUBLISHER, Answer, Stack, bearer, call, until

pytestmark = pytest.mark.browser

API, PLAN, BURST = "orders", "partner", 120
RECEIPT_MS = 20_000


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_story_from_sign_in_to_revocation(visit: Callable[..., Visitor], stack: Stack, script: bool):
    name = f"Checkout {secrets.token_hex(3)}"
    consumer = visit(CONSUMER, java_script_enabled=script)
    publisher = visit(PUBLISHER, java_script_enabled=script)
    orders = f"{stack.gateways['production']}/orders/v2/orders"

    register(consumer.page, name)
    application = consumer.page.url
    create_client(consumer.page)
    consumer.page.goto(application)
    token, lines = mint(consumer.page)
    assert not lines
    refused(call(orders, headers=bearer(token)), 403, "not_subscribed")

    consumer.page.goto(application)
    subscribe(consumer.page)
    subscription = consumer.page.url
    refused(call(orders, headers=bearer(token)), 403, "not_subscribed")
    approve(publisher.page, name)
    receipt_completes(publisher.page)
    consumer.page.goto(subscription)
    receipt_completes(consumer.page)

    consumer.page.goto(application)
    token, lines = mint(consumer.page)
    assert paste(lines[0]).status == 200
    refused(call(orders), 401, "not_authenticated")
    refused(call(orders, headers=bearer(f"{token[:-8]}AAAAAAAA")), 401, "token_invalid")

    consumer.page.goto(application)
    reader, _ = mint(consumer.page, without="orders:write")
    assert call(orders, headers=bearer(reader)).status == 200
    refused(call(orders, method="POST", headers=bearer(reader), body="{}"), 403, "scope_missing")

    limited = over_the_rate(orders, token)
    assert int(limited.headers["retry-after"]) >= 1

    publisher.page.goto(subscription)
    suspend(publisher.page)
    receipt_completes(publisher.page)
    refused(call(orders, headers=bearer(token)), 403, "suspended")
    publisher.page.get_by_role("button", name="Resume").click()
    expect(publisher.page.get_by_role("link", name="Suspend…")).to_be_visible()
    receipt_completes(publisher.page)
    until(lambda: call(orders, headers=bearer(token)).status == 200, "calls go on after the resume")

    consumer.page.goto(application)
    revoke(consumer.page)
    receipt_completes(consumer.page)
    refused(call(orders, headers=bearer(token)), 401, "token_revoked")


# ---- what a person does ---------------------------------------------------------------------------------------------


def register(page: Page, name: str) -> None:
    page.get_by_role("link", name="Applications").first.click()
    page.get_by_role("link", name="Register an application").first.click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Team", exact=True).select_option("web-shop")
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()


def create_client(page: Page) -> None:
    page.get_by_role("link", name="OAuth client").first.click()
    page.get_by_label("Name", exact=True).fill("Checkout web")
    page.get_by_label("Production").check()
    page.get_by_role("button", name="Create").click()
    secret = page.get_by_text(re.compile(r"^pcs_\w{30,}$"))
    expect(secret.first).to_be_visible()
    shown = secret.first.inner_text()
    no_flaw(page)
    page.get_by_role("link", name="I have stored it").click()
    assert shown not in page.content()


def mint(page: Page, without: str = "") -> tuple[str, list[str]]:
    """A token from the panel, and the curl lines shown with it."""
    if without:
        page.get_by_label(without).uncheck()
    page.get_by_role("button", name="Generate token").click()
    panel = page.get_by_role("group", name="Token", exact=True)
    expect(panel.get_by_text("Signed")).to_be_visible()
    no_flaw(page)
    token = panel.locator(".jwt").inner_text().strip()
    return token, panel.locator("pre[aria-label^=Call]").all_inner_texts()


def subscribe(page: Page) -> None:
    name = page.get_by_role("heading", level=1).inner_text()
    page.get_by_role("link", name="Subscribe to an API").first.click()
    page.get_by_role("link", name="Orders", exact=True).first.click()
    page.get_by_role("link", name="Subscribe", exact=True).click()
    page.get_by_label("Application", exact=True).select_option(label=name)
    page.get_by_label("Partner:").check()
    page.get_by_label("What is it for?").fill("Orders of the checkout")
    page.get_by_role("button", name="Subscribe").click()
    expect(page.get_by_text(re.compile("Waiting for Storefront"))).to_be_visible()


def approve(page: Page, name: str) -> None:
    page.get_by_role("link", name=re.compile("^Approvals")).first.click()
    page.locator("#queue tbody").get_by_role("link", name=name).click()
    page.locator("#drawer").get_by_role("link", name=name).click()
    page.get_by_label("Note to them").fill("Welcome")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("heading", name="Your decision")).to_have_count(0)


def suspend(page: Page) -> None:
    page.get_by_role("link", name="Suspend…").click()
    page.get_by_label("Why", exact=True).fill("Too many errors")
    page.get_by_role("button", name="Suspend").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()


def revoke(page: Page) -> None:
    page.get_by_role("link", name="Checkout web").first.click()
    page.get_by_role("link", name="Revoke", exact=True).click()
    page.get_by_label("Why?").fill("It leaked")
    page.get_by_role("button", name=re.compile("^Revoke")).click()
    expect(page.locator(".titlerow").get_by_text("Revoked")).to_be_visible()


def receipt_completes(page: Page) -> None:
    """Every hop done and the total a number. It fills itself in; without script one looks again."""
    receipt = page.locator(".receipt").first
    if page.locator("html.js").count():
        expect(receipt.get_by_text("In all")).to_be_visible(timeout=RECEIPT_MS)
    else:
        until(lambda: page.reload() and "In all" in receipt.inner_text(), "the receipt is complete")
    assert receipt.locator(".hop").count() == receipt.locator(".hop.ok").count() == 5
    assert re.search(r"\d", receipt.locator(".total b").inner_text())
    no_flaw(page)


def no_flaw(page: Page) -> None:
    """Pages that only a form leads to are not on the walk over all links."""
    if page.locator("html.js").count():
        assert examine(page, fully=False) == []


# ---- what a program does --------------------------------------------------------------------------------------------


def paste(line: str) -> Answer:
    """Run the shown line as it stands; a curl that reads a settings file adds only what is needed to see the answer."""
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / ".curlrc").write_text('silent\nwrite-out = "\\n%{http_code}"\n')
        env = {"PATH": os.environ["PATH"], "HOME": home}
        ran = subprocess.run(
            line, shell=True, env=env, capture_output=True, text=True, check=True, timeout=20
        )
    body, _, status = ran.stdout.rpartition("\n")
    return Answer(int(status), {}, body)


def refused(answer: Answer, status: int, reason: str) -> None:
    assert (answer.status, answer.reason) == (status, reason)
    assert answer.json["request_id"]


def over_the_rate(url: str, token: str) -> Answer:
    """The first answer beyond the plan's burst."""
    for _ in range(3 * BURST):
        answer = call(url, headers=bearer(token))
        if answer.status != 200:
            break
    refused(answer, 429, "plan_rate")
    return answer
