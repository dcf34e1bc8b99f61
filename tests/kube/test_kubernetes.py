"""What goes wrong with a real API server: it stops, it forgets the credential, its address is wrong."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from portal.errors import ClusterUnavailable, Conflict, Invalid
from portal.kube import (
    FIELD_MANAGER,
    AccessDenied,
    Kind,
    KindNotInstalled,
    KubernetesCluster,
    VersionExpired,
    connection as connections,
)
from tests.kube.sides import API, CONFIG_MAP, PLAN, api

pytestmark = pytest.mark.cluster


def test_stopped_server_is_unavailable_and_then_answers_again(
    kubernetes, kubernetes_cluster, namespace
) -> None:
    kubernetes.apply(api(namespace, "orders"))
    version = kubernetes_cluster.list(API, namespace=namespace).resource_version
    ended: list[BaseException] = []

    def watch() -> None:
        try:
            list(kubernetes_cluster.watch(API, since=version, timeout=60, namespace=namespace))
        except ClusterUnavailable as error:
            ended.append(error)

    watcher = threading.Thread(target=watch)
    watcher.start()
    kubernetes.stop()
    try:
        with pytest.raises(ClusterUnavailable) as refused:
            kubernetes_cluster.list(API, namespace=namespace)
        assert kubernetes_cluster.name in refused.value.message
        watcher.join(60)
        assert not watcher.is_alive(), "a watch ends with its server"
    finally:
        kubernetes.start()
    (found,) = kubernetes_cluster.list(API, namespace=namespace).objects
    assert found.name == "orders"


def test_nobody_listens(tmp_path, kubernetes) -> None:
    config = json.loads(kubernetes.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    elsewhere = tmp_path / "kubeconfig"
    elsewhere.write_text(json.dumps(config))
    with pytest.raises(ClusterUnavailable):
        KubernetesCluster("nowhere", kubeconfig=str(elsewhere)).list(API)


def test_renewed_credential_is_read_again(tmp_path, kubernetes) -> None:
    config = json.loads(kubernetes.kubeconfig.read_text())
    good = config["users"][0]["user"]["token"]
    renewed = tmp_path / "kubeconfig"
    config["users"][0]["user"]["token"] = "expired"
    renewed.write_text(json.dumps(config))
    cluster = KubernetesCluster("renewed", kubeconfig=str(renewed))
    with pytest.raises(ClusterUnavailable, match="credential"):
        cluster.list(API)
    config["users"][0]["user"]["token"] = good
    renewed.write_text(json.dumps(config))
    assert cluster.list(API).resource_version
    cluster.close()


def test_service_account_of_the_pod(tmp_path, kubernetes, namespace, monkeypatch) -> None:
    rules = [{"apiGroups": ["portico.dev"], "resources": ["apis"], "verbs": ["list"]}]
    limited = json.loads(kubernetes.account(namespace, rules).read_text())
    token = tmp_path / "token"
    token.write_text("expired")
    (tmp_path / "namespace").write_text(namespace)
    authority = limited["clusters"][0]["cluster"]["certificate-authority"]
    (tmp_path / "ca.crt").symlink_to(authority)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(kubernetes.port))
    from lightkube.config.kubeconfig import KubeConfig

    found = KubeConfig.from_service_account(service_account=tmp_path)
    monkeypatch.setattr(KubeConfig, "from_service_account", lambda: found)
    cluster = KubernetesCluster("in-cluster")
    with pytest.raises(ClusterUnavailable, match="credential"):
        cluster.list(API)
    token.write_text(limited["users"][0]["user"]["token"])
    assert cluster.list(API).resource_version
    with pytest.raises(AccessDenied):
        cluster.get(API, namespace=namespace, name="orders")
    cluster.close()


def test_conflict_names_the_other_manager(kubernetes, kubernetes_cluster, namespace) -> None:
    kubernetes.apply(api(namespace, "orders", summary="theirs"), manager="argocd")
    with pytest.raises(Conflict, match="argocd"):
        kubernetes_cluster.apply(API, api(namespace, "orders", summary="ours"))


def test_field_manager_is_portico(kubernetes, kubernetes_cluster, namespace) -> None:
    kubernetes_cluster.apply(API, api(namespace, "orders"))
    status = {"observedGeneration": 1}
    kubernetes_cluster.patch_status(API, namespace=namespace, name="orders", status=status)
    path = f"/apis/portico.dev/v1alpha1/namespaces/{namespace}/apis/orders"
    _, made = kubernetes.request("GET", path)
    managers = {
        (entry["manager"], entry.get("subresource", ""), entry["operation"])
        for entry in made["metadata"]["managedFields"]
    }
    assert managers == {(FIELD_MANAGER, "", "Apply"), (FIELD_MANAGER, "status", "Apply")}


def test_refused_manifest_names_the_field(kubernetes_cluster, namespace) -> None:
    with pytest.raises(Invalid) as refused:
        kubernetes_cluster.apply(API, api(namespace, "orders", type="Carrier pigeon"))
    assert refused.value.field == "spec.type"
    assert "Carrier pigeon" in refused.value.message


def test_kind_without_status_is_not_taken_for_a_missing_object(
    kubernetes_cluster, kubernetes, namespace
) -> None:
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": namespace}}
    kubernetes.apply(document)
    with pytest.raises(KindNotInstalled):
        kubernetes_cluster.patch_status(CONFIG_MAP, namespace=namespace, name="a", status={})


def config_map(namespace: str, name: str, text: str) -> dict[str, Any]:
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"text": text}}


@pytest.fixture
def spoil(kubernetes_cluster, monkeypatch):
    """Let one answer, counted from 1, be changed on its way. The server stays the real one."""

    def arrange(number: int, change) -> None:
        http = kubernetes_cluster._connection._client()
        send, seen = http.send, []

        def sent(request: httpx2.Request, **options: Any) -> httpx2.Response:
            seen.append(request)
            answer = send(request, **options)
            return change(answer) if len(seen) == number else answer

        monkeypatch.setattr(http, "send", sent)

    return arrange


class Cut(httpx2.SyncByteStream):
    """Half of an answer, then no connection."""

    def __init__(self, answer: httpx2.Response) -> None:
        self.answer = answer

    def __iter__(self) -> Iterator[bytes]:
        yield self.answer.read()[:200]
        raise httpx2.RemoteProtocolError("peer closed connection")


def test_connection_cut_in_the_third_page_is_no_short_list(
    kubernetes, kubernetes_cluster, namespace, spoil
) -> None:
    kubernetes.apply(*(config_map(namespace, f"map-{number}", "x") for number in range(8)))
    spoil(3, lambda answer: httpx2.Response(200, stream=Cut(answer), request=answer.request))
    pages = kubernetes_cluster.pages(CONFIG_MAP, namespace=namespace, page_size=2)
    assert [len(next(pages).objects) for _ in range(2)] == [2, 2]
    with pytest.raises(ClusterUnavailable):
        next(pages)
    assert len(kubernetes_cluster.list(CONFIG_MAP, namespace=namespace, page_size=2).objects) == 8


def test_continue_token_that_expired_starts_the_list_again(
    kubernetes, kubernetes_cluster, namespace, spoil
) -> None:
    kubernetes.apply(*(config_map(namespace, f"map-{number}", "x") for number in range(4)))

    def expired(answer: httpx2.Response) -> httpx2.Response:
        status = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
        return httpx2.Response(410, json=status, request=answer.request)

    spoil(2, expired)
    pages = kubernetes_cluster.pages(CONFIG_MAP, namespace=namespace, page_size=2)
    next(pages)
    with pytest.raises(VersionExpired):
        next(pages)
    spoil(2, expired)
    assert len(kubernetes_cluster.list(CONFIG_MAP, namespace=namespace, page_size=2).objects) == 4


def test_page_too_large_comes_in_smaller_ones(kubernetes, kubernetes_cluster, namespace, monkeypatch) -> None:
    """And an object too large by itself is told of, and hides no other."""
    monkeypatch.setattr(connections, "MAX_ANSWER_BYTES", 40_000)
    names = [f"map-{number:02}" for number in range(12)]
    kubernetes.apply(*(config_map(namespace, name, "x" * 8000) for name in names))
    kubernetes.apply(config_map(namespace, "map-05-large", "x" * 50_000))
    version = kubernetes_cluster.version(CONFIG_MAP, namespace=namespace)
    listing = kubernetes_cluster.list(CONFIG_MAP, namespace=namespace)
    assert [found.name for found in listing.objects] == names
    (problem,) = listing.unreadable
    assert (problem.name, listing.complete) == ("map-05-large", True)
    with pytest.raises(Invalid):
        kubernetes_cluster.get(CONFIG_MAP, namespace=namespace, name="map-05-large")
    monkeypatch.setattr(connections, "MAX_LINE_BYTES", 10_000)
    kubernetes.apply(config_map(namespace, "map-13", "x" * 20_000))
    with pytest.raises(VersionExpired):
        list(kubernetes_cluster.watch(CONFIG_MAP, since=version, timeout=10, namespace=namespace))


def test_tools_own_metadata_is_left_out(kubernetes, kubernetes_cluster, namespace) -> None:
    document = api(namespace, "orders")
    document["metadata"]["annotations"] = {
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
        "team": "shop",
    }
    kubernetes.apply(document)
    found = kubernetes_cluster.get(API, namespace=namespace, name="orders")
    assert "managedFields" not in found.body["metadata"]
    assert found.annotations == {"team": "shop"}


def test_unchanged_discovery_is_not_sent_again(kubernetes_cluster, monkeypatch) -> None:
    assert kubernetes_cluster.installed([API]) == {API}
    connection, codes = kubernetes_cluster._connection, []
    exchange = connection.exchange

    def counted(*args: Any, **options: Any) -> Any:
        answer, data = exchange(*args, **options)
        codes.append((answer.status_code, len(data)))
        return answer, data

    monkeypatch.setattr(connection, "exchange", counted)
    assert kubernetes_cluster.installed([API, PLAN]) == {API, PLAN}
    assert codes == [(304, 0)]


def test_discovery_of_an_older_server_asks_by_group(kubernetes_cluster, monkeypatch) -> None:
    monkeypatch.setattr("portal.kube.discovery._ACCEPT", "application/json")
    unknown = Kind(group="nowhere.example", version="v1", kind="Thing", plural="things")
    assert kubernetes_cluster.installed([API, CONFIG_MAP, unknown]) == {API, CONFIG_MAP}


def events(kubernetes, namespace: str) -> list[dict[str, Any]]:
    return kubernetes.request("GET", f"/api/v1/namespaces/{namespace}/events")[1]["items"]


def test_same_event_is_one_that_counts(kubernetes, kubernetes_cluster, namespace) -> None:
    kubernetes.apply(api(namespace, "orders"))
    found = kubernetes_cluster.get(API, namespace=namespace, name="orders")
    for _ in range(3):
        kubernetes_cluster.record_event(found, reason="NotListed", message="No definition.", warning=True)
    kubernetes_cluster.record_event(found, reason="Listed", message="x" * 3000, warning=False)
    told = {each["reason"]: each for each in events(kubernetes, namespace)}
    assert {reason: (each["type"], each["count"]) for reason, each in told.items()} == {
        "NotListed": ("Warning", 3),
        "Listed": ("Normal", 1),
    }
    assert told["NotListed"]["involvedObject"]["uid"] == found.uid
    assert told["NotListed"]["reportingComponent"] == "portico.dev/portico"
    assert len(told["Listed"]["message"]) == 1024


def test_event_of_an_object_without_namespace(kubernetes, kubernetes_cluster, namespace) -> None:
    name = f"gold-{namespace}"
    plan = {"apiVersion": "portico.dev/v1alpha1", "kind": "Plan", "metadata": {"name": name}, "spec": {}}
    kubernetes.apply(plan)
    found = kubernetes_cluster.get(PLAN, namespace="", name=name)
    kubernetes_cluster.record_event(found, reason="Unused", message="Nobody offers it.", warning=True)
    assert name in {each["involvedObject"]["name"] for each in events(kubernetes, "default")}
    kubernetes_cluster.delete(PLAN, namespace="", name=name)


def test_event_without_permission(kubernetes, kubernetes_cluster, namespace) -> None:
    kubernetes.apply(api(namespace, "orders"))
    found = kubernetes_cluster.get(API, namespace=namespace, name="orders")
    limited = KubernetesCluster("limited", kubeconfig=str(kubernetes.account(namespace, [])))
    with pytest.raises(AccessDenied):
        limited.record_event(found, reason="NotListed", message="No definition.", warning=True)
    limited.close()
