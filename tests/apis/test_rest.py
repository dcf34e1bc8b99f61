"""The catalog, decisions and sync over REST. test_views.py carries the same cases."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apis.models import Backend, Change, Publication, SeenObject, SyncProblem, SyncRun, WatchState
from portal.accounts.models import NamespaceGrant
from tests import factories

pytestmark = pytest.mark.django_db
JSON = "application/json"
TOMORROW = (timezone.now() + timedelta(days=1)).date().isoformat()


def slugs(response):
    assert response.status_code == 200, response.content
    return [row["slug"] for row in response.json()["results"]]


def post(client, version, step, body=None):
    path = f"/api/v1/apis/{version.api.slug}/versions/{version.version}/{step}/"
    return client.post(path, body or {}, JSON)


def is_problem(response, status):
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["status"] == status
    return response.json()


# ---- the catalog --------------------------------------------------------------------------------------------------
def test_catalog_anonymous_sees_what_is_public(client, catalog):
    assert slugs(client.get("/api/v1/apis/")) == ["orders", "payments"]


def test_catalog_signed_in_sees_internal_ones_too(client_as, consumer, catalog):
    assert slugs(client_as(consumer).get("/api/v1/apis/")) == ["customers", "orders", "payments"]


def test_catalog_own_team_sees_what_waits(client_as, publisher, catalog):
    assert "waiting" in slugs(client_as(publisher).get("/api/v1/apis/"))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("q=pay", ["payments"]),
        ("q=paymnets", ["payments"]),
        ("q=zzzzzz", []),
        ("type=graphql", ["orders"]),
        ("type=graphql&type=rest", ["orders", "payments"]),
        ("tag=money", ["payments"]),
        ("status=deprecated", ["orders"]),
        ("team=fulfilment", ["orders"]),
        ("plan=gold", ["payments"]),
        ("environment=sandbox", ["payments"]),
        ("type=rest&tag=logistics", []),
        ("sort=newest", ["payments", "orders"]),
    ],
)
def test_catalog_filters(client, catalog, asked, found):
    assert slugs(client.get(f"/api/v1/apis/?{asked}")) == found


@pytest.mark.parametrize("asked", ["type=soup", "status=lost", "environment=moon", "sort=colour"])
def test_catalog_bad_filter(client, catalog, asked):
    problem = is_problem(client.get(f"/api/v1/apis/?{asked}"), 400)
    assert asked.split("=")[0] in problem["errors"]


def test_catalog_pages_by_cursor(client, catalog):
    first = client.get("/api/v1/apis/?limit=1").json()
    assert [row["slug"] for row in first["results"]] == ["orders"]
    second = client.get(first["next"]).json()
    assert [row["slug"] for row in second["results"]] == ["payments"]
    assert (first["previous"], second["next"]) == (None, None)
    assert slugs(client.get(second["previous"])) == ["orders"]


@pytest.mark.parametrize("cursor", ["nonsense", "W10=", "WyJuZXh0IiwgMV0=", "/w=="])
def test_catalog_bad_cursor(client, catalog, cursor):
    is_problem(client.get(f"/api/v1/apis/?cursor={cursor}"), 404)


def test_catalog_query_count_is_constant(client_as, consumer, django_assert_num_queries, free):
    client = client_as(consumer)
    for n in range(3):
        factories.ApiVersionFactory(plans=[free], version=f"{n}.0")
    with django_assert_num_queries(
        8
    ):  # session, person, what changed, plans and APIs of it, teams, APIs, plans
        client.get("/api/v1/apis/")
    for n in range(9):
        factories.ApiVersionFactory(plans=[free], version=f"{n}.1")
    with django_assert_num_queries(8):
        client.get("/api/v1/apis/")


def test_api_reads(client, published):
    body = client.get("/api/v1/apis/products/").json()
    assert body["slug"] == "products"
    assert body["current_version"]["version"] == "2.3.0"
    assert body["current_version"]["plans"] == ["free"]
    assert set(body["current_version"]["base_urls"]) == {"production", "sandbox"}


@pytest.mark.parametrize(
    "path",
    ["", "versions/", "versions/1.0.0/", "versions/1.0.0/operations/", "versions/1.0.0/definition.json/"],
)
def test_api_unseen_is_404(client_as, stranger, path):
    factories.ApiVersionFactory(api=factories.ApiFactory(slug="secret", visibility="team"))
    is_problem(client_as(stranger).get(f"/api/v1/apis/secret/{path}"), 404)


def test_version_discovered_is_404_for_others(client_as, consumer, publisher, version_in):
    version = version_in("discovered")
    path = f"/api/v1/apis/{version.api.slug}/versions/{version.version}/"
    is_problem(client_as(consumer).get(path), 404)
    assert client_as(publisher).get(path).json()["status"] == "discovered"


def test_version_states_side_by_side(client, published):
    states = client.get("/api/v1/apis/products/versions/2.3.0/").json()["states"]
    assert states["desired"]["word"] == "Published"
    assert states["probed"]["word"] == "Not probed"


def test_version_source_only_for_its_team(client_as, consumer, publisher, published):
    path = "/api/v1/apis/products/versions/2.3.0/"
    assert client_as(consumer).get(path).json()["source"] is None
    assert client_as(publisher).get(path).json()["source"]["object_name"] == "products-2.3.0"


def test_operations_search(client, published):
    path = "/api/v1/apis/products/versions/2.3.0/operations/"
    rows = client.get(path).json()["results"]
    assert [(row["method"], row["path"], row["scopes"]) for row in rows] == [
        ("GET", "/items", []),
        ("POST", "/items", ["items:write"]),
    ]
    assert [row["method"] for row in client.get(path + "?q=post").json()["results"]] == ["POST"]


@pytest.mark.parametrize(("form", "kind"), [("json", "application/json"), ("yaml", "application/yaml")])
def test_definition_download(client, documented, form, kind):
    path = f"/api/v1/apis/products/versions/2.3.0/definition.{form}/"
    response = client.get(path, headers={"accept": kind})
    assert response.status_code == 200
    assert response["Content-Type"].startswith(kind)
    assert client.get(path, headers={"if-none-match": response["ETag"]}).status_code == 304


def test_definition_missing_is_404(client, published):
    is_problem(client.get("/api/v1/apis/products/versions/2.3.0/definition.json/"), 404)


# ---- plans --------------------------------------------------------------------------------------------------------
def test_plans_lists_what_visible_apis_offer(client, published):
    hidden = factories.PlanFactory(slug="hidden")
    factories.ApiVersionFactory(api=factories.ApiFactory(visibility="team"), plans=[hidden])
    assert slugs(client.get("/api/v1/plans/")) == ["free"]
    assert client.get("/api/v1/plans/free/").json()["rate_requests"] == 60
    is_problem(client.get("/api/v1/plans/hidden/"), 404)


# ---- decisions ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("before", "step", "body", "after"),
    [
        ("discovered", "publish", {}, "published"),
        ("discovered", "reject", {"reason": "No owner."}, "rejected"),
        ("published", "deprecate", {"sunset_on": TOMORROW}, "deprecated"),
        ("deprecated", "republish", {}, "published"),
        ("published", "block", {"reason": "Leaks."}, "blocked"),
        ("blocked", "unblock", {"note": "Mended."}, "published"),
        ("deprecated", "retire", {}, "retired"),
    ],
)
def test_decision(client_as, publisher, version_in, before, step, body, after):
    version = version_in(before)
    response = post(client_as(publisher), version, step, body)
    assert response.status_code == 200, response.content
    assert response.json()["status"] == after
    version.refresh_from_db()
    assert version.status == after


@pytest.mark.parametrize(
    ("before", "step", "body", "field"),
    [
        ("discovered", "reject", {}, "reason"),
        ("published", "block", {"reason": " "}, "reason"),
        ("published", "deprecate", {}, "sunset_on"),
        ("published", "deprecate", {"sunset_on": "soon"}, "sunset_on"),
        ("published", "deprecate", {"sunset_on": "2020-01-01"}, "sunset_on"),
        ("published", "deprecate", {"sunset_on": TOMORROW, "successor": "9"}, "successor"),
        ("discovered", "publish", {"note": "x" * 2001}, "note"),
    ],
)
def test_decision_bad_input(client_as, publisher, version_in, before, step, body, field):
    version = version_in(before)
    problem = is_problem(post(client_as(publisher), version, step, body), 400)
    assert field in problem["errors"]
    version.refresh_from_db()
    assert version.status == before


def test_decision_conflict(client_as, publisher, version_in):
    problem = is_problem(post(client_as(publisher), version_in("blocked"), "publish"), 409)
    assert "blocked" in problem["detail"]


def test_decision_without_permission(client_as, consumer, version_in):
    problem = is_problem(post(client_as(consumer), version_in("published"), "block", {"reason": "No."}), 403)
    assert "maintainer" in problem["remedy"]


def test_decision_unseen(client_as, stranger, version_in):
    is_problem(post(client_as(stranger), version_in("discovered"), "publish"), 404)


def test_decision_anonymous(client, version_in):
    is_problem(post(client, version_in("published"), "block", {"reason": "No."}), 401)


def test_version_source_says_where_it_comes_from(client_as, publisher, consumer, sourced):
    path = "/api/v1/apis/products/versions/2.3.0/"
    source = client_as(publisher).get(path).json()["source"]
    assert (source["generation"], source["definition_pending"]) == (7, False)
    assert source["definition_url"] == "https://specs.example.com/products.yaml"
    assert [(one["backend"], one["ready"]) for one in source["upstreams"]] == [
        ("Integration publishers/hello", False),
        ("Integration publishers/gone", None),
    ]
    assert [row["application"] for row in source["cluster_access"]] == ["Checkout"]
    assert source["findings"][0]["line"] == 212
    assert client_as(consumer).get(path).json()["source"] is None


# ---- sync ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def problems(db):
    for namespace in ("publishers", "others"):
        SyncProblem.objects.create(
            cluster="test",
            kind="portico.dev/v1alpha1/Api",
            namespace=namespace,
            object_name="broken",
            message="No basePath.",
        )


def test_sync_problems_admin_sees_all(client_as, admin, problems):
    rows = client_as(admin).get("/api/v1/sync-problems/").json()["results"]
    assert {row["namespace"] for row in rows} == {"publishers", "others"}
    assert len(client_as(admin).get("/api/v1/sync-problems/?namespace=others").json()["results"]) == 1
    assert client_as(admin).get("/api/v1/sync-problems/?q=nothing").json()["results"] == []


def test_sync_problems_publisher_sees_own_namespaces(client_as, publisher, problems):
    NamespaceGrant.objects.create(
        cluster="test", namespace="publishers", team=factories.TeamFactory(slug="publishers")
    )
    rows = client_as(publisher).get("/api/v1/sync-problems/").json()["results"]
    assert [row["namespace"] for row in rows] == ["publishers"]


@pytest.mark.parametrize("path", ["sync-problems", "sync-runs", "sync-clusters", "sync-backends"])
def test_sync_without_permission(client_as, stranger, problems, path):
    is_problem(client_as(stranger).get(f"/api/v1/{path}/"), 403)


@pytest.mark.parametrize("path", ["sync-problems", "sync-runs", "sync-clusters", "sync-backends"])
def test_sync_anonymous(client, path):
    is_problem(client.get(f"/api/v1/{path}/"), 401)


def test_sync_runs(client_as, admin):
    SyncRun.objects.create(cluster="test", outcome="complete", counts={"seen": 9})
    SyncRun.objects.create(cluster="test", outcome="failed")
    rows = client_as(admin).get("/api/v1/sync-runs/?outcome=complete").json()["results"]
    assert [row["counts"] for row in rows] == [{"seen": 9}]


@pytest.fixture
def followed(settings):
    """Cluster `test` with a change that waits, two that were listed, and objects of two namespaces."""
    settings.CLUSTERS = {"test": {}, "other": {}}
    kind, now = "portico.dev/v1alpha1/Api", timezone.now()
    WatchState.objects.create(cluster="test", kind=kind, connected_since=now)
    for namespace in ("publishers", "others"):
        SeenObject.objects.create(cluster="test", kind=kind, namespace=namespace, object_name="orders")
        Backend.objects.create(
            cluster="test", kind="v1/Service", namespace=namespace, object_name="hello", name="hello"
        )
    change = {"cluster": "test", "kind": kind, "namespace": "others", "due_at": now}
    noticed_at = now - timedelta(seconds=100)
    Change.objects.create(**change, name="waits", noticed_at=noticed_at)
    for seconds in (1, 3):
        listed_at = noticed_at + timedelta(seconds=seconds)
        Change.objects.create(**change, name="done", noticed_at=noticed_at, listed_at=listed_at)
    SyncRun.objects.create(cluster="test", outcome="complete", counts={"seen": 2}, finished_at=now)


def test_sync_clusters_admin_sees_all(client_as, admin, followed, problems):
    rows = {row["name"]: row for row in client_as(admin).get("/api/v1/sync-clusters/").json()}
    assert rows["other"]["kinds"] == []
    assert rows["other"]["applied_to_listed"] is rows["other"]["lag_seconds"] is None
    cluster = rows["test"]
    assert cluster["applied_to_listed"] == {"changes": 2, "p50_seconds": 2.0, "p99_seconds": 2.98}
    assert (cluster["waiting"], cluster["first_load"]) == (1, 0)
    assert cluster["lag_seconds"] >= 100
    assert cluster["last_full_sync"]["counts"] == {"seen": 2}
    assert cluster["running_full_sync"] is None
    [kind] = cluster["kinds"]
    assert (kind["state"], kind["objects"], kind["problems"], kind["waiting"]) == ("connected", 2, 2, 1)


def test_sync_clusters_publisher_counts_own_namespaces(client_as, publisher, followed, problems, granted):
    [cluster] = client_as(publisher).get("/api/v1/sync-clusters/").json()
    [kind] = cluster["kinds"]
    assert (kind["objects"], kind["problems"], kind["waiting"], kind["lag_seconds"]) == (1, 1, 0, None)


def test_sync_cluster_by_name(client_as, publisher, followed, granted):
    assert client_as(publisher).get("/api/v1/sync-clusters/test/").json()["name"] == "test"
    is_problem(client_as(publisher).get("/api/v1/sync-clusters/other/"), 404)


def test_sync_backends_publisher_sees_own_namespaces(client_as, publisher, admin, followed, granted):
    rows = client_as(publisher).get("/api/v1/sync-backends/").json()["results"]
    assert [(row["namespace"], row["ready"]) for row in rows] == [("publishers", None)]
    assert len(client_as(admin).get("/api/v1/sync-backends/?namespace=others").json()["results"]) == 1


def test_sync_start_needs_an_admin(client_as, publisher):
    is_problem(client_as(publisher).post("/api/v1/sync-runs/", {}, JSON), 403)


def test_status_words_are_the_architectures():
    assert set(Publication.values) == {
        "discovered",
        "published",
        "deprecated",
        "blocked",
        "retired",
        "rejected",
    }
