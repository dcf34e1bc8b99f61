"""What points at an API of APK: Authentication, APIPolicy and RateLimitPolicy."""

from typing import Any

import pytest

from apis.sources import Cors, ObjectRef, PublishedPlan, Security
from apis.sources.apk.kinds import API_POLICIES, AUTHENTICATIONS, RATE_LIMIT_POLICIES
from tests.sources.apk import (
    api,
    api_policy,
    authentication,
    backend,
    gateway,
    packed,
    policy,
    rate_limit,
    route,
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
