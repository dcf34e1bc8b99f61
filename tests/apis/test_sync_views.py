"""The sync page. test_rest.py carries the same cases over REST."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apis import sync_status
from apis.models import Backend, Change, SeenObject, SyncProblem, SyncRun, WatchState
from tests.apis.pages import HTMX, text

pytestmark = pytest.mark.django_db


@pytest.fixture
def problems(db):
    for namespace in ("publishers", "others"):
        SyncProblem.objects.create(
            cluster="demo", kind="portico.dev/v1alpha1/Api", namespace=namespace, object_name="broken",
            field="spec.basePath", message="No basePath.", remedy="Add one.", origin="shop.yaml:3",
        )  # fmt: skip


def test_sync_problems_admin_sees_all(client_as, admin, problems):
    page = text(client_as(admin).get("/sync/"))
    for part in (
        "publishers/broken",
        "others/broken",
        "spec.basePath",
        "No basePath.",
        "Add one.",
        "shop.yaml:3",
    ):
        assert part in page
    assert "No problem fits" in text(client_as(admin).get("/sync/?q=nothing"))


def test_sync_problems_publisher_sees_own_namespaces(client_as, publisher, problems, granted):
    SyncProblem.objects.update(cluster="test")
    page = text(client_as(publisher).get("/sync/"))
    assert "publishers/broken" in page
    assert "others/broken" not in page
    assert "Full sync now" not in page


def test_sync_without_permission(client_as, stranger, problems):
    text(client_as(stranger).get("/sync/"), 403)


def test_sync_anonymous(client):
    assert client.get("/sync/").status_code == 302


def test_sync_runs(client_as, admin):
    SyncRun.objects.create(
        cluster="demo", outcome="failed", message="connection refused", finished_at=timezone.now()
    )
    page = text(client_as(admin).get("/sync/"))
    assert "connection refused" in page
    assert "The last full sync failed" in page


def test_sync_live_part(client_as, admin, problems):
    page = text(client_as(admin).get("/sync/?q=basePath", headers=HTMX))
    assert 'hx-get="/sync/?q=basePath"' in page
    assert "<html" not in page


def test_sync_start_needs_an_admin(client_as, publisher):
    text(client_as(publisher).post("/sync/start/"), 403)


@pytest.fixture
def followed(settings):
    """A cluster `test` of which something is in every table."""
    settings.CLUSTERS = {"test": {}}
    kind, now = "portico.dev/v1alpha1/Api", timezone.now()
    WatchState.objects.create(cluster="test", kind=kind, connected_since=now, last_event_at=now)
    WatchState.objects.create(cluster="test", kind="v1/ConfigMap", message="Forbidden: configmaps.")
    WatchState.objects.create(cluster="test", kind="wso2.com/v1alpha1/API", installed=False)
    for namespace in ("publishers", "others"):
        for name in ("orders", "stock"):
            SeenObject.objects.create(cluster="test", kind=kind, namespace=namespace, object_name=name)
        change_of("waits", namespace=namespace, age=90)
        change_of("loads", namespace=namespace, age=30, background=True)
        Backend.objects.create(
            cluster="test", kind="wso2.com/v1alpha2/Integration", namespace=namespace, object_name="hello",
            name="hello", url="http://hello", ready=False, message="NotRunning.",
        )  # fmt: skip
    for number in range(1, 102):
        change_of(f"done-{number}", age=10, took=timedelta(milliseconds=number * 10))
    return settings.CLUSTERS


def test_sync_status_says_how_each_kind_is_followed(client_as, admin, followed):
    page = text(client_as(admin).get("/sync/"))
    assert "<small>of 2 kinds</small>" in squeezed(page)
    assert "Forbidden: configmaps." in page
    assert "1 kind is not installed there" in page
    assert "wso2.com/v1alpha1/API" not in page
    assert "wso2.com/v1alpha1/API" in text(client_as(admin).get("/sync/?kinds=all"))
    assert "4 wait, 2 of a first load" in squeezed(page)
    assert re.search(r"9\d s", page) or "1 min" in page
    assert "510 ms<small>p50</small>" in squeezed(page)
    assert "p99 1,000 ms, 101 changes in the last hour" in squeezed(page)
    assert "NotRunning." in page


def test_sync_status_when_nothing_happened(client_as, admin, settings):
    settings.CLUSTERS = {"test": {}}
    page = text(client_as(admin).get("/sync/"))
    for part in ("Not started", "Up to date", "No change in the last hour", "None is complete yet", "never"):
        assert part in page


def test_sync_status_publisher_counts_own_namespaces(client_as, publisher, followed, granted):
    page = text(client_as(publisher).get("/sync/"))
    assert "2 wait, 1 of a first load" in squeezed(page)
    assert '<td class="r" data-th="Objects">2</td>' in page
    assert "publishers/hello" in page
    assert "others/hello" not in page


def test_sync_status_running_full_sync(client_as, admin, followed):
    SyncRun.objects.create(cluster="test", outcome="complete", counts={"seen": 9}, finished_at=timezone.now())
    SyncRun.objects.create(cluster="test", outcome="running", counts={"seen": 4500})
    page = text(client_as(admin).get("/sync/"))
    assert "Full sync running" in page
    assert "4,500 objects looked at" in page
    assert "9 objects in" in page


def test_sync_status_kind_of_several_namespaces_is_connected_with_the_last():
    now, cluster = timezone.now(), sync_status.ClusterStatus("test")
    earlier = now - timedelta(minutes=5)
    states = [
        WatchState(cluster="test", kind="v1/Service", namespace="a", connected_since=since)
        for since in (now, earlier)
    ]
    sync_status._add_watches({"test": cluster}, states)
    assert (cluster.of("v1/Service").state, cluster.of("v1/Service").connected_since) == ("connected", now)
    sync_status._add_watches(
        {"test": cluster}, [WatchState(cluster="test", kind="v1/Service", message="Cut.")]
    )
    assert (cluster.of("v1/Service").state, cluster.of("v1/Service").message) == ("disconnected", "Cut.")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("namespace=others", ["others/broken"]),
        ("kind=portico.dev/v1alpha1/Api&namespace=publishers", ["publishers/broken"]),
        ("kind=v1/Nothing", []),
        ("cluster=elsewhere", []),
        ("q=basePath+others", ["others/broken"]),
        ("sort=object", ["others/broken", "publishers/broken"]),
        ("sort=oldest", ["publishers/broken", "others/broken"]),
        ("sort=nonsense&page=99", ["others/broken", "publishers/broken"]),
    ],
)
def test_sync_problems_filtered_and_sorted(client_as, admin, problems, asked, found):
    page = text(client_as(admin).get(f"/sync/?{asked}"))
    assert re.findall(r"\w+/broken", page) == found


def test_sync_problems_paged(client_as, admin):
    SyncProblem.objects.bulk_create(
        SyncProblem(cluster="demo", kind="v1/Service", object_name=f"broken-{n}", message="No.")
        for n in range(21)
    )
    client = client_as(admin)
    assert "1–20 of 21" in text(client.get("/sync/"))
    assert "21–21 of 21" in text(client.get("/sync/?page=2"))


def test_sync_problem_links_to_the_page_of_its_object(client_as, admin, published):
    SyncProblem.objects.create(
        cluster=published.cluster, kind=published.kind, namespace=published.namespace,
        object_name=published.object_name, message="Wrong.",
    )  # fmt: skip
    assert 'href="/apis/products/2.3.0/source/"' in text(client_as(admin).get("/sync/"))


def test_sync_queries_do_not_grow(client_as, admin, followed, problems, django_assert_max_num_queries):
    client = client_as(admin)
    with CaptureQueriesContext(connection) as few:
        client.get("/sync/")
    for number in range(30):
        kind = f"v1/Kind{number}"
        WatchState.objects.create(cluster="test", kind=kind, connected_since=timezone.now())
        SeenObject.objects.create(cluster="test", kind=kind, object_name="one")
        change_of("one", kind=kind)
        SyncProblem.objects.create(cluster="test", kind=kind, object_name="one", message="Wrong.")
        SyncRun.objects.create(cluster="test", outcome="complete")
    with django_assert_max_num_queries(len(few)):
        client.get("/sync/")


def change_of(
    name, *, namespace="publishers", kind="portico.dev/v1alpha1/Api", age=0, took=None, background=False
):
    noticed_at = timezone.now() - timedelta(seconds=age)
    listed_at = noticed_at + took if took else None
    return Change.objects.create(
        cluster="test", kind=kind, namespace=namespace, name=name, background=background,
        noticed_at=noticed_at, due_at=noticed_at, listed_at=listed_at,
    )  # fmt: skip


def squeezed(page):
    return re.sub(r"\s+", " ", page).replace("> ", ">").replace(" <", "<")
