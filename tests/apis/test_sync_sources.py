"""What ships with Portico, and the samples of others, come into the catalog whole."""

import os
from pathlib import Path

import pytest

from apis import sync
from apis.definitions import parse
from apis.models import Api, ApiVersion, Plan
from portal.accounts.models import NamespaceGrant
from portal.kube import ManifestDirectory
from portal.safeyaml import load, split
from tests import factories
from tests.apis.shop import Shop, problems

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "deploy" / "demo" / "manifests"
SAMPLES = (
    Path(os.environ.get("PORTICO_SAMPLES", ROOT.parent / "shared" / "samples")) / "wso2" / "operator-v1alpha1"
)


@pytest.fixture
def demo(shop, tmp_path) -> ManifestDirectory:
    documents = [load(chunk.text) for file in DEMO.rglob("*.yaml") for chunk in split(file.read_text())]
    for namespace in {document["metadata"].get("namespace") for document in documents} - {None}:
        team = factories.TeamFactory(slug=namespace)
        NamespaceGrant.objects.create(cluster="demo", namespace=namespace, team=team, auto_publish=True)
    return ManifestDirectory("demo", path=DEMO, state=tmp_path / "demo")


def test_demo_is_in_the_catalog_with_its_operations(demo):
    run = sync.run(demo)
    assert problems() == {}
    assert (run.outcome, run.counts["created"]) == ("complete", run.counts["seen"])
    assert Api.objects.count() == 8
    assert ApiVersion.objects.count() == 9
    assert Plan.objects.count() >= 4
    assert all(version.operations.count() > 1 for version in ApiVersion.objects.all())
    assert set(Api.objects.values_list("type", flat=True)) >= {"rest", "graphql", "asyncapi"}
    assert {"openapi-2.0", "openapi-3.0", "openapi-3.1", "graphql"} <= set(
        ApiVersion.objects.values_list("document__format", flat=True)
    )
    assert ApiVersion.objects.filter(status="deprecated").exists()
    assert ApiVersion.objects.filter(kind="wso2.com/v1alpha1/API").exists()


def test_demo_costs_no_second_write(demo):
    first = sync.run(demo)
    assert sync.run(demo).counts == {
        "seen": first.counts["seen"],
        "unchanged": first.counts["seen"],
        "problems": 0,
    }


def test_operator_samples_are_in_the_catalog(shop: Shop):
    if not SAMPLES.is_dir():
        pytest.skip("left out: the samples of real clusters are not there (PORTICO_SAMPLES)")
    for file in SAMPLES.glob("*_cr.yaml"):
        shop.write_file(file.name, file.read_text())
    shop.write_file("security.yaml", (SAMPLES / "security_definitions.yaml").read_text())
    text = (SAMPLES / "products_swagger.yaml").read_text()
    meta = {"name": "online-store-1-swagger", "namespace": "wso2-system"}
    shop.write(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"products_swagger.yaml": text}}
    )
    shop.sync()
    version = ApiVersion.objects.select_related("api").get()
    assert (version.api.name, version.version, version.base_path) == (
        "Online-Store",
        "v1.0.0",
        "/store/v1.0.0",
    )
    assert [row.path for row in version.operations.all()] == [row.path for row in parse(text).operations]
    assert Plan.objects.get().rate_requests == 1000
    assert list(problems()) == ["metadata.namespace"]
    assert shop.sync().counts["unchanged"] == 2


def test_definition_of_another_generation_is_followed(shop):
    shop.write(
        {
            "apiVersion": "wso2.com/v1alpha1",
            "kind": "API",
            "metadata": {"name": "store", "namespace": "shop"},
            "spec": {"definition": {"swaggerConfigmapNames": ["store-1-swagger", "stock-1-swagger"]}},
        }
    )
    text = "openapi: 3.0.0\ninfo: {title: %s, version: v1}\npaths: {/%s: {get: {responses: {}}}}\n"
    text += "x-wso2-production-endpoints: {urls: ['http://backend.example']}\n"
    shop.config_map("store-1-swagger", text % ("Store", "a"))
    shop.config_map("stock-1-swagger", text % ("Stock", "b"))
    shop.sync()
    assert problems() == {}
    assert set(Api.objects.values_list("name", flat=True)) == {"Store", "Stock"}
    shop.config_map("stock-1-swagger", text % ("Stocks", "b"))
    sync.carry(shop.cluster, sync.Key("v1/ConfigMap", "shop", "stock-1-swagger"))
    assert set(Api.objects.values_list("name", flat=True)) == {"Store", "Stocks"}
    assert shop.sync().counts["unchanged"] == 1
