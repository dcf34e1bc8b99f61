"""The parts that definitions are cut into for the Reference."""

import json
from typing import Any

import pytest

from apis.definitions import sandbox
from apis.definitions.reference import Reference, reference_of
from portal.errors import Invalid

OPENAPI = """\
openapi: 3.1.0
info: {title: T, version: "1"}
tags: [{name: Orders, description: All about *orders*.}]
paths:
  /orders/{id}:
    parameters: [{$ref: "#/components/parameters/Id"}]
    get:
      operationId: readOrder
      summary: Read one
      tags: [Orders]
      responses:
        200: {description: Fine, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}
        default: {$ref: "#/components/responses/Problem"}
  /untagged/things: {delete: {deprecated: true, responses: {}}}
webhooks:
  orderPaid: {post: {requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}}}
components:
  parameters: {Id: {name: id, in: path, required: true, schema: {type: string, format: uuid}}}
  responses: {Problem: {description: Not fine}}
  schemas:
    Order:
      type: [object, "null"]
      required: [id]
      properties:
        id: {type: string, readOnly: true, examples: [o-1]}
        parent: {$ref: "#/components/schemas/Order"}
        lines: {type: array, items: {$ref: "#/components/schemas/Line"}}
        lost: {$ref: "#/components/schemas/Nothing"}
        far: {$ref: "other.yaml#/A"}
    Line: {allOf: [{$ref: "#/components/schemas/Base"}, {properties: {n: {exclusiveMinimum: 0, type: integer}}}]}
    Base: {type: object, properties: {sku: {const: a}}, additionalProperties: false}
"""
SWAGGER = """\
swagger: "2.0"
info: {title: T, version: "1"}
consumes: [application/json, application/xml]
produces: [application/json]
paths:
  /pets:
    post:
      parameters:
        - {name: pet, in: body, required: true, schema: {$ref: "#/definitions/Pet"}}
        - {name: limit, in: query, type: integer, maximum: 10, exclusiveMaximum: true, x-nullable: true}
      responses: {"200": {description: ok, schema: {type: array, items: {$ref: "#/definitions/Pet"}},
                          examples: {application/json: [{name: Rex}]}}}
  /form: {post: {parameters: [{name: photo, in: formData, type: file, required: true}], responses: {}}}
definitions: {Pet: {type: object, properties: {name: {type: string}}}}
"""


def operation(reference: Reference, slug: str) -> Any:
    """The body of one operation."""
    return json.loads(next(one.body for one in reference.operations if one.slug == slug))


def schema(reference: Reference, slug: str) -> Any:
    """The schema of that slug."""
    return json.loads(next(one.body for one in reference.schemas if one.slug == slug))["schema"]


# ---- OpenAPI --------------------------------------------------------------------------------------------------------
def test_openapi_operations_keep_order_group_and_address():
    found = [(one.slug, one.method, one.group, one.title) for one in reference_of(OPENAPI).operations]
    assert found == [
        ("readOrder", "GET", "Orders", "Read one"),
        ("delete-untagged-things", "DELETE", "untagged", "/untagged/things"),
        ("post-orderPaid", "POST", "Webhooks", "orderPaid"),
    ]


def test_openapi_parameters_of_the_path_are_the_operation_s():
    [parameter] = operation(reference_of(OPENAPI), "readOrder")["parameters"]
    assert (parameter["name"], parameter["in"], parameter["required"]) == ("id", "path", True)
    assert parameter["schema"] == {"format": "uuid", "type": ["string"]}


def test_openapi_responses_follow_references_and_integer_codes():
    answers = operation(reference_of(OPENAPI), "readOrder")["responses"]
    assert [(one["code"], one["description"]) for one in answers] == [
        ("200", "Fine"),
        ("default", "Not fine"),
    ]
    assert answers[0]["media"][0]["schema"] == {"$ref": "Order"}


def test_openapi_operation_names_what_it_needs_nearest_first():
    assert operation(reference_of(OPENAPI), "readOrder")["needs"] == ["Order", "Line", "Base"]


def test_openapi_schema_is_json_schema_with_slugs():
    found = schema(reference_of(OPENAPI), "Order")
    assert (found["type"], found["nullable"], found["required"]) == (["object"], True, ["id"])
    assert found["properties"]["parent"] == {"$ref": "Order"}
    assert found["properties"]["lost"] == {"missing": "#/components/schemas/Nothing"}
    assert found["properties"]["far"] == {"missing": "other.yaml#/A"}
    assert found["properties"]["id"] == {"type": ["string"], "readOnly": True, "examples": ["o-1"]}


def test_openapi_describes_groups():
    assert reference_of(OPENAPI).groups == {"Orders": "All about *orders*."}


def test_swagger_body_has_every_media_type():
    [body] = operation(reference_of(SWAGGER), "post-pets")["bodies"]
    assert [media["type"] for media in body["media"]] == ["application/json", "application/xml"]
    assert body["required"] is True


def test_swagger_parameter_is_its_own_schema():
    [limit] = operation(reference_of(SWAGGER), "post-pets")["parameters"]
    assert limit["schema"] == {"type": ["integer"], "exclusiveMaximum": 10, "nullable": True}


def test_swagger_answer_keeps_its_example():
    [answer] = operation(reference_of(SWAGGER), "post-pets")["responses"]
    assert answer["media"][0]["examples"] == [{"name": "", "value": [{"name": "Rex"}]}]


def test_swagger_form_becomes_a_body():
    [body] = operation(reference_of(SWAGGER), "post-form")["bodies"]
    assert body["media"][0]["type"] == "multipart/form-data"
    assert body["media"][0]["schema"]["properties"] == {"photo": {"type": ["file"]}}


@pytest.mark.parametrize(
    "odd", ["7", "[]", "{}", "{a: 7}", "[{$ref: 7}]", "text", "null", "{$ref: '#/paths'}"]
)
@pytest.mark.parametrize("place", ["parameters", "requestBody", "responses", "security", "callbacks", "tags"])
def test_openapi_odd_parts_are_left_out(place, odd):
    text = f"openapi: 3.0.0\npaths: {{/a: {{get: {{{place}: {odd}}}}}}}"
    assert len(reference_of(text).operations) == 1


def test_openapi_slugs_are_unique_and_safe():
    text = 'openapi: 3.0.0\npaths: {/a: {get: {operationId: "../x?y"}, post: {operationId: "é"}, put: {operationId: "x/y"}}}'
    slugs = [one.slug for one in reference_of(text).operations]
    assert slugs == ["x-y", "x-y-2", "post-a"]


def test_openapi_references_that_multiply_are_refused():
    item = {"get": {"description": "d" * 20_000}}
    text = json.dumps(
        {"openapi": "3.0.0", "x": item, "paths": {f"/{n}": {"$ref": "#/x"} for n in range(5000)}}
    )
    with pytest.raises(Invalid, match="references are followed"):
        reference_of(text)


def test_reference_is_the_same_from_the_sandbox():
    assert sandbox.reference(OPENAPI) == reference_of(OPENAPI)
    with pytest.raises(Invalid):
        sandbox.reference("nothing")


def test_openapi_has_so_many_schemas_at_most():
    schemas = {f"S{n}": {"$ref": f"#/components/schemas/S{n + 1}/x"} for n in range(10_050)}
    text = json.dumps({"openapi": "3.0.0", "paths": {}, "components": {"schemas": schemas}})
    assert len(reference_of(text).schemas) == 10_000


def test_openapi_deep_nesting_is_cut():
    inner: Any = {"type": "string"}
    for _ in range(60):
        inner = {"properties": {"a": inner}}
    text = json.dumps({"openapi": "3.0.0", "paths": {}, "components": {"schemas": {"Deep": inner}}})
    assert "cut" in reference_of(text).schemas[0].body


# ---- other languages ------------------------------------------------------------------------------------------------
ASYNCAPI = """\
asyncapi: 3.0.0
info: {title: T, version: "1"}
channels:
  orders:
    address: events/{shop}
    parameters: {shop: {enum: [a, b]}}
    messages: {changed: {$ref: "#/components/messages/Changed"}}
operations: {onChange: {action: send, channel: {$ref: "#/channels/orders"}}}
components:
  messages:
    Changed:
      title: Order changed
      headers: {type: object, properties: {trace: {type: string}}}
      payload: {$ref: "#/components/schemas/Order"}
      examples: [{name: paid, payload: {id: 1}}]
  schemas: {Order: {type: object, properties: {id: {type: integer}}}}
"""
ASYNCAPI_2 = """\
asyncapi: 2.6.0
info: {title: T, version: "1"}
channels:
  orders: {subscribe: {operationId: hear, message: {oneOf: [{name: A, payload: {type: string}}, {name: B}]}}}
"""


def test_asyncapi_3_operation_has_its_messages():
    reference = reference_of(ASYNCAPI)
    body = operation(reference, "onChange")
    [message] = body["bodies"]
    assert (message["name"], message["headers"][0]["name"]) == ("Order changed", "trace")
    assert message["media"][0]["schema"] == {"$ref": "Order"}
    assert message["media"][0]["examples"] == [{"name": "paid", "summary": "", "value": {"id": 1}}]
    assert body["parameters"][0]["schema"]["enum"] == ["a", "b"]
    assert body["needs"] == ["Order"]


def test_asyncapi_2_operation_has_each_message_it_may_be():
    body = operation(reference_of(ASYNCAPI_2), "hear")
    assert [message["name"] for message in body["bodies"]] == ["A", "B"]


def test_graphql_fields_and_types():
    text = """
    type Query { "The orders." orders(first: Int! = 3, shop: ID!): [Order!]! @deprecated }
    type Order { id: ID! state: State lines(first: Int): [Line] any: Any }
    type Line { order: Order! }
    union Any = Order | Line
    enum State { "Not yet paid." open paid }
    extend type Order { more: Float }
    """
    reference = reference_of(text)
    [one] = reference.operations
    assert (one.slug, one.group, one.deprecated) == ("orders", "Queries", True)
    body = json.loads(one.body)
    assert [(each["name"], each["required"]) for each in body["parameters"]] == [
        ("first", False),
        ("shop", True),
    ]
    answer = body["responses"][0]["media"][0]["schema"]
    assert (answer["shown"], answer["items"]) == ("[Order!]!", {"$ref": "Order"})
    assert set(body["needs"]) == {"Order", "State", "Line", "Any"}
    assert schema(reference, "Order")["properties"]["lines"]["shown"] == "(first): [Line]"
    assert "more" in schema(reference, "Order")["properties"]
    assert "Not yet paid." in schema(reference, "State")["description"]
    assert schema(reference, "Any")["oneOf"] == [{"$ref": "Order"}, {"$ref": "Line"}]


def test_protobuf_methods_and_messages():
    text = """
    syntax = "proto3"; package shop.v1;
    // Orders of the shop.
    service Orders { // Reads one.
      rpc Get (GetRequest) returns (stream Order) { option deprecated = true; } }
    message GetRequest { string id = 1; }
    message Order { /* Its number. */ int64 id = 1; repeated Line lines = 2; map<string, Line> by = 3;
      message Line { string sku = 1 [deprecated = true]; } oneof one { bool a = 4; State b = 5; } }
    enum State { OPEN = 0; // not paid
      PAID = 1; }
    """
    reference = reference_of(text)
    [one] = reference.operations
    assert (one.title, one.group) == ("Get", "Orders")
    body = json.loads(one.body)
    assert body["bodies"][0]["media"][0]["schema"] == {"$ref": "GetRequest"}
    assert body["responses"][0]["media"][0]["schema"] == {"$ref": "Order", "shown": "stream of Order"}
    order = schema(reference, "Order")["properties"]
    assert order["lines"] == {"type": ["array"], "items": {"$ref": "Order.Line"}}
    assert order["by"]["additionalProperties"] == {"$ref": "Order.Line"}
    assert order["id"]["description"] == "Its number."
    assert {"a", "b"} <= order.keys()
    assert schema(reference, "Order.Line")["properties"]["sku"]["deprecated"] is True
    assert schema(reference, "State")["enum"] == ["OPEN", "PAID"]


def test_wsdl_operations_and_types():
    text = """<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:x="http://www.w3.org/2001/XMLSchema" name="S">
    <types><x:schema>
      <x:element name="Ask"><x:complexType><x:sequence>
        <x:element name="id" type="x:int"/><x:element name="tag" type="T" minOccurs="0" maxOccurs="unbounded"/>
      </x:sequence><x:attribute name="lang" use="required"/></x:complexType></x:element>
      <x:simpleType name="T"><x:restriction base="x:string"><x:enumeration value="a"/><x:maxLength value="3"/>
      </x:restriction></x:simpleType>
    </x:schema></types>
    <message name="In"><part name="p" element="Ask"/></message>
    <portType name="P"><operation name="Find"><documentation>Finds.</documentation><input message="In"/></operation></portType>
    </definitions>"""
    reference = reference_of(text)
    [one] = reference.operations
    assert (one.title, one.group) == ("Find", "P")
    body = json.loads(one.body)
    assert body["bodies"][0]["media"][0]["schema"] == {"$ref": "Ask"}
    ask = schema(reference, "Ask")
    assert ask["required"] == ["id", "@lang"]
    assert ask["properties"]["tag"] == {"type": ["array"], "items": {"$ref": "T"}}
    assert schema(reference, "T") == {"type": ["string"], "enum": ["a"], "maxLength": 3}
