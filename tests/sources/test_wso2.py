"""wso2.com/v1alpha1 by the rules of its operator."""

from typing import Any

import pytest

from apis.definitions import parse
from apis.sources import Condition, Cors, ObjectRef, PublishedPlan, Security, Upstream
from apis.sources.source import CONFIG_MAP
from apis.sources.wso2_v1alpha1.kinds import API, RATE_LIMITING, SECURITY, TARGET_ENDPOINT
from tests.sources.objects import Store, config_map, fields, make, published, reading

DEFINITION = """
openapi: 3.0.0
info: {title: Online Store, version: v1.0.0, description: "Sells.\\nA lot."}
tags: [{name: shop}]
x-wso2-basePath: /store/{version}
%s
paths:
  /products:
    get: {responses: {"200": {description: ok}}}
"""
URLS = "x-wso2-production-endpoints: {urls: [https://products.example/v2]}"


def api(
    name: str = "store", *, names: Any = ("store-1-swagger",), annotations: Any = None, **spec: Any
) -> Any:
    definition = {"swaggerConfigmapNames": list(names)} | spec.pop("definition", {})
    return make(API, name, annotations=annotations, spec={"replicas": 1, "definition": definition} | spec)


def text(*extensions: str) -> Any:
    return config_map("store-1-swagger", DEFINITION % "\n".join(extensions or (URLS,)))


def target(name: str = "products", namespace: str = "shop", **spec: Any) -> Any:
    ports = [{"name": "p", "port": 8080, "targetPort": 9090}, {"name": "q", "port": 9999, "targetPort": 9}]
    return make(TARGET_ENDPOINT, name, namespace, spec={"applicationProtocol": "http", "ports": ports} | spec)


def security(name: str, kind: str, **config: Any) -> Any:
    return make(SECURITY, name, spec={"type": kind, "securityConfig": [config]})


def test_api_is_read():
    found = published(api(), text())
    assert found.ref == ObjectRef("test", "wso2.com/v1alpha1/API", "shop", "store", "u-1", 3)
    assert (found.key, found.version, found.display_name) == ("store", "v1.0.0", "Online Store")
    assert found.base_path == "/store/v1.0.0"
    assert (found.summary, found.description, found.tags) == ("Sells.", "Sells.\nA lot.", ("shop",))
    assert found.upstreams == {"production": Upstream("https://products.example/v2")}
    assert found.security == Security(oauth2=True, api_key=False)
    assert found.definition
    assert found.definition.origin == "ConfigMap shop/store-1-swagger, key api.yaml"
    assert [operation.path for operation in parse(found.definition.text).operations] == ["/products"]
    assert found.stated_only == ()


def test_version_of_the_object_wins_and_the_path_keeps_the_definitions():
    found = published(api(version="2.0 beta"), text())
    assert (found.version, found.base_path) == ("2.0-beta", "/store/v1.0.0")


def test_definition_without_a_base_path_has_the_default():
    obj = config_map("store-1-swagger", DEFINITION.replace("x-wso2-basePath: /store/{version}", "") % URLS)
    assert published(api(), obj).base_path == "/store/v1.0.0"


def test_swagger_2_is_taken_too():
    swagger = f"swagger: '2.0'\ninfo: {{title: T, version: 1.0}}\n{URLS}\npaths: {{/a: {{get: {{}}}}}}"
    found = published(api(), config_map("store-1-swagger", swagger))
    assert (found.version, found.base_path) == ("1.0", "/store/1.0")


def test_annotations_say_what_the_kind_cannot():
    annotations = {
        "portico.dev/api": "shop-store",
        "portico.dev/owner-team": "shop",
        "portico.dev/plans": "free, gold",
        "portico.dev/tags": "a,b",
        "portico.dev/visibility": "Public",
        "portico.dev/approval": "Automatic",
    }
    found = published(api(annotations=annotations), text())
    assert (found.key, found.owner_team, found.plans, found.tags) == (
        "shop-store",
        "shop",
        ("free", "gold"),
        ("a", "b"),
    )
    assert (found.visibility, found.approval) == ("public", "automatic")


def test_wrong_annotation_is_a_problem():
    assert fields(reading(api(annotations={"portico.dev/visibility": "all"}), text())) == [
        "metadata.annotations.visibility"
    ]


def test_config_map_must_be_there_with_one_key_of_any_name():
    field = "spec.definition.swaggerConfigmapNames[0]"
    two = make(CONFIG_MAP, "store-1-swagger", data={"a": "x", "b": "y"})
    assert fields(reading(api())) == [field]
    assert fields(reading(api(), two)) == [field]
    assert fields(reading(api(names=[]))) == ["spec.definition.swaggerConfigmapNames"]


def test_unreadable_definition_names_its_line():
    found = reading(api(), config_map("store-1-swagger", "openapi: 3.0.0\npaths: {\n"))
    assert fields(found) == ["spec.definition.swaggerConfigmapNames"]
    assert "line 3" in found.problems[0].message


def test_shared_gateway_gives_a_version_for_each_definition():
    names = ["store-1-swagger", "stock-swagger", "stock-swagger-mgw"]
    stock = config_map("stock-swagger", (DEFINITION % URLS).replace("/store/", "/stock/"))
    found = reading(api(names=names, mode="shared"), text(), stock)
    assert found.problems == ()
    assert [(entry.key, entry.base_path) for entry in found.published] == [
        ("store-1", "/store/v1.0.0"),
        ("stock", "/stock/v1.0.0"),
    ]
    assert {entry.ref.name for entry in found.published} == {"store"}


@pytest.mark.parametrize(
    ("extension", "expected"),
    [
        ("{urls: [http://products]}", "http://products.shop.svc:80"),
        ("{urls: ['https://products:8443/v1/']}", "https://products.shop.svc:8443/v1"),
        ("{urls: [http://products.shop]}", "http://products.shop"),
        ("{urls: [products]}", "http://products.shop.svc:8080"),
        ("{urls: [products.warehouse]}", "http://products.warehouse.svc:8080"),
        ("'#/x-wso2-endpoints/main'", "https://main.example"),
    ],
)
def test_endpoint_by_url_target_or_reference(extension, expected):
    shared = "x-wso2-endpoints: [{other: {urls: [http://o]}}, {main: {urls: [https://main.example]}}]"
    obj = text(shared, f"x-wso2-production-endpoints: {extension}")
    found = published(api(), obj, target(), target(namespace="warehouse"))
    assert found.upstreams == {"production": Upstream(expected)}


def test_sandbox_endpoint_is_an_environment():
    found = published(api(), text(URLS, "x-wso2-sandbox-endpoints: {urls: [https://sandbox.example]}"))
    assert found.upstreams["sandbox"] == Upstream("https://sandbox.example")


def test_several_addresses_use_the_first_and_say_so():
    found = published(
        api(), text("x-wso2-production-endpoints: {urls: [http://a.example, http://b.example]}")
    )
    assert found.upstreams == {"production": Upstream("http://a.example")}
    assert "first is used" in found.stated_only[0]


@pytest.mark.parametrize(
    ("extension", "others"),
    [
        ("{urls: [products]}", ()),
        ("{urls: [products]}", (target(applicationProtocol="mysql"),)),
        ("{urls: [products]}", (target(ports=[]),)),
        ("{urls: [products]}", (target(ports=[{"port": 0}]),)),
        ("{urls: ['ftp://x']}", ()),
        ("{urls: x}", ()),
        ("'#/x-wso2-endpoints/none'", ()),
    ],
)
def test_endpoint_that_cannot_be_used_is_a_problem(extension, others):
    found = reading(api(), text(f"x-wso2-production-endpoints: {extension}"), *others)
    assert found.published == ()
    assert fields(found)[0].startswith("x-wso2-production-endpoints")


def test_definition_without_any_endpoint_is_a_problem():
    assert fields(reading(api(), text("x-a: b"))) == ["x-wso2-production-endpoints"]


def test_mode_decides_where_a_target_is():
    extension = "x-wso2-production-endpoints: {urls: [products]}"
    serverless = published(api(), text(extension, "x-wso2-mode: serverless"), target())
    assert serverless.upstreams == {"production": Upstream("http://products.shop.svc:80")}
    sidecar = published(api(mode="sidecar"), text(extension), target())
    assert sidecar.upstreams == {}
    assert "out of reach" in sidecar.stated_only[0]


@pytest.mark.parametrize(
    ("kind", "expected", "sentence"),
    [
        ("JWT", Security(oauth2=True, api_key=False), "trusts https://issuer"),
        ("Oauth", Security(oauth2=True, api_key=False), "trusts https://issuer"),
        ("apikey", Security(oauth2=False, api_key=True), "trusts https://issuer"),
        ("Basic", Security(oauth2=True, api_key=False), "user name and password"),
        ("saml", Security(oauth2=True, api_key=False), "unknown type"),
    ],
)
def test_security_that_the_definition_names(kind, expected, sentence):
    obj = text(URLS, "security: [{guard: []}]")
    found = published(api(), obj, security("guard", kind, issuer="https://issuer"))
    assert found.security == expected
    assert sentence in found.stated_only[0]


def test_security_of_operations_counts():
    definition = (DEFINITION % URLS).replace("get: {", "get: {security: [{guard: [read]}], ")
    found = published(api(), config_map("store-1-swagger", definition), security("guard", "apiKey"))
    assert found.security == Security(oauth2=False, api_key=True)


def test_security_that_is_not_there_is_a_problem_but_the_default_is_not():
    assert fields(reading(api(), text(URLS, "security: [{guard: []}]"))) == ["security"]
    assert published(api(), text(URLS, "security: [{default-security-jwt: []}]")).security.oauth2


def test_security_that_is_switched_off_is_public():
    assert published(api(), text(URLS, "x-wso2-disable-security: true")).security == Security(
        oauth2=False, api_key=False, public=True
    )


def test_cors_becomes_mediation():
    cors = "x-wso2-cors: {access-control-allow-origins: ['*'], access-control-allow-methods: [GET], "
    cors += "access-control-allow-credentials: true}"
    found = published(api(), text(URLS, cors))
    assert found.mediation.cors == Cors(allow_origins=("*",), allow_methods=("GET",))
    assert (
        published(api(), text(URLS, "x-wso2-cors: {corsConfigurationEnabled: false}")).mediation.cors is None
    )


def test_tier_is_a_plan_where_a_rate_limiting_has_its_name():
    obj = text(URLS, "x-wso2-throttling-tier: 10kpermin")
    limiting = make(RATE_LIMITING, "10kpermin", spec=LIMIT)
    assert published(api(), obj, limiting).plans == ("10kpermin",)
    without = published(api(), obj)
    assert without.plans == ()
    assert without.stated_only == ("The cluster limits this API by the throttling tier 10kpermin.",)


def test_what_is_not_enforced_is_stated():
    obj = text(
        URLS, "x-wso2-request-interceptor: a", "x-wso2-mutual-ssl: mandatory", "x-wso2-transports: [https]"
    )
    found = published(
        api(
            definition={"interceptors": {"java": ["a.jar"]}, "endpointCertificates": ["s"]},
            ingressHostname="x.example",
        ),
        obj,
    )
    assert len(found.stated_only) == 6
    assert "x.example" in found.stated_only[-1]


def test_operations_with_own_settings_are_stated():
    own = "get: {x-wso2-production-endpoints: {urls: [http://b]}, x-wso2-throttling-tier: x, "
    own += "x-wso2-disable-security: true, "
    found = published(api(), config_map("store-1-swagger", (DEFINITION % URLS).replace("get: {", own)))
    assert len(found.stated_only) == 3


def test_endpoint_that_the_operator_found_is_observed():
    found = published(api(apiEndPoint="b.example, a.example"), text())
    assert found.conditions == (Condition("Deployed", "True", "EndpointKnown", "a.example, b.example"),)
    assert published(api(apiEndPoint="<pending>"), text()).conditions[0].status == "Unknown"


def test_everything_that_is_named_is_looked_up():
    from apis.sources import source_of

    store = Store(
        api(), text("x-wso2-production-endpoints: {urls: [products.warehouse]}", "security: [{guard: []}]")
    )
    source_of(API).read(api(), store)
    assert {(kind.kind, namespace, name) for kind, namespace, name in store.asked} == {
        ("ConfigMap", "shop", "store-1-swagger"),
        ("TargetEndpoint", "warehouse", "products"),
        ("Security", "shop", "guard"),
    }


LIMIT = {"type": "subscription", "timeUnit": "min", "unitTime": 2, "requestCount": {"limit": 100}}


def limiting(name: str = "gold", **spec: Any) -> Any:
    return make(RATE_LIMITING, name, spec=LIMIT | spec)


def test_rate_limiting_is_a_plan():
    (found,) = reading(limiting(description="Much.")).published
    ref = ObjectRef("test", "wso2.com/v1alpha1/RateLimiting", "shop", "gold", "u-1", 3)
    assert found == PublishedPlan(ref, "gold", "gold", "Much.", 100, 120, 100)


@pytest.mark.parametrize(
    ("unit", "seconds"), [("sec", 1), ("min", 60), ("hours", 3600), ("day", 86400), ("month", 2592000)]
)
def test_rate_limiting_units(unit, seconds):
    (found,) = reading(limiting(timeUnit=unit, unitTime=1)).published
    assert found.rate_seconds == seconds


@pytest.mark.parametrize(
    ("name", "spec", "sentence"),
    [
        ("gold", {"type": "application"}, "all APIs of an application"),
        ("gold", {"type": "Advance"}, "all callers of an API"),
        ("gold-shop", {}, "knows this limit as gold."),
        ("gold", {"stopOnQuotaReach": False}, "stopOnQuotaReach is false"),
        ("gold", {"bandwidth": {"dataAmount": "10", "dataUnit": "MB"}}, "bandwidth of 10 MB"),
        ("gold", {"conditions": {"ipCondition": {}}}, "Conditions"),
    ],
)
def test_rate_limiting_says_what_is_not_the_same(name, spec, sentence):
    (found,) = reading(limiting(name, **spec)).published
    assert sentence in found.description


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"type": "custom"}, "spec.type"),
        ({"timeUnit": "moon"}, "spec.timeUnit"),
        ({"unitTime": 0}, "spec.unitTime"),
        ({"unitTime": 999, "timeUnit": "month"}, "spec.unitTime"),
        ({"requestCount": {}}, "spec.requestCount.limit"),
        ({"requestCount": {"limit": -1}}, "spec.requestCount.limit"),
        ({"requestCount": None}, "spec.requestCount"),
    ],
)
def test_wrong_rate_limiting_names_its_field(spec, field):
    found = reading(limiting(**spec))
    assert found.published == ()
    assert field in fields(found)


def test_definition_of_too_many_values_is_a_problem():
    crowded = text(URLS, f"x-crowd: [{'{},' * 250_000}]")
    (problem,) = reading(api(), crowded).problems
    assert problem.field == "spec.definition.swaggerConfigmapNames"
    assert "more than 1" in problem.message
    assert problem.remedy
