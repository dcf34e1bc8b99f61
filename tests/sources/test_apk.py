"""API of dp.wso2.com in all its generations."""

from dataclasses import replace

import pytest

from apis.sources import Condition, DefinitionText, ObjectRef, Upstream
from apis.sources.apk.kinds import APIS, BACKENDS, GQLROUTES, GRPCROUTES, HTTPROUTES
from apis.sources.source import CONFIG_MAP
from tests.sources.apk import BACKEND_REF, DEFINITION, api, backend, extension, packed, route, rule, scope
from tests.sources.objects import Store, config_map, fields, make, published, reading

OTHERS = (packed(), route(), backend())


def test_api_is_read():
    found = published(api(), *OTHERS)
    assert found.ref == ObjectRef("test", "dp.wso2.com/v1alpha3/API", "shop", "pets-1", "u-1", 3)
    assert (found.key, found.version, found.display_name) == ("pet-shop", "1.0.8", "Pet Shop")
    assert (found.base_path, found.type) == ("/pets/1.0.8", "rest")
    assert found.definition == DefinitionText(DEFINITION, "ConfigMap shop/pets-definition, key definition")
    assert found.upstreams == {"production": Upstream("http://pets.shop:8080", backend="Backend shop/pets")}
    assert (found.security.oauth2, found.security.api_key, found.security.public) == (True, False, False)
    assert found.stated_only == ()


@pytest.mark.parametrize("kind", APIS, ids=str)
def test_every_generation_says_the_same(kind):
    refs = "httpRouteRefs" if kind.version == "v1alpha1" else "routeRefs"
    found = published(api(kind, production=[{refs: ["pets"]}]), *OTHERS)
    expected = published(api(), *OTHERS)
    assert replace(found, ref=expected.ref) == expected


def test_older_generations_are_looked_up_too():
    others = (packed(), route(kind=HTTPROUTES[1]), backend(kind=BACKENDS[1]))
    assert published(api(), *others) == published(api(), *OTHERS)


def test_system_api_is_nobodys():
    found = reading(api(systemAPI=True))
    assert (found.published, found.problems) == ((), ())


def test_annotations_say_what_the_kind_cannot():
    annotations = {
        "portico.dev/api": "animals",
        "portico.dev/owner-team": "shop",
        "portico.dev/plans": "free",
        "portico.dev/visibility": "Public",
        "portico.dev/approval": "Automatic",
        "portico.dev/tags": "a",
    }
    found = published(api(annotations=annotations), *OTHERS)
    assert (found.key, found.owner_team, found.plans, found.tags) == ("animals", "shop", ("free",), ("a",))
    assert (found.visibility, found.approval) == ("public", "automatic")


@pytest.mark.parametrize(
    ("stated", "field"),
    [
        ({"apiName": None}, "spec.apiName"),
        ({"apiVersion": None}, "spec.apiVersion"),
        ({"apiVersion": "é"}, "spec.apiVersion"),
        ({"apiType": "SOAP"}, "spec.apiType"),
        ({"basePath": None}, "spec.basePath"),
        ({"basePath": "/"}, "spec.basePath"),
        ({"basePath": "/a/../b"}, "spec.basePath"),
        ({"definitionFileRef": "other"}, "spec.definitionFileRef"),
        ({"production": None}, "spec.production"),
        ({"production": [{"routeRefs": ["other"]}]}, "spec.production[0].routeRefs[0]"),
        ({"production": "x"}, "spec.production"),
    ],
)
def test_wrong_api_names_its_field(stated, field):
    found = reading(api(**stated), *OTHERS)
    assert found.published == ()
    assert field in fields(found)


def test_base_path_may_end_with_a_slash():
    assert published(api(basePath="/pets/1.0.8/"), *OTHERS).base_path == "/pets/1.0.8"


def test_definition_may_be_plain_and_may_be_missing():
    plain = config_map("pets-definition", DEFINITION, key="any")
    found = published(api(), plain, route(), backend()).definition
    assert found
    assert found.text == DEFINITION
    assert published(api(definitionFileRef=None), route(), backend()).definition is None


def test_definition_that_cannot_be_read_is_a_problem():
    two = make(CONFIG_MAP, "pets-definition", data={"a": "x", "b": "y"})
    broken = make(CONFIG_MAP, "pets-definition", binaryData={"a": "H4sIAAAA"})
    assert fields(reading(api(), two, route(), backend())) == ["spec.definitionFileRef"]
    assert fields(reading(api(), broken, route(), backend())) == ["spec.definitionFileRef"]


def test_sandbox_has_its_own_routes():
    other = {**BACKEND_REF, "name": "sandbox"}
    sandbox = backend("sandbox", services=[{"host": "sandbox", "port": 80}], protocol="https")
    obj = api(sandbox=[{"routeRefs": ["sand"]}])
    found = published(obj, *OTHERS, route(rule(refs=[other]), name="sand"), sandbox)
    assert found.upstreams["sandbox"].url == "https://sandbox.shop.svc:80"
    only = api(production=None, sandbox=[{"routeRefs": ["sand"]}])
    assert list(published(only, packed(), route(name="sand"), backend()).upstreams) == ["sandbox"]


def test_hosts_of_the_clusters_own_gateway_are_stated():
    found = published(api(), packed(), route(hostnames=["a.example", "b.example"]), backend())
    assert found.stated_only == (
        "The cluster's own gateway serves this API at a.example, b.example too (production).",
    )


def test_deployment_is_observed():
    status = {
        "deploymentStatus": {
            "status": "UPDATED",
            "accepted": True,
            "message": "Updated.",
            "events": ["a", "b"],
            "transitionTime": "2026-01-01T00:00:00Z",
        }
    }
    found = published(api(status=status), *OTHERS)
    assert found.conditions == (Condition("Deployed", "True", "UPDATED", "Updated. a b"),)
    status["deploymentStatus"]["accepted"] = False
    assert published(api(status=status), *OTHERS).conditions[0].status == "False"


def test_what_else_is_stated_is_told():
    stated = {
        "organization": "acme",
        "environment": "green",
        "isDefaultVersion": True,
        "apiProperties": [{"name": "tier", "value": "gold"}],
    }
    told = published(api(**stated), *OTHERS).stated_only
    words = ("acme", "green", "without", "tier = gold")
    assert all(word in text for word, text in zip(words, told, strict=True))
    assert len(told) == 4


def test_first_of_several_backends_is_used_and_the_others_are_told():
    other = {**BACKEND_REF, "name": "other"}
    found = published(api(), packed(), route(rule(), rule("/x", refs=[other])), backend(), backend("other"))
    assert found.upstreams["production"].url == "http://pets.shop:8080"
    (sentence,) = found.stated_only
    assert "Backend shop/pets, Backend shop/other" in sentence


def test_service_may_be_the_backend():
    found = published(api(), packed(), route(rule(refs=[{"name": "pets", "port": 80}])))
    assert found.upstreams == {"production": Upstream("http://pets.shop.svc:80")}
    assert fields(reading(api(), packed(), route(rule(refs=[{"name": "pets"}])))) == [
        "spec.production[0].routeRefs"
    ]


def test_environment_without_a_usable_backend_is_told():
    ref = {"group": "other.example", "kind": "Pool", "name": "pets"}
    for refs in ([ref], []):
        found = published(api(), packed(), route(rule(refs=refs)))
        assert found.upstreams == {}
        assert "not served there" in found.stated_only[0]


@pytest.mark.parametrize(
    "spec",
    [
        {"services": []},
        {"services": [{"host": "169.254.169.254", "port": 80}]},
        {"services": [{"host": "a b", "port": 80}]},
        {"services": [{"host": "pets", "port": "80"}]},
        {"protocol": "tcp"},
        {"basePath": "/../x"},
    ],
)
def test_backend_that_cannot_be_used_is_a_problem(spec):
    found = reading(api(), packed(), route(), backend(**spec))
    assert found.published == ()
    assert fields(found) == ["spec.production[0].routeRefs"]


def test_backend_that_is_not_there_is_a_problem():
    assert fields(reading(api(), packed(), route())) == ["spec.production[0].routeRefs"]


def test_backend_has_path_and_timeout():
    spec = {"basePath": "/v2/", "protocol": "wss", "timeout": {"upstreamResponseTimeout": 5}}
    found = published(api(), packed(), route(), backend(**spec))
    assert found.upstreams["production"] == Upstream("https://pets.shop:8080/v2", 5, "Backend shop/pets")


def test_what_a_backend_states_for_the_clusters_gateway_is_told():
    basic = {"basic": {"secretRef": {"name": "s", "usernameKey": "u", "passwordKey": "p"}}}
    spec = {
        "security": basic,
        "tls": {"certificateInline": "x"},
        "circuitBreaker": {"maxRequests": 1},
        "healthCheck": {"interval": 1},
        "retry": {"count": 2},
    }
    assert len(published(api(), packed(), route(), backend(**spec)).stated_only) == 5


def test_graphql_has_its_own_routes():
    spec = {
        "hostnames": ["g.example"],
        "backendRefs": [BACKEND_REF],
        "rules": [{"matches": [{"type": "QUERY", "path": "pets"}]}],
    }
    gql = make(GQLROUTES[0], "pets", spec=spec)
    sdl = packed("type Query { pets: [String] }")
    found = published(api(apiType="GraphQL"), gql, backend(), sdl)
    assert (found.type, found.upstreams["production"].url) == ("graphql", "http://pets.shop:8080")
    assert len(found.stated_only) == 1
    assert published(
        api(apiType="GraphQL"),
        make(GQLROUTES[0], "pets", spec={"backendRefs": [BACKEND_REF]}),
        backend(),
        sdl,
    )


def test_scopes_of_graphql_are_told():
    rules = [{"matches": [{"type": "QUERY", "path": "pets"}], "filters": [extension("Scope", "read")]}]
    gql = make(GQLROUTES[0], "pets", spec={"backendRefs": [BACKEND_REF], "rules": rules})
    found = published(
        api(apiType="GraphQL", definitionFileRef=None), gql, backend(), scope("read", "pets:read")
    )
    assert found.security.scopes == ()
    (sentence,) = found.stated_only
    assert "pets:read" in sentence


def test_grpc_has_its_own_routes():
    method = {"service": "shop.Pets", "method": "List"}
    rules = [
        {
            "matches": [{"method": method, "headers": [{"name": "a", "value": "b"}]}],
            "backendRefs": [BACKEND_REF],
        }
    ]
    for kind in GRPCROUTES:
        grpc = make(kind, "pets", spec={"rules": rules})
        found = published(api(apiType="GRPC", definitionFileRef=None), grpc, backend())
        assert (found.type, found.upstreams["production"].url) == ("grpc", "http://pets.shop:8080")
        assert "headers" in found.stated_only[0]


def test_everything_that_is_named_is_looked_up():
    from apis.sources import source_of

    store = Store()
    source_of(APIS[0]).read(api(), store)
    assert {(kind.kind, namespace, name) for kind, namespace, name in store.asked} == {
        ("ConfigMap", "shop", "pets-definition"),
        ("HTTPRoute", "shop", "pets"),
    }
