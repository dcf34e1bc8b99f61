"""The pages of the Reference."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from drf_spectacular.generators import SchemaGenerator

from apis.definitions.reference import reference_of
from apis.models import ApiVersion, DescribedOperation, Document, DocumentReference, Operation
from tests.apis.pages import HTMX, text
from tests.apis.shop import OPENAPI as SMALL
from tests.definitions.drawing import draw_all

pytestmark = pytest.mark.django_db
ORDERS = """\
openapi: 3.1.0
info: {title: Orders, version: "1"}
tags: [{name: Orders, description: All about *orders*.}]
paths:
  /orders:
    get:
      operationId: listOrders
      summary: List orders
      description: Newest first. Use `since`, see [the guide](https://example.com/guide).
      tags: [Orders]
      parameters:
        - {name: limit, in: query, required: true, description: How many., schema: {type: integer, minimum: 1, maximum: 100, default: 20}}
        - {name: state, in: query, deprecated: true, schema: {type: string, enum: [open, paid]}}
        - {name: X-Shop, in: header, required: true, schema: {type: string, example: eu-main}}
      responses:
        "200": {description: A page, content: {application/json: {schema: {type: array, items: {$ref: "#/components/schemas/Order"}}}}}
        "429": {description: Too many}
    post:
      operationId: addOrder
      tags: [Orders]
      requestBody:
        required: true
        content:
          application/json:
            schema: {$ref: "#/components/schemas/Order"}
            examples: {small: {summary: A small one, value: {sku: "it's a \\"b\\"", lines: 1}}}
      responses: {"201": {description: Made, headers: {Location: {schema: {type: string, format: uri}}}}}
  /orders/{id}: {delete: {operationId: dropOrder, deprecated: true, tags: [Old], responses: {"204": {description: Gone}}}}
components:
  schemas:
    Order:
      type: object
      required: [sku]
      properties:
        sku: {type: string, pattern: "^[a-z]+$", maxLength: 12}
        parent: {anyOf: [{$ref: "#/components/schemas/Order"}, {type: "null"}]}
        pay: {oneOf: [{$ref: "#/components/schemas/Card"}, {$ref: "#/components/schemas/Cash"}], discriminator: {propertyName: kind}}
        made_at: {type: string, format: date-time, readOnly: true}
        secret: {type: string, writeOnly: true}
    Card: {allOf: [{$ref: "#/components/schemas/Pay"}, {type: object, properties: {number: {type: string}}}]}
    Cash: {type: object, properties: {coins: {type: [integer, "null"]}}}
    Pay: {type: object, properties: {kind: {type: string}}}
"""
Described = Callable[..., ApiVersion]


@pytest.fixture
def described(published: ApiVersion) -> Described:
    """The version with another definition."""

    def give(definition: str = ORDERS, form: str = "openapi-3.1") -> ApiVersion:
        digest = hashlib.sha256(definition.encode()).hexdigest()
        document = Document.objects.create(version=published, sha256=digest, format=form, text=definition)
        published.document = document
        published.save(update_fields=["document"])
        return published

    return give


REFERENCE = "/apis/products/2.3.0/reference/"


def page(client, path: str = "", **options) -> str:
    return text(client.get(REFERENCE + path, **options))


# ---- the list -------------------------------------------------------------------------------------------------------
def test_list_links_every_operation(client, described):
    described()
    found = page(client)
    for slug in ("listOrders", "addOrder", "dropOrder"):
        assert f'href="{REFERENCE}{slug}/"' in found
    assert f'href="{REFERENCE}schemas/Card/"' in found


def test_list_searches(client, described):
    described()
    assert "dropOrder" not in page(client, "?q=list orders", headers=HTMX)
    assert "listOrders" in page(client, "?q=list orders", headers=HTMX)
    assert "No operation has" in page(client, "?q=nothing")


def test_list_of_one_group_says_what_it_is_about(client, described):
    described()
    found = page(client, "?group=Orders", headers=HTMX)
    assert "All about <em>orders</em>." in found
    assert "dropOrder" not in found


def test_list_beside_a_page_is_short(client, described):
    described()
    found = page(client, "?beside=1&q=drop", headers=HTMX)
    assert found.count("<li>") == 1
    assert "<table" not in found


def test_list_shows_the_scopes_that_the_gateway_asks_for(client, described):
    version = described()
    Operation.objects.create(
        version=version, position=9, method="GET", path="/orders", scopes=["orders:read"]
    )
    assert "orders:read" in page(client)
    assert "Scope orders:read" in page(client, "listOrders/")


# ---- an operation ---------------------------------------------------------------------------------------------------
def test_operation_shows_what_it_takes(client, described):
    described()
    found = page(client, "listOrders/")
    for part in (
        "<code>since</code>",
        '<a href="https://example.com/guide" rel="noopener noreferrer nofollow">the guide</a>',
        "integer, 1 to 100, default 20",
        "One of <code>open</code> <code>paid</code>",
        '<span class="req">deprecated</span>',
        "Headers",
        'array of <a href="../schemas/Order/">Order</a>',
        "at most 12 characters",
        "read only",
        "told apart by <code>kind</code>",
        '<a href="../schemas/Card/">Card</a>',
        '<a href="../schemas/Order/">Order</a> or null',
        "Too many",
    ):
        assert part in found, part


def test_operation_unknown_is_404(client, described):
    described()
    text(client.get(f"{REFERENCE}nothing/"), 404)


def test_operation_without_a_definition_is_404(client, published):
    text(client.get(f"{REFERENCE}listOrders/"), 404)


@pytest.mark.parametrize("path", ["", "listOrders/", "schemas/Order/"])
def test_reference_unseen_is_404(client_as, stranger, described, path):
    version = described()
    version.api.visibility = "team"
    version.api.save(update_fields=["visibility"])
    text(client_as(stranger).get(REFERENCE + path), 404)


def test_operation_by_htmx_is_only_its_region(client, described):
    described()
    found = page(client, "listOrders/", headers=HTMX)
    assert "<html" not in found
    assert "<title>List orders, Products 2.3.0 · Portico</title>" in found
    assert found.count('id="reference"') == 1


def test_operation_example_of_the_author_is_kept(client, described):
    described()
    found = page(client, "addOrder/")
    assert "A small one" in found
    assert "Location" in found


def test_operation_example_is_made_of_the_schema(client, described):
    described()
    found = page(client, "listOrders/")
    assert (
        '<span class="nt">&quot;made_at&quot;</span>: <span class="s">&quot;2026-01-31T12:00:00Z&quot;</span>'
        in found
    )
    assert "&quot;secret&quot;" not in found


# ---- snippets -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("language", ["curl", "python", "javascript", "go", "java", "csharp", "php", "ruby"])
def test_snippet_names_server_and_credential(client, described, settings, language):
    version = described()
    found = page(client, f"listOrders/?language={language}&auth=key&environment=production")
    assert f"{version.base_urls['production']}/orders?limit=20" in found
    assert "API_KEY" in found
    assert "eu-main" in found


def test_snippet_language_is_remembered(client, described):
    described()
    page(client, "listOrders/?language=ruby")
    assert "Net::HTTP::Post" in page(client, "addOrder/")


def test_snippet_alone_for_htmx(client, described):
    described()
    found = page(client, "addOrder/?language=go", headers={**HTMX, "HX-Target": "div#snippet"})
    assert "http.NewRequest" in found
    assert 'id="reference"' not in found


def test_snippet_quotes_what_the_definition_says(client, described):
    described(ORDERS.replace("sku: \"it's a", "sku: \"'; rm -rf ~ #"))
    found = page(client, "addOrder/?language=curl")
    assert "&#x27;&quot;&#x27;&quot;&#x27;; rm -rf ~ #" in found


# ---- schemas --------------------------------------------------------------------------------------------------------
def test_schema_takes_all_of_together(client, described):
    described()
    found = page(client, "schemas/Card/")
    assert "<code>kind</code>" in found
    assert "<code>number</code>" in found


def test_schema_unknown_is_404(client, described):
    described()
    text(client.get(f"{REFERENCE}schemas/Nothing/"), 404)


# ---- how it is kept -------------------------------------------------------------------------------------------------
def test_parts_are_made_once(client, described, monkeypatch):
    described()
    page(client)
    monkeypatch.setattr("apis.definitions.sandbox.reference", None)
    page(client, "listOrders/")
    assert DescribedOperation.objects.count() == 3


def test_parts_of_another_edition_are_made_anew(client, described):
    version = described()
    page(client)
    DocumentReference.objects.update(edition=0)
    DescribedOperation.objects.update(title="Old")
    assert "List orders" in page(client)
    assert DocumentReference.objects.get().document_id == version.document_id


def test_parts_of_a_large_definition_are_made_ahead(shop, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        shop.api(definition={"inline": f"{SMALL}# {'x' * 200_000}"})
    assert DescribedOperation.objects.count() == 2


def test_parts_of_a_small_definition_wait_for_a_reader(shop, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        shop.api()
    assert not DescribedOperation.objects.exists()


def test_parts_that_cannot_be_made_are_explained(client, described):
    described("openapi: 3.0.0\npaths: [")
    assert "cannot be drawn here" in page(client)
    assert "GET" in page(client)


@pytest.mark.django_db(transaction=True)
def test_query_count_does_not_grow(client, described, django_assert_max_num_queries):
    paths = {
        f"/things/{n}": {
            "get": {
                "operationId": f"get{n}",
                "tags": [f"Group {n // 10}"],
                "responses": {
                    "200": {
                        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/T{n}"}}}
                    }
                },
            }
        }
        for n in range(300)
    }
    schemas = {
        f"T{n}": {"properties": {"next": {"$ref": f"#/components/schemas/T{(n + 1) % 300}"}}}
        for n in range(300)
    }
    described(json.dumps({"openapi": "3.1.0", "paths": paths, "components": {"schemas": schemas}}))
    page(client)
    client.get("/")  # reads the index
    with django_assert_max_num_queries(16):
        found = page(client, "get155/")
    assert len(found.encode()) < 100_000
    assert "All 10 of" not in found
    # These lead to another page, not to another operation in the place of this one.
    assert re.search(r'\?group=Group%203"\s+hx-boost="false"', found)
    with django_assert_max_num_queries(16):
        page(client)
    with django_assert_max_num_queries(15):
        page(client, "schemas/T7/")


# ---- other languages ------------------------------------------------------------------------------------------------
DEMO = Path(__file__).parents[2] / "deploy" / "demo" / "manifests"
GRAPHQL = """
type Query { "The orders." orders(first: Int! = 3, shop: ID!): [Order!]! }
type Order { id: ID! state: State! buyer: Buyer }
type Buyer { name: String! orders: [Order!]! }
enum State { open paid }
"""


def test_graphql_operation_shows_arguments_and_asks_for_fields(client, described):
    version = described(GRAPHQL, "graphql")
    version.api.type = "graphql"
    version.api.save(update_fields=["type"])
    found = page(client, "orders/?language=curl")
    assert "Arguments" in found
    assert '[<a href="../schemas/Order/">Order</a>!]!' in found
    assert "query ($shop: ID!)" in found


def test_protobuf_operation_shows_its_messages(client, described):
    described(
        'syntax = "proto3"; package a; service S { rpc Get (In) returns (In); } message In { string id = 1; }',
        "protobuf-3",
    )
    found = page(client, "S.Get/")
    assert '<a href="../schemas/In/">In</a>' in found


def test_asyncapi_operation_shows_its_message(client, described):
    described(
        """{"asyncapi": "3.0.0", "channels": {"o": {"address": "events", "messages": {"m": {"payload":
        {"type": "object", "properties": {"id": {"type": "integer"}}}}}}},
        "operations": {"hear": {"action": "send", "channel": {"$ref": "#/channels/o"}}}}""",
        "asyncapi-3.0",
    )
    found = page(client, "hear/?language=curl")
    assert "Message" in found
    assert "text/event-stream" in found


# ---- real definitions -----------------------------------------------------------------------------------------------
def test_portico_s_own_definition_is_drawn():
    document = SchemaGenerator().get_schema(request=None, public=True)
    reference = reference_of(json.dumps(document, default=str))
    assert len(reference.operations) > 40
    assert draw_all(reference)


@pytest.mark.parametrize("path", sorted(DEMO.rglob("*.yaml")), ids=lambda path: path.stem)
def test_demo_definitions_are_drawn(path):
    for manifest in yaml.safe_load_all(path.read_text()):
        spec = manifest.get("spec", {})
        files = {"inline": spec.get("definition", {}).get("inline", ""), **manifest.get("data", {})}
        for name, definition in files.items():
            if definition and not name.endswith(".md"):
                assert draw_all(reference_of(definition))
