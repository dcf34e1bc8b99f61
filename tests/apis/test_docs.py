"""Docs pages: from the object or written in the portal, read side by side."""

import pytest

from apis.docs import actions
from apis.models import Api, DocsPage
from portal.accounts.models import AuditEvent, TeamRole
from portal.errors import Conflict, Invalid
from tests import factories
from tests.apis.pages import text

pytestmark = pytest.mark.django_db
BASE = "/apis/products/2.3.0/docs/"
REST = "/api/v1/apis/products/versions/2.3.0/docs/"
EVIL = """# <script>alert(1)</script>
[go](javascript:alert(1)) <img src=x onerror=alert(1)> ![x](https://evil.example/x.svg)
<style>body{display:none}</style>
# main
"""


def page(api: Api, slug: str = "paging", **fields: object) -> DocsPage:
    return DocsPage.objects.create(
        api=api, slug=slug, **{"title": slug.capitalize(), "text": "Text.", **fields}
    )


# ---- reading ------------------------------------------------------------------------------------------------------
def test_docs_leads_to_the_first_page(client, published):
    page(published.api, "errors", position=1)
    page(published.api, "paging", position=0)
    response = client.get(BASE)
    assert response.status_code == 302
    assert response["Location"] == f"{BASE}paging/"
    shown = text(client.get(f"{BASE}paging/"))
    assert 'rel="next"' in shown
    assert 'rel="prev"' not in shown


def test_docs_without_pages(client, client_as, publisher, published):
    assert "have written none" in text(client.get(BASE))
    assert "Write the first page" in text(client_as(publisher).get(BASE))
    assert BASE not in text(client.get("/apis/products/2.3.0/"))


def test_docs_page_has_contents_with_addresses(client, published):
    page(published.api, text="# Begin\n\n## Begin\n\n## `code` & more\n")
    shown = text(client.get(f"{BASE}paging/"))
    assert '<h2 id="s-begin">Begin</h2>' in shown
    assert '<a href="#s-begin-2">Begin</a>' in shown
    assert '<a href="#s-code-more">code &amp; more</a>' in shown


def test_docs_page_hostile_text(client, published):
    page(published.api, text=EVIL, title="<script>alert(2)</script>")
    shown = text(client.get(f"{BASE}paging/"))
    for bad in ("<script>alert", 'href="javascript', "<img src=x", "evil.example", "<style>body"):
        assert bad not in shown
    assert 'id="s-main"' in shown


def test_docs_of_the_object_come_first_and_take_places(client, published):
    page(published.api, "paging", text="The portal's.")
    page(published.api, "errors")
    page(published.api, "paging", version=published, text="The object's.", origin="spec.docs[0].text")
    shown = text(client.get(f"{BASE}paging/"))
    assert "The object&#x27;s." in shown or "The object's." in shown
    assert "The portal" not in shown
    assert "spec.docs" not in shown


def test_docs_of_the_object_say_where_to_change_them(client_as, publisher, published):
    page(published.api, "paging", version=published, origin="spec.docs[0].text")
    client = client_as(publisher)
    assert "spec.docs[0].text of publishers/products-2.3.0" in text(client.get(f"{BASE}paging/"))
    assert "comes from the cluster" in text(client.get(f"{BASE}paging/edit/"), 409)
    text(client.post(f"{BASE}paging/delete/"), 409)


def test_docs_of_another_version_are_not_shown(client, published):
    other = factories.ApiVersionFactory(api=published.api, version="3.0.0")
    page(published.api, "paging", version=other)
    text(client.get(f"{BASE}paging/"), 404)


def test_docs_query_count_is_constant(client, published, django_assert_num_queries):
    page(published.api, "one")
    text(client.get(f"{BASE}one/"))
    with django_assert_num_queries(9):
        client.get(f"{BASE}one/")
    for n in range(12):
        page(published.api, f"more-{n}")
    with django_assert_num_queries(9):
        client.get(f"{BASE}one/")


def test_docs_are_found_by_their_words(client, publisher, published):
    published.presentation = {"name": "Products", "visibility": "public"}
    published.save()
    actions.write(api=published.api, title="Webhooks", text="Verify the *quizzical* signature.", by=publisher)
    assert "/apis/products/" in text(client.get("/?q=quizzical"))
    actions.delete(page=DocsPage.objects.get(), by=publisher)
    assert "quizzical" not in published.api.words.vector


# ---- writing ------------------------------------------------------------------------------------------------------
def test_write_and_change_a_page(client_as, publisher, published):
    client = client_as(publisher)
    page(published.api, "errors", position=0)
    response = client.post(f"{BASE}new/", {"title": "How paging works", "text": "Use it.", "position": "1"})
    assert response["Location"] == f"{BASE}how-paging-works/"
    form = text(client.get(f"{BASE}how-paging-works/edit/"))
    assert 'name="seen" value="1"' in form
    said = {"title": "Paging", "text": "Use `cursor`.", "position": "2", "seen": "1"}
    client.post(f"{BASE}how-paging-works/edit/", said)
    assert list(DocsPage.objects.values_list("slug", "title", "revision")) == [
        ("errors", "Errors", 1),
        ("how-paging-works", "Paging", 2),
    ]
    events = AuditEvent.objects.filter(event__startswith="docs_page").order_by("pk")
    assert [event.event for event in events] == ["docs_page_written", "docs_page_changed"]


def test_preview_saves_nothing(client_as, publisher, published):
    said = {"title": "Paging", "text": "Use **cursor**. <script>alert(1)</script>", "preview": "1"}
    shown = text(client_as(publisher).post(f"{BASE}new/", said))
    assert "Use <strong>cursor</strong>" in shown
    assert "<script>alert" not in shown
    assert not DocsPage.objects.exists()


def test_what_somebody_changed_meanwhile_is_kept(client_as, publisher, published):
    found = page(published.api)
    actions.change(page=found, text="Theirs.", by=publisher)
    said = {"title": "Paging", "text": "Mine.", "position": "1", "seen": "1"}
    shown = text(client_as(publisher).post(f"{BASE}paging/edit/", said), 400)
    assert "changed this page meanwhile" in shown
    assert "Mine." in shown
    assert DocsPage.objects.get().text == "Theirs."


@pytest.mark.parametrize(
    ("title", "body"), [("", "x"), ("x", ""), ("x" * 121, "x"), ("Paging", "x"), ("New", "x"), ("???", "x")]
)
def test_write_what_does_not_do(client_as, publisher, published, title, body):
    page(published.api)
    response = client_as(publisher).post(f"{BASE}new/", {"title": title, "text": body, "position": "1"})
    assert "Location" not in response
    assert DocsPage.objects.count() == 1


def test_write_too_many_pages(publisher, published):
    for n in range(actions.MOST_PAGES):
        page(published.api, f"page-{n}")
    with pytest.raises(Invalid, match="at most"):
        actions.write(api=published.api, title="More", text="x", by=publisher)


def test_delete_a_page(client_as, publisher, published):
    page(published.api)
    client = client_as(publisher)
    assert "from every version" in text(client.get(f"{BASE}paging/delete/"))
    client.post(f"{BASE}paging/delete/")
    assert not DocsPage.objects.exists()
    with pytest.raises(Conflict):
        actions.change(page=DocsPage(pk=1, api=published.api), text="x", by=publisher)


@pytest.mark.parametrize("below", ["new/", "paging/edit/", "paging/delete/"])
def test_only_publishers_write(client, client_as, consumer, published, below):
    page(published.api)
    member = factories.person("Mia Member", team="publishers", role=TeamRole.MEMBER)
    assert client.get(f"{BASE}{below}").status_code == 302
    for person in (consumer, member):
        assert client_as(person).get(f"{BASE}{below}").status_code == 403
        assert client_as(person).post(f"{BASE}{below}", {"title": "x", "text": "x"}).status_code == 403


# ---- from the cluster ---------------------------------------------------------------------------------------------
def test_sync_brings_the_pages_of_an_object(shop):
    meta = {"name": "guides", "namespace": "shop"}
    shop.write({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"errors.md": "# Errors"}})
    inline = {"title": "How to begin", "text": "Ask for a key."}
    shop.api(docs=[inline, {"title": "Errors", "configMapRef": {"name": "guides"}}])
    assert list(DocsPage.objects.values_list("slug", "text", "origin")) == [
        ("how-to-begin", "Ask for a key.", "spec.docs[0].text"),
        ("errors", "# Errors", "ConfigMap shop/guides, key errors.md"),
    ]
    kept = DocsPage.objects.first()
    shop.sync()
    assert DocsPage.objects.first() == kept
    shop.write({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"errors.md": "New"}})
    shop.sync()
    assert DocsPage.objects.get(slug="errors").text == "New"
    shop.api()
    assert not DocsPage.objects.exists()


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ({"text": "x"}, "spec.docs[0].title"),
        ({"title": "A"}, "spec.docs[0]"),
        ({"title": "A", "text": "x", "configMapRef": {"name": "y"}}, "spec.docs[0]"),
        ({"title": "A", "configMapRef": {"name": "lost"}}, "spec.docs[0].configMapRef.name"),
        ({"title": "A", "text": "x" * 100_001}, "spec.docs[0].text"),
        ({"title": "New", "text": "x"}, "spec.docs[0].slug"),
        ({"title": "???", "text": "x"}, "spec.docs[0].slug"),
        ("x", "spec.docs[0]"),
    ],
)
def test_sync_says_what_is_wrong_with_a_page(shop, entry, field):
    from apis.models import SyncProblem

    shop.api(docs=[entry])
    assert field in set(SyncProblem.objects.values_list("field", flat=True))


# ---- REST ---------------------------------------------------------------------------------------------------------
def test_rest_write_read_change_delete(client_as, publisher, published):
    client = client_as(publisher)
    made = client.post(REST, {"title": "Paging", "text": "Use it."}, content_type="application/json")
    assert (made.status_code, made.json()["slug"]) == (201, "paging")
    assert client.get(REST).json() == [
        {name: made.json()[name] for name in ("slug", "title", "in_cluster", "revision", "updated_at")}
    ]
    change = {"text": "Use `cursor`.", "revision": 1}
    changed = client.patch(f"{REST}paging/", change, content_type="application/json")
    assert changed.json()["revision"] == 2
    assert client.patch(f"{REST}paging/", change, content_type="application/json").status_code == 409
    assert client.get(f"{REST}paging/").json()["text"] == "Use `cursor`."
    assert client.delete(f"{REST}paging/").status_code == 204
    assert client.get(f"{REST}paging/").status_code == 404


def test_rest_only_publishers_write(client, client_as, consumer, published):
    said = {"title": "Paging", "text": "Use it."}
    assert client.post(REST, said, content_type="application/json").status_code in {401, 403}
    assert client_as(consumer).post(REST, said, content_type="application/json").status_code == 403
