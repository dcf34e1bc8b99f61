"""One thing wrong with one object: its author is told, its last good version stays, and nobody else notices."""

from dataclasses import replace

import pytest

from apis import sync
from apis.models import ApiVersion, Plan, SyncProblem
from apis.sync import full
from apis.sync.refresh import CRD
from portal.errors import ClusterUnavailable
from portal.kube import AccessDenied, KindNotInstalled
from tests.apis.shop import MORE, OPENAPI, only_api, only_version, problems, published
from tests.kube.sides import API, CONFIG_MAP, PLAN, api


def test_broken_object_harms_nobody_else(shop):
    shop.write(api("shop", "broken", basePath="no slash"), api("shop", "fine"))
    run = shop.sync()
    assert [row.object_name for row in ApiVersion.objects.all()] == ["fine"]
    problem = SyncProblem.objects.get()
    assert (problem.object_path, problem.field) == ("shop/broken", "spec.basePath")
    assert problem.message
    assert problem.remedy
    assert "api-broken.yaml:1" in problem.origin
    assert (run.outcome, run.counts["problems"]) == ("complete", 1)


def test_last_good_version_stays_while_the_object_is_broken(shop, notices):
    shop.grant(auto_publish=True)
    shop.api(**published())
    notices.clear()
    shop.api(basePath="no slash", **published())
    version = only_version()
    assert (version.stale, version.base_path, version.withdrawn_at) == (True, "/orders/v1", None)
    assert list(problems()) == ["spec.basePath"]
    shop.api(**published())
    assert only_version().stale is False
    assert problems() == {}
    assert notices == []


def test_problem_is_told_once_and_keeps_its_first_date(shop):
    shop.api(basePath="no slash")
    first = SyncProblem.objects.get()
    shop.sync()
    again = SyncProblem.objects.get()
    assert (again.pk, again.first_seen_at, again.last_seen_at) == (
        first.pk,
        first.first_seen_at,
        first.last_seen_at,
    )


def test_broken_object_that_is_removed_takes_its_problem_along(shop):
    shop.api(basePath="no slash")
    shop.remove(API, "orders")
    shop.sync()
    assert problems() == {}


@pytest.mark.parametrize("text", ["", "neither", "openapi: 3.1.0\npaths: [", '{"openapi": "9"}', "{" * 500])
def test_unreadable_definition_leaves_the_last_good_one(shop, text):
    shop.config_map("text", OPENAPI)
    shop.api(definition={"configMapRef": {"name": "text"}})
    shop.config_map("text", text)
    shop.sync()
    version = only_version()
    assert version.stale is True
    assert version.document.text == OPENAPI
    assert any(field.startswith("spec.definition") for field in problems())
    shop.config_map("text", MORE)
    shop.sync()
    assert (only_version().stale, problems(), only_version().operations.count()) == (False, {}, 3)


def test_new_api_with_an_unreadable_definition_is_listed_and_not_served(shop):
    shop.api(definition={"inline": "openapi: 3.1.0\npaths: ["}, publication={"approval": "Automatic"})
    version = only_version()
    assert (version.definition_pending, version.document, version.served) == (True, None, False)
    assert any(field.startswith("spec.definition") for field in problems())
    before = (version.seen_at, version.api.updated_at)
    shop.sync()
    assert (only_version().seen_at, only_version().api.updated_at) == before
    shop.api(definition={"inline": OPENAPI}, publication={"approval": "Automatic"})
    assert (only_version().definition_pending, problems()) == (False, {})


def test_missing_config_map_is_a_problem_until_it_arrives(shop):
    shop.api(definition={"configMapRef": {"name": "later"}})
    assert list(problems()) == ["spec.definition.configMapRef.name"]
    assert not ApiVersion.objects.exists()
    shop.config_map("later", OPENAPI)
    shop.sync()
    assert problems() == {}
    assert only_version().operations.count() == 2


def test_imperfect_definition_is_shown_with_its_findings(shop):
    shop.api(definition={"inline": OPENAPI.replace("addOrder", "listOrders")})
    assert only_version().document.findings[0]["code"]
    assert problems() == {}


def test_unknown_plan_is_a_problem_and_no_reason_to_leave_out(shop):
    shop.plan("gold")
    shop.api(plans=["gold", "platinum"])
    assert [plan.slug for plan in only_version().plans.all()] == ["gold"]
    problem = SyncProblem.objects.get()
    assert problem.field == "spec.plans"
    assert "platinum" in problem.message
    assert "gold" in problem.remedy
    assert only_version().stale is False


def test_plan_that_arrives_later_heals(shop, notices):
    shop.grant(auto_publish=True)
    shop.api(plans=["gold"], **published())
    notices.clear()
    shop.plan("gold")
    sync.settle(shop.cluster, [sync.Key(str(PLAN), "", "gold")])
    assert [plan.slug for plan in only_version().plans.all()] == ["gold"]
    assert problems() == {}
    assert notices == [("updated", "v1")]


def test_plan_that_goes_is_offered_no_longer(shop):
    shop.plan("gold")
    shop.api(plans=["gold"])
    shop.remove(PLAN, "gold")
    shop.sync()
    assert Plan.objects.get().withdrawn_at is not None
    assert not only_version().plans.exists()
    assert "spec.plans" in problems()


def test_plan_change_is_told_for_every_served_version(shop, notices):
    shop.grant(auto_publish=True)
    shop.plan("gold")
    shop.api("orders", plans=["gold"], **published())
    shop.api("items", plans=["gold"], **published())
    shop.api("waiting", plans=["gold"])
    notices.clear()
    shop.plan("gold", requests=5)
    shop.sync()
    assert Plan.objects.get().rate_requests == 5
    assert notices == [("plan_changed", "v1")] * 2


def test_broken_plan_keeps_its_last_good_limits(shop):
    shop.plan("gold")
    shop.sync()
    shop.plan("gold", requests=-1)
    shop.sync()
    assert (Plan.objects.get().rate_requests, Plan.objects.get().withdrawn_at) == (100, None)
    assert list(problems()) == ["spec.rate.requests"]


def test_plan_without_limits_is_as_wide_as_plans_go(shop):
    meta = {"name": "free"}
    shop.write({"apiVersion": "portico.dev/v1alpha1", "kind": "Plan", "metadata": meta, "spec": {}})
    shop.sync()
    plan = Plan.objects.get()
    assert (plan.rate_requests, plan.rate_seconds, plan.burst) == (1_000_000, 1, 1_000_000)


def test_namespace_without_grant_is_for_admins(shop, admin, stranger):
    shop.write(api("yard", "orders"))
    shop.sync()
    assert only_api().team is None
    assert "yard" in problems()["metadata.namespace"]
    assert only_version().stale is False
    assert not SyncProblem.objects.visible_to(stranger).exists()
    assert SyncProblem.objects.visible_to(admin).exists()


def test_grant_that_comes_later_gives_the_team(shop):
    shop.write(api("yard", "orders"))
    shop.sync()
    grant = shop.grant()
    grant.namespace = "yard"
    grant.save()
    shop.sync()
    assert (only_api().team, problems()) == (shop.team, {})


def test_owner_team_that_disagrees_loses_against_the_grant(shop):
    shop.api(ownerTeam="others")
    assert only_api().team == shop.team
    assert "others" in problems()["spec.ownerTeam"]


@pytest.mark.parametrize("path", ["/orders/v1", "/orders", "/orders/v1/more"])
def test_base_path_of_another_api_is_refused(shop, path):
    shop.api("orders")
    shop.api("newcomer", basePath=path)
    assert [row.object_name for row in ApiVersion.objects.all()] == ["orders"]
    assert "Api shop/orders" in problems()["spec.basePath"]


@pytest.mark.parametrize("path", ["/orders/v10", "/orders-more", "/ord"])
def test_base_path_beside_another_is_fine(shop, path):
    shop.api("orders")
    shop.api("newcomer", basePath=path)
    assert problems() == {}


def test_base_path_may_lie_below_another_version_of_the_same_api(shop):
    shop.api("orders-1", api="orders", basePath="/orders")
    shop.api("orders-2", api="orders", basePath="/orders/v2", version="v2")
    assert problems() == {}


def test_freed_base_path_goes_to_who_waited_for_it(shop):
    shop.api("orders")
    shop.api("newcomer", basePath="/orders/v1")
    shop.remove(API, "orders")
    sync.settle(shop.cluster, [sync.Key(str(API), "shop", "orders")])
    assert ApiVersion.objects.get(object_name="newcomer").base_path == "/orders/v1"
    assert problems() == {}


def test_version_that_another_object_has_is_refused(shop):
    shop.api("orders")
    shop.api("copy", api="orders", basePath="/copy")
    assert only_version().object_name == "orders"
    assert "Api shop/orders" in problems()["spec.version"]


def test_file_that_is_no_yaml_withdraws_nothing(shop):
    shop.api()
    shop.remove(API, "orders")
    shop.write_file("broken.yaml", "a: [")
    shop.sync()
    assert only_version().withdrawn_at is None
    problem = SyncProblem.objects.get()
    assert (problem.object_name, problem.kind) == ("broken.yaml", "")
    shop.remove_file("broken.yaml")
    shop.sync()
    assert only_version().withdrawn_at is not None
    assert problems() == {}


def test_object_that_cannot_be_stored_fails_alone(shop):
    shop.write_unreadable("nul")
    shop.api("fine")
    shop.sync()
    assert only_version().object_name == "fine"
    assert SyncProblem.objects.get().object_name == "nul"


def test_text_that_postgres_refuses_is_a_problem(shop, monkeypatch):
    shop.api()
    monkeypatch.setattr("apis.sync.said._presentation", lambda *_: {"name": "n\x00ul"})
    shop.api(summary="Changed")
    assert only_version().stale is True
    assert "cannot store" in problems()[""]


def test_source_that_fails_is_a_problem_of_its_object_alone(shop, monkeypatch):
    def fail(obj, look_up):
        if obj.name == "orders":
            raise RuntimeError
        return real(obj, look_up)

    source = next(source for source in full.SOURCES if source.kind == API)
    real = source.read
    monkeypatch.setattr(full, "SOURCES", (replace(source, read=fail),))
    monkeypatch.setattr("apis.sync.refresh.source_of", lambda kind: full.SOURCES[0])
    shop.write(api("shop", "orders"))
    shop.api("fine")
    assert only_version().object_name == "fine"
    assert SyncProblem.objects.get().object_name == "orders"


class Failing:
    """The cluster, with lists or gets of one kind that fail."""

    def __init__(self, cluster, error, *, kinds=(API,), calls=("list", "get")):
        self._cluster, self._error, self._kinds, self._calls = cluster, error, kinds, calls

    def __getattr__(self, name):
        return getattr(self._cluster, name)

    def list(self, kind, **options):
        if kind in self._kinds and "list" in self._calls:
            raise self._error
        return self._cluster.list(kind, **options)

    def pages(self, kind, **options):
        if kind in self._kinds and "list" in self._calls:
            raise self._error
        return self._cluster.pages(kind, **options)

    def get(self, kind, **options):
        if kind in self._kinds and "get" in self._calls:
            raise self._error
        return self._cluster.get(kind, **options)


@pytest.mark.parametrize("error", [ClusterUnavailable("away"), AccessDenied("no")])
def test_failed_list_withdraws_nothing(shop, error):
    shop.plan()
    shop.api(plans=["gold"])
    shop.remove(API, "orders")
    run = sync.run(Failing(shop.cluster, error))
    assert only_version().withdrawn_at is None
    assert (run.outcome, run.counts["seen"]) == ("failed", 1)
    assert run.finished_at is not None
    assert "apis.portico.dev" in run.message


def test_kind_is_missing_only_where_the_cluster_says_so_itself(shop):
    """A proxy in front of a broken API server answers everything with 404."""
    shop.api()
    error = KindNotInstalled("404 page not found")
    run = sync.run(Failing(shop.cluster, error, kinds=[API, CRD]))
    assert (only_version().withdrawn_at, run.outcome) == (None, "complete")
    sync.run(Failing(shop.cluster, error))  # the folder has no such CRD
    assert only_version().withdrawn_at is not None


def test_list_without_the_object_withdraws_only_what_the_cluster_says_is_gone(shop):
    shop.api()
    shop.remove(API, "orders")
    run = sync.run(Failing(shop.cluster, ClusterUnavailable("away"), calls=("get",)))
    assert only_version().withdrawn_at is None
    assert run.outcome == "failed"


def test_failed_look_up_says_nothing_about_who_needs_it(shop):
    shop.config_map("text", OPENAPI)
    shop.api(definition={"configMapRef": {"name": "text"}})
    run = sync.run(Failing(shop.cluster, ClusterUnavailable("away"), kinds=[CONFIG_MAP]))
    assert run.outcome == "failed"
    assert (only_version().stale, problems()) == (False, {})


def test_object_that_a_broken_file_may_hold_is_not_gone(shop):
    shop.api()
    shop.remove(API, "orders")
    shop.write_file("broken.yaml", "a: [")
    sync.settle(shop.cluster, [sync.Key(str(API), "shop", "orders")])
    assert (only_version().withdrawn_at, only_version().stale) == (None, True)
    shop.remove_file("broken.yaml")
    shop.sync()
    assert only_version().withdrawn_at is not None
