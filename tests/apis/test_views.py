"""The pages. test_rest.py carries the same cases over REST."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from portal.accounts.models import NamespaceGrant
from tests import factories
from tests.apis.pages import HTMX, text

pytestmark = pytest.mark.django_db
TOMORROW = (timezone.now() + timedelta(days=1)).date().isoformat()


def listed(response):
    """The slugs of the cards, in order."""
    results = text(response).split('id="results"')[1]
    return re.findall(r'<h3><a href="/apis/([^/]+)/"', results)


def counts(response):
    """(facet, value) -> the count beside it."""
    found = re.findall(
        r'name="(\w+)"\s+value="([^"]+)"(?: checked)?>\s*<span>[^<]*</span>\s*<span class="n">(\d+)',
        text(response),
    )
    return {(facet, value): int(number) for facet, value, number in found}


# ---- the catalog --------------------------------------------------------------------------------------------------
def test_catalog_anonymous_sees_what_is_public(client, catalog):
    assert listed(client.get("/")) == ["orders", "payments"]


def test_catalog_signed_in_sees_internal_ones_too(client_as, consumer, catalog):
    assert listed(client_as(consumer).get("/")) == ["customers", "orders", "payments"]


def test_catalog_own_team_sees_what_waits(client_as, publisher, catalog):
    assert "waiting" in listed(client_as(publisher).get("/"))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("q=pay", ["payments"]),
        ("q=refund", ["payments"]),
        ("q=paymnets", ["payments"]),
        ("type=graphql", ["orders"]),
        ("type=graphql&type=rest", ["orders", "payments"]),
        ("tag=money", ["payments"]),
        ("status=deprecated", ["orders"]),
        ("team=fulfilment", ["orders"]),
        ("plan=gold", ["payments"]),
        ("environment=sandbox", ["payments"]),
        ("sort=newest", ["payments", "orders"]),
        ("page=99", ["orders", "payments"]),
    ],
)
def test_catalog_filters(client, catalog, asked, found):
    assert listed(client.get(f"/?{asked}")) == found


@pytest.mark.parametrize(
    "asked", ["type=soup", "status=lost", "environment=moon", "sort=colour", "view=stars"]
)
def test_catalog_bad_filter(client, catalog, asked):
    assert "There is no" in text(client.get(f"/?{asked}"), 400)


@pytest.mark.parametrize(
    "asked", ["q=%00", "q=%27%27%3A*%26%21%7C%28", "q=the", "tag=%00", "team=%27--", "q=" + "x" * 3000]
)
def test_catalog_hostile_input(client, catalog, asked):
    text(client.get(f"/?{asked}"))


def test_catalog_counts_ignore_their_own_facet(client, catalog):
    all_counts = counts(client.get("/"))
    assert all_counts["type", "rest"] == all_counts["type", "graphql"] == 1
    assert all_counts["plan", "free"] == 2
    narrowed = counts(client.get("/?type=graphql"))
    assert narrowed["type", "rest"] == 1
    assert narrowed["status", "deprecated"] == 1
    assert ("status", "published") not in narrowed
    assert ("tag", "money") not in narrowed


def test_catalog_counts_say_what_the_filter_leaves(client_as, consumer, catalog):
    client = client_as(consumer)
    before = counts(client.get("/?status=published"))
    for (facet, value), number in before.items():
        if facet != "status":
            assert len(listed(client.get(f"/?status=published&{facet}={value}"))) == number, (facet, value)


def test_catalog_counts_only_what_may_be_seen(client, catalog):
    assert ("tag", "personal-data") not in counts(client.get("/"))


def test_catalog_keeps_everything_in_links(client, catalog):
    page = text(client.get("/?q=pay&type=rest&view=list"))
    assert 'id="v-list"' in page
    assert re.search(r'value="list"[^>]*checked', page)
    assert re.search(r'href="\?q=pay&amp;view=list"', page)


def test_catalog_pages(client, free):
    for n in range(23):
        factories.ApiVersionFactory(api=factories.ApiFactory(slug=f"api-{n:02}"), plans=[free])
    first, second = client.get("/"), client.get("/?page=2")
    assert "1–20 of 23" in text(first)
    assert "21–23 of 23" in text(second)
    assert listed(second) == ["api-20", "api-21", "api-22"]


def test_catalog_htmx_gets_the_regions_only(client, catalog):
    response = client.get("/?q=pay&sort=&view=cards", headers=HTMX)
    page = text(response)
    assert 'id="results"' in page
    assert 'hx-target="#facet-groups"' in page
    assert "<html" not in page
    assert response["HX-Push-Url"] == "/?q=pay"
    assert "HX-Request" in response["Vary"]


def test_catalog_query_count_is_constant(client_as, consumer, django_assert_num_queries, free):
    client = client_as(consumer)
    for n in range(3):
        factories.ApiVersionFactory(plans=[free], version=f"{n}.0")
    client.get("/")
    # session, person, what changed, plans and APIs of it, teams, APIs, plans, own subscriptions, probes; the top bar: approvals
    with django_assert_num_queries(11):
        client.get("/")
    for n in range(9):
        factories.ApiVersionFactory(plans=[free], version=f"{n}.1")
    with django_assert_num_queries(11):
        client.get("/")


def test_catalog_empty_tells_whom_what_to_do(client_as, stranger, publisher):
    NamespaceGrant.objects.create(
        cluster="test", namespace="publishers", team=factories.TeamFactory(slug="publishers")
    )
    assert "Sign in to see" in text(client_as(None).get("/"))
    assert "As soon as a team publishes" in text(client_as(stranger).get("/"))
    assert "/publish/" in text(client_as(publisher).get("/"))


def test_catalog_no_match_names_the_nearest(client, catalog):
    page = text(client.get("/?q=paintment"))
    assert "Nothing published under that name" in page
    assert 'Nearest: <a href="/apis/payments/">' in page


def test_catalog_no_fit_says_so(client, catalog):
    assert "No API fits all of these filters" in text(client.get("/?type=rest&tag=logistics"))


def test_catalog_without_trigrams_still_searches(client, catalog, monkeypatch):
    monkeypatch.setattr("apis.search.has_trigrams", lambda: False)
    assert listed(client.get("/?q=pay")) == ["payments"]
    assert "Nothing published under that name" in text(client.get("/?q=paymnets"))


# ---- the API page -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("tab", ["", "reference/", "plans/"])
def test_api_tabs_for_anybody(client, documented, tab):
    page = text(client.get(f"/apis/products/2.3.0/{tab}"))
    assert "Products" in page
    assert "/apis/products/2.3.0/definition.json" in page
    assert "/apis/products/2.3.0/source/" not in page


def test_api_shows_its_current_version(client, documented):
    assert "2.3.0" in text(client.get("/apis/products/"))


@pytest.mark.parametrize(
    "path", ["", "1.0.0/", "1.0.0/reference/", "1.0.0/plans/", "1.0.0/source/", "1.0.0/definition.json"]
)
def test_api_unseen_is_404(client_as, stranger, path):
    factories.ApiVersionFactory(api=factories.ApiFactory(slug="secret", visibility="team"))
    text(client_as(stranger).get(f"/apis/secret/{path}"), 404)


def test_version_discovered_is_404_for_others(client_as, consumer, publisher, version_in):
    version = version_in("discovered")
    text(client_as(consumer).get(version.get_absolute_url()), 404)
    assert "only its team sees it" in text(client_as(publisher).get(version.get_absolute_url()))


def test_version_states_side_by_side(client, published):
    page = text(client.get("/apis/products/"))
    assert "Not probed" in page
    assert "In cluster" in page


def test_version_source_only_for_its_team(client_as, consumer, publisher, documented):
    documented.stated_only = ["It asks for three retries."]
    documented.save(update_fields=["stated_only"])
    text(client_as(consumer).get("/apis/products/2.3.0/source/"), 404)
    page = text(client_as(publisher).get("/apis/products/2.3.0/source/"))
    assert "products-2.3.0" in page
    assert "It asks for three retries." in page


def test_version_source_says_where_it_comes_from(client_as, publisher, sourced):
    page = text(client_as(publisher).get("/apis/products/2.3.0/source/"))
    for part in (
        "portico.dev/v1alpha1/Api",
        "publishers/products-2.3.0",
        "https://specs.example.com/products.yaml",
        "Integration publishers/hello:",
        "Not ready",
        "NotRunning.",
        "Not in the cluster",
        "The cluster itself lets these call it",
        "Checkout",
        "Undefined scheme.",
        '<td class="r" data-th="Line">212</td>',
    ):
        assert part in page
    assert "Stranger" not in page


def test_version_overview_says_where_it_comes_from(client_as, publisher, consumer, sourced):
    assert "generation 7" in text(client_as(publisher).get("/apis/products/2.3.0/"))
    page = text(client_as(consumer).get("/apis/products/2.3.0/"))
    assert "products-2.3.0" not in page
    assert "generation 7" not in page


def test_version_whose_definition_is_being_read(client_as, publisher, published):
    published.definition_pending = True
    published.save(update_fields=["definition_pending"])
    published.operations.all().delete()
    for tab in ("reference", "source"):
        assert "Its definition was not read yet" in text(
            client_as(publisher).get(f"/apis/products/2.3.0/{tab}/")
        )


def test_version_named_subscribe_leaves_that_page_alone(client_as, consumer, published):
    response = client_as(consumer).get("/apis/products/subscribe/")
    assert response.resolver_match.view_name == "subscriptions:subscribe"


def test_description_is_cleaned(client, published):
    published.api.description = "<script>alert(1)</script> [x](javascript:alert(1)) **bold**"
    published.api.save()
    page = text(client.get("/apis/products/"))
    assert "<strong>bold</strong>" in page
    assert "<script>alert" not in page
    assert 'href="javascript' not in page


def test_deprecation_is_told(client, published):
    factories.ApiVersionFactory(api=published.api, version="3.0.0")
    published.status, published.successor = "deprecated", "3.0.0"
    published.sunset_on = timezone.now().date() + timedelta(days=10)
    published.save()
    page = text(client.get("/apis/products/2.3.0/"))
    assert "in 10 days" in page
    assert 'href="/apis/products/3.0.0/"' in page
    assert "Closed to new subscribers" in page


def test_first_call_of_a_public_api_needs_nothing(client, published):
    published.security = {"public": True}
    published.save()
    page = text(client.get("/apis/products/"))
    assert "curl http://127.0.0.1:8081/products/2.3.0/items" in page
    assert "TOKEN=" not in page


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ("", "grant_type=client_credentials"),
        ("auth=key", "X-API-Key: $PORTICO_KEY"),
        ("environment=sandbox", "http://127.0.0.1:8082/products/2.3.0/items"),
    ],
)
def test_first_call_follows_the_choice(client, published, asked, line):
    assert line in text(client.get(f"/apis/products/?{asked}"))
    part = text(client.get(f"/apis/products/?{asked}", headers=HTMX))
    assert line in part
    assert "<html" not in part


def test_first_call_fills_in_the_persons_client(client_as, consumer, published, free):
    application = factories.ApplicationFactory(name="Checkout web")
    factories.SubscriptionFactory(application=application, api=published.api, plan=free)
    credential = factories.ClientFactory(application=application).credential
    page = text(client_as(consumer).get("/apis/products/"))
    assert f"{credential.public_id}:CLIENT_SECRET" in page
    assert "Checkout web" in page


def test_operations_search(client, published):
    page = text(client.get("/apis/products/2.3.0/reference/?q=post", headers=HTMX))
    assert "POST" in page
    assert "GET" not in page
    assert "No operation has" in text(client.get("/apis/products/2.3.0/reference/?q=nothing"))


def test_operations_page_by_page(client, free):
    operations = [("GET", f"/part/{n:03}", []) for n in range(60)]
    factories.ApiVersionFactory(api=factories.ApiFactory(slug="big"), operations=operations)
    assert "1–50 of 60" in text(client.get("/apis/big/1.0.0/reference/"))
    assert "/part/059" in text(client.get("/apis/big/1.0.0/reference/?page=2"))


@pytest.mark.django_db(transaction=True)
def test_version_page_query_count_is_constant(client_as, consumer, django_assert_max_num_queries, published):
    for n in range(5):
        factories.ApiVersionFactory(api=published.api, version=f"3.{n}", plans=[factories.PlanFactory()])
    client = client_as(consumer)
    client.get("/")  # reads the index
    with django_assert_max_num_queries(16):
        client.get("/apis/products/2.3.0/")
    with django_assert_max_num_queries(12):
        client.get("/apis/products/2.3.0/")


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_definition_download(client, documented, form):
    response = client.get(f"/apis/products/2.3.0/definition.{form}")
    assert text(response)
    assert response["Content-Disposition"] == f'attachment; filename="products-2.3.0.{form}"'
    assert ("author's own comment" in text(response)) is (form == "yaml")
    again = client.get(f"/apis/products/2.3.0/definition.{form}", headers={"if-none-match": response["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("form", ["graphql", "exe"])
def test_definition_in_another_form_is_404(client, documented, form):
    text(client.get(f"/apis/products/2.3.0/definition.{form}"), 404)


def test_definition_missing_is_404(client, published):
    text(client.get("/apis/products/2.3.0/definition.json"), 404)
