"""The search over everything: what each person finds, as a page and as a list, in a number of questions that does not grow."""

import re

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from apis import catalog
from apis.models import Api, DescribedOperation, DocsPage, Document, Operation
from portal import palette
from tests import factories

pytestmark = pytest.mark.django_db
PART = {"HTTP_HX_REQUEST": "true"}


def offer(slug: str, *, operations: int = 1, visibility: str = "public") -> None:
    said = {"name": slug.replace("-", " ").title(), "summary": "Money back.", "visibility": visibility}
    version = factories.ApiVersionFactory(api=factories.ApiFactory(slug=slug), presentation=said)
    for n in range(operations):
        Operation.objects.create(
            version=version, position=n, method="GET", path=f"/refunds/{n}", operation_id=f"getRefund{n}"
        )
    with transaction.atomic():
        catalog.refresh(version.api)


def links(html: str) -> dict[str, str]:
    """title -> address of everything found."""
    found = re.search(r'<div class="found.*?<section class="stack', html, re.DOTALL)
    part = found.group() if found else html
    hits = re.findall(r'<a href="([^"]*)"[^>]*>(.*?)</a>', part, re.DOTALL)
    return {" ".join(re.sub(r"<[^>]+>", " ", text).split()): url for url, text in hits}


def test_palette_finds_apis_operations_and_places(client_as, consumer):
    offer("refunds")
    application = factories.ApplicationFactory(team=consumer.teams.get(), name="Refund desk")
    client = client_as(consumer)
    found = links(client.get("/find/?q=refund").text)
    assert found["Refunds REST · 1.0.0"] == "/apis/refunds/"
    assert found["GET /refunds/0 Refunds"] == "/apis/refunds/1.0.0/reference/?q=%2Frefunds%2F0"
    assert found[f"Refund desk {application.team.name}"] == application.get_absolute_url()
    assert links(client.get("/find/?q=regis").text) == {"Register an application": "/applications/new/"}
    assert links(client.get("/find/?q=new+app").text) == {"Register an application": "/applications/new/"}


def test_palette_leads_deep_into_a_reference_that_was_made(client_as):
    offer("refunds")
    version = Operation.objects.get(path="/refunds/0").version
    version.document = Document.objects.create(
        version=version, sha256="ab" * 32, format="openapi-3.1", text="{}"
    )
    version.save()
    DescribedOperation.objects.create(
        document=version.document, position=0, slug="getRefund0", method="GET", path="/refunds/0", body="{}"
    )
    found = links(client_as(None).get("/find/?q=refunds").text)
    assert found["GET /refunds/0 Refunds"] == "/apis/refunds/1.0.0/reference/getRefund0/"


@pytest.mark.parametrize(
    ("typed", "operations"),
    [
        ("get /refunds", True),
        ("post /refunds", False),
        ("refnuds", True),
        ("money", False),
        ("refunds back", False),
    ],
)
def test_palette_finds_operations_by_what_they_say(client_as, typed, operations):
    offer("refunds")
    found = links(client_as(None).get("/find/", {"q": typed}).text)
    assert ("GET /refunds/0 Refunds" in found) is operations


def test_palette_finds_documentation(client_as):
    offer("refunds")
    api = Api.objects.get()
    DocsPage.objects.create(api=api, slug="start", title="Getting started", text="Mind the surcharge.")
    with transaction.atomic():
        catalog.refresh(api)
    for typed in ("surcharge", "getting started", "refunds started"):
        found = links(client_as(None).get("/find/", {"q": typed}).text)
        assert found["Getting started Refunds"] == "/apis/refunds/1.0.0/docs/start/"


def test_palette_never_finds_what_is_hidden(client_as, consumer):
    offer("refunds", visibility="team")
    factories.ApplicationFactory(team=factories.TeamFactory(slug="others"), name="Refund desk")
    factories.TeamFactory(slug="refunders", name="Refunders")
    for person in (None, consumer):
        assert links(client_as(person).get("/find/?q=refund").text) == {}


def test_palette_offers_each_person_their_own_pages(client_as, consumer, admin):
    nobody, somebody, chief = (
        links(client_as(person).get("/find/").text) for person in (None, consumer, admin)
    )
    assert "Sign in" in nobody and "Applications" not in nobody
    assert "Applications" in somebody and "Signing keys" not in somebody
    assert "Signing keys" in chief
    assert 'form="sign-out"' in client_as(consumer).get("/find/?q=sign").text


def test_palette_asks_why_a_request_was_refused(client_as, consumer):
    request = "7f9c0a52-6a8e-4d0e-9a9e-0a3c5d1b2f44"
    found = links(client_as(consumer).get("/find/", {"q": request}).text)
    assert found == {"Why was this request refused? 7f9c0a52-6a8e…": f"/why/?request={request}"}


def test_palette_is_a_list_to_choose_from_for_its_dialog(client_as, consumer):
    offer("refunds")
    page = client_as(consumer).get("/find/?q=refunds", **PART).text
    assert "<html" not in page
    assert page.count('role="option"') == page.count('aria-selected="false"') == 2
    assert len(set(re.findall(r'id="(hit-[^"]+)"', page))) == 2
    assert "Nothing found" in client_as(consumer).get("/find/?q=zzzz", **PART).text


def test_palette_escapes_what_is_typed(client_as):
    page = client_as(None).get("/find/", {"q": "<script>alert(1)</script>\0"}).text
    assert "<script>alert" not in page


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("typed", ["", "refunds", "refnuds", "get refunds"])
def test_palette_asks_the_same_of_few_and_of_many(client_as, consumer, typed):
    offer("refunds")
    client = client_as(consumer)

    def asked() -> list[str]:
        client.get("/find/", {"q": typed}, **PART)
        with CaptureQueriesContext(connection) as context:
            assert client.get("/find/", {"q": typed}, **PART).status_code == 200
        return [query["sql"] for query in context]

    few = asked()
    for n in range(2 * palette.SHOWN):
        offer(f"refunds-{n}", operations=10)
        factories.ApplicationFactory(team=consumer.teams.get(), name=f"Refunds {n}")
    many = asked()
    assert len(many) == len(few) <= 16, [statement[:200] for statement in many]
