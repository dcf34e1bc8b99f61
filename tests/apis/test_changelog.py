"""What changed in definitions: noted by the sync, compared once, shown by version and between versions."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apis import changelog
from apis.models import ApiVersion, Comparison, Document
from portal.errors import PorticoError
from tests import factories
from tests.apis.pages import HTMX, text
from tests.apis.shop import MORE, OPENAPI

pytestmark = pytest.mark.django_db
EVIL = "<script>alert(1)</script>"


def document(version: ApiVersion, definition: str, *, current: bool = True) -> Document:
    row = Document.objects.create(
        version=version,
        sha256=f"{version.documents.count():064}",
        format="openapi-3.1",
        text=definition,
        created_at=timezone.now() - timedelta(days=9 - version.documents.count()),
    )
    if current:
        version.document = row
        version.save(update_fields=["document"])
    return row


@pytest.fixture
def changed(published) -> ApiVersion:
    """A version that took a definition with an operation more, and then lost both."""
    for definition in (OPENAPI, MORE, OPENAPI.replace("/orders", "/carts")):
        before = published.document_id
        document(published, definition)
        changelog.note(published, before)
    return published


def test_sync_notes_each_definition_taken(shop, client, django_capture_on_commit_callbacks):
    shop.grant(auto_publish=True)
    with django_capture_on_commit_callbacks(execute=True):
        for definition in (OPENAPI, MORE, OPENAPI):
            shop.api(
                definition={"inline": definition}, visibility="Public", publication={"approval": "Automatic"}
            )
    first, second = Comparison.objects.order_by("pk")
    assert (first.old_id, first.new_id) == (second.new_id, second.old_id)
    assert (first.worst, second.worst) == ("safe", "breaking")
    page = text(client.get("/apis/orders/v1/changelog/"))
    assert page.count("new operation GET /orders/{id}") == 1
    assert page.count("Breaking</span>") == 1
    assert "Atom feed" in page


def test_changelog_shows_the_latest_first(client, changed):
    page = text(client.get("/apis/products/2.3.0/changelog/"))
    assert page.index("new operation GET /carts") < page.index("new operation GET /orders/{id}")
    assert "3 breaking" in page
    assert "The first definition, OpenAPI 3.1" in page


def test_changelog_query_count_is_constant(client, changed, django_assert_num_queries):
    client.get("/apis/products/2.3.0/changelog/")
    with django_assert_num_queries(11):
        client.get("/apis/products/2.3.0/changelog/")
    for definition in (MORE, OPENAPI, MORE + "    # once more\n"):
        before = changed.document_id
        document(changed, definition)
        changelog.note(changed, before)
    client.get("/apis/products/2.3.0/changelog/")
    with django_assert_num_queries(11):
        client.get("/apis/products/2.3.0/changelog/")


def test_changelog_without_definition(client, published):
    assert "without a definition" in text(client.get("/apis/products/2.3.0/changelog/"))


def test_change_lists_everything_by_level(client, changed):
    row = Comparison.objects.latest("pk")
    client.get(f"/apis/products/2.3.0/changelog/{row.public_id}/")
    page = text(client.get(f"/apis/products/2.3.0/changelog/{row.public_id}/?level=breaking"))
    assert "GET /orders" in page
    assert "GET /carts" not in page
    assert "<html" not in text(client.get(f"/apis/products/2.3.0/changelog/{row.public_id}/", headers=HTMX))


def test_change_of_another_version_is_not_there(client, changed):
    other = factories.ApiVersionFactory(api=changed.api, version="3.0.0")
    row = Comparison.objects.latest("pk")
    text(client.get(f"/apis/products/{other.version}/changelog/{row.public_id}/"), 404)


def test_since_compares_two_versions(client, changed):
    newer = factories.ApiVersionFactory(api=changed.api, version="3.0.0")
    document(newer, MORE)
    page = text(client.get("/apis/products/3.0.0/changelog/since/2.3.0/"))
    assert "From 2.3.0 to 3.0.0" in page
    assert "GET /carts" in page
    client.get("/apis/products/3.0.0/changelog/since/2.3.0/")
    assert Comparison.objects.filter(took_at__isnull=True).count() == 1


def test_since_a_version_that_is_not_shown(client, changed):
    hidden = factories.ApiVersionFactory(api=changed.api, version="3.0.0", status="discovered")
    document(hidden, MORE)
    for since in ("3.0.0", "2.3.0", "9"):
        text(client.get(f"/apis/products/2.3.0/changelog/since/{since}/"), 404)


def test_since_a_version_without_definition(client, changed):
    factories.ApiVersionFactory(api=changed.api, version="3.0.0")
    assert "cannot be compared" in text(client.get("/apis/products/2.3.0/changelog/since/3.0.0/"))


def test_large_definitions_are_compared_by_a_worker(client, published, monkeypatch):
    asked = []
    monkeypatch.setattr("apis.tasks.compare.delay_on_commit", asked.append)
    monkeypatch.setattr(changelog, "AT_ONCE_BYTES", 10)
    old = document(published, OPENAPI)
    document(published, MORE)
    changelog.note(published, old.pk)
    page = text(client.get("/apis/products/2.3.0/changelog/"))
    assert "Being compared" in page
    assert 'hx-trigger="load delay:3s"' in page
    row = Comparison.objects.get()
    assert asked == [row.pk]
    # The worker was lost with what it was asked: whoever looks later asks again.
    Comparison.objects.update(tried_at=timezone.now() - 2 * changelog.ASK_AGAIN)
    client.get("/apis/products/2.3.0/changelog/")
    client.get("/apis/products/2.3.0/changelog/")
    assert asked == [row.pk, row.pk]
    changelog.ensure(row.pk)
    assert "1 safe" in text(client.get("/apis/products/2.3.0/changelog/"))


def test_what_cannot_be_compared_says_why(client, published):
    old = document(published, OPENAPI)
    document(published, "paths: [")
    changelog.note(published, old.pk)
    assert "Not comparable" in text(client.get("/apis/products/2.3.0/changelog/"))


def test_a_failure_of_ours_is_tried_again(published, monkeypatch):
    def fail(old: str, new: str) -> None:
        raise PorticoError("The reader does not start")

    old = document(published, OPENAPI)
    document(published, MORE)
    changelog.note(published, old.pk)
    row = Comparison.objects.get()
    with monkeypatch.context() as patched:
        patched.setattr("apis.definitions.sandbox.diff", fail)
        assert changelog.entry_of(row).state == "waiting"
    assert changelog.entry_of(row).state == "compared"


def test_long_lists_are_cut_and_say_so(client, published):
    paths = "".join(
        f"  /things/{n}:\n    get: {{responses: {{'200': {{description: Fine}}}}}}\n" for n in range(60)
    )
    old = document(published, OPENAPI)
    document(published, OPENAPI + paths)
    changelog.note(published, old.pk)
    client.get("/apis/products/2.3.0/changelog/")
    page = text(client.get("/apis/products/2.3.0/changelog/"))
    assert "All 60 changes" in page
    assert page.count("Safe</span>") == changelog.SHOWN


def test_hostile_names_stay_text(client, published):
    old = document(published, OPENAPI)
    document(published, OPENAPI.replace("/orders", f"/{EVIL}"))
    changelog.note(published, old.pk)
    page = text(client.get("/apis/products/2.3.0/changelog/"))
    assert EVIL not in page
    assert "&lt;script&gt;" in page


def test_feed_has_the_changes_of_all_versions(client, changed):
    response = client.get("/apis/products/changelog.atom")
    page = text(response)
    assert response["Content-Type"].startswith("application/atom+xml")
    assert page.count("<entry>") == 2
    assert "Products 2.3.0: 3 breaking, 2 safe" in page


def test_feed_of_an_api_that_is_not_shown(client, published):
    published.api.visibility = "team"
    published.api.save()
    text(client.get("/apis/products/changelog.atom"), 404)


def test_banner_leads_to_what_the_successor_changes(client, changed):
    successor = factories.ApiVersionFactory(api=changed.api, version="3.0.0")
    document(successor, MORE)
    changed.status, changed.successor = "deprecated", "3.0.0"
    changed.save()
    page = text(client.get("/apis/products/2.3.0/"))
    assert "/apis/products/3.0.0/changelog/since/2.3.0/" in page


# ---- REST ---------------------------------------------------------------------------------------------------------
def test_rest_lists_changes(client, changed):
    found = client.get("/api/v1/apis/products/versions/2.3.0/changes/").json()["results"]
    assert [(each["breaking"], each["safe"], each["state"]) for each in found] == [
        (3, 2, "compared"),
        (0, 1, "compared"),
    ]
    one = client.get(f"/api/v1/apis/products/versions/2.3.0/changes/{found[0]['id']}/").json()
    assert one == found[0]
    assert one["changes"][0]["level"] == "breaking"


def test_rest_compares_with_another_version(client, changed):
    document(factories.ApiVersionFactory(api=changed.api, version="3.0.0"), MORE)
    (found,) = client.get("/api/v1/apis/products/versions/3.0.0/changes/?since=2.3.0").json()["results"]
    assert (found["took_at"], found["breaking"], found["safe"]) == (None, 2, 3)
    assert client.get("/api/v1/apis/products/versions/3.0.0/changes/?since=9").status_code == 404


def test_rest_changes_of_a_version_that_is_not_shown(client, changed):
    changed.status = "discovered"
    changed.save()
    assert client.get("/api/v1/apis/products/versions/2.3.0/changes/").status_code == 404
