"""One object that its cluster serves in several versions of its kind."""

from apis import sync
from apis.models import ApiVersion
from portal.kube import Kind
from tests.apis.shop import only_version
from tests.kube.sides import DirectorySide

OLD = Kind("wso2.com", "v1alpha1", "API", "apis")
NEW = Kind("wso2.com", "v1alpha2", "API", "apis")
TEXT = (
    "openapi: 3.0.0\ninfo: {title: Store, version: v1}\npaths: {/a: {get: {responses: {}}}}\n"
    "x-wso2-production-endpoints: {urls: ['http://backend.example']}\n"
)


class Converting:
    """The folder as a cluster that serves its wso2.com objects in the versions it is told."""

    converts = True

    def __init__(self, side: DirectorySide, *versions: Kind) -> None:
        self._cluster, self.versions = side.cluster, versions

    def __getattr__(self, name):
        return getattr(self._cluster, name)

    def installed(self, kinds):
        return frozenset(kind for kind in kinds if kind.group != "wso2.com" or kind in self.versions)


def manifest(kind: Kind, spec):
    meta = {"name": "store", "namespace": "shop", "uid": "one-and-the-same"}
    return {"apiVersion": kind.api_version, "kind": "API", "metadata": meta, "spec": spec}


def test_object_keeps_its_version_when_a_newer_kind_is_served(shop, monkeypatch):
    shop.config_map("store-swagger", TEXT)
    shop.write(manifest(OLD, {"definition": {"swaggerConfigmapNames": ["store-swagger"]}}))
    sync.run(Converting(shop, OLD))
    first = only_version()
    assert first.kind == str(OLD)

    shop.remove(OLD, "store")
    shop.write(manifest(NEW, {"swaggerConfigMapName": "store-swagger"}))
    new = shop.cluster.get(NEW, namespace="shop", name="store")
    ApiVersion.objects.update(uid=new.uid)
    sync.run(Converting(shop, NEW, OLD))
    moved = only_version()
    assert (moved.pk, moved.kind, moved.withdrawn_at, moved.base_path) == (
        first.pk, str(NEW), None, first.base_path,
    )  # fmt: skip


def test_kind_that_is_configured_away_is_withdrawn(shop, monkeypatch):
    shop.api()
    monkeypatch.setattr(type(shop.cluster), "wants", lambda self, kind: kind.kind != "Api")
    run = shop.sync()
    assert (only_version().withdrawn_at is not None, run.outcome) == (True, "complete")


def test_namespace_that_is_configured_away_is_withdrawn(shop, monkeypatch):
    shop.api()
    monkeypatch.setattr(type(shop.cluster), "namespaces", property(lambda self: ("elsewhere",)))
    shop.sync()
    assert only_version().withdrawn_at is not None
