"""What points at an API of APK: Authentication, APIPolicy and RateLimitPolicy, Scopes and filters of its routes."""

from typing import Any

import pytest

from apis.sources import Cors, HeaderRules, ObjectRef, OperationScopes, PublishedPlan, Security
from apis.sources.apk.kinds import API_POLICIES, AUTHENTICATIONS, RATE_LIMIT_POLICIES
from tests.sources.apk import (
    api,
    api_policy,
    authentication,
    backend,
    extension,
    gateway,
    packed,
    policy,
    rate_limit,
    route,
    rule,
    scope,
    subscription_limit,
)
from tests.sources.objects import fields, published, reading

KEYS = {"keys": [{"in": "Header", "name": "api-key"}]}
PARENTS = [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "apk"}]


def found(*others: Any, rules: Any = (), **spec: Any) -> Any:
    """The API with its usual company, and more."""
    return published(api(**spec), packed(), route(*rules), backend(), *others)


@pytest.mark.parametrize(
    ("types", "expected", "words"),
    [
        ({}, Security(True, False), ()),
        ({"oauth2": {"required": "mandatory"}}, Security(True, False), ()),
        ({"oauth2": {"header": "x-token"}}, Security(True, False), ("x-token",)),
        ({"oauth2": {"sendTokenToUpstream": True}}, Security(True, False), ("passes tokens",)),
        ({"apiKey": KEYS}, Security(True, True), ("rules of its own", "Header api-key")),
        (
            {"apiKey": KEYS | {"required": "mandatory"}, "oauth2": {"required": "mandatory"}},
            Security(True, True),
            ("both", "Header api-key"),
        ),
        ({"apiKey": KEYS, "oauth2": {"disabled": True}}, Security(False, True), ("Header api-key",)),
        ({"oauth2": {"disabled": True}}, Security(True, False), ("neither",)),
        (
            {"mtls": {"required": "mandatory"}, "oauth2": {"disabled": True}},
            Security(True, False),
            ("mutual TLS mandatory", "neither"),
        ),
        ({"mtls": {"disabled": True, "required": "optional"}}, Security(True, False), ()),
        ({"jwt": {"disabled": False, "audience": ["aud1"]}}, Security(True, False), ("audience aud1",)),
        ({"jwt": {"disabled": True}}, Security(True, False), ()),
    ],
)
def test_authentication(types, expected, words):
    api_found = found(authentication(**types))
    assert api_found.security == expected
    assert len(api_found.stated_only) == len(words)
    assert all(word in text for word, text in zip(words, api_found.stated_only, strict=True))


def test_authentication_of_the_first_generation():
    types = {"apiKey": KEYS["keys"], "testConsoleKey": {"header": "internal-key"}}
    api_found = found(authentication(kind=AUTHENTICATIONS[1], **types))
    assert api_found.security == Security(True, True)
    assert any("test console" in text for text in api_found.stated_only)


def test_authentication_that_is_switched_off_is_public():
    off = policy(AUTHENTICATIONS[0], default={"disabled": True})
    assert found(off).security == Security(oauth2=False, api_key=False, public=True)


def test_override_goes_before_default_field_by_field():
    default = {"disabled": True, "authTypes": {"apiKey": KEYS, "oauth2": {"disabled": True}}}
    override = {"disabled": False, "authTypes": {"oauth2": {"disabled": False}}}
    assert found(policy(AUTHENTICATIONS[0], default=default, override=override)).security == Security(
        True, True
    )


def test_policy_that_points_elsewhere_does_not_count():
    for target in (
        {"group": "dp.wso2.com", "kind": "API", "name": "other"},
        {"group": "dp.wso2.com", "kind": "Resource", "name": "pets-1"},
        {"group": "dp.wso2.com", "kind": "API", "name": "pets-1", "namespace": "other"},
    ):
        assert not found(
            policy(AUTHENTICATIONS[0], target=target, default={"disabled": True})
        ).security.public


def test_policy_of_the_gateway_counts():
    target = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "apk"}
    own = policy(AUTHENTICATIONS[0], override={"disabled": False})

    def security(**spec: Any) -> Security:
        above = policy(AUTHENTICATIONS[0], "above", target, **spec)
        routed = route(parentRefs=PARENTS)
        return published(api(), packed(), routed, backend(), gateway(), above, own).security

    assert security(override={"disabled": True}).public
    assert not security(default={"disabled": True}).public


def test_limits_of_the_gateway_are_told():
    target = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "apk"}
    limit = {"requestsPerUnit": 5, "unit": "Day"}
    above = policy(RATE_LIMIT_POLICIES[0], "above", target, default={"api": limit})
    api_found = published(api(), packed(), route(parentRefs=PARENTS), backend(), gateway(), above)
    assert "5 requests per Day" in api_found.stated_only[0]
    assert "Gateway apk" in api_found.stated_only[0]


def test_first_of_several_policies_counts_and_the_others_are_told():
    first, second = authentication("a"), policy(AUTHENTICATIONS[0], "b", override={"disabled": True})
    api_found = found(first, second)
    assert api_found.security == Security(True, False)
    assert "reads a, and not b" in api_found.stated_only[0]


CORS = {
    "accessControlAllowOrigins": ["https://a.example"],
    "accessControlAllowMethods": ["GET"],
    "accessControlAllowHeaders": ["x-a"],
    "accessControlExposeHeaders": ["x-b"],
    "accessControlAllowCredentials": True,
    "accessControlMaxAge": 60,
}


@pytest.mark.parametrize("kind", API_POLICIES, ids=str)
def test_cors_becomes_mediation(kind):
    expected = Cors(("https://a.example",), ("GET",), ("x-a",), ("x-b",), True, 60)
    assert found(api_policy(kind=kind, cORSPolicy=CORS)).mediation.cors == expected


def test_cors_may_be_switched_off():
    assert found(api_policy(cORSPolicy=CORS | {"enabled": False})).mediation.cors is None


def test_cors_that_browsers_refuse_is_told():
    api_found = found(api_policy(cORSPolicy=CORS | {"accessControlAllowOrigins": ["*"]}))
    assert not api_found.mediation.cors.allow_credentials
    assert "every origin" in api_found.stated_only[0]


def test_cors_entries_that_cannot_be_sent_are_told():
    stated = CORS | {"accessControlAllowHeaders": ["x a", "*"], "accessControlAllowMethods": ["get\n"]}
    api_found = found(api_policy(cORSPolicy=stated))
    assert api_found.mediation.cors.allow_headers == ("*",)
    assert api_found.mediation.cors.allow_methods == ()
    assert "'x a'" in api_found.stated_only[0]


@pytest.mark.parametrize(
    ("stated", "word"),
    [
        ({"requestInterceptors": [{"name": "i"}]}, "A request interceptor"),
        ({"responseInterceptors": [{"name": "i"}]}, "A response interceptor"),
        ({"subscriptionValidation": True}, "own subscriptions"),
        ({"backendJwtPolicy": {"name": "j"}}, "JWT made for the backend"),
        ({"aiProvider": {"name": "ai"}}, "AI provider"),
        ({"modelBasedRoundRobin": {"productionModels": [], "sandboxModels": []}}, "among models"),
    ],
)
def test_rest_of_an_api_policy_is_told(stated, word):
    (sentence,) = found(api_policy(**stated)).stated_only
    assert word in sentence


def test_limit_of_subscriptions_is_a_plan_of_the_api():
    limit = rate_limit(subscription=subscription_limit())
    assert found(limit).plans == ("gold",)
    (plan,) = reading(limit).published
    ref = ObjectRef("test", "dp.wso2.com/v1alpha3/RateLimitPolicy", "shop", "gold", "u-1", 3)
    assert plan == PublishedPlan(ref, "gold", "gold", "", 100, 60, 100)


def test_plans_that_an_annotation_names_go_first():
    obj = api(annotations={"portico.dev/plans": "free"})
    limit = rate_limit(subscription=subscription_limit())
    assert published(obj, packed(), route(), backend(), limit).plans == ("free",)


@pytest.mark.parametrize(("unit", "seconds"), [("Minute", 60), ("Hour", 3_600), ("Day", 86_400), ("min", 60)])
def test_units_of_a_limit(unit, seconds):
    (plan,) = reading(rate_limit(subscription=subscription_limit(5, unit))).published
    assert (plan.rate_requests, plan.rate_seconds) == (5, seconds)


def test_what_a_plan_cannot_express_is_told_there():
    burst = {"burstControl": {"requestsPerUnit": 5, "unit": "Minute"}, "stopOnQuotaReach": False}
    limits = {
        "subscription": subscription_limit(**burst),
        "api": {"requestsPerUnit": 10, "unit": "Hour"},
        "custom": {"requestsPerUnit": 3, "unit": "Day", "key": "rlkey_user", "value": "bob"},
    }
    (plan,) = reading(rate_limit(**limits)).published
    for text in ("burst control of 5 requests per Minute", "stopOnQuotaReach", "10 requests per Hour", "bob"):
        assert text in plan.description


def test_limits_that_are_no_plan_are_told():
    limits = {
        "api": {"requestsPerUnit": 10, "unit": "Hour"},
        "custom": {"requestsPerUnit": 3, "unit": "Day", "key": "rlkey_user", "value": "bob"},
    }
    obj = rate_limit(kind=RATE_LIMIT_POLICIES[1], **limits)
    nothing = reading(obj)
    assert (nothing.published, nothing.problems) == ((), ())
    api_found = found(obj)
    assert api_found.plans == ()
    assert [("10 requests per Hour" in text, "bob" in text) for text in api_found.stated_only] == [
        (True, False),
        (False, True),
    ]


def test_override_of_a_limit_goes_before_its_default():
    default = {"subscription": subscription_limit()}
    override = {"subscription": {"requestCount": {"requestsPerUnit": 7}}}
    (plan,) = reading(policy(RATE_LIMIT_POLICIES[0], "gold", default=default, override=override)).published
    assert (plan.rate_requests, plan.rate_seconds) == (7, 60)


@pytest.mark.parametrize(
    ("name", "limit", "field"),
    [
        ("gold", subscription_limit(0), "spec.default.subscription.requestCount.requestsPerUnit"),
        ("gold", subscription_limit(1, "Moon"), "spec.default.subscription.requestCount.unit"),
        ("gold", {"requestCount": {}}, "spec.default.subscription.requestCount.unit"),
        ("gold", "x", "spec.default.subscription"),
        ("g" * 80, subscription_limit(), "metadata.name"),
    ],
)
def test_wrong_limit_names_its_field(name, limit, field):
    wrong = reading(rate_limit(name, subscription=limit))
    assert wrong.published == ()
    assert field in fields(wrong)


def test_policy_without_any_limit_is_a_problem():
    assert fields(reading(policy(RATE_LIMIT_POLICIES[0]))) == ["spec.default"]


def test_scopes_are_those_of_matching_operations():
    guarded = [extension("Scope", "read")]
    rules = (
        rule("/pets", "Exact", "GET", guarded),
        rule("/pets/([^/]+)", "RegularExpression", "GET", [extension("Scope", "one")]),
        rule("/", method="POST"),
    )
    api_found = found(scope("read", "pets:read"), scope("one", "pets:one"), rules=rules)
    assert api_found.security.scopes == (
        OperationScopes("GET", "/pets", ("pets:read",)),
        OperationScopes("GET", "/pets/{id}", ("pets:one",)),
    )
    assert api_found.stated_only == ()


def test_longest_prefix_decides_and_its_method_before_any():
    rules = (
        rule("/", filters=[extension("Scope", "read")]),
        rule("/pets/", method="POST", filters=[extension("Scope", "write")]),
        rule("/pets"),
    )
    api_found = found(scope("read", "r"), scope("write", "w"), rules=rules)
    assert api_found.security.scopes == (OperationScopes("POST", "/pets", ("w",)),)
    assert len(api_found.stated_only) == 1
    assert "any method /" in api_found.stated_only[0]


def test_any_of_several_scopes_is_told():
    api_found = found(
        scope("read", "a", "b"), rules=(rule("/pets", "Exact", filters=[extension("Scope", "read")]),)
    )
    assert api_found.security.scopes[0] == OperationScopes("GET", "/pets", ("a", "b"))
    assert "any one" in api_found.stated_only[0]


def test_scope_without_an_operation_is_told():
    rules = (rule("/other", "Exact", "GET", [extension("Scope", "read")]),)
    api_found = found(scope("read", "a"), rules=rules)
    assert api_found.security.scopes == ()
    assert "GET /other" in api_found.stated_only[0]
    without = published(api(definitionFileRef=None), route(*rules), backend(), scope("read", "a"))
    assert without.security.scopes == ()
    assert "GET /other" in without.stated_only[0]


def test_scope_that_is_missing_or_empty_is_a_problem():
    routed = route(rule(filters=[extension("Scope", "read")]))
    for others in ((), (scope("read"),), (scope("read", "a b"),)):
        assert fields(reading(api(), packed(), routed, backend(), *others)) == [
            "spec.production[0].routeRefs"
        ]


def test_scopes_of_an_api_without_tokens_are_told():
    rules = (rule("/pets", "Exact", "GET", [extension("Scope", "read")]),)
    off = policy(AUTHENTICATIONS[0], default={"disabled": True})
    api_found = found(scope("read", "a"), off, rules=rules)
    assert api_found.security == Security(False, False, True)
    assert "takes no tokens" in api_found.stated_only[0]


def header(kind: str, **change: Any) -> dict[str, Any]:
    return {"type": kind, kind[0].lower() + kind[1:]: change}


def pair(name: str, value: str) -> dict[str, str]:
    return {"name": name, "value": value}


def test_headers_of_all_rules_are_mediation():
    both = [
        header("RequestHeaderModifier", set=[pair("x-a", "1")], remove=["x-b"]),
        header("ResponseHeaderModifier", set=[pair("x-c", "2")]),
    ]
    api_found = found(rules=(rule(filters=both), rule("/x", filters=both)))
    assert api_found.mediation.request_headers == HeaderRules({"x-a": "1"}, ("x-b",))
    assert api_found.mediation.response_headers == HeaderRules({"x-c": "2"})
    assert api_found.stated_only == ()


@pytest.mark.parametrize(
    "change",
    [
        {"add": [pair("x-a", "1")]},
        {"set": [pair("x-portico-a", "1")]},
        {"set": [pair("Host", "1")]},
        {"set": [pair("x-a", "1\n2")]},
        {"set": [pair("x a", "1")]},
    ],
)
def test_headers_that_portico_does_not_change_are_told(change):
    api_found = found(rules=(rule(filters=[header("RequestHeaderModifier", **change)]),))
    assert api_found.mediation.request_headers == HeaderRules()
    assert "Request headers" in api_found.stated_only[0]


def test_headers_of_some_rules_are_told():
    filters = [header("ResponseHeaderModifier", set=[pair("x-a", "1")])]
    api_found = found(rules=(rule(filters=filters), rule("/x")))
    assert api_found.mediation.response_headers == HeaderRules()
    assert "x-a" in api_found.stated_only[0]


def rewrite(kind: str, value: str) -> dict[str, Any]:
    return {"type": "URLRewrite", "urlRewrite": {"path": {"type": kind, kind[0].lower() + kind[1:]: value}}}


@pytest.mark.parametrize(
    ("path", "kind", "filters", "expected"),
    [
        ("/pets", "PathPrefix", [rewrite("ReplacePrefixMatch", "/pets")], None),
        ("/pets", "PathPrefix", [rewrite("ReplacePrefixMatch", "/v2/pets")], "/v2"),
        ("/", "PathPrefix", [rewrite("ReplacePrefixMatch", "/v2")], "/v2"),
        ("/pets", "Exact", [rewrite("ReplaceFullPath", "/v2/pets")], "/v2"),
        ("/pets/(.*)", "RegularExpression", [rewrite("ReplaceFullPath", "/v2/pets/\\1")], "/v2"),
        ("/pets/([^/]+)", "RegularExpression", [rewrite("ReplaceFullPath", "/pets/\\1")], None),
    ],
)
def test_rewrite_that_keeps_the_path_is_a_prefix(path, kind, filters, expected):
    api_found = found(rules=(rule(path, kind, filters=filters),))
    assert api_found.mediation.rewrite_prefix == expected
    assert api_found.stated_only == ()


@pytest.mark.parametrize(
    "rules",
    [
        (rule("/a", filters=[rewrite("ReplacePrefixMatch", "/b")]),),
        (rule("/a", filters=[rewrite("ReplacePrefixMatch", "/v2/a")]), rule("/b")),
        (rule("/a", filters=[rewrite("ReplaceFullPath", "/a")]),),
        (rule("/a", "Exact", filters=[rewrite("ReplacePrefixMatch", "/a")]),),
        (rule("/a", filters=[rewrite("ReplacePrefixMatch", "/../a")]),),
    ],
)
def test_rewrite_that_is_no_prefix_is_told(rules):
    api_found = found(rules=rules)
    assert api_found.mediation.rewrite_prefix is None
    assert "rewrites paths route by route" in api_found.stated_only[0]


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"filters": [extension("Authentication", "own")]}, "Authentication own"),
        ({"filters": [{"type": "RequestMirror", "requestMirror": {}}]}, "RequestMirror"),
        ({"filters": [{"type": "URLRewrite", "urlRewrite": {"hostname": "b.example"}}]}, "another host name"),
        ({"timeouts": {"request": "5s"}}, "timeouts"),
    ],
)
def test_rest_of_a_rule_is_told(more, word):
    (sentence,) = found(rules=(rule(**more),)).stated_only
    assert word in sentence


def test_match_on_headers_is_told():
    stated = rule() | {"matches": [{"path": {"value": "/"}, "headers": [pair("x", "y")]}]}
    (sentence,) = found(rules=(stated,)).stated_only
    assert "headers" in sentence


def test_many_sentences_are_cut_short():
    rules = tuple(rule(filters=[extension("RoutePolicy", f"p{i}-{j}") for j in range(16)]) for i in range(16))
    told = found(rules=rules).stated_only
    assert len(told) <= 101
    assert "more objects" in told[-1]
