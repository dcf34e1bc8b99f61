"""Words to APIs: exact, begun, misspelt, of a team, of a path."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import transaction

from apis import answers, catalog
from apis.filters import CatalogQuery
from apis.models import Api, Operation
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
    Operation.objects.create(version=published, position=0, method="GET", path="/reminders/{id}/letters")
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
        "inv guild",
    ],
)
def test_search_finds(invoicing, typed):
    assert answers.answer(CatalogQuery(text=typed), AnonymousUser()).pks(0, 9) == [invoicing.pk]


@pytest.mark.parametrize("typed", ["zebra", "invoices zebra", "invoices weather"])
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
