"""Every link that anybody sees leads somewhere: also the pagers, the orders and filters of lists, and what their forms send."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from apis import sync
from apis.models import Api, Plan
from keymanager import actions as keymanager
from portal.accounts.models import Membership, NamespaceGrant, TeamRole, User
from portal.kube import ManifestDirectory
from subscriptions import actions
from tests import factories
from tests.browser.listed import ELSEWHERE, NO_PAGES, POSTS, WALKED
from tests.browser.pages import NOT_A_PAGE, Links, view_of

DEMO = Path(__file__).parents[2] / "deploy" / "demo" / "manifests"
# Addresses that differ only in their data or their values are one kind; so many of each are opened.
OF_A_KIND = 2
# More than one page of a list.
MANY = 25
Fields = list[tuple[str, list[str]]]


class Sent(Links):
    """Also the addresses that the page's GET forms send people to: each choice of each field alone."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, Fields]] = []
        self._fields: Fields | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        super().handle_starttag(tag, attrs)
        found = {name: value or "" for name, value in attrs}
        if tag == "form" and found.get("method", "get").lower() == "get":
            self._fields = []
            self.forms.append((found.get("action", ""), self._fields))
        elif tag in {"input", "select"} and self._fields is not None and found.get("name"):
            text = {"search": "orders", "text": "orders", "date": "2026-11-01"}.get(found.get("type", "text"))
            value = found.get("value") or text or ""
            self._fields.append((found["name"], [value] if tag == "input" else []))
        elif tag == "option" and self._fields:
            self._fields[-1][1].append(found.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._fields = None

    def addresses(self, path: str) -> Iterator[str]:
        for href in self.hrefs:
            yield urljoin(path, href)
        for action, fields in self.forms:
            at = urljoin(path, action or urlsplit(path).path)
            usual = {name: values[0] for name, values in fields if values}
            yield f"{at}?{urlencode(usual)}"
            yield from (f"{at}?{urlencode({name: value})}" for name, values in fields for value in values)


def kind_of(path: str) -> tuple[str, frozenset[str]]:
    parts = urlsplit(path)
    return view_of(path), frozenset(name for name, _ in parse_qsl(parts.query, keep_blank_values=True))


def broken_links(client: Client) -> tuple[list[str], set[str]]:
    """What answers 404, 500 or worse, with the page that leads there; and the names of the pages that were seen."""
    waiting, seen = [("the address bar", "/")], {"/"}
    opened: Counter[tuple[str, frozenset[str]]] = Counter()
    broken = []
    while waiting:
        origin, path = waiting.pop(0)
        answer = client.get(path, follow=True)
        if answer.status_code >= 400:
            broken.append(f"{origin}: {path} answers {answer.status_code}")
            continue
        if "text/html" not in answer.headers["Content-Type"]:
            continue
        page = Sent()
        page.feed(answer.content.decode())
        at = answer.request["PATH_INFO"]
        for address in page.addresses(f"{at}?{answer.request['QUERY_STRING']}"):
            parts = urlsplit(address)
            target = parts._replace(fragment="").geturl()
            if parts.netloc or parts.scheme or target in seen or parts.path.startswith(NOT_A_PAGE):
                continue
            seen.add(target)
            opened[kind_of(target)] += 1
            if opened[kind_of(target)] <= OF_A_KIND:
                waiting.append((path, target))
    return broken, {name for name, _ in opened}


@pytest.fixture
def people(db, tmp_path) -> dict[str, User | None]:
    """The demo's catalog, and somebody of each kind with more than one page of everything."""
    consumer = factories.person("Cora Consumer", team="web-shop", role=TeamRole.OWNER)
    publisher = factories.person("Pia Publisher", team="storefront", role=TeamRole.OWNER)
    for namespace in ("storefront", "payments", "fulfilment", "identity"):
        team = factories.TeamFactory(slug=namespace)
        Membership.objects.get_or_create(team=team, user=publisher, defaults={"role": TeamRole.MAINTAINER})
        NamespaceGrant.objects.create(
            cluster="demo", namespace=namespace, team=team, auto_publish=namespace != "identity"
        )
    sync.run(ManifestDirectory("demo", path=DEMO, state=tmp_path / "demo"))
    admin = factories.UserFactory(name="Ada Admin", email="ada@example.com", is_admin=True)
    furnish(consumer)
    factories.IssuerFactory(by=admin)
    for n in range(MANY):
        factories.ApiVersionFactory(api=factories.ApiFactory(slug=f"more-{n}"))
        factories.ApiVersionFactory(
            api=factories.ApiFactory(slug=f"found-{n}", team=factories.TeamFactory(slug="storefront")),
            status="discovered",
        )
    return {"consumer": consumer, "publisher": publisher, "admin": admin, "anonymous": None}


def furnish(consumer: User) -> None:
    team = consumer.memberships.get().team
    orders, catalogue = Api.objects.get(slug="orders"), Api.objects.get(slug="product-catalogue")
    plans = {plan.slug: plan for plan in Plan.objects.all()}
    for n in range(MANY):
        application = actions.register_application(team=team, name=f"App {n}", by=consumer)
        actions.subscribe(application=application, api=orders, plan=plans["gold"], by=consumer)
        if n < 3:
            actions.subscribe(application=application, api=catalogue, plan=plans["free"], by=consumer)
        keymanager.issue_key(application=application, environment="production", name="Till", by=consumer)
    keymanager.issue_client(application=application, environment="sandbox", name="Front", by=consumer)


@pytest.mark.parametrize("role", ["consumer", "publisher", "admin", "anonymous"])
def test_every_link_leads_somewhere(client_as, people, role):
    broken, seen = broken_links(client_as(people[role]))
    assert not broken, "\n".join(broken)
    assert len(seen) > (30 if people[role] else 8), sorted(seen)


def names(resolver: URLResolver, space: str = "") -> Iterator[str]:
    """Of every address that has one, REST apart."""
    for part in resolver.url_patterns:
        if isinstance(part, URLResolver):
            if str(part.pattern) != "api/v1/":
                yield from names(part, f"{part.namespace}:" if part.namespace else space)
        elif isinstance(part, URLPattern) and part.name:
            yield f"{space}{part.name}"


def test_every_address_is_listed():
    """A new page is walked over, or its own test looks at it: tests/browser/listed.py."""
    listed = [*WALKED, *ELSEWHERE, *POSTS, *NO_PAGES]
    assert sorted(set(names(get_resolver()))) == sorted(listed)
    root = Path(__file__).parents[2]
    assert [test for test in ELSEWHERE.values() if not (root / test).exists()] == []
