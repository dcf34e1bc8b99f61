"""Lists that are cut in the middle, permissions that are taken away, a thousand deletions: a failed list withdraws nothing."""

from collections import Counter
from collections.abc import Iterator

import pytest
from django.db.models import QuerySet
from django.urls import reverse

from apis.models import SyncRun, WatchState
from apis.sources import kinds
from tests import factories
from tests.cluster.cutting import CuttingProxy
from tests.cluster.faults import CLUSTER, World, complete, granted
from tests.following import WATCH, WORKER, following, until
from tests.kube.sides import API

pytestmark = [pytest.mark.cluster, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def world(transactional_db, kubernetes, kubeconfig, namespace, tmp_path, record_property) -> Iterator[World]:
    granted(namespace)
    where = {"PORTICO_CLUSTER": f"kubeconfig:{kubeconfig}", "PORTICO_CLUSTER_NAME": CLUSTER}
    with following(tmp_path, **where) as found:
        until(complete, found)
        world = World(kubernetes, namespace, found, record_property)
        yield world
        world.empty()


class TestManyObjects:
    @pytest.fixture
    def proxy(self, kubernetes, tmp_path) -> Iterator[CuttingProxy]:
        proxy = CuttingProxy(kubernetes, tmp_path)
        yield proxy
        proxy.close()

    @pytest.fixture
    def kubeconfig(self, proxy):
        return proxy.kubeconfig

    def test_lists_that_are_cut_and_a_thousand_deleted(self, world, proxy) -> None:
        """A first load loses its third page, and a later pass the middle of its list: short lists would withdraw."""
        doomed = [f"api-{number:04}" for number in range(1000)]
        kept = [f"kept-{number}" for number in range(10)]
        for process in world.found.processes:
            world.found.kill(process)
        world.apply_many(doomed, labels={"doomed": "yes"})
        world.apply_many(kept)

        before = last_run().pk
        proxy.arm(1, page=3)
        world.found.start(WORKER)
        world.found.start(WATCH)
        run = until(failed_after(before).first, world.found)
        assert (proxy.cuts > 0, API.resource in run.message) == (True, True)
        world.heals(lambda: world.listed() == Counter(doomed + kept) and last_run().outcome == "complete")
        assert proxy.cuts == 1
        world.nothing_doubled()

        before = last_run().pk
        world.found.kill(world.found.processes[3])
        world.delete("kept-0")
        proxy.arm(2, page=1)
        world.found.start(WATCH)
        until(failed_after(before).exists, world.found)
        assert len(world.listed()) == 1010, "a failed list withdraws nothing"
        remaining = Counter([*doomed, *kept[1:]])
        world.heals(lambda: world.listed() == remaining and last_run().outcome == "complete", "cut")
        assert proxy.cuts == 3
        world.nothing_doubled()

        path = f"/apis/{API.api_version}/namespaces/{world.namespace}/{API.plural}?labelSelector=doomed%3Dyes"
        assert world.plane.request("DELETE", path)[0] == 200
        world.heals(lambda: world.listed() == Counter(kept[1:]), "thousand_deleted")
        until(lambda: world.settled(kept[1:]), world.found)
        world.nothing_doubled()


def failed_after(run: int) -> QuerySet[SyncRun]:
    return SyncRun.objects.filter(pk__gt=run, outcome=SyncRun.Outcome.FAILED)


def last_run() -> SyncRun:
    return SyncRun.objects.order_by("-pk")[0]


class TestPermission:
    # Of the other groups, all: earlier tests may have left kinds in the cluster.
    RULES = (
        {"apiGroups": [API.group], "resources": ["*"], "verbs": ["get", "list", "watch", "patch"]},
        {"apiGroups": ["apiextensions.k8s.io"], "resources": ["*"], "verbs": ["get", "list"]},
        {"apiGroups": [""], "resources": ["*"], "verbs": ["get", "list", "watch", "create", "patch"]},
        {
            "apiGroups": sorted({kind.group for kind in kinds()} - {API.group, ""}),
            "resources": ["*"],
            "verbs": ["get", "list", "watch"],
        },
    )

    @pytest.fixture
    def kubeconfig(self, kubernetes, namespace):
        return kubernetes.account(namespace, self.RULES)

    def test_taken_for_one_kind_and_given_back(self, world, kubeconfig, client_as, settings) -> None:
        role = kubeconfig.stem
        world.apply("kept", "doomed")
        until(lambda: world.settled(["kept", "doomed"]), world.found)
        self.allow(world, role, ["plans", "plans/status"])
        # A watch that is open stays so; after a restart nothing is.
        world.plane.stop()
        world.plane.start()
        state = WatchState.objects.filter(kind=str(API), message__contains="does not let Portico")
        until(state.exists, world.found)
        world.delete("doomed")
        failed = SyncRun.objects.filter(outcome=SyncRun.Outcome.FAILED, message__contains="does not let")
        until(failed.exists, world.found)
        assert set(world.listed()) == {"kept", "doomed"}, "what nobody may see is not gone"
        settings.CLUSTERS = {CLUSTER: None}
        admin = factories.UserFactory(name="Ada", email="ada@example.com", is_admin=True)
        assert b"does not let Portico" in client_as(admin).get(reverse("apis:sync")).content

        self.allow(world, role, ["*"])
        world.apply("new")
        world.heals(lambda: world.settled(["kept", "new"]))
        # A pass that is repeated may be there before the watch is.
        until(lambda: not state.exists(), world.found)
        world.nothing_doubled()

    def allow(self, world: World, role: str, resources: list[str]) -> None:
        rules = [{**self.RULES[0], "resources": resources}, *self.RULES[1:]]
        path = f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{role}"
        found = world.plane.request("GET", path)[1]
        assert world.plane.request("PUT", path, found | {"rules": rules})[0] == 200
