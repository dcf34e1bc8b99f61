"""RouteMetadata of dp.wso2.com/v2alpha1, and the HTTPRoutes that name it."""

from typing import Any

import pytest

from apis.sources import Condition, DefinitionText, OperationScopes, Upstream
from apis.sources.apk.kinds import AUTHENTICATIONS, HTTPROUTES, TLS_POLICIES
from apis.sources.source import CONFIG_MAP
from tests.sources.apk import (
    DEFINITION,
    backend,
    envoy_backend,
    extension,
    metadata,
    packed,
    policy,
    route,
    rule,
    scope,
)
from tests.sources.objects import config_map, fields, made, make, published, reading

NAMED = extension("RouteMetadata", "pets-meta")
CONTEXT = "/pets/2.0.0"


def naming(path: str = CONTEXT, *filters: Any, name: str = "any", **more: Any) -> Any:
    return route(rule(path, filters=[NAMED, *filters]), name=name, **more)


def test_route_metadata_is_read():
    found = published(metadata(apiCreator="alice"), naming(f"{CONTEXT}/pets"), backend())
    assert (found.key, found.version, found.display_name) == ("pet-shop", "2.0.0", "Pet Shop")
    assert (found.base_path, found.type, found.contact) == (CONTEXT, "rest", "alice")
    assert found.definition == DefinitionText(DEFINITION, "spec.api.definition")
    assert found.upstreams == {"production": Upstream("http://pets.shop:8080", backend="Backend shop/pets")}
    assert found.mediation.rewrite_prefix == CONTEXT
    assert found.stated_only == ()


def test_routes_of_both_generations_of_the_gateway_api_are_found_once():
    for kind in HTTPROUTES:
        assert published(metadata(), naming(kind=kind), backend()).upstreams
    both = [naming(kind=kind, hostnames=[kind.version]) for kind in HTTPROUTES]
    assert "at v1 too" in published(metadata(), *both, backend()).stated_only[0]


def test_paths_are_understood_without_the_context():
    away = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/pets"}}
    rewrite = {"type": "URLRewrite", "urlRewrite": away}
    guard = extension("Scope", "read")
    found = published(
        metadata(), naming(f"{CONTEXT}/pets", rewrite, guard), backend(), scope("read", "pets:read")
    )
    assert found.mediation.rewrite_prefix is None
    assert OperationScopes("GET", "/pets/{id}", ("pets:read",)) in found.security.scopes
    assert len(found.security.scopes) == 3


def test_route_that_names_another_one_does_not_count():
    other = extension("RouteMetadata", "other")
    found = published(metadata(), route(rule(filters=[other])), backend())
    assert found.upstreams == {}
    assert found.stated_only == ("No HTTPRoute names this API, so that it is served nowhere.",)


def test_route_policy_is_told():
    found = published(metadata(), naming(CONTEXT, extension("RoutePolicy", "cors")), backend())
    assert "RoutePolicy cors" in found.stated_only[0]


@pytest.mark.parametrize(
    ("stated", "environment"),
    [(None, "production"), ("production", "production"), ("staging", "sandbox"), ("development", "sandbox")],
)
def test_environment_is_that_of_the_object(stated, environment):
    assert list(published(metadata(envType=stated), naming(), backend()).upstreams) == [environment]


@pytest.mark.parametrize(
    ("stated", "expected"),
    [("rest", "rest"), (None, "rest"), ("GraphQL", "graphql"), ("GRPC", "grpc"), ("Async", "asyncapi")],
)
def test_type_in_any_spelling(stated, expected):
    found = published(metadata(type=stated), naming(), backend())
    assert (found.type, found.stated_only) == (expected, ())


def test_unknown_type_is_told():
    found = published(metadata(type="MCP"), naming(), backend())
    assert (found.type, len(found.stated_only)) == ("rest", 1)
    assert "MCP" in found.stated_only[0]


def ref(name: str = "pets-definition", kind: str = "ConfigMap") -> dict[str, str]:
    return {"group": "", "kind": kind, "name": name}


def test_definition_is_plain_or_compressed():
    obj = metadata(definition=None, definitionFileRef=ref())
    for held in (
        packed(),
        packed(key="Definition"),
        config_map("pets-definition", DEFINITION, key="Definition"),
        config_map("pets-definition", DEFINITION, key="other"),
    ):
        found = published(obj, naming(), backend(), held).definition
        assert found
        assert found.text == DEFINITION


def test_definition_key_goes_before_others():
    held = make(CONFIG_MAP, "pets-definition", data={"Definition": DEFINITION, "other": "x"})
    obj = metadata(definition=None, definitionFileRef=ref())
    assert published(obj, naming(), backend(), held).definition.text == DEFINITION


@pytest.mark.parametrize(
    ("stated", "field"),
    [
        ({"name": None}, "spec.api.name"),
        ({"version": None}, "spec.api.version"),
        ({"context": None}, "spec.api.context"),
        ({"context": "a b"}, "spec.api.context"),
        ({"envType": "moon"}, "spec.api.envType"),
        ({"definition": None, "definitionFileRef": ref()}, "spec.api.definitionFileRef.name"),
        ({"definition": None, "definitionFileRef": {"kind": "ConfigMap"}}, "spec.api.definitionFileRef.name"),
        ({"definition": None, "definitionFileRef": ref(kind="Secret")}, "spec.api.definitionFileRef.kind"),
    ],
)
def test_wrong_route_metadata_names_its_field(stated, field):
    found = reading(metadata(**stated), naming(), backend())
    assert found.published == ()
    assert field in fields(found)


def test_backend_that_is_missing_is_a_problem():
    assert fields(reading(metadata(), naming())) == ["spec.api"]


def test_definition_is_not_required():
    assert published(metadata(definition=None), naming(), backend()).definition is None


@pytest.mark.parametrize("label", ["systemAPI", "system-api", "kgw.wso2.com/system-api"])
def test_system_api_is_nobodys(label):
    found = reading(metadata(labels={label: "true"}))
    assert (found.published, found.problems) == ((), ())
    assert reading(metadata(labels={label: "false"}), naming(), backend()).published


def test_policies_that_point_at_it_count():
    target = {"group": "dp.wso2.com", "kind": "RouteMetadata", "name": "pets-meta"}
    off = policy(AUTHENTICATIONS[0], target=target, default={"disabled": True})
    assert published(metadata(), naming(), backend(), off).security.public


def test_conditions_of_its_ancestors_are_observed():
    def ancestor(status: str, name: str) -> dict[str, Any]:
        entry = {"type": "Accepted", "status": status, "reason": "R", "message": "M", "observedGeneration": 2}
        return {"ancestorRef": {"name": name}, "controllerName": "a/b", "conditions": [entry]}

    body = dict(metadata().body) | {"status": {"ancestors": [ancestor("True", "a"), ancestor("False", "b")]}}
    found = published(made(metadata().kind, body), naming(), backend())
    assert found.conditions == (Condition("Accepted", "False", "R", "Gateway shop/b: M", 2),)


def annotated(obj: Any, **annotations: str) -> Any:
    body = dict(obj.body)
    body["metadata"] = dict(body["metadata"]) | {"annotations": annotations}
    return made(obj.kind, body)


def test_route_says_which_environment_it_serves():
    word = "gateway.envoyproxy.io/kgw-envtype"
    routes = [
        annotated(naming(name=name), **{word: stated})
        for name, stated in (("a", "production"), ("b", "Sandbox"), ("c", "other"))
    ]
    assert list(published(metadata(envType="staging"), *routes, backend()).upstreams) == [
        "production",
        "sandbox",
    ]
    assert list(published(metadata(envType="staging"), routes[2], backend()).upstreams) == ["sandbox"]


def test_routes_that_annotations_name_count():
    obj = metadata(annotations={"dp.wso2.com/httproute_1": "any, plain"}, type="GraphQL")
    found = published(
        obj, naming(hostnames=["a.example"]), route(name="plain", hostnames=["b.example"]), backend()
    )
    assert any("a.example, b.example" in text for text in found.stated_only)
    assert fields(reading(obj, naming(), backend())) == ["metadata.annotations[0]"]


ENVOY_REF = {"group": "gateway.envoyproxy.io", "kind": "Backend", "name": "pets"}


def envoy(*others: Any) -> Any:
    return reading(metadata(), route(rule(CONTEXT, filters=[NAMED], refs=[ENVOY_REF])), *others)


def test_envoy_gateways_backend_is_read():
    (found,) = envoy(envoy_backend()).published
    assert found.upstreams["production"].url == "http://pets.shop:8443"
    (found,) = envoy(envoy_backend(endpoints=[{"ip": {"address": "10.0.0.7", "port": 80}}, {}])).published
    assert found.upstreams["production"].url == "http://10.0.0.7:80"
    (found,) = envoy(envoy_backend(endpoints=[{"ip": {"address": "fd00::7", "port": 80}}] * 2)).published
    assert found.upstreams["production"].url == "http://[fd00::7]:80"
    assert "several endpoints" in found.stated_only[0]


def test_envoy_gateways_backend_may_speak_tls():
    for kind in TLS_POLICIES:
        targeting = make(kind, "tls", spec={"targetRefs": [ENVOY_REF]})
        (found,) = envoy(envoy_backend(), targeting).published
        assert found.upstreams["production"].url == "https://pets.shop:8443"
        assert "BackendTLSPolicy tls has certificates" in found.stated_only[0]
    (found,) = envoy(envoy_backend(tls={"wellKnownCACertificates": "System"})).published
    assert found.upstreams["production"].url == "https://pets.shop:8443"


@pytest.mark.parametrize(
    "endpoints",
    [
        None,
        [],
        [{}],
        [{"unix": {"path": "/x"}}],
        [{"fqdn": {"hostname": 7, "port": 1}}],
        [{"ip": {"address": "::x", "port": 1}}],
    ],
)
def test_envoy_gateways_backend_that_cannot_be_called_is_a_problem(endpoints):
    assert fields(envoy(envoy_backend(endpoints=endpoints))) == ["spec.api"]
