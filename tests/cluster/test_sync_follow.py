"""kubectl on a real kube-apiserver, seen in the catalog through the real watch, queue and worker."""

import contextlib
import json

import pytest

from apis.models import ApiVersion, SyncProblem, SyncRun, WatchState
from portal.accounts.models import AuditEvent, NamespaceGrant
from tests import factories
from tests.following import following, until
from tests.kube.sides import API, api

pytestmark = [pytest.mark.cluster, pytest.mark.django_db(transaction=True)]

OPENAPI = "openapi: 3.0.0\ninfo: {title: Store, version: v1}\npaths: {/a: {get: {responses: {}}}}\n"
WSO2 = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "apis.wso2.com"},
    "spec": {
        "group": "wso2.com",
        "scope": "Namespaced",
        "names": {"kind": "API", "plural": "apis", "singular": "api", "listKind": "APIList"},
        "versions": [
            {
                "name": "v1alpha1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
                },
            }
        ],
    },
}


@pytest.fixture
def granted(transactional_db, namespace):
    NamespaceGrant.objects.create(
        cluster="real", namespace=namespace, team=factories.TeamFactory(slug="publishers"), auto_publish=True
    )
    return namespace


@pytest.fixture
def found(granted, kubernetes, tmp_path):
    where = {"PORTICO_CLUSTER": f"kubeconfig:{kubernetes.kubeconfig}", "PORTICO_CLUSTER_NAME": "real"}
    with following(tmp_path, **where) as processes:
        until(lambda: SyncRun.objects.filter(outcome="complete").exists(), processes)
        yield processes


def version(namespace, name="orders"):
    return ApiVersion.objects.filter(namespace=namespace, object_name=name, withdrawn_at=None).first()


def status(kubernetes, namespace, name="orders"):
    obj = json.loads(kubernetes.kubectl("get", API.resource, name, "-n", namespace, "-o", "json"))
    return {entry["type"]: entry["status"] for entry in obj.get("status", {}).get("conditions", [])}


def test_what_is_applied_is_in_the_catalog(kubernetes, granted, found):
    automatic = {"publication": {"approval": "Automatic"}}
    kubernetes.apply(api(granted, "orders", definition={"inline": OPENAPI}, **automatic))
    row = until(lambda: version(granted), found)
    assert (row.status, row.operations.count(), row.uid != "") == ("published", 1, True)
    until(lambda: status(kubernetes, granted) == {"Accepted": "True", "Published": "True"}, found)

    kubernetes.apply(
        api(granted, "orders", basePath="/elsewhere", definition={"inline": OPENAPI}, **automatic)
    )
    until(lambda: version(granted).base_path == "/elsewhere", found)

    kubernetes.apply(api(granted, "orders", basePath="/elsewhere", plans=["no-such-plan"], **automatic))
    problem = until(lambda: SyncProblem.objects.filter(namespace=granted).first(), found)
    assert (problem.field, problem.object_name) == ("spec.plans", "orders")

    kubernetes.kubectl("delete", API.resource, "orders", "-n", granted)
    until(lambda: version(granted) is None, found)
    row.refresh_from_db()
    assert row.withdrawn_at is not None
    assert AuditEvent.objects.about(row).first().event == "version_withdrawn"
    assert not SyncProblem.objects.filter(namespace=granted).exists()


def test_stopped_api_server_deletes_nothing_and_is_followed_again(kubernetes, granted, found):
    kubernetes.apply(api(granted, "orders"), api(granted, "doomed"))
    until(lambda: version(granted) and version(granted, "doomed"), found)
    kubernetes.stop()
    try:
        until(lambda: WatchState.objects.get(kind=str(API)).connected_since is None, found)
        assert "real" in WatchState.objects.get(kind=str(API)).message
        assert version(granted)
    finally:
        kubernetes.start()
    kubernetes.kubectl("delete", API.resource, "doomed", "-n", granted)
    kubernetes.apply(api(granted, "late"))
    until(lambda: version(granted, "late"), found)
    until(lambda: version(granted, "doomed") is None, found)
    assert version(granted)
    assert WatchState.objects.get(kind=str(API)).message == ""


def test_kind_that_is_installed_later_is_followed(kubernetes, granted, found):
    assert WatchState.objects.get(kind="wso2.com/v1alpha1/API").installed is False
    with installed(kubernetes, WSO2):
        meta = {"name": "store-swagger", "namespace": granted}
        text = OPENAPI + "x-wso2-production-endpoints: {urls: ['http://backend.example']}\n"
        names = {"definition": {"swaggerConfigmapNames": ["store-swagger"]}}
        store = {"name": "store", "namespace": granted}
        kubernetes.apply(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"swagger.yaml": text}},
            {"apiVersion": "wso2.com/v1alpha1", "kind": "API", "metadata": store, "spec": names},
        )
        assert until(lambda: version(granted, "store"), found).operations.count() == 1
    until(lambda: version(granted, "store") is None, found)


@contextlib.contextmanager
def installed(kubernetes, crd):
    kubernetes.apply(crd)
    kubernetes.kubectl(
        "wait", "--for=condition=Established", "--timeout=30s", f"crd/{crd['metadata']['name']}"
    )
    try:
        yield
    finally:
        kubernetes.kubectl("delete", "crd", crd["metadata"]["name"])


def test_problem_is_an_event_beside_its_object(kubernetes, granted, found):
    kubernetes.apply(api(granted, "orders", plans=["no-such-plan"]))
    until(lambda: SyncProblem.objects.filter(namespace=granted).exists(), found)

    def events():
        listed = json.loads(kubernetes.kubectl("get", "events", "-n", granted, "-o", "json"))
        about = [entry for entry in listed["items"] if entry["involvedObject"]["name"] == "orders"]
        return [entry for entry in about if "no-such-plan" in entry["message"]]

    (event,) = until(events, found)
    assert (event["type"], event["reason"]) == ("Warning", "NotAsWritten")
