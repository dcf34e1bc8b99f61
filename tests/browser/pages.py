"""Which pages there are: found by following every link, as one person sees them."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

from django.urls import Resolver404, resolve
from playwright.sync_api import APIRequestContext

OF_A_KIND = 4
NOT_A_PAGE = ("/static/", "/api/v1/")


class Links(HTMLParser):
    """The addresses in a page, what its controls name, and the ids that are there to be named."""

    def __init__(self) -> None:
        super().__init__()
        self.hrefs: list[str] = []
        self.named: set[str] = set()
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "a" and found.get("href"):
            self.hrefs.append(found["href"] or "")
        if found.get("id"):
            self.ids.add(found["id"] or "")
        for name in ("aria-labelledby", "aria-describedby", "for", "popovertarget"):
            self.named.update((found.get(name) or "").split())


@dataclass
class Walk:
    """The pages that can be reached by links, a few of each kind: tests/portal/test_links.py goes further, without a browser.

    `broken` says where a link leads nowhere.
    """

    portal: str
    request: APIRequestContext
    pages: dict[str, str] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)
    _kinds: Counter[str] = field(default_factory=Counter)

    def start(self, *paths: str) -> "Walk":
        waiting = [("the address bar", path) for path in paths]
        while waiting:
            origin, path = waiting.pop(0)
            if path in self._seen:
                continue
            self._seen.add(path)
            self._kinds[view_of(path)] += 1
            if self._kinds[view_of(path)] > OF_A_KIND:
                continue
            waiting += [(path, found) for found in self._visit(origin, path)]
        return self

    def _visit(self, origin: str, path: str) -> Iterator[str]:
        answer = self.request.get(f"{self.portal}{path}", max_redirects=5)
        if answer.status >= 400:
            self.broken.append(f"{origin}: {path} answers {answer.status}")
            return
        if "text/html" not in answer.headers.get("content-type", ""):
            return
        name = view_of(path)
        self.pages.setdefault(name, path)
        links = Links()
        links.feed(answer.text())
        missing = links.named - links.ids
        self.broken += [f"{path}: #{one} is named and not there" for one in sorted(missing)]
        for href in links.hrefs:
            target, fragment = urldefrag(urljoin(f"{self.portal}{path}", href))
            if href.startswith("#") and fragment and fragment not in links.ids:
                self.broken.append(f"{path}: {href} leads nowhere")
            # A filter or an order of a list is looked at, and not walked further: they combine without end.
            if target.startswith(f"{self.portal}/") and not urlsplit(path).query:
                yield target.removeprefix(self.portal)


def view_of(path: str) -> str:
    """The name of the page at an address: pages of one name differ only in their data."""
    try:
        return resolve(urlsplit(path).path).view_name or path
    except Resolver404:
        return path
