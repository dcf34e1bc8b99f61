"""What the shell of every page links to, for whom."""

import pytest
from django.urls import reverse

from apis.models import Document
from portal.accounts.models import NamespaceGrant

pytestmark = pytest.mark.django_db


def links(client) -> bool:
    page = client.get("/components/").content.decode()
    return f'href="{reverse("apis:sync")}"' in page


def test_shell_links_to_sync_for_those_who_may_open_it(client_as, publisher, admin):
    team = publisher.memberships.get().team
    NamespaceGrant.objects.create(cluster="test", namespace="publishers", team=team)
    assert links(client_as(publisher))
    assert links(client_as(admin))


def test_shell_hides_sync_from_others(client_as, consumer):
    assert not links(client_as(consumer))
    assert not links(client_as(None))


def test_shell_asks_once(client_as, publisher, django_assert_max_num_queries):
    client = client_as(publisher)
    client.get("/components/")
    with django_assert_max_num_queries(6) as asked:
        client.get("/components/")
    assert sum("namespacegrant" in query["sql"] for query in asked.captured_queries) == 1


@pytest.mark.parametrize(
    ("kept", "shown"),
    [("openapi-3.1", "OpenAPI 3.1"), ("asyncapi-3.0", "AsyncAPI 3.0"), ("graphql", "GraphQL"), ("", "")],
)
def test_document_format_reads_as_its_makers_write_it(kept, shown):
    assert Document(format=kept).format_name == shown
