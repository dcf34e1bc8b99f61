"""Words to APIs: exact, begun, misspelt, of a team, of a path."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import transaction

from apis import answers, catalog
from apis.filters import CatalogQuery
from apis.models import Api, Operation
from apis.search import distance
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
