"""What becomes of an Api object in the catalog."""

import pytest

from apis import actions
from apis.models import Api, ApiVersion, Document, Publication
from portal.accounts.models import AuditEvent
from tests.apis.shop import MORE, OPENAPI, only_api, only_version, problems, published
from tests.kube.sides import API, api


def test_object_is_discovered_whole(shop):
    shop.plan("gold")
    shop.api(
        displayName="Orders",
        summary="Order things",
        tags=["sales"],
        visibility="Public",
        plans=["gold"],
        upstreams={"production": {"service": {"name": "orders", "port": 8080}}},
    )
    version = only_version()
    assert (version.status, version.version, version.base_path) == ("discovered", "v1", "/orders/v1")
    assert version.upstreams["production"]["url"] == "http://orders.shop.svc:8080"
    assert version.security == {"oauth2": True, "api_key": True, "public": False}
    assert [plan.slug for plan in version.plans.all()] == ["gold"]
    assert [(row.method, row.path) for row in version.operations.all()] == [
        ("GET", "/orders"),
        ("POST", "/orders"),
    ]
    assert version.document.format == "openapi-3.1"
    assert version.document.text == OPENAPI
    entry = version.api
    assert (entry.slug, entry.name, entry.summary, entry.tags) == (
        "orders",
        "Orders",
        "Order things",
        ["sales"],
    )
    assert (entry.visibility, entry.team, entry.current_version) == ("public", shop.team, version)
    assert problems() == {}


def test_discovery_is_in_the_trail(shop):
    shop.api()
    event = AuditEvent.objects.about(only_version()).get()
    assert (event.event, event.by, event.team) == ("version_discovered", None, shop.team)
    assert event.data["object"] == "portico.dev/v1alpha1/Api shop/orders"


def test_second_sync_writes_nothing(shop, django_assert_max_num_queries):
    shop.plan()
    shop.api(plans=["gold", "platinum"], **published())
    before = list(ApiVersion.objects.values()) + list(Api.objects.values())
    with django_assert_max_num_queries(20) as captured:
        run = shop.sync()
    writes = [
        query["sql"] for query in captured if not query["sql"].startswith(("SELECT", "SAVEPOINT", "RELEASE"))
    ]
    assert all("apis_syncrun" in sql for sql in writes), writes
    assert run.counts == {"seen": 2, "unchanged": 2, "problems": 1}
    assert list(ApiVersion.objects.values()) + list(Api.objects.values()) == before


def test_definition_change_makes_a_new_document(shop):
    shop.api()
    first = only_version().document
    shop.api(definition={"inline": MORE})
    version = only_version()
    assert version.document != first
    assert version.operations.count() == 3
    assert Document.objects.count() == 2


def test_definition_that_comes_back_is_the_same_document(shop):
    shop.api()
    first = only_version().document
    shop.api(definition={"inline": MORE})
    shop.api()
    assert only_version().document == first
    assert Document.objects.count() == 2


def test_change_beside_the_definition_keeps_the_operations(shop):
    shop.api()
    rows = set(only_version().operations.values_list("pk", flat=True))
    shop.api(summary="Other words")
    assert set(only_version().operations.values_list("pk", flat=True)) == rows
    assert only_api().summary == "Other words"


def test_scopes_of_the_object_stand_over_the_definitions(shop):
    shop.api(security={"scopes": [{"method": "POST", "path": "/orders", "scopes": ["orders:write"]}]})
    scopes = dict(only_version().operations.values_list("method", "scopes"))
    assert scopes == {"GET": [], "POST": ["orders:write"]}


def test_scopes_of_an_unknown_operation_are_a_problem(shop):
    shop.api(security={"scopes": [{"method": "GET", "path": "/nothing", "scopes": ["x"]}]})
    assert "GET /nothing" in problems()["spec.security.scopes"]
    assert only_version().stale is False


def test_definition_is_read_from_its_config_map(shop):
    shop.config_map("orders-openapi", OPENAPI)
    shop.api(definition={"configMapRef": {"name": "orders-openapi"}})
    assert only_version().operations.count() == 2
    shop.config_map("orders-openapi", MORE)
    shop.sync()
    assert only_version().operations.count() == 3


@pytest.mark.parametrize("spec", [{"version": "v1"}, published()])
def test_automatic_needs_grant_and_wish(shop, spec):
    shop.api(**spec)
    assert only_version().status == "discovered"
    shop.grant(auto_publish=True)
    shop.sync()
    assert only_version().status == ("published" if "publication" in spec else "discovered")


def test_automatic_publication_is_in_the_trail(shop, notices):
    shop.grant(auto_publish=True)
    shop.api(**published())
    assert only_version().published_at is not None
    assert notices == [("published", "v1")]
    event = AuditEvent.objects.about(only_version()).first()
    assert (event.event, event.by_name) == ("version_published", "system")


def test_rejected_version_is_not_published_by_the_object(shop, admin):
    shop.api(**published())
    actions.reject(version=only_version(), by=admin, reason="Not now")
    shop.grant(auto_publish=True)
    shop.api(summary="Changed", **published())
    assert only_version().status == "rejected"


@pytest.mark.parametrize("status", [Publication.BLOCKED, Publication.RETIRED, Publication.REJECTED])
def test_change_of_the_object_keeps_the_status(shop, status):
    shop.grant(auto_publish=True)
    shop.api(**published())
    ApiVersion.objects.update(status=status)
    shop.api(summary="Changed", **published())
    assert only_version().status == status


def test_object_deprecates_and_takes_it_back(shop, notices):
    shop.grant(auto_publish=True)
    shop.api(**published())
    shop.api(
        version="v1",
        publication={"approval": "Automatic", "deprecated": True, "sunset": "2030-01-31", "successor": "v2"},
    )
    version = only_version()
    assert (version.status, str(version.sunset_on), version.successor) == ("deprecated", "2030-01-31", "v2")
    shop.api(**published())
    version = only_version()
    assert (version.status, version.sunset_on, version.successor) == ("published", None, "")
    assert [event for event, _ in notices] == ["published", "deprecated", "published"]


def test_deprecation_by_hand_is_not_undone(shop, admin):
    shop.grant(auto_publish=True)
    shop.api(**published())
    day = only_version().discovered_at.date()
    actions.deprecate(version=only_version(), by=admin, sunset_on=day)
    shop.api(summary="Changed", **published())
    version = only_version()
    assert (version.status, version.sunset_on) == ("deprecated", day)


def test_deprecated_object_published_by_hand_is_deprecated(shop, admin):
    shop.api(publication={"deprecated": True})
    actions.publish(version=only_version(), by=admin)
    shop.sync()
    assert only_version().status == "deprecated"


def test_removed_object_is_withdrawn_and_kept(shop, notices, stranger):
    shop.grant(auto_publish=True)
    shop.api(**published())
    shop.remove(API, "orders")
    run = shop.sync()
    version = only_version()
    assert version.withdrawn_at is not None
    assert (version.status, version.operations.count()) == ("published", 2)
    assert run.counts["withdrawn"] == 1
    assert notices == [("published", "v1"), ("withdrawn", "v1")]
    assert AuditEvent.objects.about(version).first().event == "version_withdrawn"
    assert list(Api.objects.visible_to(stranger)) == []


def test_object_that_comes_back_is_the_same_version(shop, notices):
    shop.grant(auto_publish=True)
    shop.api(**published())
    first = only_version()
    shop.remove(API, "orders")
    shop.sync()
    shop.api(**published())
    version = only_version()
    assert (version.pk, version.withdrawn_at, version.status) == (first.pk, None, "published")
    assert version.uid != first.uid
    assert [event for event, _ in notices] == ["published", "withdrawn", "returned"]


def test_recreation_between_two_passes_is_noticed(shop):
    shop.api()
    first = only_version()
    ApiVersion.objects.update(uid="another life", content_hash="")
    shop.sync()
    assert only_version().uid == first.uid
    assert AuditEvent.objects.about(first).first().event == "version_recreated"


def test_renamed_object_takes_its_version_over(shop):
    shop.grant(auto_publish=True)
    shop.api("orders-old", api="orders", **published())
    first = only_version()
    shop.remove(API, "orders-old")
    shop.write(api("shop", "orders-new", api="orders", **published()))
    shop.sync()
    shop.sync()
    version = only_version()
    assert (version.pk, version.object_name, version.withdrawn_at) == (first.pk, "orders-new", None)


def test_object_with_another_version_leaves_the_old_one_withdrawn(shop):
    shop.grant(auto_publish=True)
    shop.api(basePath="/orders", **published("v1"))
    shop.api(basePath="/orders", **published("v2"))
    states = dict(ApiVersion.objects.values_list("version", "withdrawn_at"))
    assert states["v1"] is not None
    assert states["v2"] is None
    assert only_api().current_version.version == "v2"


def test_two_objects_are_versions_of_one_api(shop):
    shop.grant(auto_publish=True)
    shop.api("orders-v1", api="orders", displayName="Orders (old)", **published("v1"))
    shop.api("orders-v10", api="orders", displayName="Orders", **published("v10"))
    shop.api("orders-v9", api="orders", displayName="Orders 9", **published("v9"))
    entry = only_api()
    assert (entry.name, entry.current_version.version) == ("Orders", "v10")
    assert entry.versions.count() == 3


def test_unpublished_version_does_not_speak_for_the_api(shop):
    shop.grant(auto_publish=True)
    shop.api("orders-v1", api="orders", visibility="Internal", **published("v1"))
    shop.api("orders-v2", api="orders", visibility="Public", version="v2")
    assert (only_api().visibility, only_api().current_version.version) == ("internal", "v1")


def test_slug_is_given_once(shop):
    shop.write(api("shop", "orders"), api("yard", "orders-in-yard", api="orders", basePath="/yard"))
    shop.sync()
    assert set(Api.objects.values_list("slug", flat=True)) == {"orders", "orders-yard"}


def test_gateway_is_told_only_what_concerns_it(shop, notices):
    shop.api()
    assert notices == []
    shop.grant(auto_publish=True)
    shop.api(**published())
    notices.clear()
    shop.api(summary="Other words", **published())
    assert notices == []
    shop.api(basePath="/else", **published())
    assert notices == [("updated", "v1")]
    shop.api(basePath="/else", definition={"inline": MORE}, **published())
    assert notices == [("updated", "v1")] * 2
