"""The demo: its manifests say what they should, and its backend answers as the definitions promise."""

import http.client
import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from apis import definitions
from apis.sources import PublishedApi, PublishedPlan
from portal import safeyaml
from portal.errors import Invalid
from tests.sources.objects import DEMO, from_files, reading

OBJECTS = from_files(DEMO.rglob("*.yaml"))


def published():
    found = []
    for obj in OBJECTS:
        try:
            entry = reading(obj, *OBJECTS)
        except AssertionError:
            continue
        assert entry.problems == ()
        found += entry.published
    return found


APIS = [entry for entry in published() if isinstance(entry, PublishedApi)]
PLANS = [entry for entry in published() if isinstance(entry, PublishedPlan)]


def test_demo_has_eight_apis_of_every_state():
    assert len({api.key for api in APIS}) == 8
    formats = {definitions.parse(api.definition.text).format for api in APIS}
    assert formats == {"openapi-2.0", "openapi-3.0", "openapi-3.1", "graphql", "asyncapi-3.0"}
    assert {api.type for api in APIS} == {"rest", "graphql", "asyncapi"}
    assert [(api.key, api.version) for api in APIS if api.key == "orders"] == [
        ("orders", "v1"),
        ("orders", "v2"),
    ]
    assert [(api.version, str(api.sunset), api.successor) for api in APIS if api.deprecated] == [
        ("v1", "2027-06-30", "v2")
    ]
    assert {"wso2.com/v1alpha1/API", "portico.dev/v1alpha1/Api"} == {api.ref.kind for api in APIS}
    assert {api.approval for api in APIS} == {"manual", "automatic"}
    assert {api.ref.namespace for api in APIS} == {"storefront", "payments", "fulfilment", "identity"}
    assert all(api.owner_team == api.ref.namespace for api in APIS)


def test_demo_plans_are_there_and_named():
    assert {plan.name for plan in PLANS} == {"free", "standard", "gold", "partner", "carrier"}
    assert all(set(api.plans) <= {plan.name for plan in PLANS} and api.plans for api in APIS)
    assert {plan.approval for plan in PLANS if plan.name in ("free", "standard")} == {"automatic"}
    assert {plan.approval for plan in PLANS if plan.name in ("gold", "partner")} == {"manual"}


def test_demo_base_paths_never_meet():
    paths = sorted(api.base_path + "/" for api in APIS)
    assert not [path for path in paths for other in paths if path != other and other.startswith(path)]


@pytest.mark.parametrize("api", APIS, ids=lambda api: f"{api.key}-{api.version}")
def test_demo_api_is_served_by_the_demo_backend_and_its_definition_is_clean(api):
    assert all(
        upstream.url == "http://demo-backend.portico-demo.svc:80" for upstream in api.upstreams.values()
    )
    assert "production" in api.upstreams
    definition = definitions.parse(api.definition.text)
    assert definition.operations
    assert definition.findings == ()


@pytest.fixture(scope="module")
def backend():
    script = Path(__file__).parents[2] / "deploy" / "demo" / "backend.py"
    process = subprocess.Popen(
        [sys.executable, str(script), "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    port = int(process.stdout.readline().rsplit(":", 1)[1])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    yield connection
    connection.close()
    process.terminate()
    process.wait(10)
    process.stdout.close()


def call(backend, method, path, body=None, **headers):
    backend.request(method, path, json.dumps(body) if body is not None else None, headers)
    answer = backend.getresponse()
    content = answer.read()
    return answer.status, json.loads(content) if content else None


def upstream_path(api, path):
    """What the gateway would ask the backend for."""
    return (api.mediation.rewrite_prefix or "").rstrip("/") + path


def readable():
    for api in APIS:
        for operation in definitions.parse(api.definition.text).operations:
            if operation.method in ("GET", "SEND") and "{" not in operation.path:
                yield pytest.param(api, operation, id=f"{api.key}-{api.version}-{operation.path}")


@pytest.mark.parametrize(("api", "operation"), list(readable()))
def test_demo_backend_answers_as_the_definition_says(backend, api, operation):
    status, body = call(backend, "GET", upstream_path(api, operation.path))
    assert status == 200
    try:
        document = json.loads(definitions.to_json(api.definition.text))
    except Invalid:
        return
    schema = answer_schema(document, operation)
    if schema:
        jsonschema.Draft202012Validator({**schema, **shared_parts(document)}).validate(body)


def answer_schema(document, operation):
    item = document.get("paths", {}).get(operation.path)
    if not item:
        return None
    answer = item["get"]["responses"]["200"]
    return answer.get("schema") or answer["content"]["application/json"]["schema"]


def shared_parts(document):
    return {name: document[name] for name in ("components", "definitions") if name in document}


@pytest.mark.parametrize("api", APIS, ids=lambda api: f"{api.key}-{api.version}")
def test_demo_backend_echoes_under_each_api(backend, api):
    status, body = call(backend, "GET", upstream_path(api, "/echo?a=b"), **{"X-Test": "1"})
    assert status == 200
    assert body["headers"]["x-test"] == "1"
    assert body["path"].endswith("/echo?a=b")


def test_demo_backend_reads_one_of_each(backend):
    for path in [
        "/products/LAMP-01",
        "/orders/o-1001",
        "/v1/orders/o-1001",
        "/stores/bern",
        "/payments/p-2001",
    ]:
        assert call(backend, "GET", path)[0] == 200
    assert call(backend, "GET", "/shipments/s-301")[1]["carrier"] == "Gelbe Post"
    assert call(backend, "GET", "/profiles/c-77")[0] == 200
    assert call(backend, "GET", "/products/none") == (404, {"title": "There is no none", "status": 404})
    assert call(backend, "PATCH", "/products")[0] == 405


def test_demo_backend_takes_writes(backend):
    assert call(backend, "POST", "/products/LAMP-01/reviews", {"stars": 4}) == (201, {"stars": 4, "text": ""})
    assert (
        call(backend, "POST", "/orders", {"lines": [{"sku": "POT-07", "quantity": 1}]})[1]["id"] == "o-1004"
    )
    assert call(backend, "DELETE", "/orders/o-1002") == (204, None)
    assert call(backend, "POST", "/payments", {"amount_cents": 5})[1]["amount_cents"] == 5
    assert call(backend, "PUT", "/profiles/c-77/consents", {"newsletter": True})[1]["newsletter"] is True


def test_demo_backend_answers_graphql(backend):
    query = "query ($city: String) { stores(city: $city) { id } products { sku price } }"
    status, body = call(backend, "POST", "/graphql", {"query": query, "variables": {"city": "Bern"}})
    assert status == 200
    assert body["data"]["stores"] == [{"id": "bern"}]
    assert body["data"]["products"][0] == {"sku": "LAMP-01", "price": 49.0}
    assert "errors" in call(backend, "POST", "/graphql", {"query": "{ nothing }"})[1]


def test_demo_backend_streams_events(backend):
    other = http.client.HTTPConnection(backend.host, backend.port, timeout=10)
    other.request("GET", "/events/orders", headers={"Accept": "text/event-stream"})
    answer = other.getresponse()
    assert answer.headers["content-type"] == "text/event-stream"
    lines = [answer.readline().decode().strip() for _ in range(2)]
    assert lines[0] == "id: 1"
    assert json.loads(lines[1].removeprefix("data: "))["state"] == "placed"
    answer.close()
    other.close()
    assert call(backend, "GET", "/events/orders?after=2")[1]["items"][0]["id"] == 3


def test_demo_backend_refuses_what_is_no_request(backend):
    import socket

    for sent in [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\ncontent-length: -5\r\n\r\n", b"x" * 70_000]:
        with socket.create_connection((backend.host, backend.port), timeout=10) as raw:
            raw.sendall(sent)
            assert raw.recv(100).startswith(b"HTTP/1.1 400 ")


def test_demo_backend_takes_chunked_and_pipelined_requests(backend):
    import socket

    chunked = b"POST /products/x/reviews HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
    chunked += b'8\r\n{"stars"\r\n3\r\n:2}\r\n0\r\n\r\n'
    with socket.create_connection((backend.host, backend.port), timeout=10) as raw:
        raw.sendall(chunked + b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        received = b""
        while part := raw.recv(65536):
            received += part
    assert re.findall(rb"HTTP/1.1 (\d+)", received) == [b"201", b"200"]
    assert b'"stars": 2' in received


def test_demo_manifests_hold_no_unknown_document():
    known = {"Api", "Plan", "API", "ConfigMap", "RateLimiting", "Security", "TargetEndpoint", "Namespace"}
    for path in DEMO.rglob("*.yaml"):
        for chunk in safeyaml.split(path.read_text()):
            assert safeyaml.load(chunk.text)["kind"] in known
