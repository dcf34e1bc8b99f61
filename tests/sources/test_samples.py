"""Real objects of the operator's own repository, where they are at hand."""

import os
from pathlib import Path

import pytest

from apis.definitions import parse
from apis.sources.source import CONFIG_MAP
from apis.sources.wso2_v1alpha1.kinds import API, RATE_LIMITING, SECURITY, TARGET_ENDPOINT
from tests.sources.objects import config_map, from_files, make, published, reading

ROOT = Path(__file__).parents[2]
SAMPLES = (
    Path(os.environ.get("PORTICO_SAMPLES", ROOT.parent / "shared" / "samples")) / "wso2" / "operator-v1alpha1"
)


@pytest.fixture(scope="module")
def objects():
    if not SAMPLES.is_dir():
        pytest.skip("left out: the samples of real clusters are not there (PORTICO_SAMPLES)")
    return from_files(SAMPLES.glob("*.yaml"))


def of_kind(objects, kind):
    return [obj for obj in objects if obj.kind == kind]


def test_every_sample_object_is_of_a_known_kind(objects):
    assert {obj.kind for obj in objects} == {API, RATE_LIMITING, SECURITY, TARGET_ENDPOINT}


def test_sample_api_has_the_operations_of_its_definition(objects):
    (api,) = of_kind(objects, API)
    text = (SAMPLES / "products_swagger.yaml").read_text()
    found = published(api, config_map("online-store-1-swagger", text, "wso2-system", "products_swagger.yaml"))
    assert (found.display_name, found.version, found.base_path) == ("Online-Store", "v1.0.0", "/store/v1.0.0")
    assert found.upstreams["production"].url == "http://products.wso2-system.svc:80"
    assert [operation.path for operation in parse(found.definition.text).operations] == [
        "/products",
        "/products/{productId}",
    ]


def test_sample_rate_limiting_is_a_plan(objects):
    (limiting,) = of_kind(objects, RATE_LIMITING)
    (plan,) = reading(limiting).published
    assert (plan.name, plan.rate_requests, plan.rate_seconds) == ("testing1ratelimiting", 1000, 60)


def test_sample_target_endpoint_gives_an_address(objects):
    (target,) = of_kind(objects, TARGET_ENDPOINT)
    text = (SAMPLES / "products_swagger.yaml").read_text().replace("http://products", target.name)
    api = make(API, "store", target.namespace, spec={"definition": {"swaggerConfigmapNames": ["d"]}})
    found = published(api, target, config_map("d", text, target.namespace))
    assert found.upstreams["production"].url == f"http://products-privatejet.{target.namespace}.svc:80"


@pytest.mark.parametrize(
    ("name", "oauth2", "api_key"),
    [
        ("petstoreoauth", True, False),
        ("petstorebasic", True, False),
        ("petstorejwt", True, False),
        ("petstoreapikey", False, True),
    ],
)
def test_sample_security_counts(objects, name, oauth2, api_key):
    securities = of_kind(objects, SECURITY)
    text = (SAMPLES / "products_swagger.yaml").read_text() + f"\nsecurity: [{{{name}: []}}]\n"
    namespace = securities[0].namespace
    api = make(API, "store", namespace, spec={"definition": {"swaggerConfigmapNames": ["d"]}})
    found = published(api, config_map("d", text, namespace), *securities)
    assert (found.security.oauth2, found.security.api_key) == (oauth2, api_key)
    assert len(found.stated_only) == 1


def test_config_map_kind_is_the_core_groups():
    assert str(CONFIG_MAP) == "v1/ConfigMap"
