"""Every source on the real kube-apiserver, with the real CRD of its kind where the samples have one."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from apis import sync
from apis.models import ApiVersion, Backend, ClusterAccess, Plan, SyncProblem
from apis.sources import SOURCES, PublishedApi, PublishedBackend, PublishedPlan, Source, _age, kinds, served
from apis.sources.api_platform.kinds import REST_APIS
from apis.sources.apk.kinds import APIS, BACKENDS, RATE_LIMIT_POLICIES
from apis.sources.portico_v1alpha1 import API as PORTICO_API
from apis.sources.service_v1 import SERVICE
from apis.sources.source import CONFIG_MAP
from apis.sources.wso2_v1alpha1.kinds import API as WSO2_API
from portal import safeyaml
from portal.accounts.models import NamespaceGrant
from portal.kube import KubeObject
from tests import factories
from tests.cluster.controlplane import ControlPlane
from tests.cluster.crds import Installed
from tests.following import until
from tests.sources.crds import SAMPLES
from tests.sources.examples import EXAMPLES
from tests.sources.objects import config_map, made, make, reading

pytestmark = [pytest.mark.cluster, pytest.mark.django_db]

# Of what these state, nothing is beyond Portico's gateway.
ENFORCED = {PORTICO_API, SERVICE}


# What the sample of an APK API is routed to, and does not bring along.
APK_BACKENDS = ("insecure-backend", "secure-backend", "test-backend")


def apk_backend(name: str) -> KubeObject:
    spec = {"protocol": "http", "services": [{"host": f"{name}.example", "port": 8080}]}
    return make(BACKENDS[0], name, spec=spec)


@pytest.fixture(scope="module")
def installed(kubernetes: ControlPlane) -> Iterator[Installed]:
    if not SAMPLES.is_dir():
        pytest.skip("left out: the samples of real clusters are not there (PORTICO_SAMPLES)")
    crds = Installed(kubernetes)
    yield crds
    crds.remove()


@pytest.fixture
def put(kubernetes: ControlPlane, namespace: str) -> Iterator[Callable[..., None]]:
    """Creates objects in a granted namespace, with their status, and takes them away again."""
    team = factories.TeamFactory(slug="publishers")
    NamespaceGrant.objects.create(cluster="kubernetes", namespace=namespace, team=team, auto_publish=True)
    created: list[dict[str, Any]] = []

    def create(*objects: KubeObject) -> None:
        documents = [manifest(obj, namespace) for obj in objects]
        created.extend(documents)
        kubernetes.apply(*documents)
        for obj, document in zip(objects, documents, strict=True):
            if document.get("status"):
                report(kubernetes, obj, namespace, document["status"])

    yield create
    if created:
        kubernetes.kubectl("delete", "-f", "-", stdin="\n---\n".join(map(json.dumps, created)))


def manifest(obj: KubeObject, namespace: str) -> dict[str, Any]:
    """The object as a person would apply it into the namespace."""
    metadata = {"name": obj.name, "annotations": dict(obj.annotations)}
    if obj.kind.namespaced:
        metadata["namespace"] = namespace
    parts = {name: obj.body[name] for name in ("spec", "status", "data", "binaryData") if name in obj.body}
    return {"apiVersion": obj.kind.api_version, "kind": obj.kind.kind, "metadata": metadata, **parts}


def report(plane: ControlPlane, obj: KubeObject, namespace: str, status: Any) -> None:
    """Writes the status as the kind's controller would."""
    path = f"/apis/{obj.kind.api_version}/namespaces/{namespace}/{obj.kind.plural}/{obj.name}"
    _, held = plane.request("GET", path)
    code, answer = plane.request("PUT", f"{path}/status", held | {"status": status})
    assert code == 200, answer


def rows(source: Source, namespace: str) -> list[Any]:
    """What the catalog has of the source's one object."""
    where = {"kind": str(source.kind), "namespace": namespace if source.kind.namespaced else ""}
    return [
        row for model in (ApiVersion, Plan, Backend, ClusterAccess) for row in model.objects.filter(**where)
    ]


def row_of(published: Any) -> type[Any]:
    """Where what is published is kept."""
    if isinstance(published, PublishedApi):
        return ApiVersion
    if isinstance(published, PublishedPlan):
        return Plan
    return Backend if isinstance(published, PublishedBackend) else ClusterAccess


def generations(source: Source) -> list[str]:
    """The versions of the source's kind, as if it were the newest; the newest is stored, or its fields would be cut off."""
    known = {other.kind.version for other in SOURCES if other.kind.resource == source.kind.resource}
    return sorted(
        (version for version in known if _age(version) <= _age(source.kind.version)), key=_age, reverse=True
    )


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: str(source.kind))
def test_object_is_read_into_the_catalog(source, installed, put, kubernetes_cluster, namespace):
    obj, *company = EXAMPLES[source.kind]
    for each in (*company, obj):
        installed.serve(each.kind, generations(source) if each is obj else [each.kind.version])
    put(*company, obj)
    # What the API server says it serves follows a changed CRD a moment later.
    until(lambda: source.kind in served(kubernetes_cluster))
    run = sync.run(kubernetes_cluster)
    assert (run.outcome, run.message) == ("complete", "")
    # Nobody runs behind the Services of this cluster, which has no nodes: definitions of theirs cannot be fetched.
    said = SyncProblem.objects.exclude(message__endswith="is not known")
    assert list(said.values_list("field", "message")) == []
    expected = reading(obj, *company).published
    found = rows(source, namespace)
    assert [type(row) for row in found] == [row_of(published) for published in expected]
    assert found or source.kind == RATE_LIMIT_POLICIES[1]
    for row in found:
        assert (row.object_name, bool(row.uid)) == (obj.name, True)
        if isinstance(row, ApiVersion):
            assert (row.status in {"discovered", "published"}, row.stale) == (True, False)
            assert bool(row.stated_only) == (source.kind not in ENFORCED)


def test_kind_served_in_several_generations_is_published_once(installed, put, kubernetes_cluster, namespace):
    obj, *company = EXAMPLES[APIS[0]]
    for each in company:
        installed.serve(each.kind, [each.kind.version])
    installed.serve(obj.kind, [kind.version for kind in APIS])
    put(*company, obj)
    sync.run(kubernetes_cluster)
    version = ApiVersion.objects.get()
    assert (version.kind, version.namespace) == (str(APIS[0]), namespace)


@pytest.mark.parametrize(
    ("files", "served_as", "listed"),
    [
        ("wso2/operator-v1alpha1/*.yaml", WSO2_API, ("Online-Store", "v1.0.0", "/store/v1.0.0")),
        ("wso2/apk/*.yaml", APIS[1], ("http-bin-api", "1.0.8", "/http-bin-api/1.0.8")),
        ("wso2/api-platform/*.yaml", REST_APIS[0], ("test-api", "v1.0", "/test")),
    ],
)
def test_real_objects_are_read_as_they_are(
    files, served_as, listed, installed, put, kubernetes_cluster, namespace
):
    """The publishers' own examples, but for their namespace; routes as a cluster of today gives v1beta1 ones."""
    documents = [
        safeyaml.load(chunk.text.replace("networking.k8s.io/v1beta1", "networking.k8s.io/v1"), kubectl=True)
        for path in sorted(SAMPLES.glob(files))
        for chunk in safeyaml.split(path.read_text())
    ]
    if served_as == WSO2_API:
        text = (SAMPLES / "wso2/operator-v1alpha1/products_swagger.yaml").read_text()
        documents.append(manifest(config_map("online-store-1-swagger", text), namespace))
    if served_as == APIS[1]:
        documents += [manifest(apk_backend(name), namespace) for name in APK_BACKENDS]
    known = {(kind.api_version, kind.kind): kind for kind in kinds()}
    objects = [
        made(known[document["apiVersion"], document["kind"]], document)
        for document in documents
        if (document.get("apiVersion"), document.get("kind")) in known
    ]
    for obj in objects:
        installed.serve(obj.kind, [obj.kind.version])
    put(*objects)
    until(lambda: {obj.kind for obj in objects} <= served(kubernetes_cluster) | {CONFIG_MAP})
    run = sync.run(kubernetes_cluster)
    assert (run.outcome, run.message) == ("complete", "")
    assert list(SyncProblem.objects.values_list("field", "message")) == []
    version = ApiVersion.objects.get(namespace=namespace, base_path=listed[2])
    assert (version.kind, version.stale) == (str(served_as), False)
    assert (version.api.name, version.version, version.base_path) == listed
    assert version.operations.exists()
    assert version.upstreams
