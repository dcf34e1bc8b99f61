"""Services whose backend serves its own OpenAPI."""

from typing import Any

import pytest

from apis.sources import DefinitionAddress, ObjectRef, Reading, Security, Upstream
from apis.sources.service_v1 import SERVICE
from tests.sources.hostile import broken, check
from tests.sources.objects import Store, fields, make, published, reading

PORT = {"port": 8080, "targetPort": 80}


def service(path: str | None = "/openapi.json", *, ports: Any = (PORT,), **annotations: str) -> Any:
    stated = {} if path is None else {"portico.dev/openapi-path": path}
    stated |= {f"portico.dev/{name.replace('_', '-')}": value for name, value in annotations.items()}
    return make(SERVICE, "orders", annotations=stated, spec={"ports": list(ports), "selector": {"a": "b"}})


def test_service_without_the_annotation_is_nobodys_api():
    assert reading(service(None)) == Reading()
    assert reading(service(None, api="orders", ports=["x"])) == Reading()


def test_service_is_published_with_the_defaults():
    found = published(service())
    assert found.ref == ObjectRef("test", "v1/Service", "shop", "orders", "u-1", 3)
    assert (found.key, found.version, found.display_name) == ("orders", "v1", "orders")
    assert found.base_path == "/orders/v1"
    url = "http://orders.shop.svc:8080"
    assert found.definition == DefinitionAddress(
        f"{url}/openapi.json", "Service shop/orders, path /openapi.json"
    )
    assert found.upstreams == {"production": Upstream(url)}
    assert found.security == Security(oauth2=True, api_key=True, public=False)
    assert (found.visibility, found.approval) == ("internal", "manual")


def test_annotations_say_the_rest():
    found = published(
        service(
            api="shop-orders",
            version="2.1",
            display_name="Orders",
            base_path="/o/2",
            owner_team="shop",
            plans="free, gold",
            tags="a,b",
            visibility="Public",
            approval="Automatic",
        )
    )
    assert (found.key, found.version, found.display_name) == ("shop-orders", "2.1", "Orders")
    assert (found.base_path, found.owner_team, found.plans) == ("/o/2", "shop", ("free", "gold"))
    assert (found.tags, found.visibility, found.approval) == (("a", "b"), "public", "automatic")


METRICS = {"name": "metrics", "port": 9090}
UDP = {"name": "http-quic", "port": 443, "protocol": "UDP"}


@pytest.mark.parametrize(
    ("ports", "stated", "expected"),
    [
        ([METRICS, {"name": "http", "port": 8000}], "", "http://orders.shop.svc:8000"),
        ([METRICS, {"name": "web", "port": 8000, "appProtocol": "http"}], "", "http://orders.shop.svc:8000"),
        ([METRICS, {"name": "web", "port": 80}], "", "http://orders.shop.svc:80"),
        ([UDP, METRICS], "", "http://orders.shop.svc:9090"),
        ([METRICS, {"name": "web", "port": 8000}], "web", "http://orders.shop.svc:8000"),
        ([METRICS, {"name": "web", "port": 8000}], "8000", "http://orders.shop.svc:8000"),
        ([{"port": 443}], "", "https://orders.shop.svc:443"),
        ([{"name": "https", "port": 8443}], "", "https://orders.shop.svc:8443"),
        ([{"port": 8443, "appProtocol": "HTTPS"}], "", "https://orders.shop.svc:8443"),
        ([{"name": "http", "port": 443}], "", "http://orders.shop.svc:443"),
    ],
)
def test_port_is_the_one_for_http(ports, stated, expected):
    found = published(service(ports=ports, **({"port": stated} if stated else {})))
    assert found.upstreams == {"production": Upstream(expected)}


@pytest.mark.parametrize(
    ("obj", "field"),
    [
        (service("openapi.json"), "metadata.annotations.openapi-path"),
        (service(""), "metadata.annotations.openapi-path"),
        (service("/a?token=b"), "metadata.annotations.openapi-path"),
        (service("/a/../b"), "metadata.annotations.openapi-path"),
        (service("//evil.example/a@b#c"), "metadata.annotations.openapi-path"),
        (service(port="81"), "metadata.annotations.port"),
        (service(ports=[]), "metadata.annotations.port"),
        (service(ports=[UDP]), "metadata.annotations.port"),
        (service(ports=[METRICS, {"name": "grpc", "port": 1}]), "metadata.annotations.port"),
        (service(ports=[{"port": 0}]), "spec.ports[0].port"),
        (service(ports=[None, PORT]), "spec.ports[0]"),
        (service(version="a b"), "metadata.annotations.version"),
        (service(base_path="orders"), "metadata.annotations.base-path"),
        (service(api="Orders"), "metadata.annotations.api"),
        (service(visibility="all"), "metadata.annotations.visibility"),
    ],
)
def test_wrong_value_is_a_problem_of_its_field(obj, field):
    found = reading(obj)
    assert found.published == ()
    assert field in fields(found)


def test_anything_anywhere_in_a_service_is_read_or_a_problem():
    for changed in broken(service(ports=[METRICS, {"name": "web", "port": 80, "appProtocol": "http"}])):
        check(changed, Store())
