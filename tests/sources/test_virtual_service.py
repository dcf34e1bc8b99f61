"""VirtualServices of Istio by annotation, in both spellings."""

from typing import Any

import pytest

from apis.sources import (
    Condition,
    Cors,
    DefinitionAddress,
    HeaderRules,
    ObjectRef,
    Reading,
    Upstream,
    source_of,
)
from apis.sources.virtual_service import ISTIO_GATEWAYS, KINDS, VIRTUAL_SERVICE, VIRTUAL_SERVICE_V1BETA1
from tests.sources.hostile import broken, check
from tests.sources.objects import Store, config_map, fields, make, published, reading

DIRECT = "http://orders.shop.svc:8080"


def to(host: str = "orders", port: Any = 8080, *, subset: str = "", **more: Any) -> dict[str, Any]:
    named = {"subset": subset} if subset else {}
    return {"destination": {"host": host, "port": {"number": port}} | named} | more


def http(*destinations: Any, uri: Any = None, **more: Any) -> dict[str, Any]:
    match = [{"uri": uri or {"prefix": "/orders"}}]
    return {"match": match, "route": list(destinations) or [to()]} | more


def service(
    *routes: Any,
    kind: Any = VIRTUAL_SERVICE,
    hosts: Any = ("api.example",),
    annotations: Any = None,
    **notes: Any,
) -> Any:
    stated = {"portico.dev/api": "orders"} if annotations is None else annotations
    stated = stated | {f"portico.dev/{key.replace('_', '-')}": value for key, value in notes.items()}
    spec = {"hosts": list(hosts), "gateways": ["edge", "mesh"], "http": list(routes) or [http()]}
    return make(kind, "orders", annotations=stated, spec=spec)


def gateway(*servers: Any, namespace: str = "shop") -> Any:
    https = {
        "port": {"number": 443, "name": "tls", "protocol": "HTTPS"},
        "hosts": ["*.example"],
        "tls": {"mode": "SIMPLE"},
    }
    plain = {"port": {"number": 80, "name": "web", "protocol": "HTTP"}, "hosts": ["*"]}
    return make(
        ISTIO_GATEWAYS["v1"],
        "edge",
        namespace,
        spec={"selector": {"a": "b"}, "servers": list(servers) or [plain, https]},
    )


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.version)
def test_virtual_service_is_read(kind):
    found = published(service(kind=kind))
    assert found.ref == ObjectRef(
        "test", f"networking.istio.io/{kind.version}/VirtualService", "shop", "orders", "u-1", 3
    )
    assert (found.key, found.version, found.display_name) == ("orders", "v1", "orders")
    assert (found.base_path, found.mediation.rewrite_prefix) == ("/orders", "/orders")
    assert found.upstreams == {"production": Upstream(DIRECT)}
    assert found.stated_only == ()


def test_newer_spelling_is_the_first_of_the_sources():
    from apis.sources import SOURCES

    kinds = [source.kind for source in SOURCES if source.kind.kind == "VirtualService"]
    assert kinds == [VIRTUAL_SERVICE, VIRTUAL_SERVICE_V1BETA1]


def test_virtual_service_without_an_annotation_is_nobodys_api():
    assert reading(service(annotations={})) == Reading()


def test_annotations_are_those_of_routes():
    found = published(
        service(version="v2", base_path="/o", definition="d", display_name="Orders"), config_map("d", "x")
    )
    assert (found.version, found.base_path, found.display_name) == ("v2", "/o", "Orders")
    assert found.definition
    assert fields(reading(service(definition="none"))) == ["metadata.annotations.definition"]
    assert fields(reading(service(annotations={"portico.dev/api": "A"}))) == ["metadata.annotations.api"]
    assert fields(reading(service(annotations={"portico.dev/api": ""}))) == ["metadata.annotations.api"]
    served = published(service(definition="/openapi.json")).definition
    assert served == DefinitionAddress(f"{DIRECT}/openapi.json", "annotation portico.dev/definition")


@pytest.mark.parametrize(
    ("destination", "url"),
    [
        (to("orders.stock"), "http://orders.stock.svc:8080"),
        (to("orders.stock.svc.cluster.local", 443), "https://orders.stock.svc:443"),
        (to("orders.stock.svc"), "http://orders.stock.svc:8080"),
        (to(port=None), "http://orders.shop.svc:80"),
    ],
)
def test_destination_is_a_service(destination, url):
    assert published(service(http(destination))).upstreams["production"].url == url


@pytest.mark.parametrize(
    "host",
    ["api.elsewhere.example.org", "evil.example/x?", "a@b", "", "*.shop", "orders.stock.svc.other.zone"],
)
def test_destination_outside_the_cluster_is_not_called(host):
    assert fields(reading(service(http(to(host)), hosts=["orders"]))) == ["spec.http"]


@pytest.mark.parametrize(
    ("uri", "base_path", "words"),
    [
        ({"prefix": "/v1/orders/"}, "/v1/orders", ""),
        ({"exact": "/orders/list"}, "/orders/list", "exact paths"),
        ({"regex": "/orders/[0-9]+"}, "/orders", "regular expressions"),
        ({"prefix": "/"}, "/orders/v1", ""),
    ],
)
def test_base_path_is_what_the_matches_have_in_common(uri, base_path, words):
    found = published(service(http(uri=uri)))
    assert found.base_path == base_path
    assert any(words in sentence for sentence in found.stated_only) == bool(words)


def test_route_without_a_match_takes_every_path():
    assert published(service({"route": [to()]})).base_path == "/orders/v1"


def test_what_the_route_matches_besides_is_stated():
    match = {"uri": {"prefix": "/orders"}, "method": {"exact": "GET"}, "headers": {"a": {"exact": "b"}}}
    found = published(service({"match": [match], "route": [to()]}))
    assert "also matches by headers, methods;" in found.stated_only[0]


def test_rewriting_timeout_headers_and_cors_are_mediation():
    route = http(
        rewrite={"uri": "/v2"},
        timeout="45s",
        headers={"request": {"set": {"X-A": "1"}, "remove": ["X-B"]}, "response": {"set": {"X-C": "2"}}},
        corsPolicy={
            "allowOrigins": [{"exact": "https://shop.example"}],
            "allowMethods": ["GET"],
            "allowHeaders": ["X-A"],
            "exposeHeaders": ["X-B"],
            "allowCredentials": True,
            "maxAge": "24h",
        },
    )
    found = published(service(route))
    assert found.upstreams == {"production": Upstream(DIRECT, 45)}
    assert found.mediation.rewrite_prefix == "/v2"
    assert found.mediation.request_headers == HeaderRules({"X-A": "1"}, ("X-B",))
    assert found.mediation.response_headers == HeaderRules({"X-C": "2"})
    assert found.mediation.cors == Cors(("https://shop.example",), ("GET",), ("X-A",), ("X-B",), True, 86_400)
    assert found.stated_only == ()


@pytest.mark.parametrize(
    ("cors", "expected", "sentences"),
    [
        ({"allowOrigins": [{"regex": ".*"}]}, Cors(("*",)), 0),
        ({"allowOrigin": ["https://a.example"]}, Cors(("https://a.example",)), 0),
        ({"allowOrigins": [{"prefix": "https://"}, {"exact": "https://a"}]}, Cors(("https://a",)), 1),
        ({"allowOrigins": [{"regex": "a.+"}]}, None, 1),
    ],
)
def test_cors_is_answered_as_far_as_origins_are_plain(cors, expected, sentences):
    found = published(service(http(corsPolicy=cors)))
    assert (found.mediation.cors, len(found.stated_only)) == (expected, sentences)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"fault": {"abort": {"httpStatus": 500}}}, "Faults are injected"),
        ({"mirror": {"host": "x"}}, "mirrors nothing"),
        ({"mirrors": [{"destination": {"host": "x"}}]}, "mirrors nothing"),
        ({"retries": {"attempts": 3}}, "Retries"),
        ({"rewrite": {"authority": "other.example"}}, "rewritten to other.example"),
        ({"headers": {"request": {"add": {"X-A": "1"}}}}, "A value is added to the request header X-A"),
        ({"headers": {"response": {"set": {"X-A": "%REQ(:path)%"}}}}, "The response header X-A is set"),
        ({"headers": {"request": {"set": {"Host": "x"}}}}, "'Host' is set in the cluster"),
        ({"headers": {"request": {"remove": ["te"]}}}, "'te' is removed in the cluster"),
        ({"route": [to(subset="v1", weight=90), to(subset="v2", weight=10)]}, "The subset v1 is stated"),
        ({"route": [to(headers={"request": {}} | {"response": {}})]}, "single destinations"),
    ],
)
def test_what_portico_does_not_do_is_stated(more, sentence):
    found = published(service(http(**more)))
    assert found.upstreams["production"].url == DIRECT
    assert sentence in found.stated_only[0]


SEVERAL = http(to(weight=50), to("stock", weight=50))


@pytest.mark.parametrize(
    ("routes", "reason"),
    [
        ([SEVERAL], "2 backends"),
        (
            [http(), http(uri={"prefix": "/orders/old"}, route=[], redirect={"uri": "/orders"})],
            "only it can tell",
        ),
        ([http(), http(route=[], directResponse={"status": 404})], "only it can tell"),
        ([http(), http(route=[], delegate={"name": "x"})], "only it can tell"),
        ([http(uri={"exact": "/orders/a"}, rewrite={"uri": "/b"})], "only it can tell"),
        ([http(rewrite={"uriRegexRewrite": {"match": "a", "rewrite": "b"}})], "only it can tell"),
    ],
)
def test_what_only_the_clusters_gateway_can_do_goes_through_it(routes, reason):
    found = published(service(*routes), gateway())
    assert found.upstreams["production"].url == "https://api.example"
    assert found.mediation.rewrite_prefix == found.base_path
    assert reason in found.stated_only[0]


def test_destination_of_weight_zero_gets_nothing():
    assert published(service(http(to(), to("old", weight=0)))).upstreams["production"].url == DIRECT


def server(protocol: str, number: int, *hosts: str, **tls: Any) -> dict[str, Any]:
    return {"port": {"number": number, "protocol": protocol, "name": "p"}, "hosts": list(hosts), "tls": tls}


@pytest.mark.parametrize(
    ("servers", "url"),
    [
        ([server("HTTP", 8080, "shop/api.example")], "http://api.example:8080"),
        (
            [server("HTTP", 80, "*", httpsRedirect=True), server("HTTPS", 8443, "*.example")],
            "https://api.example:8443",
        ),
        ([server("HTTP2", 80, "*/*")], "http://api.example"),
    ],
)
def test_address_of_the_clusters_gateway_is_a_servers(servers, url):
    assert published(service(SEVERAL), gateway(*servers)).upstreams["production"].url == url


def test_gateway_may_be_of_another_namespace_or_unknown():
    obj = service(SEVERAL)
    obj.body["spec"]["gateways"] = ["istio-system/edge"]
    found = published(obj, gateway(namespace="istio-system"))
    assert found.upstreams["production"].url == "https://api.example"
    assert published(obj).upstreams["production"].url == "http://api.example"


@pytest.mark.parametrize(
    ("hosts", "gateways", "others"),
    [
        (["*"], ["edge"], ()),
        (["orders"], ["edge"], ()),
        (["orders.shop.svc.cluster.local"], ["edge"], ()),
        (["169.254.169.254"], ["edge"], ()),
        (["api.example"], ["mesh"], ()),
        (["api.example"], [], ()),
        (["api.example"], ["edge"], (gateway(server("TLS", 443, "*", mode="PASSTHROUGH")),)),
        (["api.example"], ["edge"], (gateway(server("HTTPS", 443, "*", mode="PASSTHROUGH")),)),
        (["api.example"], ["edge"], (gateway(server("HTTP", 80, "other.example")),)),
    ],
)
def test_several_destinations_without_a_way_are_a_problem(hosts, gateways, others):
    obj = service(SEVERAL, hosts=hosts)
    obj.body["spec"]["gateways"] = gateways
    assert fields(reading(obj, *others)) == ["spec.http"]


def test_virtual_service_without_http_routes_is_a_problem():
    obj = service()
    obj.body["spec"] = {"hosts": ["a"], "tcp": [{"route": []}]}
    assert fields(reading(obj)) == ["spec.http"]


def test_conditions_are_istios():
    obj = service()
    obj.body["status"] = {"conditions": [{"type": "Reconciled", "status": "True"}]}
    assert published(obj).conditions == (Condition("Reconciled", "True"),)


def test_everything_that_is_named_is_looked_up():
    store = Store()
    source_of(VIRTUAL_SERVICE_V1BETA1).read(
        service(SEVERAL, kind=VIRTUAL_SERVICE_V1BETA1, definition="d"), store
    )
    assert {(str(kind), namespace, name) for kind, namespace, name in store.asked} == {
        ("networking.istio.io/v1beta1/Gateway", "shop", "edge"),
        ("v1/ConfigMap", "shop", "d"),
    }


def full() -> Any:
    match = {
        "uri": {"prefix": "/orders"},
        "method": {"exact": "GET"},
        "headers": {"a": {"exact": "b"}},
        "queryParams": {"q": {"regex": ".*"}},
    }
    route = {
        "match": [match],
        "route": [to(subset="v1", weight=100, headers={"request": {"set": {"a": "b"}}})],
        "rewrite": {"uri": "/x", "authority": "h.example"},
        "timeout": "5s",
        "headers": {"request": {"set": {"X-A": "1"}, "add": {"X-B": "2"}, "remove": ["X-C"]}},
        "corsPolicy": {"allowOrigins": [{"exact": "https://a"}], "allowMethods": ["GET"], "maxAge": "5s"},
    }
    obj = service(route, definition="/openapi.json")
    obj.body["status"] = {"conditions": [{"type": "Reconciled", "status": "True"}]}
    return obj


@pytest.mark.parametrize("obj", [full(), service(SEVERAL)], ids=["full", "several"])
def test_anything_anywhere_in_a_virtual_service_is_read_or_a_problem(obj):
    for changed in broken(obj):
        check(changed, Store(gateway()))


def test_anything_anywhere_in_its_gateway_is_read_or_a_problem():
    for changed in broken(gateway()):
        check(service(SEVERAL), Store(changed))
