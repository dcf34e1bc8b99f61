"""The sync page. test_rest.py carries the same cases over REST."""

import pytest
from django.utils import timezone

from apis.models import SyncProblem, SyncRun
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
