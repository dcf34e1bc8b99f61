"""RestApi, SubscriptionPlan and Subscription of WSO2's API platform, in both generations."""

import json
from typing import Any

import pytest

from apis.definitions import parse
from apis.sources import (
    SOURCES,
    Condition,
    Cors,
    HeaderRules,
    ObjectRef,
    OperationScopes,
    PublishedAccess,
    PublishedPlan,
    Reading,
    Security,
    Upstream,
)
from apis.sources.api_platform.kinds import PLAN, PLANS, REST_API, REST_APIS, SUBSCRIPTION, SUBSCRIPTIONS
from tests.sources.crds import sample, schema_errors
from tests.sources.hostile import broken, check
from tests.sources.objects import Store, fields, from_files, make, published, reading

CRDS = "wso2/api-platform/crds/gateway.api-platform.wso2.com_{}.yaml"
SAMPLE = "wso2/api-platform/api_v1_restapi.yaml"
OPERATIONS = [{"method": "GET", "path": "/items/{id}"}, {"method": "POST", "path": "/items"}]
MAIN = {"main": {"url": "http://orders:8080/api"}}


def api(name: str = "orders-v1.0", *, kind: Any = REST_API, annotations: Any = None, **spec: Any) -> Any:
    stated = {
        "displayName": "Orders API",
        "version": "v1.0",
        "context": "/orders/$version",
        "operations": OPERATIONS,
        "upstream": MAIN,
    } | spec
    return make(kind, name, annotations=annotations, spec=stated)


def policy(name: str, **params: Any) -> dict[str, Any]:
    return {"name": name, "version": "v1", "params": params}


def operation(**more: Any) -> dict[str, Any]:
    return {"method": "GET", "path": "/items"} | more


@pytest.mark.parametrize("kind", REST_APIS, ids=lambda kind: kind.version)
def test_rest_api_is_read(kind):
    found = published(api(kind=kind))
    assert found.ref == ObjectRef(
        "test", f"gateway.api-platform.wso2.com/{kind.version}/RestApi", "shop", "orders-v1.0", "u-1", 3
    )
    assert (found.key, found.version, found.display_name) == ("orders-v1-0", "v1.0", "Orders API")
    assert found.base_path == "/orders/v1.0"
    assert found.upstreams == {"production": Upstream("http://orders.shop.svc:8080/api")}
    assert (found.security, found.stated_only, found.mediation.rewrite_prefix) == (Security(), (), None)


def test_newer_generation_is_the_first_of_the_sources():
    for kinds in (REST_APIS, PLANS, SUBSCRIPTIONS):
        of_kind = [source.kind for source in SOURCES if source.kind in kinds]
        assert tuple(of_kind) == kinds


def test_definition_is_made_of_the_operations():
    found = published(api()).definition
    assert found
    assert found.origin == "synthesised from spec.operations"
    document = json.loads(found.text)
    assert (document["openapi"], document["info"]) == ("3.1.0", {"title": "Orders API", "version": "v1.0"})
    assert document["paths"]["/items/{id}"]["get"]["parameters"][0]["name"] == "id"
    operations = parse(found.text).operations
    assert {(entry.method.upper(), entry.path) for entry in operations} == {
        ("GET", "/items/{id}"),
        ("POST", "/items"),
    }
    assert published(api()).definition == found


def test_match_goes_before_method_and_path():
    match = {"method": "PUT", "path": {"value": "/a"}, "headers": [{"name": "x", "value": "1"}]}
    found = published(api(operations=[operation(match=match)]))
    assert list(json.loads(found.definition.text)["paths"]) == ["/a"]
    assert "match by headers" in found.stated_only[0]


@pytest.mark.parametrize(
    "open_ended",
    [
        {"method": "GET", "path": "/*"},
        {"match": {"method": "GET", "path": {"type": "PathPrefix", "value": "/a"}}},
    ],
)
def test_operation_that_takes_every_path_leaves_no_definition(open_ended):
    found = published(api(operations=[operation(), open_ended]))
    assert found.definition is None
    assert "everything below the base path" in found.stated_only[0]


def test_annotations_say_what_the_kind_cannot():
    notes = {"api": "orders", "owner-team": "shop", "plans": "gold", "tags": "a", "visibility": "Public"}
    found = published(api(annotations={f"portico.dev/{name}": value for name, value in notes.items()}))
    assert (found.key, found.owner_team, found.plans) == ("orders", "shop", ("gold",))
    assert (found.tags, found.visibility) == (("a",), "public")


@pytest.mark.parametrize(
    ("version", "expected"), [("1", "1"), ("v1.2.3-rc.1+build.7", "v1.2.3-rc.1-build.7")]
)
def test_version_can_stand_in_a_path(version, expected):
    found = published(api(version=version, context="/"))
    assert (found.version, found.base_path) == (expected, f"/orders-v1-0/{expected}")


def test_upstreams_are_environments():
    upstream = MAIN | {"sandbox": {"url": "https://sandbox.example/v1"}}
    found = published(api(upstream=upstream, resilience={"timeout": "1.5m"}))
    assert found.upstreams == {
        "production": Upstream("http://orders.shop.svc:8080/api", 90),
        "sandbox": Upstream("https://sandbox.example/v1", 90),
    }


def test_upstream_definition_gives_its_first_target_and_base_path():
    targets = [{"url": "http://a.example:8080"}, {"url": "http://b.example", "weight": 5}]
    definition = {"name": "o", "basePath": "/v2", "upstreams": targets, "timeout": {"connect": "5s"}}
    found = published(api(upstream={"main": {"ref": "o"}}, upstreamDefinitions=[definition]))
    assert found.upstreams["production"].url == "http://a.example:8080/v2"
    assert len(found.stated_only) == 2


@pytest.mark.parametrize(
    ("policies", "security"),
    [
        ([policy("jwt-auth")], Security(oauth2=True, api_key=False)),
        ([policy("api-key-auth")], Security(oauth2=False, api_key=True)),
        ([policy("jwt-auth"), policy("api-key-auth")], Security()),
        ([policy("api-key-auth", key="X-API-Key", **{"in": "header"})], Security(oauth2=False, api_key=True)),
    ],
)
def test_authentication_policies_are_security(policies, security):
    found = published(api(policies=policies))
    assert (found.security, found.stated_only) == (security, ())


def test_scopes_of_tokens_are_asked_for():
    own = operation(policies=[policy("jwt-auth", requiredScopes=["write"])])
    found = published(api(policies=[policy("jwt-auth", requiredScopes=["read", "a b"])], operations=[own]))
    assert found.security.scopes == (OperationScopes("GET", "/items", ("read", "write")),)


def test_scopes_that_cannot_be_asked_for_are_stated():
    wild = operation(path="/*", policies=[policy("jwt-auth", requiredScopes=["read"])])
    found = published(api(operations=[wild]))
    assert found.security == Security(oauth2=True, api_key=False)
    assert "Scopes are stated" in found.stated_only[0]


def test_header_and_cors_policies_are_mediation():
    policies = [
        policy("set-headers", request={"headers": [{"name": "X-A", "value": "1"}]}),
        policy("remove-headers", response={"headers": [{"name": "X-B"}]}),
        policy(
            "modify-headers",
            requestHeaders=[
                {"action": "DELETE", "name": "X-C"},
                {"action": "SET", "name": "X-D", "value": "2"},
            ],
        ),
        policy(
            "cors",
            allowedOrigins=["https://a.example"],
            allowedMethods=["GET"],
            allowCredentials=True,
            maxAge=5,
        ),
    ]
    found = published(api(policies=policies))
    assert found.mediation.request_headers == HeaderRules({"X-A": "1", "X-D": "2"}, ("X-C",))
    assert found.mediation.response_headers == HeaderRules({}, ("X-B",))
    assert found.mediation.cors == Cors(
        ("https://a.example",), ("GET",), allow_credentials=True, max_age_seconds=5
    )
    assert found.stated_only == ()


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (
            {"policies": [policy("basic-ratelimit", limits=[])]},
            "The policy basic-ratelimit v1 is stated, which",
        ),
        (
            {"policies": [policy("cors") | {"executionCondition": "x"}]},
            "The policy cors v1 is stated under a condition",
        ),
        ({"policies": [{}]}, "The policy without a name"),
        ({"policies": [policy("jwt-auth", issuers=["sso"])]}, "Tokens of sso are asked for"),
        ({"policies": [policy("jwt-auth", audiences=["a"])]}, "Audiences or claims"),
        ({"policies": [policy("api-key-auth", key="token", **{"in": "query"})]}, "in the query token"),
        ({"policies": [policy("cors", allowedOrigins=["a.*"])]}, "CORS is stated with more"),
        (
            {"policies": [policy("set-headers", request={"headers": [{"name": "Host", "value": "x"}]})]},
            "'Host' is set",
        ),
        (
            {"policies": [policy("modify-headers", requestHeaders=[{"action": "APPEND", "name": "X"}])]},
            "X is changed",
        ),
        ({"operations": [operation(policies=[policy("log")])]}, "The policy log v1 is stated for GET /items"),
        ({"operations": [operation(resilience={"timeout": "5s"})]}, "timeouts of their own"),
        ({"resilience": {"idleTimeout": "5s"}}, "An idle timeout"),
        ({"vhosts": {"main": "a.example;b.example"}}, "at a.example, b.example too"),
        ({"upstream": {"main": MAIN["main"] | {"hostRewrite": "manual"}}}, "Host is to be kept"),
    ],
)
def test_what_portico_does_not_do_is_stated(spec, sentence):
    found = published(api(**spec))
    assert len(found.stated_only) == 1
    assert sentence in found.stated_only[0]


def test_idle_timeout_that_is_switched_off_is_nothing_to_state():
    assert published(api(resilience={"timeout": "5s", "idleTimeout": "0s"})).stated_only == ()


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"version": None}, "spec.version"),
        ({"version": "%"}, "spec.version"),
        ({"context": "/a b"}, "spec.context"),
        ({"context": "/a/../b"}, "spec.context"),
        ({"operations": []}, "spec.operations"),
        ({"operations": [{"method": "GET"}]}, "spec.operations[0]"),
        ({"operations": [{"method": "TRACE", "path": "/"}]}, "spec.operations[0].method"),
        ({"operations": [{"match": {"method": "GET", "path": {"value": "a"}}}]}, "spec.operations[0]"),
        ({"upstream": {}}, "spec.upstream.main"),
        ({"upstream": {"main": {}}}, "spec.upstream.main"),
        ({"upstream": {"main": {"url": "http://a", "ref": "b"}}}, "spec.upstream.main"),
        ({"upstream": {"main": {"url": "http://a?b=c"}}}, "spec.upstream.main.url"),
        ({"upstream": {"main": {"url": "http://169.254.169.254"}}}, "spec.upstream.main.url"),
        ({"upstream": {"main": {"ref": "none"}}}, "spec.upstream.main.ref"),
    ],
)
def test_wrong_rest_api_names_its_field(spec, field):
    found = reading(api(**spec))
    assert found.published == ()
    assert field in fields(found)


def test_upstream_definition_without_a_target_is_a_problem():
    obj = api(upstream={"main": {"ref": "o"}}, upstreamDefinitions=[{"name": "o", "upstreams": []}])
    assert "spec.upstreamDefinitions[0].upstreams" in fields(reading(obj))
    odd = [{"name": "o", "upstreams": [{"url": "tcp://a"}]}]
    assert fields(reading(api(upstream={"main": {"ref": "o"}}, upstreamDefinitions=odd))) == [
        "spec.upstream.main.ref"
    ]


def test_name_that_is_too_long_asks_for_the_annotation():
    assert fields(reading(api("a" * 64))) == ["metadata.name"]
    assert published(api("a" * 64, annotations={"portico.dev/api": "a"})).key == "a"


def test_conditions_are_the_objects():
    obj = api()
    conditions = [
        {"type": kind, "status": status, "reason": reason, "message": "", "observedGeneration": 3}
        for kind, status, reason in (("Accepted", "True", "Ok"), ("Programmed", "False", "GatewayNotReady"))
    ]
    obj.body["status"] = {"conditions": conditions}
    assert published(obj).conditions == (
        Condition("Accepted", "True", "Ok", "", 3),
        Condition("Programmed", "False", "GatewayNotReady", "", 3),
    )


def plan(name: str = "gold", *, kind: Any = PLAN, annotations: Any = None, **spec: Any) -> Any:
    stated = {"planName": "Gold", "throttleLimitCount": 1000, "throttleLimitUnit": "Min"} | spec
    return make(kind, name, annotations=annotations, spec=stated)


@pytest.mark.parametrize("kind", PLANS, ids=lambda kind: kind.version)
@pytest.mark.parametrize(
    ("unit", "seconds"), [("Min", 60), ("Hour", 3600), ("Day", 86400), ("Month", 2592000)]
)
def test_subscription_plan_is_a_plan(kind, unit, seconds):
    (found,) = reading(plan(kind=kind, throttleLimitUnit=unit)).published
    ref = ObjectRef(
        "test", f"gateway.api-platform.wso2.com/{kind.version}/SubscriptionPlan", "shop", "gold", "u-1", 3
    )
    assert found == PublishedPlan(ref, "gold", "Gold", "", 1000, seconds, 1000)


def test_plan_without_a_limit_has_none():
    (found,) = reading(plan(throttleLimitCount=None, throttleLimitUnit=None)).published
    assert (found.rate_requests, found.rate_seconds, found.burst) == (None, None, None)


def test_plan_may_be_approved_automatically_by_annotation():
    (found,) = reading(plan(annotations={"portico.dev/approval": "Automatic"})).published
    assert found.approval == "automatic"


def test_inactive_plan_is_not_offered():
    assert reading(plan(status="INACTIVE")) == Reading()
    assert reading(plan(status="ACTIVE")).published


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"stopOnQuotaReach": False}, "refuses requests over the limit"),
        ({"billingPlan": "b-1"}, "The billing plan b-1"),
        ({"expiryTime": "2027-01-01T00:00:00Z"}, "end at 2027-01-01T00:00:00Z"),
    ],
)
def test_plan_says_what_is_not_the_same(spec, sentence):
    (found,) = reading(plan(**spec)).published
    assert sentence in found.description


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"planName": None}, "spec.planName"),
        ({"throttleLimitCount": 0}, "spec.throttleLimitCount"),
        ({"throttleLimitCount": None}, "spec.throttleLimitCount"),
        ({"throttleLimitUnit": None}, "spec.throttleLimitCount"),
        ({"throttleLimitUnit": "Year"}, "spec.throttleLimitUnit"),
        ({"status": "GONE"}, "spec.status"),
    ],
)
def test_wrong_plan_names_its_field(spec, field):
    found = reading(plan(**spec))
    assert found.published == ()
    assert fields(found) == [field]


def test_plan_needs_a_name_that_is_a_slug():
    assert fields(reading(plan("a" * 64))) == ["metadata.name"]


def subscription(kind: Any = SUBSCRIPTION, **spec: Any) -> Any:
    stated = {"apiId": "orders-v1.0", "subscriptionToken": {"value": "s3cret-of-somebody"}} | spec
    return make(kind, "sub", spec=stated)


@pytest.mark.parametrize("kind", SUBSCRIPTIONS, ids=lambda kind: kind.version)
def test_subscription_is_an_access_of_the_cluster(kind):
    obj = subscription(
        kind, applicationId="app", subscriptionPlanId="p-1", billingCustomerId="c", status="REVOKED"
    )
    (found,) = reading(obj).published
    ref = ObjectRef(
        "test", f"gateway.api-platform.wso2.com/{kind.version}/Subscription", "shop", "sub", "u-1", 3
    )
    assert found == PublishedAccess(
        ref, "orders-v1.0", application="app", owner="c", plan="p-1", status="REVOKED"
    )


def test_subscription_is_active_where_nothing_else_is_said():
    (found,) = reading(subscription()).published
    assert found.status == "ACTIVE"


def test_token_of_a_subscription_is_never_read():
    assert "s3cret" not in repr(reading(subscription()))
    assert "s3cret" not in repr(reading(subscription(apiId=None)))


def test_subscription_without_an_api_is_a_problem():
    assert fields(reading(subscription(apiId=None))) == ["spec.apiId"]


def full() -> Any:
    match = {
        "method": "GET",
        "path": {"type": "Exact", "value": "/b"},
        "headers": [{"name": "x", "value": "1"}],
    }
    modified = [{"action": "SET", "name": "X-D", "value": "2"}]
    policies = [
        policy("jwt-auth", issuers=["sso"], requiredScopes=["read"]),
        policy("api-key-auth", key="token"),
        policy("cors", allowedOrigins=["https://a.example"], maxAge=5),
        policy("set-headers", request={"headers": [{"name": "X-A", "value": "1"}]}),
        policy("modify-headers", requestHeaders=modified),
    ]
    definition = {
        "name": "o",
        "basePath": "/v2",
        "upstreams": [{"url": "http://a.example", "weight": 1}],
        "timeout": {"connect": "5s"},
    }
    return api(
        policies=policies,
        operations=[operation(policies=[policy("log")], resilience={"timeout": "5s"}), {"match": match}],
        upstream={
            "main": {"ref": "o", "hostRewrite": "manual"},
            "sandbox": {"url": "http://sandbox.example"},
        },
        upstreamDefinitions=[definition],
        resilience={"timeout": "15s", "idleTimeout": "1s"},
        vhosts={"main": "a.example"},
    )


HOSTILE = [full(), plan(billingPlan="b"), subscription(status="ACTIVE")]


@pytest.mark.parametrize("obj", HOSTILE, ids=lambda obj: obj.kind.kind)
def test_anything_anywhere_is_read_or_a_problem(obj):
    for changed in broken(obj):
        check(changed, Store())


@pytest.mark.parametrize(
    ("obj", "plural"),
    [
        (api(), "restapis"),
        (full(), "restapis"),
        (api(kind=REST_APIS[1]), "restapis"),
        (plan(billingPlan="b", stopOnQuotaReach=True, status="ACTIVE"), "subscriptionplans"),
        (
            subscription(applicationId="a", subscriptionPlanId="p", billingCustomerId="c", status="ACTIVE"),
            "subscriptions",
        ),
    ],
)
def test_objects_of_these_tests_are_what_the_crd_takes(obj, plural):
    assert schema_errors(obj, CRDS.format(plural)) == []


def test_sample_objects_are_published():
    found = [published(obj) for obj in from_files([sample(SAMPLE)])]
    assert [(entry.key, entry.version, entry.base_path) for entry in found] == [
        ("api-with-gateway-refs", "v1.0", "/test"),
        ("api-with-gateway-refs-1", "v1.0", "/ssa"),
        ("api-with-upstream-definition", "v1.0", "/orders"),
    ]
    assert [entry.upstreams["production"] for entry in found] == [
        Upstream("https://httpbin.org/anything", 15),
        Upstream("https://secure-backend.shop.svc:5443/api/v2"),
        Upstream("http://orders.default.svc.cluster.local:8080"),
    ]
    assert [len(parse(entry.definition.text).operations) for entry in found] == [4, 4, 1]
    assert [len(entry.stated_only) for entry in found] == [1, 0, 1]
