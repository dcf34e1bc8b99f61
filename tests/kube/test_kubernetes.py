"""What goes wrong with a real API server: it stops, it forgets the credential, its address is wrong."""

import json
import threading

import pytest

from portal.errors import ClusterUnavailable, Conflict, Invalid
from portal.kube import FIELD_MANAGER, AccessDenied, KindNotInstalled, KubernetesCluster
from tests.kube.sides import API, CONFIG_MAP, api

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
