"""Words to APIs: exact, begun, misspelt, of a team, of a path."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import transaction

from apis import answers, catalog
from apis.evidence import Marks
from apis.filters import CatalogQuery
from apis.models import Api, DocsPage, Document, Operation
from apis.search import RANKED, distance
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoicing(published) -> Api:
    api = published.api
    api.team.name = "Ledger Guild"
    api.team.save()
    published.presentation = {"name": "Invoices", "summary": "Bills for customers.", "tags": ["money"]}
    published.save()
    Operation.objects.create(
        version=published,
        position=0,
        method="GET",
        path="/reminders/{id}/letters",
        operation_id="sendReminder",
    )
    published.document = Document.objects.create(
        version=published, sha256="ab" * 32, schemas=["DunningNotice"]
    )
    published.save()
    DocsPage.objects.create(api=api, slug="a", title="Getting started", text="Mind the *surcharge*.")
    factories.ApiVersionFactory(api=factories.ApiFactory(slug="other", name="Weather"))
    with transaction.atomic():
        return catalog.refresh(api)


@pytest.mark.parametrize(
    "typed",
    [
        "invoices",
        "INVOICE",
        "inv",
        "invoics",
        "invioces",
        "invoicess",
        "custmoers",
        "bills money",
        "ledger guild",
        "ledgr",
        "/reminders/",
        "letters",
        "invoices/letters",
        "sendReminder",
        "dunning",
        "dunningnotice",
        "surcharge",
        "getting started",
        "tag:money",
        "TAG:mon invoices",
        "team:ledger inv",
        'team:"ledger guild" letters',
        "owner:guild bills",
        "type:rest status:published plan:free inv",
        "type:graphql type:rest invoices",
        "tag: inv",
        "env:prod bills",
        "inv guild",
    ],
)
def test_search_finds(invoicing, typed):
    assert answers.answer(CatalogQuery(text=typed), AnonymousUser()).pks(0, 9) == [invoicing.pk]


@pytest.mark.parametrize(
    "typed",
    [
        "zebra",
        "invoices zebra",
        "invoices weather",
        "tag:zebra",
        "invoices type:graphql",
        "tag:money type:soap",
        "plan:gold",
        "mytag:money",
    ],
)
def test_search_finds_nothing(invoicing, typed):
    assert answers.answer(CatalogQuery(text=typed), AnonymousUser()).pks(0, 9) == []


def test_search_never_finds_what_is_hidden(invoicing):
    Api.objects.filter(pk=invoicing.pk).update(visibility="team")
    for typed in ("invoices", "invioces"):
        answer = answers.answer(CatalogQuery(text=typed), AnonymousUser())
        assert (answer.total.count, answer.nearest()) == (0, None)


@pytest.mark.parametrize(
    ("one", "other", "errors"),
    [
        ("", "", 0),
        ("a", "", 1),
        ("ordres", "orders", 1),
        ("cat", "cut", 1),
        ("cat", "cart", 1),
        ("abc", "xyz", 3),
    ],
)
def test_distance_between_words(one, other, errors):
    assert distance(one, other) == distance(other, one) == errors


def test_search_ranks_what_a_misspelt_word_was_taken_for(db):
    """Far more match than are ranked: those with the word in their name come first."""
    names = [f"Alpha {n}" for n in range(RANKED)] + ["Zeta invoices", "Invoices"]
    for n, name in enumerate(names):
        version = factories.ApiVersionFactory(
            api=factories.ApiFactory(slug=f"api-{n}"),
            presentation={"name": name, "summary": "Invoices.", "visibility": "public"},
        )
        with transaction.atomic():
            catalog.refresh(version.api)
    for typed in ("invoices", "invioces", "invoi"):
        answer = answers.answer(CatalogQuery(text=typed), AnonymousUser())
        first = [Api.objects.get(pk=pk).name for pk in answer.pks(0, 2)]
        assert set(first) == {"Zeta invoices", "Invoices"}, typed
        assert answer.narrowed.count == len(names)


@pytest.mark.parametrize(
    "typed", ["the", "in", "inv", "the invoices", "invoices in", "a bill of the customers"]
)
def test_search_takes_common_words_as_they_are_meant(invoicing, typed):
    """A word of every English text hides nothing beside others; alone, it is the beginning of a longer one."""
    found = answers.answer(CatalogQuery(text=typed), AnonymousUser()).pks(0, 9)
    assert found == ([] if typed == "the" else [invoicing.pk])


def test_search_by_a_modifier_alone_counts_and_keeps_to_what_is_visible(invoicing):
    answer = answers.answer(CatalogQuery(text="tag:money"), AnonymousUser())
    assert answer.total.count == answer.narrowed.count == 1
    Api.objects.filter(pk=invoicing.pk).update(visibility="team")
    assert answers.answer(CatalogQuery(text="tag:money"), AnonymousUser()).total.count == 0


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("invoices", "<mark>Invoices</mark></a>"),
        ("inv", "<mark>Invoices</mark></a>"),
        ("invioces", "<mark>Invoices</mark></a>"),
        ("customer", "Bills for <mark>customers</mark>."),
        ("guild", "Ledger <mark>Guild</mark>"),
        ("money", '<span class="t3">Tag</span> <mark>money</mark>'),
        ("letter", '<span class="t3">Operation</span> GET /reminders/{id}/<mark>letters</mark> send'),
        ("reminder", "GET /<mark>reminders</mark>/{id}/letters send<mark>Reminder</mark>"),
        ("dunning", '<span class="t3">Schema</span> <mark>DunningNotice</mark>'),
        (
            "surcharge",
            '<span class="t3">Documentation</span> Getting started Mind the *<mark>surcharge</mark>*.',
        ),
        ("tag:money invoices", "<mark>Invoices</mark></a>"),
    ],
)
def test_search_shows_and_marks_where_it_found(invoicing, client_as, typed, shown):
    assert shown in client_as(None).get("/", {"q": typed}).text


def test_search_marks_without_trusting_what_it_marks(invoicing, client_as):
    hostile = "<b>invoices</b><script>alert(1)</script>"
    Api.objects.filter(pk=invoicing.pk).update(name=hostile)
    page = client_as(None).get("/", {"q": "invoices"}).text
    assert "&lt;b&gt;<mark>invoices</mark>&lt;/b&gt;&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("words", "text", "marked"),
    [
        ([["refunds"]], "A refund, refunded.", "A [refund], [refunded]."),
        ([["cat"]], "Concat the catalogue", "Concat the [catalogue]"),
        ([["order"], ["id"]], "createOrder by order_id", "create[Order] by [order]_[id]"),
        ([], "Anything", "Anything"),
    ],
)
def test_marks_stand_on_whole_words(words, text, marked):
    found = Marks(words).marked(text)
    assert found.replace("<mark>", "[").replace("</mark>", "]") == marked
