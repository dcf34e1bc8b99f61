"""APK's own sample objects, and its CRDs held against the objects of these tests."""

import pytest

from apis.definitions import parse
from apis.sources import OperationScopes
from apis.sources.apk.kinds import (
    API_POLICIES,
    APIS,
    AUTHENTICATIONS,
    BACKENDS,
    RATE_LIMIT_POLICIES,
    SUBSCRIPTIONS,
)
from tests.sources.apk import (
    api,
    api_policy,
    application,
    authentication,
    backend,
    joined,
    metadata,
    rate_limit,
    scope,
    subscription,
    subscription_limit,
)
from tests.sources.crds import sample, schema_errors
from tests.sources.objects import from_files, published
from tests.sources.test_apk_hostile import API, AUTH, BACKEND, LIMIT, META, NAMED, POLICY, RATE
from tests.sources.test_apk_policies import CORS, KEYS

OBJECTS = [
    API,
    AUTH,
    BACKEND,
    META,
    NAMED,
    POLICY,
    RATE,
    api(APIS[0]),
    api(APIS[1], apiType="GraphQL"),
    api(APIS[2], production=[{"httpRouteRefs": ["pets"]}]),
    application(),
    authentication(kind=AUTHENTICATIONS[1], apiKey=KEYS["keys"], oauth2={"disabled": True}),
    backend(kind=BACKENDS[1]),
    joined(),
    metadata(),
    rate_limit(subscription=subscription_limit()),
    rate_limit(kind=RATE_LIMIT_POLICIES[1], api=LIMIT),
    scope("read", "r"),
    subscription(),
    subscription(kind=SUBSCRIPTIONS[1]),
    *(api_policy(kind=kind, cORSPolicy=CORS) for kind in API_POLICIES),
]


@pytest.mark.parametrize("obj", OBJECTS, ids=lambda obj: str(obj.kind))
def test_objects_of_these_tests_are_what_the_crds_take(obj):
    assert schema_errors(obj, f"wso2/apk/crds/{obj.kind.group}_{obj.kind.plural}.yaml") == []


def test_every_generation_of_the_crds_is_known():
    from portal import safeyaml

    known = {obj.kind for obj in OBJECTS}
    for kind in known:
        crd = safeyaml.load(sample(f"wso2/apk/crds/{kind.group}_{kind.plural}.yaml").read_text())
        versions = {version["name"] for version in crd["spec"]["versions"] if version["served"]}
        assert versions == {other.version for other in known if other.resource == kind.resource}


def test_sample_api_is_read_as_far_as_it_goes():
    files = [sample(f"wso2/apk/{name}.yaml") for name in ("sample-api", "sample-api-definition")]
    objects = from_files(files)
    (obj,) = [obj for obj in objects if obj.kind in APIS]
    hosts = {"insecure-backend": "a.example", "secure-backend": "b.example", "test-backend": "c.example"}
    backends = [backend(name, services=[{"host": host, "port": 80}]) for name, host in hosts.items()]
    found = published(obj, *objects, *backends)
    assert (found.key, found.version, found.base_path) == ("http-bin-api", "1.0.8", "/http-bin-api/1.0.8")
    assert {name: upstream.url for name, upstream in found.upstreams.items()} == {
        "production": "http://a.example:80",
        "sandbox": "http://a.example:80",
    }
    assert [operation.path for operation in parse(found.definition.text).operations]
    told = " ".join(found.stated_only)
    for word in (
        "secure-backend",
        "rewrites paths",
        "custom-response-header",
        "sand-http-bin-authentication",
        "prod.gw.wso2.com",
        "sand.gw.wso2.com",
    ):
        assert word in told


def test_sample_scope_is_enforced_where_the_definition_has_the_operation():
    objects = from_files([sample("wso2/apk/sample-api.yaml")])
    (obj,) = [obj for obj in objects if obj.kind in APIS]
    from tests.sources.apk import packed

    text = "openapi: 3.0.0\ninfo: {title: T, version: '1'}\npaths:\n  /secure/get/all: {get: {}}\n"
    names = ("insecure-backend", "secure-backend", "test-backend")
    definition = packed(text, "swagger-definition-http-bin-api")
    found = published(obj, *objects, *(backend(name) for name in names), definition)
    assert found.security.scopes == (OperationScopes("GET", "/secure/get/all", ("read:pets",)),)
