"""APIProducts of Kuadrant's developer portal."""

from typing import Any

import pytest

from apis.sources import (
    Condition,
    DefinitionAddress,
    DefinitionText,
    ObjectRef,
    Reading,
    Security,
    Target,
    Upstream,
    attachment_of,
)
from apis.sources.kuadrant_kinds import API_PRODUCT
from tests.sources.crds import sample, schema_errors
from tests.sources.hostile import broken, check
from tests.sources.objects import Store, config_map, fields, from_files, make, published, reading
from tests.sources.test_http_route import SEVERAL, gateway, route

CRD = "kuadrant/crds/devportal.kuadrant.io_apiproducts.yaml"
TARGET = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "orders"}
NOW = "2026-08-01T00:00:00Z"


def product(name: str = "orders-api", *, annotations: Any = None, status: Any = None, **spec: Any) -> Any:
    stated = {
        "displayName": "Orders",
        "approvalMode": "manual",
        "publishStatus": "Published",
        "targetRef": TARGET,
    } | spec
    return make(API_PRODUCT, name, annotations=annotations, spec=stated, status=status or {})


def plain(**more: Any) -> Any:
    """The route, without any annotation of its own."""
    return route(annotations={}, **more)


def full() -> Any:
    condition = {"type": "Ready", "status": "True", "reason": "Ok", "message": "", "lastTransitionTime": NOW}
    return product(
        version="v2",
        description="Place orders.\nAnd follow them.",
        approvalMode="automatic",
        tags=["shop", "orders", "shop"],
        contact={"team": "shop", "email": "shop@a.example", "slack": "#shop", "url": "https://a.example"},
        documentation={
            "docsURL": "https://docs.example/orders",
            "gitRepository": "https://git.example/orders",
            "swaggerUI": "https://ui.example",
            "techdocsRef": "dir:.",
            "openAPISpecURL": "https://docs.example/orders.json",
        },
        status={
            "conditions": [condition],
            "openapi": {"raw": "openapi: 3.1.0", "lastSyncTime": NOW},
            "discoveredPlans": [
                {
                    "tier": "gold",
                    "limits": {"daily": 100, "monthly": 1000, "custom": [{"limit": 5, "window": "10s"}]},
                },
                {"tier": "free"},
            ],
            "discoveredAuthScheme": {"authentication": {"keys": {"apiKey": {"selector": {}}}}},
            "oidcDiscovery": {"tokenEndpoint": "https://sso.example/token"},
        },
    )


def test_product_is_read():
    found = published(full(), plain())
    assert found.ref == ObjectRef(
        "test", "devportal.kuadrant.io/v1alpha1/APIProduct", "shop", "orders-api", "u-1", 3
    )
    assert (found.key, found.version, found.display_name) == ("orders-api", "v2", "Orders")
    assert (found.base_path, found.mediation.rewrite_prefix) == ("/orders", "/orders")
    assert found.upstreams == {"production": Upstream("http://orders.shop.svc:8080")}
    assert (found.summary, found.approval, found.tags) == ("Place orders.", "automatic", ("shop", "orders"))
    assert found.contact == "shop@a.example"
    assert found.description.split("\n\n")[1:] == [
        "Documentation: <https://docs.example/orders>",
        "Interactive documentation: <https://ui.example>",
        "Source: <https://git.example/orders>",
        "TechDocs: `dir:.`",
        "https://a.example, Slack #shop, Team shop",
    ]
    assert found.conditions == (Condition("Ready", "True", "Ok"),)


def test_little_is_enough():
    found = published(product(), plain())
    assert (found.version, found.description, found.contact, found.definition) == ("v1", "", "", None)
    assert (found.approval, found.security, found.stated_only) == ("manual", Security(), ())


def test_draft_is_hidden():
    assert reading(product(publishStatus="Draft"), plain()) == Reading()
    assert reading(product(publishStatus=None), plain()) == Reading()


def test_annotations_say_what_the_kind_cannot():
    notes = {"api": "orders", "owner-team": "shop", "plans": "gold", "visibility": "Team", "base-path": "/o"}
    obj = product(annotations={f"portico.dev/{name}": value for name, value in notes.items()})
    found = published(obj, plain())
    assert (found.key, found.owner_team, found.plans) == ("orders", "shop", ("gold",))
    assert (found.visibility, found.base_path) == ("team", "/o")


def test_definition_that_kuadrant_fetched_goes_before_its_address():
    origin = "status.openapi.raw, fetched by Kuadrant from https://docs.example/orders.json"
    assert published(full(), plain()).definition == DefinitionText("openapi: 3.1.0", origin)
    named = {"openAPISpecURL": "http://orders:8080/openapi.json"}
    assert published(product(documentation=named), plain()).definition == DefinitionAddress(
        "http://orders.shop.svc:8080/openapi.json", "spec.documentation.openAPISpecURL"
    )
    notes = {"portico.dev/definition": "own"}
    own = published(product(documentation=named, annotations=notes), plain(), config_map("own", "x"))
    assert own.definition == DefinitionText("x", "ConfigMap shop/own, key api.yaml")


@pytest.mark.parametrize("url", ["ftp://a", "http://a/b?c=d", "http://169.254.169.254/", "nothing"])
def test_address_that_is_not_fetched_is_stated(url):
    found = published(product(documentation={"openAPISpecURL": url}), plain())
    assert found.definition is None
    assert found.stated_only == (
        f"The definition is stated to be at {url}, which is no address that Portico fetches.",
    )


def test_links_that_are_none_are_left_out():
    stated = {
        "docsURL": "javascript:alert(1)",
        "gitRepository": "https://a.example/<b>",
        "techdocsRef": "url:https://t",
    }
    found = published(product(documentation=stated), plain())
    assert found.description == "TechDocs: <https://t>"


@pytest.mark.parametrize(
    ("authentication", "security", "sentence"),
    [
        ({"a": {"apiKey": {}}}, Security(oauth2=False, api_key=True), "asks for API keys of its own"),
        ({"a": {"jwt": {}}}, Security(oauth2=True, api_key=False), "asks for tokens of its own issuer"),
        ({"a": {"jwt": {}}, "b": {"apiKey": {}}}, Security(), "asks for API keys"),
        ({"a": {"anonymous": {}}}, Security(), "asks for nothing"),
        ({"a": {"x509": {}}}, Security(), "asks for client certificates"),
    ],
)
def test_authentication_that_kuadrant_found_counts(authentication, security, sentence):
    obj = product(status={"discoveredAuthScheme": {"authentication": authentication}})
    found = published(obj, plain())
    assert found.security == security
    assert sentence in found.stated_only[0]


def test_authorization_and_plans_of_the_cluster_are_stated():
    found = published(full(), plain())
    limits = "100 requests a day, 1000 requests a month, 5 requests in 10s"
    assert found.stated_only[1:] == (
        f"The cluster has a plan gold of {limits}, which its own gateway enforces.",
        "The cluster has a plan free, which its own gateway enforces.",
    )
    obj = product(status={"discoveredAuthScheme": {"authorization": {"a": {"opa": {}}}}})
    assert "Authorization rules" in published(obj, plain()).stated_only[0]


def test_route_with_several_backends_goes_through_the_clusters_gateway():
    found = published(product(), route(*SEVERAL, annotations={}), gateway())
    assert found.upstreams == {"production": Upstream("https://api.example")}


def test_conditions_of_the_route_follow_the_products():
    obj = plain()
    conditions = [{"type": kind, "status": "False"} for kind in ("Ready", "Accepted")]
    obj.body["status"] = {"parents": [{"parentRef": {"name": "edge"}, "conditions": conditions}]}
    found = published(full(), obj)
    assert [(condition.type, condition.status) for condition in found.conditions] == [
        ("Ready", "True"),
        ("Accepted", "False"),
    ]


@pytest.mark.parametrize(
    ("obj", "others", "field"),
    [
        (product(), (), "spec.targetRef.name"),
        (product(targetRef=None), (), "spec.targetRef"),
        (product(targetRef=TARGET | {"name": None}), (), "spec.targetRef.name"),
        (product(targetRef=TARGET | {"kind": "Gateway"}), (plain(),), "spec.targetRef.kind"),
        (product(targetRef=TARGET | {"group": "a.b"}), (plain(),), "spec.targetRef.kind"),
        (product(), (route(*SEVERAL, hosts=[]),), "spec.rules"),
        (product(version="a b"), (plain(),), "spec.version"),
        (product(approvalMode="never"), (plain(),), "spec.approvalMode"),
        (product(publishStatus="Gone"), (), "spec.publishStatus"),
        (product("a" * 64), (plain(),), "metadata.name"),
        (
            product(annotations={"portico.dev/visibility": "all"}),
            (plain(),),
            "metadata.annotations.visibility",
        ),
    ],
)
def test_wrong_product_names_its_field(obj, others, field):
    found = reading(obj, *others)
    assert found.published == ()
    assert fields(found) == [field]


def test_product_points_at_its_route():
    attachment = attachment_of(API_PRODUCT)
    assert attachment
    assert list(attachment.targets(product())) == [
        Target("gateway.networking.k8s.io", "HTTPRoute", "shop", "orders")
    ]
    assert list(attachment.targets(make(API_PRODUCT, "x", spec={"targetRef": []}))) == []


def test_anything_anywhere_in_a_product_is_read_or_a_problem():
    attachment = attachment_of(API_PRODUCT)
    assert attachment
    for changed in broken(full()):
        spec = changed.body["spec"]
        # A publish status that is null is a draft's.
        draft = isinstance(spec, dict) and spec.get("publishStatus") is None
        check(changed, Store(plain()), empty=draft)
        list(attachment.targets(changed))


@pytest.mark.parametrize("obj", [full(), product()], ids=["full", "little"])
def test_objects_of_these_tests_are_what_the_crd_takes(obj):
    assert schema_errors(obj, CRD) == []


def test_sample_product_has_everything_left_to_say():
    (obj,) = from_files([sample("kuadrant/devportal_v1alpha1_apiproduct.yaml")])
    assert fields(reading(obj)) == ["spec.targetRef"]
