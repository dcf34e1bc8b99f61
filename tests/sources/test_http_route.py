"""HTTPRoutes by annotation, Portico's own or those of WSO2's API platform."""

from typing import Any

import pytest

from apis.sources import Condition, Cors, DefinitionAddress, HeaderRules, ObjectRef, Reading, Upstream
from apis.sources.gateway_api import GATEWAY, HTTPROUTE
from apis.sources.kuadrant_kinds import API_PRODUCT
from tests.sources.hostile import broken, check
from tests.sources.objects import Store, config_map, fields, make, published, reading

DIRECT = "http://orders.shop.svc:8080"
THROUGH = "https://api.example"


def backend(name: str = "orders", port: Any = 8080, **more: Any) -> dict[str, Any]:
    return {"name": name, "port": port} | more


def match(path: str = "/orders", kind: str = "PathPrefix", **more: Any) -> dict[str, Any]:
    return {"path": {"type": kind, "value": path}} | more


def rule(*matches: Any, to: Any = None, **more: Any) -> dict[str, Any]:
    return {"matches": list(matches) or [match()], "backendRefs": [backend()] if to is None else to} | more


def route(
    *rules: Any, name: str = "orders", hosts: Any = ("api.example",), annotations: Any = None, **notes: Any
) -> Any:
    stated = {"portico.dev/api": "orders"} if annotations is None else annotations
    stated = stated | {f"portico.dev/{key.replace('_', '-')}": value for key, value in notes.items()}
    spec = {"parentRefs": [{"name": "edge"}], "hostnames": list(hosts), "rules": list(rules) or [rule()]}
    return make(HTTPROUTE, name, annotations=stated, spec=spec)


def gateway(*listeners: Any) -> Any:
    https = {"name": "tls", "protocol": "HTTPS", "port": 443, "hostname": "*.example"}
    http = {"name": "plain", "protocol": "HTTP", "port": 80}
    return make(
        GATEWAY, "edge", spec={"gatewayClassName": "any", "listeners": list(listeners) or [http, https]}
    )


def modifier(kind: str = "request", **changes: Any) -> dict[str, Any]:
    name = f"{kind}HeaderModifier"
    return {"type": name[0].upper() + name[1:], name: changes}


def rewrite(prefix: str = "/", **more: Any) -> dict[str, Any]:
    path = {"type": "ReplacePrefixMatch", "replacePrefixMatch": prefix}
    return {"type": "URLRewrite", "urlRewrite": {"path": path} | more}


def test_route_to_one_service_is_read():
    found = published(route())
    assert found.ref == ObjectRef(
        "test", "gateway.networking.k8s.io/v1/HTTPRoute", "shop", "orders", "u-1", 3
    )
    assert (found.key, found.version, found.display_name) == ("orders", "v1", "orders")
    assert (found.base_path, found.mediation.rewrite_prefix) == ("/orders", "/orders")
    assert found.upstreams == {"production": Upstream(DIRECT)}
    assert (found.definition, found.stated_only, found.visibility, found.approval) == (
        None,
        (),
        "internal",
        "manual",
    )


def test_route_without_an_annotation_is_nobodys_api():
    assert reading(route(annotations={"other": "x"})) == Reading()


def test_annotations_of_others_are_not_ours():
    foreign = {"api": "x", "version": "9", "tags": "x", "visibility": "Public", "other.dev/version": "9"}
    found = published(route(annotations={"portico.dev/api": "orders"} | foreign))
    assert (found.key, found.version, found.tags, found.visibility) == ("orders", "v1", (), "internal")


def test_further_annotations_are_read():
    found = published(
        route(
            version="2.1",
            owner_team="shop",
            base_path="/store/orders",
            plans="free, gold",
            tags="a,b",
            visibility="Public",
            approval="Automatic",
            display_name="Orders",
        )
    )
    assert (found.version, found.display_name, found.base_path) == ("2.1", "Orders", "/store/orders")
    assert (found.owner_team, found.plans, found.tags) == ("shop", ("free", "gold"), ("a", "b"))
    assert (found.visibility, found.approval) == ("public", "automatic")
    assert found.mediation.rewrite_prefix == "/orders"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("api", "Not A Slug"),
        ("api", ""),
        ("version", "a b"),
        ("base-path", "orders"),
        ("base-path", "/a/../b"),
        ("visibility", "all"),
        ("owner-team", "Team!"),
        ("definition", "no-such-map"),
        ("definition", "/a?b=c"),
        ("definition", "/../secret"),
    ],
)
def test_wrong_annotation_is_a_problem(name, value):
    stated = {"portico.dev/api": "orders", f"portico.dev/{name}": value}
    found = reading(route(annotations=stated))
    assert found.published == ()
    assert fields(found) == [f"metadata.annotations.{name}"]


def test_definition_is_a_config_map_of_the_namespace():
    found = published(route(definition="orders-api"), config_map("orders-api", "openapi: 3.1.0"))
    assert found.definition
    assert found.definition.origin == "ConfigMap shop/orders-api, key api.yaml"


def test_definition_is_a_path_that_the_backend_serves():
    found = published(route(definition="/openapi.json"))
    assert found.definition == DefinitionAddress(
        f"{DIRECT}/openapi.json", "annotation portico.dev/definition"
    )


def test_config_map_with_several_keys_is_a_problem():
    two = config_map("orders-api", "x")
    two.body["data"]["b"] = "y"
    assert fields(reading(route(definition="orders-api"), two)) == ["metadata.annotations.definition"]


@pytest.mark.parametrize(
    ("paths", "base_path", "prefix"),
    [
        (["/orders"], "/orders", "/orders"),
        (["/orders/"], "/orders", "/orders"),
        (["/v1/orders", "/v1/items"], "/v1", "/v1"),
        (["/v1/orders", "/v10/items"], "/orders/v1", None),
        (["/"], "/orders/v1", None),
        (["/orders", "/orders/admin"], "/orders", "/orders"),
        (["/shop/a(b)/c"], "/shop", "/shop"),
    ],
)
def test_base_path_is_what_the_matches_have_in_common(paths, base_path, prefix):
    found = published(route(*(rule(match(path)) for path in paths)))
    assert (found.base_path, found.mediation.rewrite_prefix) == (base_path, prefix)


def test_rule_without_matches_takes_every_path():
    assert published(route({"backendRefs": [backend()]})).base_path == "/orders/v1"


@pytest.mark.parametrize(
    ("pattern", "base_path"),
    [
        ("/orders/[0-9]+", "/orders"),
        ("^/orders/list$", "/orders/list"),
        ("/orders/list", "/orders"),
        ("/a|/b", "/orders/v1"),
        ("/ord.*", "/orders/v1"),
    ],
)
def test_regular_expression_counts_as_far_as_it_is_literal(pattern, base_path):
    found = published(route(rule(match(pattern, "RegularExpression"))))
    assert found.base_path == base_path
    assert "regular expressions" in found.stated_only[0]


def test_what_the_route_refuses_and_portico_does_not_is_stated():
    narrow = match(
        "/orders/x", "Exact", method="GET", headers=[{"name": "a", "value": "b"}], queryParams=[{"name": "q"}]
    )
    found = published(route(rule(narrow), rule(match("/orders/y"))))
    assert (
        found.stated_only[0]
        == "The route also matches by headers, query parameters, methods, exact paths; Portico's gateway"
        " looks at the path and the definition."
    )
    assert "takes only /orders/x, /orders/y" in found.stated_only[1]


@pytest.mark.parametrize(
    ("rules", "prefix"),
    [
        ([rule(filters=[rewrite("/")])], None),
        ([rule(filters=[rewrite("")])], None),
        ([rule(filters=[rewrite("/v2")])], "/v2"),
        (
            [
                rule(match("/orders/a"), filters=[rewrite("/b/a")]),
                rule(match("/orders/c"), filters=[rewrite("/b/c")]),
            ],
            "/b",
        ),
    ],
)
def test_rewriting_of_all_rules_alike_is_mediation(rules, prefix):
    found = published(route(*rules))
    assert found.upstreams["production"].url == DIRECT
    assert (found.base_path, found.mediation.rewrite_prefix) == ("/orders", prefix)


UNLIKE = [
    rule(match("/orders/a"), filters=[rewrite("/x")]),
    rule(match("/orders/b"), filters=[rewrite("/y")]),
]
REDIRECT = [rule(), rule(match("/orders/old"), to=[], filters=[{"type": "RequestRedirect"}])]
FULL = [
    rule(
        filters=[
            {
                "type": "URLRewrite",
                "urlRewrite": {"path": {"type": "ReplaceFullPath", "replaceFullPath": "/"}},
            }
        ]
    )
]


@pytest.mark.parametrize(
    "rules",
    [UNLIKE, REDIRECT, FULL, [rule(filters=[rewrite("/a b")])]],
    ids=["unlike", "redirect", "full", "odd"],
)
def test_what_only_the_clusters_gateway_can_do_goes_through_it(rules):
    found = published(route(*rules), gateway())
    assert found.upstreams["production"].url == THROUGH
    assert (found.base_path, found.mediation.rewrite_prefix) == ("/orders", "/orders")
    assert "rules that only it can tell apart" in found.stated_only[0]
    # Without a hostname the Service is all there is.
    alone = published(route(*rules, hosts=[]))
    assert alone.upstreams["production"].url == DIRECT
    assert "rewrite paths in ways of their own" in alone.stated_only[0]


SEVERAL = [rule(match("/orders/a")), rule(match("/orders/b"), to=[backend("stock")])]


def test_several_backends_go_through_the_clusters_gateway():
    found = published(route(*SEVERAL), gateway())
    assert found.upstreams == {"production": Upstream(THROUGH)}
    assert found.mediation.rewrite_prefix == found.base_path == "/orders"
    assert len(found.stated_only) == 1
    assert "at https://api.example has 2 backends" in found.stated_only[0]


@pytest.mark.parametrize(
    ("hosts", "listener", "url"),
    [
        (["*.example", "api.example"], {"protocol": "HTTP", "port": 80}, "http://api.example"),
        (
            ["api.example"],
            {"protocol": "HTTP", "port": 8080, "hostname": "api.example"},
            "http://api.example:8080",
        ),
        (
            ["api.example"],
            {"protocol": "HTTPS", "port": 8443, "hostname": "*.example"},
            "https://api.example:8443",
        ),
        (["a.other", "api.example"], {"protocol": "HTTPS", "port": 443, "hostname": "*.example"}, THROUGH),
    ],
)
def test_address_of_the_clusters_gateway_is_a_listeners(hosts, listener, url):
    found = published(route(*SEVERAL, hosts=hosts), gateway({"name": "l"} | listener))
    assert found.upstreams["production"].url == url


def test_section_of_the_parent_chooses_the_listener():
    obj = route(*SEVERAL)
    obj.body["spec"]["parentRefs"] = [{"name": "edge", "sectionName": "plain"}]
    assert published(obj, gateway()).upstreams["production"].url == "http://api.example"


def test_gateway_that_cannot_be_read_counts_as_plain_http():
    assert published(route(*SEVERAL)).upstreams["production"].url == "http://api.example"
    obj = route(*SEVERAL)
    obj.body["spec"]["parentRefs"] = [{"name": "edge", "port": 8080}]
    assert published(obj).upstreams["production"].url == "http://api.example:8080"


@pytest.mark.parametrize(
    ("hosts", "others"),
    [
        ([], ()),
        (["*.example"], ()),
        (["169.254.169.254"], ()),
        (["a b"], ()),
        (["api.example"], (gateway({"name": "l", "protocol": "TLS", "port": 443}),)),
        (["api.example"], (gateway({"name": "l", "protocol": "HTTP", "port": 80, "hostname": "x.org"}),)),
    ],
)
def test_several_backends_without_a_way_are_a_problem(hosts, others):
    found = reading(route(*SEVERAL, hosts=hosts), *others)
    assert found.published == ()
    assert fields(found) == ["spec.rules"]


@pytest.mark.parametrize(
    "to",
    [
        [],
        [backend(port=None)],
        [backend(kind="Bucket", group="example.org")],
        [backend("evil.example/x?")],
        [backend(namespace="evil.example/#")],
        [backend(weight=0)],
    ],
)
def test_backend_that_is_no_service_of_the_cluster_is_never_called(to):
    assert fields(reading(route(rule(to=to), hosts=[]))) == ["spec.rules"]


def test_route_without_rules_is_a_problem():
    obj = route()
    obj.body["spec"]["rules"] = []
    assert fields(reading(obj)) == ["spec.rules"]


def test_backend_of_another_namespace_counts_unless_the_controller_refuses_it():
    obj = route(rule(to=[backend(namespace="stock", port=443)]), hosts=[])
    assert published(obj).upstreams["production"].url == "https://orders.stock.svc:443"
    refused = {"type": "ResolvedRefs", "status": "False", "reason": "RefNotPermitted", "message": "no grant"}
    obj.body["status"] = {"parents": [{"parentRef": {"name": "edge"}, "conditions": [refused]}]}
    assert fields(reading(obj)) == ["spec.rules"]


def test_backend_of_weight_zero_gets_nothing():
    found = published(route(rule(to=[backend(), backend("old", weight=0)])))
    assert found.upstreams["production"].url == DIRECT


def test_headers_that_all_rules_change_are_mediation():
    request = modifier("request", set=[{"name": "X-A", "value": "1"}], remove=["X-B"])
    response = modifier("response", set=[{"name": "X-C", "value": "2"}])
    found = published(
        route(rule(filters=[request, response]), rule(match("/orders"), filters=[request, response]))
    )
    assert found.mediation.request_headers == HeaderRules({"X-A": "1"}, ("X-B",))
    assert found.mediation.response_headers == HeaderRules({"X-C": "2"})
    assert found.stated_only == ()


@pytest.mark.parametrize(
    ("filters", "sentence"),
    [
        ([modifier(add=[{"name": "X-A", "value": "1"}])], "A value is added to the request header X-A"),
        ([modifier(set=[{"name": "Host", "value": "x"}])], "header 'Host' is set in the cluster"),
        ([modifier(set=[{"name": "x-portico-a", "value": "x"}])], "'x-portico-a' is set in the cluster"),
        ([modifier("response", set=[{"name": "X-A", "value": "a\nb"}])], "response header 'X-A' is set"),
        ([modifier(remove=["Connection"])], "'Connection' is removed in the cluster"),
        ([rewrite("/orders", hostname="other.example")], "rewritten to other.example"),
        ([{"type": "RequestMirror"}], "mirrors nothing"),
        ([{"type": "ExtensionRef", "extensionRef": {"kind": "Guard", "name": "g"}}], "The filter Guard g"),
        ([{"type": "New"}], "A filter of type New"),
        ([{"type": "CORS", "cors": {"allowOrigins": ["https://*.a.*"]}}], "CORS is stated with more"),
    ],
)
def test_filter_that_portico_does_not_have_is_stated(filters, sentence):
    found = published(route(rule(filters=filters)))
    assert len(found.stated_only) == 1
    assert sentence in found.stated_only[0]
    assert found.mediation.request_headers == found.mediation.response_headers == HeaderRules()
    assert found.mediation.cors is None


def test_filters_that_differ_between_the_rules_are_stated():
    request = modifier(set=[{"name": "X-A", "value": "1"}])
    cors = {"type": "CORS", "cors": {"allowOrigins": ["*"]}}
    found = published(route(rule(filters=[request, cors]), rule(match("/orders"))))
    assert found.mediation.request_headers == HeaderRules()
    assert found.mediation.cors is None
    assert len(found.stated_only) == 2


def test_filters_of_single_backends_are_stated():
    found = published(route(rule(to=[backend(filters=[modifier()])])))
    assert "Filters of single backends" in found.stated_only[0]


def test_cors_is_mediation():
    stated = {
        "allowOrigins": ["https://shop.example"],
        "allowMethods": ["GET", "POST"],
        "allowHeaders": ["X-A"],
        "exposeHeaders": ["X-B"],
        "allowCredentials": True,
        "maxAge": 60,
    }
    found = published(route(rule(filters=[{"type": "CORS", "cors": stated}])))
    assert found.mediation.cors == Cors(
        ("https://shop.example",), ("GET", "POST"), ("X-A",), ("X-B",), True, 60
    )
    assert found.stated_only == ()


def test_cors_with_credentials_for_everybody_is_not_answered_so():
    stated = {"allowOrigins": ["*"], "allowCredentials": True}
    found = published(route(rule(filters=[{"type": "CORS", "cors": stated}])))
    assert found.mediation.cors == Cors(allow_origins=("*",))
    assert "CORS is stated with more" in found.stated_only[0]


@pytest.mark.parametrize(
    ("stated", "seconds"),
    [("10s", 10), ("1m30s", 90), ("500ms", 1), ("0s", 30), ("2h", 600), ("soon", 30), (7, 30)],
)
def test_timeout_is_the_longest_of_the_rules(stated, seconds):
    rules = [rule(timeouts={"request": stated}), rule(timeouts={"request": "300ms"} if seconds != 30 else {})]
    assert published(route(*rules)).upstreams["production"].timeout_seconds == seconds


def test_conditions_are_the_parents_worst():
    def status(name: str, **conditions: str) -> dict[str, Any]:
        listed = [
            {"type": kind, "status": value, "observedGeneration": 3} for kind, value in conditions.items()
        ]
        return {"parentRef": {"name": name}, "conditions": listed}

    obj = route()
    parents = [status("a", Accepted="True", ResolvedRefs="True"), status("b", Accepted="False")]
    obj.body["status"] = {"parents": parents}
    assert published(obj).conditions == (
        Condition("Accepted", "False", message="Gateway shop/b", observed_generation=3),
        Condition("ResolvedRefs", "True", message="Gateway shop/a", observed_generation=3),
    )


def test_product_that_points_at_the_route_speaks_for_it():
    target = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "orders"}
    product = make(API_PRODUCT, "p", spec={"targetRef": target, "publishStatus": "Draft"})
    assert reading(route(), product) == Reading()
    other = make(API_PRODUCT, "p", spec={"targetRef": target | {"name": "others"}})
    assert published(route(), other)


def platform(**notes: str) -> dict[str, str]:
    return {f"gateway.api-platform.wso2.com/{name.replace('_', '-')}": value for name, value in notes.items()}


def test_annotations_of_wso2s_platform_publish_too():
    notes = platform(
        context="/hello/$version", api_version="v2.0", display_name="Hello API", api_handle="hello"
    )
    found = published(route(rule(match("/greet")), annotations=notes))
    assert (found.key, found.version, found.display_name) == ("hello", "v2.0", "Hello API")
    # The rules' paths are below the context, and their own at the backend.
    assert (found.base_path, found.mediation.rewrite_prefix) == ("/hello/v2.0", None)
    assert found.upstreams["production"].url == DIRECT


def test_wso2s_defaults_are_its_operators():
    found = published(route(annotations=platform(context="/")))
    assert (found.key, found.version, found.display_name) == ("shop-orders", "v1.0", "orders")
    assert found.base_path == "/shop-orders/v1.0"


def test_wso2s_context_is_part_of_the_path_at_the_clusters_gateway():
    found = published(route(*SEVERAL, annotations=platform(context="/hello")), gateway())
    assert found.upstreams["production"].url == THROUGH
    assert (found.base_path, found.mediation.rewrite_prefix) == ("/hello", "/hello")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("context", "hello"),
        ("context", "/a b"),
        ("api_version", "a/b"),
        ("api_handle", "A"),
        ("display_name", "x" * 101),
    ],
)
def test_wrong_annotation_of_wso2s_platform_is_a_problem(name, value):
    found = reading(route(annotations=platform(**{name: value})))
    assert fields(found) == [f"metadata.annotations.{name.replace('_', '-')}"]


def test_porticos_own_annotation_goes_before_wso2s():
    notes = {"portico.dev/api": "orders"} | platform(api_handle="other", context="/c")
    found = published(route(annotations=notes))
    assert (found.key, found.base_path) == ("orders", "/orders")


def test_everything_that_is_named_is_looked_up():
    from apis.sources import source_of

    store = Store()
    source_of(HTTPROUTE).read(route(*SEVERAL, definition="d"), store)
    assert {(kind.kind, name) for kind, _, name in store.asked} == {("Gateway", "edge"), ("ConfigMap", "d")}


def full() -> Any:
    filters = [
        rewrite("/x", hostname="h.example"),
        modifier(set=[{"name": "X-A", "value": "1"}], add=[{"name": "X-B", "value": "2"}], remove=["X-C"]),
        {"type": "CORS", "cors": {"allowOrigins": ["*"], "allowMethods": ["GET"], "maxAge": 5}},
        {"type": "ExtensionRef", "extensionRef": {"group": "a.b", "kind": "K", "name": "n"}},
    ]
    narrow = match(
        method="GET", headers=[{"name": "a", "value": "b"}], queryParams=[{"name": "q", "value": "1"}]
    )
    obj = route(rule(narrow, filters=filters, timeouts={"request": "5s"}), definition="/openapi.json")
    condition = {
        "type": "Accepted",
        "status": "True",
        "reason": "Ok",
        "message": "m",
        "observedGeneration": 1,
    }
    obj.body["status"] = {"parents": [{"parentRef": {"name": "edge"}, "conditions": [condition]}]}
    return obj


@pytest.mark.parametrize("obj", [full(), route(*SEVERAL)], ids=["full", "several"])
def test_anything_anywhere_in_a_route_is_read_or_a_problem(obj):
    for changed in broken(obj):
        check(changed, Store(gateway()))


def test_anything_anywhere_in_its_gateway_is_read_or_a_problem():
    for changed in broken(gateway()):
        check(route(*SEVERAL), Store(changed))
