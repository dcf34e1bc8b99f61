"""A history that is gone, and objects that change while nobody looks or before they can be read."""

import base64
import json
import signal
import urllib.request
from collections.abc import Iterator

import pytest

from apis.models import SyncProblem
from subscriptions.models import Subscription
from tests import factories
from tests.cluster.faults import CLUSTER, World, complete, granted
from tests.following import WATCH, following, until
from tests.kube.sides import API

pytestmark = [pytest.mark.cluster, pytest.mark.django_db(transaction=True)]

OPENAPI = "openapi: 3.0.0\ninfo: {title: Store, version: v1}\npaths: {/a: {get: {responses: {}}}}\n"


@pytest.fixture
def kubeconfig(kubernetes):
    """How the processes reach the cluster; a test may ask for another way."""
    return kubernetes.kubeconfig


@pytest.fixture
def world(transactional_db, kubernetes, kubeconfig, namespace, tmp_path, record_property) -> Iterator[World]:
    granted(namespace)
    where = {"PORTICO_CLUSTER": f"kubeconfig:{kubeconfig}", "PORTICO_CLUSTER_NAME": CLUSTER}
    with following(tmp_path, **where) as found:
        until(complete, found)
        world = World(kubernetes, namespace, found, record_property)
        yield world
        world.empty()


def test_compacted_history_is_listed_anew(world) -> None:
    """The watch wakes with a version of which neither etcd nor the API server remembers anything."""
    world.apply("kept", "doomed")
    until(lambda: world.settled(["kept", "doomed"]), world.found)
    watch = world.found.processes[1]
    watch.send_signal(signal.SIGSTOP)
    old = world.plane.request("GET", f"/apis/{API.api_version}/{API.plural}")[1]["metadata"][
        "resourceVersion"
    ]
    world.delete("doomed")
    world.apply("new")
    compact(world)
    world.plane.stop()
    world.plane.start()
    path = f"/apis/{API.api_version}/{API.plural}?watch=1&resourceVersion={old}&timeoutSeconds=1"
    assert world.plane.request("GET", path)[1].get("object", {"code": 410})["code"] == 410
    watch.send_signal(signal.SIGCONT)
    world.heals(lambda: world.settled(["kept", "new"]))
    world.nothing_doubled()
    world.delete("new")
    world.heals(lambda: world.settled(["kept"]), "followed")


def compact(world: World) -> None:
    """Let etcd forget everything before now, as the API server does every five minutes."""
    key = base64.b64encode(b"/").decode()
    now = etcd(world, "kv/range", {"key": key})["header"]["revision"]
    etcd(world, "kv/compaction", {"revision": now, "physical": True})


def etcd(world: World, what: str, body: dict[str, object]) -> dict[str, dict[str, str]]:
    request = urllib.request.Request(
        f"{world.plane.etcd_url}/v3/{what}", data=json.dumps(body).encode(), method="POST"
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=10) as answer:
        return json.load(answer)


def test_config_map_that_comes_after_its_api(world) -> None:
    world.apply("orders", definition={"configMapRef": {"name": "orders", "key": "openapi.yaml"}})
    until(SyncProblem.objects.filter(namespace=world.namespace, object_name="orders").exists, world.found)
    meta = {"name": "orders", "namespace": world.namespace}
    world.plane.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"openapi.yaml": OPENAPI}}
    )
    world.heals(lambda: world.settled(["orders"]))
    assert world.version("orders").operations.count() == 1
    assert not SyncProblem.objects.filter(namespace=world.namespace).exists()
    world.nothing_doubled()


def test_object_created_anew_while_nobody_watched(world) -> None:
    world.apply("orders")
    row = until(lambda: world.version("orders"), world.found)
    until(lambda: world.settled(["orders"]), world.found)
    world.found.kill(world.found.processes[1])
    world.delete("orders")
    world.apply("orders", path="/elsewhere")
    world.found.start(WATCH)
    world.heals(lambda: world.paths() == {"orders": "/elsewhere"} and world.settled(["orders"]))
    again = world.version("orders")
    assert (again.pk, again.uid != row.uid) == (row.pk, True)
    world.nothing_doubled()


def test_crd_removed_and_installed_again(world) -> None:
    """Its versions go and come back as the same rows, and nobody loses a subscription."""
    world.apply("orders", "bills")
    until(lambda: world.settled(["bills", "orders"]), world.found)
    before = dict(world.versions().values_list("object_name", "pk"))
    subscription = factories.SubscriptionFactory(api=world.version("orders").api)
    crd = json.loads(world.plane.kubectl("get", "crd", API.resource, "-o", "json"))
    manifest = {name: crd[name] for name in ("apiVersion", "kind", "spec")} | {
        "metadata": {"name": API.resource}
    }
    world.plane.kubectl("delete", "crd", API.resource)
    try:
        world.heals(lambda: world.settled([]), "removed")
        subscription.refresh_from_db()
        assert subscription.status == "active"
    finally:
        world.plane.apply(manifest)
        world.plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", f"crd/{API.resource}")
    world.apply("orders", "bills")
    world.heals(lambda: world.settled(["bills", "orders"]), "returned")
    assert dict(world.versions().values_list("object_name", "pk")) == before
    assert Subscription.objects.filter(pk=subscription.pk, status="active").exists()
    world.nothing_doubled()
