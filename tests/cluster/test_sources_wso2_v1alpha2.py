"""Objects of WSO2's API operator 2.x and plain Services, as a real kube-apiserver with the real CRDs returns them."""

from collections.abc import Iterator
from typing import Any

import pytest

from apis.sources import DefinitionAddress, PublishedBackend, Upstream
from apis.sources.integration import INTEGRATION
from apis.sources.portico_v1alpha1 import API as PORTICO_API
from apis.sources.service_v1 import SERVICE
from apis.sources.source import CONFIG_MAP
from apis.sources.wso2_v1alpha2.api import API
from portal.kube import Kind, KubeObject, KubernetesCluster
from tests.cluster.controlplane import ControlPlane
from tests.kube.sides import api
from tests.sources.crds import sample
from tests.sources.objects import published, reading
from tests.sources.test_wso2_v1alpha2 import project_4

pytestmark = pytest.mark.cluster

CRDS = "wso2/operator-v1alpha2/crds"


@pytest.fixture(scope="module")
def operator(kubernetes: ControlPlane) -> Iterator[ControlPlane]:
    folder = sample(f"{CRDS}/wso2.com_apis_crd.yaml").parent
    kubernetes.install(folder)
    yield kubernetes
    kubernetes.kubectl("delete", "-f", str(folder))


def written(kind: Kind, namespace: str, name: str, **body: Any) -> dict[str, Any]:
    annotations = body.pop("annotations", {})
    metadata = {"name": name, "namespace": namespace, "annotations": annotations}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, **body}


def got(cluster: KubernetesCluster, kind: Kind, namespace: str, name: str) -> KubeObject:
    found = cluster.get(kind, namespace=namespace, name=name)
    assert isinstance(found, KubeObject)
    return found


def test_project_in_a_config_map_is_read(operator, kubernetes_cluster, namespace):
    operator.apply(
        written(CONFIG_MAP, namespace, "pizza-cm", binaryData=project_4().body["binaryData"]),
        written(API, namespace, "pizza", spec={"swaggerConfigMapName": "pizza-cm"}),
    )
    held = got(kubernetes_cluster, CONFIG_MAP, namespace, "pizza-cm")
    found = published(got(kubernetes_cluster, API, namespace, "pizza"), held)
    assert (found.display_name, found.base_path) == ("PizzaShackAPI", "/pizzashack/1.0.0")
    assert found.upstreams == {"production": Upstream("https://pizza.example/api")}


def test_integration_is_a_backend_that_an_api_names(operator, kubernetes_cluster, namespace):
    spec = {"image": "hello:1", "expose": {"passthroPort": 8290, "inboundPorts": [8085]}}
    user = api(namespace, "hello", upstreams={"production": {"integration": {"name": "hello", "port": 8085}}})
    operator.apply(written(INTEGRATION, namespace, "hello", spec=spec), user)
    status = {"status": {"readiness": "Running", "serviceName": "hello-service"}}
    path = f"/apis/wso2.com/v1alpha2/namespaces/{namespace}/integrations/hello"
    code, held = operator.request("GET", path)
    assert code == 200
    assert operator.request("PUT", f"{path}/status", held | status)[0] == 200
    hello = got(kubernetes_cluster, INTEGRATION, namespace, "hello")
    (backend,) = reading(hello).published
    assert isinstance(backend, PublishedBackend)
    assert (backend.url, backend.ready) == (f"http://hello-service.{namespace}.svc:8290", True)
    found = published(got(kubernetes_cluster, PORTICO_API, namespace, "hello"), hello)
    assert found.upstreams["production"] == Upstream(
        f"http://hello-service.{namespace}.svc:8085", 30, f"Integration {namespace}/hello"
    )


def test_service_with_the_annotation_is_read(kubernetes, kubernetes_cluster, namespace):
    notes = {"portico.dev/openapi-path": "/openapi.json"}
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    kubernetes.apply(written(SERVICE, namespace, "orders", annotations=notes, spec={"ports": ports}))
    found = published(got(kubernetes_cluster, SERVICE, namespace, "orders"))
    url = f"http://orders.{namespace}.svc:80"
    assert found.upstreams == {"production": Upstream(url)}
    assert isinstance(found.definition, DefinitionAddress)
    assert found.definition.url == f"{url}/openapi.json"
