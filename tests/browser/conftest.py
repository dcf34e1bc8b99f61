"""A real Chromium. Each person is a browser context of their own; what the browser complains about fails the test."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.stack import Stack

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Run before each page's own scripts: a blocked style or script is an event, and not always a line on the console.
WATCH_POLICY = "addEventListener('securitypolicyviolation', (e) => console.error(`CSP: ${e.violatedDirective} ${e.blockedURI}`))"
PATIENCE_MS = 30_000


def chromium() -> str:
    """The path of the browser; the test is left out where there is none."""
    path = os.environ.get("PORTICO_CHROMIUM", "/usr/bin/chromium")
    if not Path(path).exists():
        pytest.skip("left out: browser tests (no Chromium)")
    return path


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Of this package, not of the session: while Playwright's loop runs, Django refuses the database."""
    path = chromium()
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield found
        found.close()


@dataclass
class Visitor:
    """Somebody in front of the portal. `complaints` collects what the browser's console says is wrong."""

    page: Page
    stack: Stack
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.context.add_init_script(WATCH_POLICY)
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(f"{self.page.url}: {error}"))

    def _note(self, message: Any) -> None:
        # A page that answers 404 or 403 on purpose is a line on the console too.
        if message.type == "error" and "the server responded with a status of 4" not in message.text:
            self.complaints.append(f"{self.page.url}: {message.text}")

    def open(self, path: str) -> int:
        """Go to an address of the portal; returns the status."""
        response = self.page.goto(f"{self.stack.portal}{path}")
        return response.status if response else 0

    def sign_in(self, email: str) -> None:
        self.open("/login/")
        self.page.get_by_label("Email").fill(email)
        self.page.get_by_label("Password").first.fill(self.stack.password(email))
        self.page.get_by_role("button", name="Sign in", exact=True).click()
        self.page.wait_for_url(lambda url: "/login" not in url)


@pytest.fixture
def visit(browser: Browser, stack: Stack) -> Iterator[Callable[..., Visitor]]:
    """A new browser context, signed in as that person; without script, dark or narrow where it is said."""
    opened: list[Visitor] = []

    def start(email: str = "", **options: Any) -> Visitor:
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        visitor = Visitor(context.new_page(), stack)
        opened.append(visitor)
        if email:
            visitor.sign_in(email)
        return visitor

    yield start
    for visitor in opened:
        visitor.page.context.close()
    assert [line for visitor in opened for line in visitor.complaints] == []
