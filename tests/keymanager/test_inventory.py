"""The inventory: what is in it for whom, filters, orders, pages, CSV; the page and REST alike."""

import csv
import io
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from keymanager import actions
from keymanager.inventory import SORTS
from keymanager.models import Credential
from portal import listing
from tests import factories

pytestmark = pytest.mark.django_db
PAGE, FILE, REST = "/credentials/", "/credentials.csv", "/api/v1/credentials/"


def on_page(client, query: str = "") -> list[str]:
    response = client.get(f"{PAGE}{query}")
    assert response.status_code == 200
    return [row.public_id for row in response.context["listing"].page]


def in_rest(client, query: str = "") -> list[str]:
    response = client.get(f"{REST}{query}")
    assert response.status_code == 200, response.content
    return [row["id"] for row in response.json()["results"]]


def table(client, query: str = "") -> list[dict[str, str]]:
    response = client.get(f"{FILE}{query}")
    assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
    assert response["Content-Disposition"].startswith('attachment; filename="credentials-')
    text = b"".join(response.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def in_file(client, query: str = "") -> list[str]:
    return [row["id"] for row in table(client, query)]


EVERYWHERE = pytest.mark.parametrize("look", [on_page, in_rest, in_file])


@pytest.fixture
def several(application, consumer):
    """name -> credential, one for each thing that a filter tells apart; the last made comes first in `newest`."""

    def key(name: str, *, age: int, used: int | None = None, **fields):
        row = factories.KeyFactory(application=application, by=consumer, name=name, **fields).credential
        now = timezone.now()
        last = None if used is None else now - timedelta(days=used)
        Credential.objects.filter(pk=row.pk).update(created_at=now - timedelta(days=age), last_used_at=last)
        return row

    soon = timezone.now() + timedelta(days=5)
    rows = {
        "never": key("Never", age=100),
        "silent": key("Silent", age=200, used=95),
        "busy": key("Busy", age=150, used=0),
        "soon": key("Soon", age=80, used=3, expires_at=soon),
        "test": key("Test", age=10, environment="sandbox"),
        "gone": key("Gone", age=300),
        "old": key("Old", age=120, used=1),
    }
    actions.revoke(credential=rows["gone"], by=consumer)
    rows["new"] = actions.rotate(credential=rows["old"], overlap=604_800, by=consumer).credential
    return {name: row.public_id for name, row in rows.items()}


@EVERYWHERE
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"never", "silent", "busy", "soon", "test", "gone", "old", "new"}),
        ("?unused_days=90", {"never", "silent"}),
        ("?unused_days=2", {"never", "silent", "soon", "test"}),
        ("?expires_days=7", {"soon"}),
        ("?state=working", {"never", "silent", "busy", "soon", "test", "old", "new"}),
        ("?state=overlap", {"old"}),
        ("?state=revoked", {"gone"}),
        ("?state=expired", set()),
        ("?environment=sandbox", {"test"}),
        ("?kind=oauth_client", set()),
        ("?team=consumers&kind=api_key&unused_days=90&environment=production", {"never", "silent"}),
        ("?team=others", set()),
        ("?q=sil", {"silent"}),
        ("?q=checkout", {"never", "silent", "busy", "soon", "test", "gone", "old", "new"}),
        ("?q=nothing", set()),
    ],
)
def test_filters(look, query, expected, several, client_as, consumer):
    assert set(look(client_as(consumer), query)) == {several[name] for name in expected}


@EVERYWHERE
def test_found_by_what_it_is_recognised_by(look, several, client_as, consumer):
    row = Credential.objects.get(public_id=several["busy"])
    for text in (row.public_id, row.prefix, row.label):
        assert several["busy"] in look(client_as(consumer), f"?q={text}")


@pytest.mark.parametrize("look", [on_page, in_file])
@pytest.mark.parametrize(
    ("sort", "first"),
    [
        ("newest", ["new", "test"]),
        ("oldest", ["gone", "silent"]),
        ("unused", ["gone", "never", "silent"]),
        ("expires", ["soon"]),
        ("name", ["busy", "gone", "never"]),
    ],
)
def test_sorts(look, sort, first, several, client_as, consumer):
    found = look(client_as(consumer), f"?sort={sort}")
    assert found[: len(first)] == [several[name] for name in first]


@pytest.mark.parametrize("look", [on_page, in_file])
@pytest.mark.parametrize("sort", SORTS)
def test_every_sort_has_every_row_once(look, sort, several, client_as, consumer):
    assert sorted(look(client_as(consumer), f"?sort={sort}")) == sorted(several.values())


@pytest.mark.parametrize(
    "query",
    [
        "?sort=no",
        "?kind=x",
        "?unused_days=x",
        "?unused_days=-1",
        "?unused_days=1e9",
        "?page=x",
        "?unused_days=1.5",
    ],
)
def test_nonsense_in_the_address_is_let_be(query, several, client_as, consumer):
    assert client_as(consumer).get(f"{PAGE}{query}").status_code == 200
    assert table(client_as(consumer), query)
    assert client_as(consumer).get(f"{REST}{query}").status_code in {200, 400, 404}


@EVERYWHERE
def test_each_sees_the_own_teams_and_admins_all(look, several, client_as, consumer, stranger, admin):
    theirs = factories.ApplicationFactory(team=factories.TeamFactory(slug="others"))
    other = factories.ClientFactory(application=theirs).credential.public_id
    member = factories.person("Mo Member", team="consumers")
    assert set(look(client_as(consumer))) == set(look(client_as(member))) == set(several.values())
    assert look(client_as(stranger)) == []
    assert set(look(client_as(admin))) == {*several.values(), other}
    assert look(client_as(admin), "?team=others") == [other]


@pytest.mark.parametrize("address", [PAGE, FILE])
def test_pages_are_for_people_who_signed_in(address, client_as):
    assert client_as(None).get(address).status_code == 302
    assert client_as(None).get(REST).status_code in {401, 403}


@pytest.mark.parametrize("address", [PAGE, FILE])
def test_pages_are_read_only(address, client_as, consumer):
    assert client_as(consumer).post(address).status_code == 405


def test_page_says_what_is_in_it(several, client_as, consumer):
    body = client_as(consumer).get(f"{PAGE}?unused_days=90").content.decode()
    assert "Silent" in body
    assert "Busy" not in body
    assert f"{FILE}?unused_days=90" in body
    assert "by Cora Consumer" in body


def test_page_without_any(client_as, stranger):
    assert "No credential yet" in client_as(stranger).get(PAGE).content.decode()
    assert "No credential matches" in client_as(stranger).get(f"{PAGE}?q=x").content.decode()


def test_pages_follow_each_other(several, client_as, consumer, settings, monkeypatch):
    monkeypatch.setitem(listing.page_of.__kwdefaults__, "size", 3)
    pages = [on_page(client_as(consumer), f"?page={number}&sort=name") for number in (1, 2, 3)]
    assert [len(page) for page in pages] == [3, 3, 2]
    assert len({row for page in pages for row in page}) == 8


@pytest.mark.parametrize("address", [PAGE, FILE, REST])
def test_query_count_is_constant(address, application, client_as, admin, consumer):
    def look() -> int:
        browser = client_as(admin)
        browser.get("/")
        with CaptureQueriesContext(connection) as queries:
            response = browser.get(address)
            if response.streaming:
                assert b"cred_" in b"".join(response.streaming_content)
        return len(queries)

    def add(number: int) -> None:
        team = factories.TeamFactory(slug=f"team-{number}")
        other = factories.ApplicationFactory(team=team)
        old = factories.KeyFactory(application=other, by=consumer_admin).credential
        actions.rotate(credential=old, overlap=604_800, silent_days=2, by=consumer_admin)
        factories.ClientFactory(application=other)
        Credential.objects.update(last_used_at=timezone.now())
        actions.issue_key(
            application=application,
            environment="production",
            name="A",
            by=consumer,
            allowed_apis=["items"],
        )

    consumer_admin = admin
    add(0)
    few = look()
    for number in range(1, 5):
        add(number)
    assert look() == few


# ---- the file -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name",
    [
        '=HYPERLINK("http://x","y")',
        "+1+1",
        "-1",
        "@SUM(A1)",
        "\uff1d1",
        " =1",
        "=cmd|' /C calc'!A0",
    ],
)
def test_file_holds_no_formula(name, application, consumer, client_as):
    factories.KeyFactory(application=application, by=consumer, name=name)
    type(application).objects.update(name=name)
    [row] = table(client_as(consumer))
    assert (row["name"], row["application_name"]) == (f"'{name.strip()}", f"'{name}")


def test_file_keeps_commas_quotes_and_lines(application, consumer, client_as):
    factories.KeyFactory(application=application, by=consumer, name='A, "B"\nC')
    assert table(client_as(consumer))[0]["name"] == 'A, "B"\nC'


def test_file_says_everything_and_no_secret(application, consumer, client_as):
    issued = actions.issue_key(
        application=application,
        environment="production",
        name="CI",
        by=consumer,
        allowed_apis=["items"],
        allowed_ranges=["203.0.113.0/24", "2001:db8::/32"],
    )
    [row] = table(client_as(consumer))
    assert (row["allowed_apis"], row["allowed_ranges"]) == ("items", "203.0.113.0/24 2001:db8::/32")
    assert (row["state"], row["age_days"], row["created_by"], row["team"]) == (
        "working",
        "0",
        "Cora Consumer",
        "consumers",
    )
    assert row["last_used_at"] == ""
    assert issued.secret not in str(row)
    assert issued.credential.key_hash not in str(row)
