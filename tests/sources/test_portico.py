"""Api and Plan of portico.dev/v1alpha1: every field, and every rule of the CRDs."""

import base64
import copy
import gzip
from datetime import date
from typing import Any

import pytest

from apis.sources import (
    Condition,
    Cors,
    DefinitionAddress,
    DefinitionText,
    HeaderRules,
    HealthCheck,
    Mediation,
    ObjectRef,
    OperationScopes,
    PublishedPlan,
    Security,
    Upstream,
    kinds,
    source_of,
)
from apis.sources.portico_v1alpha1 import API, PLAN
from apis.sources.source import CONFIG_MAP
from tests.sources.objects import config_map, fields, make, published, reading

SPEC: dict[str, Any] = {
    "version": "v1",
    "upstreams": {"production": {"url": "https://backend.example/base/"}},
}


def api(name: str = "orders", **spec: Any) -> Any:
    return make(API, name, spec=SPEC | spec)


def test_least_api_has_the_defaults_of_the_crd():
    found = published(api())
    assert found.ref == ObjectRef("test", "portico.dev/v1alpha1/Api", "shop", "orders", "u-1", 3)
    assert (found.key, found.version, found.display_name, found.base_path) == (
        "orders",
        "v1",
        "orders",
        "/orders/v1",
    )
    assert (found.type, found.visibility, found.approval, found.deprecated) == (
        "rest",
        "internal",
        "manual",
        False,
    )
    assert found.security == Security(oauth2=True, api_key=True, public=False)
    assert found.upstreams == {"production": Upstream("https://backend.example/base", 30)}
    assert found.mediation == Mediation()
    assert found.definition is None


def test_whole_api_is_read():
    found = published(
        api(
            api="shop-orders",
            displayName="Orders",
            version="2.1",
            summary="s",
            description="d",
            type="GraphQL",
            ownerTeam="shop",
            contact="c@d",
            tags=["a", "b", "a"],
            definition={"inline": "type Query { a: Int }"},
            basePath="/o/2",
            upstreams={
                "production": {
                    "service": {"name": "orders", "port": 8080, "scheme": "https"},
                    "timeoutSeconds": 5,
                },
                "sandbox": {
                    "service": {"name": "orders", "namespace": "other", "port": 80},
                    "healthCheck": {"path": "/healthz?deep=1", "intervalSeconds": 30},
                },
            },
            security={
                "apiKey": False,
                "scopes": [{"method": "GET", "path": "/a/{b}", "scopes": ["x:y", "z"]}],
            },
            plans=["free", "gold"],
            mediation={
                "requestHeaders": {"set": {"X-A": "1"}, "remove": ["X-B"]},
                "responseHeaders": {"remove": ["Server"]},
                "rewrite": {"prefix": "/v2"},
                "cors": {
                    "allowOrigins": ["https://*.shop.example"],
                    "allowMethods": ["GET"],
                    "maxAgeSeconds": 60,
                },
            },
            visibility="Team",
            publication={
                "approval": "Automatic",
                "deprecated": True,
                "sunset": "2027-06-30",
                "successor": "3.0",
            },
        )
    )
    assert (found.key, found.version, found.base_path) == ("shop-orders", "2.1", "/o/2")
    assert (found.display_name, found.summary, found.description) == ("Orders", "s", "d")
    assert (found.type, found.owner_team, found.contact, found.tags) == ("graphql", "shop", "c@d", ("a", "b"))
    assert found.definition == DefinitionText("type Query { a: Int }", "spec.definition.inline")
    assert found.upstreams == {
        "production": Upstream("https://orders.shop.svc:8080", 5),
        "sandbox": Upstream(
            "http://orders.other.svc:80", 30, health_check=HealthCheck("/healthz?deep=1", 30)
        ),
    }
    assert found.security == Security(api_key=False, scopes=(OperationScopes("GET", "/a/{b}", ("x:y", "z")),))
    assert found.plans == ("free", "gold")
    assert found.mediation == Mediation(
        request_headers=HeaderRules({"X-A": "1"}, ("X-B",)),
        response_headers=HeaderRules({}, ("Server",)),
        rewrite_prefix="/v2",
        cors=Cors(allow_origins=("https://*.shop.example",), allow_methods=("GET",), max_age_seconds=60),
    )
    assert (found.visibility, found.approval) == ("team", "automatic")
    assert (found.deprecated, found.sunset, found.successor) == (True, date(2027, 6, 30), "3.0")


def test_null_means_absent():
    assert published(api(displayName=None, tags=None, security=None, publication={"sunset": None}))


def test_conditions_of_the_object_are_observed_and_malformed_ones_left_out():
    ready = {"type": "Ready", "status": "True", "reason": "Fine", "message": "m", "observedGeneration": 3}
    obj = make(API, "orders", spec=SPEC, status={"conditions": [ready, 7, {"type": 1, "status": "True"}]})
    assert published(obj).conditions == (Condition("Ready", "True", "Fine", "m", 3),)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("api", "Orders"),
        ("api", "a.b"),
        ("api", "a:b"),
        ("api", "-a"),
        ("api", "a" * 64),
        ("version", ""),
        ("version", "v 1"),
        ("version", "../1"),
        ("version", 1),
        ("displayName", "x" * 101),
        ("summary", ["s"]),
        ("type", "rest"),
        ("ownerTeam", "The Team"),
        ("tags", "a"),
        ("tags", ["t"] * 21),
        ("basePath", "orders"),
        ("basePath", "/"),
        ("basePath", "/orders/"),
        ("basePath", "/a/../b"),
        ("basePath", "/a b"),
        ("basePath", "/" + "a" * 200),
        ("definition", {}),
        ("visibility", "public"),
        ("plans", {"a": 1}),
        ("upstreams.production", {}),
        ("upstreams.production", {"url": "https://x", "service": {"name": "a", "port": 1}}),
        ("upstreams.production.url", "ftp://x"),
        ("upstreams.production.url", "https://user:secret@x"),
        ("upstreams.production.url", "https://x?a=b"),
        ("upstreams.production.url", "https://x:99999"),
        ("upstreams.production.url", "https://"),
        ("upstreams.production.url", "https://[::1"),
        ("upstreams.production.url", "http://169.254.169.254/latest"),
        ("upstreams.production.url", "https://x/a/../b"),
        ("upstreams.production.timeoutSeconds", 0),
        ("upstreams.production.timeoutSeconds", 601),
        ("upstreams.production.timeoutSeconds", True),
        ("upstreams.production.healthCheck.path", "healthz"),
        ("upstreams.production.healthCheck.path", "/a b"),
        ("upstreams.production.healthCheck.intervalSeconds", 4),
        ("security.oauth2", "yes"),
        ("publication.approval", "auto"),
        ("publication.deprecated", 1),
        ("mediation.rewrite", {}),
        ("mediation.requestHeaders.set.host", "x"),
        ("mediation.requestHeaders.set.X-Portico-Probe", "x"),
        ("mediation.requestHeaders.set.a b", "x"),
        ("mediation.requestHeaders.set.x-a", "a\r\nb: c"),
        ("mediation.cors", {}),
    ],
)
def test_wrong_value_is_a_problem_of_its_field(path, value):
    spec = copy.deepcopy(SPEC)
    *steps, last = path.split(".")
    inside = spec
    for step in steps:
        inside = inside.setdefault(step, {})
    inside[last] = value
    found = reading(make(API, "orders", spec=spec))
    assert found.published == ()
    assert [field for field in fields(found) if field.startswith(f"spec.{path}")], fields(found)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"version": None}, "spec.version"),
        ({"upstreams": {}}, "spec.upstreams.production"),
        ({"upstreams": {"production": {"service": {"port": 1}}}}, "spec.upstreams.production.service.name"),
        ({"upstreams": {"production": {"service": {"name": "a"}}}}, "spec.upstreams.production.service.port"),
        ({"security": {"oauth2": False, "apiKey": False}}, "spec.security"),
        (
            {"security": {"public": True, "scopes": [{"method": "GET", "path": "/", "scopes": []}]}},
            "spec.security.scopes",
        ),
        ({"security": {"scopes": [{"method": "GET", "path": "/"}]}}, "spec.security.scopes[0].scopes"),
        ({"security": {"scopes": [None]}}, "spec.security.scopes[0]"),
        ({"publication": {"sunset": "2027-06-30"}}, "spec.publication.sunset"),
        ({"publication": {"successor": "v2"}}, "spec.publication.successor"),
        ({"publication": {"deprecated": True, "successor": "v1"}}, "spec.publication.successor"),
        ({"publication": {"deprecated": True, "sunset": "2019-02-31"}}, "spec.publication.sunset"),
        ({"definition": {"inline": "a", "url": "https://x"}}, "spec.definition"),
        ({"definition": {"url": "ftp://x"}}, "spec.definition.url"),
        ({"definition": {"url": "https://user:secret@x.example"}}, "spec.definition.url"),
        ({"definition": {"url": "https://x.example?a=b"}}, "spec.definition.url"),
        ({"definition": {"url": "http://169.254.169.254/latest"}}, "spec.definition.url"),
        ({"definition": {"url": 7}}, "spec.definition.url"),
        ({"definition": {"configMapRef": {}}}, "spec.definition.configMapRef.name"),
        ({"definition": {"configMapRef": {"name": "gone"}}}, "spec.definition.configMapRef.name"),
        (
            {"mediation": {"cors": {"allowOrigins": ["*"], "allowCredentials": True}}},
            "spec.mediation.cors.allowCredentials",
        ),
        (
            {"mediation": {"responseHeaders": {"remove": ["Connection"]}}},
            "spec.mediation.responseHeaders.remove",
        ),
    ],
)
def test_broken_rule_names_its_field(spec, field):
    found = reading(api(**spec))
    assert found.published == ()
    assert field in fields(found)
    assert all(problem.origin == "apis.yaml:12" for problem in found.problems)


def test_name_that_is_no_slug_needs_a_key():
    assert fields(reading(api(name="orders.v1"))) == ["spec.api"]
    assert published(api(name="orders.v1", api="orders")).key == "orders"


def test_object_without_spec_is_a_problem():
    assert "spec.version" in fields(reading(make(API, "orders")))
    assert "spec" in fields(reading(make(API, "orders", spec=["x"])))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://x.example/openapi.json", "https://x.example/openapi.json"),
        ("https://x.example/docs/", "https://x.example/docs/"),
        ("http://orders:8080/openapi.json", "http://orders.shop.svc:8080/openapi.json"),
    ],
)
def test_definition_at_an_address_is_left_to_be_fetched(url, expected):
    assert published(api(definition={"url": url})).definition == DefinitionAddress(expected, url)


def test_definition_in_a_config_map():
    by_key = api(definition={"configMapRef": {"name": "defs", "key": "api.yaml"}})
    only = api(definition={"configMapRef": {"name": "defs"}})
    expected = DefinitionText("openapi: 3.0.0", "ConfigMap shop/defs, key api.yaml")
    assert published(by_key, config_map("defs", "openapi: 3.0.0")).definition == expected
    assert published(only, config_map("defs", "openapi: 3.0.0")).definition == expected


def test_definition_packed_in_binary_data():
    packed = base64.b64encode(gzip.compress(b"openapi: 3.0.0")).decode()
    obj = make(CONFIG_MAP, "defs", binaryData={"api.gz": packed})
    found = published(api(definition={"configMapRef": {"name": "defs"}}), obj)
    assert found.definition
    assert found.definition.text == "openapi: 3.0.0"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"data": {}},
        {"data": {"a": "x", "b": "y"}},
        {"data": {"a": "x"}, "binaryData": {"b": "eA=="}},
        {"data": {"a": 7}},
        {"data": ["a"]},
        {"binaryData": {"a": "no base64!"}},
        {"binaryData": {"a": base64.b64encode(b"\x1f\x8bbroken").decode()}},
        {"binaryData": {"a": base64.b64encode(b"\xff\xfe").decode()}},
        {"binaryData": {"a": base64.b64encode(gzip.compress(b"x" * (21 * 1024 * 1024))).decode()}},
    ],
    ids=range(10),
)
def test_config_map_without_one_readable_definition(body):
    found = reading(api(definition={"configMapRef": {"name": "defs"}}), make(CONFIG_MAP, "defs", **body))
    assert fields(found) == ["spec.definition.configMapRef.key"]


def test_key_that_the_config_map_lacks():
    obj = api(definition={"configMapRef": {"name": "defs", "key": "other"}})
    assert fields(reading(obj, config_map("defs", "x"))) == ["spec.definition.configMapRef.key"]


def plan(name: str = "gold", **spec: Any) -> Any:
    return make(PLAN, name, namespace="", spec=spec)


def test_plan_is_read():
    found = reading(
        plan(
            displayName="Gold",
            description="Much.",
            rate={"requests": 600, "per": "Minute"},
            burst=50,
            quota={"requests": 10**9, "per": "Month", "timeZone": "Europe/Berlin"},
            approval="Automatic",
        )
    )
    ref = ObjectRef("test", "portico.dev/v1alpha1/Plan", "", "gold", "u-1", 3)
    assert found.problems == ()
    assert found.published == (
        PublishedPlan(
            ref, "gold", "Gold", "Much.", 600, 60, 50, 10**9, "month", "automatic", "Europe/Berlin"
        ),
    )


def test_plan_defaults():
    (found,) = reading(plan(rate={"requests": 5, "per": "Hour"})).published
    assert (found.display_name, found.rate_seconds, found.burst, found.approval) == (
        "gold",
        3600,
        5,
        "manual",
    )
    (unlimited,) = reading(plan()).published
    assert (unlimited.rate_requests, unlimited.rate_seconds, unlimited.burst) == (None, None, None)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"rate": {"requests": 0, "per": "Minute"}}, "spec.rate.requests"),
        ({"rate": {"requests": "5", "per": "Minute"}}, "spec.rate.requests"),
        ({"rate": {"requests": 5}}, "spec.rate.per"),
        ({"rate": {"requests": 5, "per": "Day"}}, "spec.rate.per"),
        ({"rate": {"requests": 5, "per": "Minute"}, "burst": 6}, "spec.burst"),
        ({"rate": {"requests": 5, "per": "Second"}, "burst": 301}, "spec.burst"),
        ({"burst": 5}, "spec.burst"),
        ({"quota": {"requests": 5, "per": "Minute"}}, "spec.quota.per"),
        ({"quota": []}, "spec.quota"),
        ({"quota": {"requests": 5, "per": "Day", "timeZone": "Europe/Atlantis"}}, "spec.quota.timeZone"),
        ({"quota": {"requests": 5, "per": "Day", "timeZone": "../../etc/passwd"}}, "spec.quota.timeZone"),
        ({"quota": {"requests": 5, "per": "Day", "timeZone": "Europe"}}, "spec.quota.timeZone"),
        ({"approval": "automatic"}, "spec.approval"),
    ],
)
def test_wrong_plan_names_its_field(spec, field):
    found = reading(plan(**spec))
    assert found.published == ()
    assert field in fields(found)


def test_plan_with_a_name_that_is_no_slug():
    assert fields(reading(plan(name="gold.v1"))) == ["metadata.name"]


def test_registry_knows_what_to_watch():
    assert str(API) == "portico.dev/v1alpha1/Api"
    assert {API, PLAN, CONFIG_MAP} <= set(kinds())
    assert source_of(CONFIG_MAP) is None
