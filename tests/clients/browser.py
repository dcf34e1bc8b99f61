"""Somebody's browser: an HTTP session that goes through the portal's real pages, their forms and CSRF tokens."""

import html
import re
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

PATIENCE_S = 20


class Browser:
    """Signs in where it is asked to. `arrivals` are the answers that the portal sent clients through it."""

    def __init__(self, email: str, password: str) -> None:
        self._person = {"login": email, "password": password}
        self._session = requests.Session()
        self._session.trust_env = False
        self.arrivals: list[dict[str, list[str]]] = []

    def visit(self, url: str, decision: str = "allow") -> str:
        """Answer the page that asks whether a client may act for the person; where the portal sends them then."""
        page = self._session.get(url, timeout=PATIENCE_S)
        if 'name="password"' in page.text:
            page = self._send(page, **self._person)
        if 'name="decision"' not in page.text:
            page = self._send(page)  # the device's code, which the address has filled in
        answer = self._send(page, follow=False, decision=decision)
        assert answer.status_code == 302, answer.text
        location = urljoin(page.url, answer.headers["Location"])
        self.arrivals.append(parse_qs(urlsplit(location).query))
        return location

    def _send(self, page: requests.Response, *, follow: bool = True, **typed: str) -> requests.Response:
        """The page's form that has the fields, with what stands in it already."""
        assert page.status_code == 200, page.text
        wanted = set(typed) or {"user_code"}
        for attributes, form in re.findall(r"<form\b([^>]*)>(.*?)</form>", page.text, re.DOTALL):
            names = set(re.findall(r'name="(\w+)"', form))
            if wanted <= names:
                address = urljoin(page.url, _attribute(attributes, "action") or page.url)
                fields = {
                    name: _attribute(tag, "value")
                    for tag in re.findall(r"<input\b[^>]*>", form)
                    if (name := _attribute(tag, "name")) and 'type="checkbox"' not in tag
                }
                return self._session.post(
                    address, {**fields, **typed}, allow_redirects=follow, timeout=PATIENCE_S
                )
        raise AssertionError(f"{page.url} has no form with {wanted}:\n{page.text}")


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', tag)
    return html.unescape(found[1]) if found else ""
