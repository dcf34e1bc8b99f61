"""What a page of the catalog asks of the database does not grow with the catalog."""

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from apis import catalog as catalog_of
from apis.models import Api
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
LISTS = ("/", "/?type=rest&sort=updated", "/?plan=free&tag=money&view=list", "/api/v1/apis/?sort=newest")
SEARCHES = ("/?q=refunds", "/?q=refnuds", "/?q=refunds+invoices&type=rest", "/api/v1/apis/?q=refunds")


def _offer(plan, count: int) -> None:
    teams = [factories.TeamFactory(slug=f"team-{n}") for n in range(3)]
    already = Api.objects.count()
    for n in range(already, already + count):
        api = factories.ApiFactory(slug=f"refunds-{n}", team=teams[n % 3])
        said = {"name": f"Refunds {n}", "summary": "With invoices.", "tags": ["money", f"tag-{n}"]}
        said |= {"visibility": "public", "type": "rest"}
        factories.ApiVersionFactory(api=api, presentation=said, plans=[plan])
        with transaction.atomic():
            catalog_of.refresh(api)


def _asked(client, address: str) -> list[str]:
    """Statements of one request, its page first asked for once, as the index is then up to date."""
    assert client.get(address).status_code == 200
    with CaptureQueriesContext(connection) as asked:
        assert client.get(address).status_code == 200
    return [query["sql"] for query in asked]


@pytest.mark.parametrize("address", [*LISTS, *SEARCHES])
def test_catalog_asks_the_same_of_few_and_of_many(client_as, consumer, free, address):
    _offer(free, 3)
    client = client_as(consumer)
    few = _asked(client, address)
    _offer(free, 60)
    many = _asked(client, address)
    assert len(many) == len(few) <= 15, [statement[:200] for statement in many]


def test_catalog_asks_once_more_for_words_that_are_new(client_as, free):
    _offer(free, 3)
    client = client_as(None)
    client.get("/")
    with CaptureQueriesContext(connection) as new:
        client.get("/?q=refunds")
    with CaptureQueriesContext(connection) as known:
        client.get("/?q=refunds")
    assert len(new) == len(known) + 1
