"""Anything anywhere in the objects of APK and in what they name: never an exception."""

import pytest

from apis.sources import attachment_of, source_of
from apis.sources.apk import APIS, TLS_POLICIES
from tests.sources.apk import (
    api,
    api_policy,
    application,
    authentication,
    backend,
    envoy_backend,
    extension,
    gateway,
    joined,
    metadata,
    packed,
    rate_limit,
    route,
    rule,
    scope,
    subscription,
    subscription_limit,
)
from tests.sources.hostile import broken, check
from tests.sources.objects import Store, config_map, make
from tests.sources.test_apk_policies import CORS, KEYS
from tests.sources.test_apk_routes import header, pair, rewrite

FILTERS = [
    extension("Scope", "read"),
    extension("RouteMetadata", "pets-meta"),
    header("RequestHeaderModifier", set=[pair("x-a", "1")], add=[pair("x-b", "1")], remove=["x-c"]),
    rewrite("ReplacePrefixMatch", "/v2/pets"),
]
DEPLOYED = {"status": "CREATED", "accepted": True, "message": "m", "events": ["e"]}
STATUS = {"deploymentStatus": DEPLOYED | {"transitionTime": "2026-01-01T00:00:00Z"}}
API = api(
    status=STATUS,
    environment="green",
    isDefaultVersion=True,
    systemAPI=False,
    apiProperties=[{"name": "a", "value": "b"}],
    sandbox=[{"routeRefs": ["pets"]}],
)
ROUTE = route(
    rule("/pets", "Exact", "GET", FILTERS, timeouts={"request": "1s"}),
    rule("/pets/(.*)", "RegularExpression", filters=[rewrite("ReplaceFullPath", "/pets/\\1")]),
    hostnames=["a.example"],
    parentRefs=[{"name": "apk"}],
)
LIMIT = {"requestsPerUnit": 5, "unit": "Hour"}
AUTH = authentication(
    oauth2={"required": "mandatory", "header": "x", "sendTokenToUpstream": True, "disabled": False},
    apiKey=KEYS | {"required": "optional"},
    mtls={"required": "optional"},
    jwt={"disabled": False, "audience": ["a"]},
)
POLICY = api_policy(
    cORSPolicy=CORS,
    requestInterceptors=[{"name": "i"}],
    subscriptionValidation=True,
    backendJwtPolicy={"name": "j"},
)
RATE = rate_limit(subscription=subscription_limit(burstControl=LIMIT), api=LIMIT, custom=LIMIT | {"key": "k"})
BACKEND = backend(basePath="/v2", timeout={"upstreamResponseTimeout": 5}, retry={"count": 1})
META = metadata(envType="staging", apiCreator="a")
NAMED = metadata(
    definition=None, definitionFileRef={"group": "", "kind": "ConfigMap", "name": "pets-definition"}
)
COMPANY = (packed(), ROUTE, AUTH, POLICY, RATE, BACKEND, scope("read", "r"), gateway())
ACCESS = (application(), subscription(), joined())


@pytest.mark.parametrize("obj", [API, RATE, META, NAMED, *ACCESS[1:]], ids=lambda obj: obj.kind.kind)
def test_anything_anywhere_in_an_object_is_read_or_a_problem(obj):
    others = Store(*COMPANY, *(other for other in ACCESS if other.kind != obj.kind))
    for changed in broken(obj):
        system = isinstance(spec := changed.body["spec"], dict) and spec.get("systemAPI") is True
        unlimited = obj.kind == RATE.kind
        mapped = obj.kind == ACCESS[1].kind
        check(changed, others, empty=system or unlimited or mapped)


@pytest.mark.parametrize("named", COMPANY, ids=lambda obj: obj.kind.kind)
def test_anything_anywhere_in_what_is_named_is_read_or_a_problem(named):
    others = [obj for obj in COMPANY if obj is not named]
    for changed in broken(named):
        if attachment := attachment_of(changed.kind):
            list(attachment.targets(changed))
        for obj in (API, NAMED):
            check(obj, Store(*others, changed))


@pytest.mark.parametrize("named", ACCESS[:2], ids=lambda obj: obj.kind.kind)
def test_anything_anywhere_in_what_a_mapping_joins_is_read_or_a_problem(named):
    others = [obj for obj in ACCESS if obj is not named]
    for changed in broken(named):
        check(ACCESS[2], Store(*others, changed))


@pytest.mark.parametrize(
    "path", ["(" * 1_000, "(a+)+" * 200, "/" * 1_000, "{" * 1_000, "[^/]+" * 200, "", "\u202e", "/a/../b"]
)
def test_expressions_of_routes_are_never_run(path):
    for kind in ("RegularExpression", "PathPrefix", "Exact"):
        routed = route(
            rule(path, kind, filters=[extension("Scope", "read"), rewrite("ReplaceFullPath", path)])
        )
        check(api(), Store(packed(), routed, backend(), scope("read", "r")))


def test_many_operations_and_rules_are_read_in_reasonable_steps():
    paths = "\n".join(f"  /p{index}/{{id}}: {{get: {{}}}}" for index in range(2_000))
    text = f"openapi: 3.0.0\ninfo: {{title: T, version: '1'}}\npaths:\n{paths}\n"
    rules = [rule(f"/p{index}", filters=[extension("Scope", "read")]) for index in range(64)]
    store = Store(config_map("pets-definition", text), route(*rules), backend(), scope("read", "r"))
    (found,) = source_of(APIS[0]).read(api(), store).published
    assert len(found.security.scopes) == 64


def test_anything_anywhere_in_envoy_gateways_backend_is_read_or_a_problem():
    ref = {"group": "gateway.envoyproxy.io", "kind": "Backend", "name": "pets"}
    routed = route(rule(refs=[ref]))
    targeting = make(TLS_POLICIES[0], "tls", spec={"targetRefs": [ref]})
    for changed in broken(envoy_backend(tls={"x": "y"})):
        check(API, Store(packed(), routed, targeting, changed))
    for changed in broken(targeting):
        list(attachment_of(changed.kind).targets(changed))
