"""What a stranger's Chromium with an empty cache sees of a page: bytes, requests, paints, and when an operation stands there."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from playwright.sync_api import Browser, Page, TimeoutError as TooSlow, sync_playwright

from tests.browser.conftest import ARGUMENTS, chromium

VIEWPORT = {"width": 1440, "height": 900}
PATIENCE_MS = 90_000
# An operation counts as painted in the frame after the one in which its heading and its parameter are in sight.
WATCH = """
window.seen = {lcp: 0, cls: 0, clicked: 0};
new PerformanceObserver((l) => { for (const e of l.getEntries()) seen.lcp = e.startTime; })
  .observe({type: "largest-contentful-paint", buffered: true});
new PerformanceObserver((l) => { for (const e of l.getEntries()) if (!e.hadRecentInput) seen.cls += e.value; })
  .observe({type: "layout-shift", buffered: true});
window.watchFor = ([heading, name, content, text]) => {
  const shows = (selector, words) => [...document.querySelectorAll(selector)].some((el) => {
    const r = el.getBoundingClientRect();
    return r.height && r.top < innerHeight && r.bottom > 0 && el.textContent.includes(words);
  });
  const look = () => shows(heading, name) && shows(content, text)
    ? requestAnimationFrame(() => setTimeout(() => { seen.at = performance.now(); sayPainted(seen); }))
    : requestAnimationFrame(look);
  window.painted = new Promise((done) => { window.sayPainted = done; });
  look();
};
addEventListener("click", (e) => { seen.clicked = e.timeStamp; }, true);
"""

# Heading selector, its words, content selector, its words.
Sight = tuple[str, str, str, str]


@dataclass
class Seen:
    """The figures of some visits of one page."""

    kb: list[float] = field(default_factory=list)
    requests: list[float] = field(default_factory=list)
    lcp_ms: list[float] = field(default_factory=list)
    cls: list[float] = field(default_factory=list)
    deep_link_ms: list[float] = field(default_factory=list)
    click_ms: list[float] = field(default_factory=list)

    def middle(self, name: str) -> float:
        """The median. Raises StatisticsError where nothing was measured."""
        return median(getattr(self, name))


@contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield found
        found.close()


@dataclass
class Traffic:
    """What a page loads, as the browser's network stack counts it, headers included."""

    size: float = 0
    requests: int = 0

    def follow(self, page: Page) -> None:
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.requestWillBeSent", self._sent)
        session.on("Network.loadingFinished", self._finished)

    def _sent(self, event: dict[str, Any]) -> None:
        self.requests += not event["request"]["url"].startswith(("data:", "blob:"))

    def _finished(self, event: dict[str, Any]) -> None:
        self.size += event["encodedDataLength"]


def first_visit(found: Browser, url: str, into: Seen) -> None:
    """Open the page as somebody who was never here, until nothing more is loaded or moves."""
    context = found.new_context(viewport=VIEWPORT)
    try:
        context.add_init_script(WATCH)
        page, traffic = context.new_page(), Traffic()
        traffic.follow(page)
        page.goto(url, wait_until="networkidle", timeout=PATIENCE_MS)
        page.wait_for_timeout(300)
        seen = page.evaluate("seen")
    finally:
        context.close()
    into.kb.append(traffic.size / 1024)
    into.requests.append(traffic.requests)
    into.lcp_ms.append(seen["lcp"])
    into.cls.append(seen["cls"])


def deep_link(found: Browser, url: str, sight: Sight, link: str, then: Sight, into: Seen) -> None:
    """Open the address of an operation until it is painted; then click on `link` until `then` is."""
    context = found.new_context(viewport=VIEWPORT)
    try:
        context.add_init_script(f"{WATCH}\nwatchFor({json.dumps(sight)});")
        page, traffic = context.new_page(), Traffic()
        traffic.follow(page)
        page.goto(url, wait_until="commit", timeout=PATIENCE_MS)
        into.deep_link_ms.append(_painted(page)["at"])
        page.wait_for_load_state("networkidle", timeout=PATIENCE_MS)
        into.kb.append(traffic.size / 1024)
        page.evaluate("watchFor", then)
        try:
            page.click(link, timeout=PATIENCE_MS)
            seen = _painted(page)
            into.click_ms.append(seen["at"] - seen["clicked"])
        except TooSlow:
            print(f"   {url}: a click on {link} was not answered in {PATIENCE_MS // 1000} s")
    finally:
        context.close()


def _painted(page: Page) -> dict[str, float]:
    """What was seen, once it is. Raises TooSlow."""
    late = f"new Promise((done) => setTimeout(done, {PATIENCE_MS}))"
    seen = page.evaluate(f"Promise.race([painted, {late}])")
    if seen is None:
        raise TooSlow(f"not painted in {PATIENCE_MS // 1000} s")
    return seen
