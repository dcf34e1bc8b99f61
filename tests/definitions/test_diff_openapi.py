"""Operations, parameters, bodies, responses, security and servers of OpenAPI, in all versions."""

import json
from typing import Any

import pytest
import yaml

from apis.definitions.diff import diff, reference
from apis.definitions.diff.rules import BODIES, DOCUMENT, OPERATIONS, PARAMETERS, RULES
from portal.errors import Invalid

SCHEMES = {
    "key": {"type": "apiKey", "in": "header", "name": "x-key"},
    "token": {"type": "oauth2", "flows": {}},
}
TEXT = {"schema": {"type": "string"}}
LIST = {"schema": {"type": "array", "items": {"type": "string"}}}
JSON = {"application/json": {"schema": {"type": "object"}}}
XML = {"application/xml": {"schema": {"type": "object"}}}


def document(operation: Any = None, path: str = "/a/{id}", **more: Any) -> dict[str, Any]:
    """A document with one operation."""
    return {
        "openapi": "3.0.3",
        "info": {"title": "T", "version": "1"},
        "paths": {path: {"get": operation or {}}},
        "components": {"securitySchemes": SCHEMES},
        **more,
    }


def found(old: Any, new: Any) -> dict[str, str]:
    """Code -> level of all changes."""
    return {change.code: change.level.value for change in diff(json.dumps(old), json.dumps(new))}


def parameter(name: str = "q", place: str = "query", **more: Any) -> dict[str, Any]:
    return {"parameters": [{"name": name, "in": place, **TEXT, **more}]}


def body(**more: Any) -> dict[str, Any]:
    return {"requestBody": {"content": JSON, **more}}


def answer(code: str = "200", **more: Any) -> dict[str, Any]:
    return {"responses": {code: {"description": "", **more}}}


def header(**more: Any) -> dict[str, Any]:
    return answer(headers={"X-Rate": {**TEXT, **more}})


def security(*needs: Any) -> dict[str, Any]:
    return {"security": list(needs)}


# Old operation, new operation, code one way, code the other way; "" for no change.
CASES: list[tuple[Any, Any, str, str]] = [
    ({}, {"deprecated": True}, "operation-deprecated", "operation-restored"),
    ({"operationId": "a"}, {"operationId": "b"}, "operation-id-changed", "operation-id-changed"),
    ({}, parameter(), "optional-parameter-added", "parameter-removed"),
    ({}, parameter(required=True), "required-parameter-added", "parameter-removed"),
    (parameter(), parameter(place="header"), "parameter-moved", "parameter-moved"),
    (parameter(), parameter(required=True), "parameter-became-required", "parameter-became-optional"),
    (parameter(), parameter(deprecated=True), "parameter-deprecated", ""),
    (
        parameter(**LIST),
        parameter(**LIST, explode=False),
        "parameter-style-changed",
        "parameter-style-changed",
    ),
    (parameter(), parameter(explode=False), "", ""),
    (parameter(place="header"), parameter("Q", place="header"), "", ""),
    (parameter(), parameter(schema={"type": "string", "maxLength": 1}), "limit-tightened", "limit-loosened"),
    ({}, body(required=True), "required-body-added", "body-removed"),
    ({}, body(), "optional-body-added", "body-removed"),
    (body(), body(required=True), "body-became-required", "body-became-optional"),
    (body(), body(content=JSON | XML), "media-type-added", "media-type-removed"),
    (body(), body(content={"application/*": JSON["application/json"]}), "", "media-type-removed"),
    (body(), body(content={"Application/JSON; charset=utf-8": JSON["application/json"]}), "", ""),
    (
        body(content={"multipart/form-data": {}}),
        body(content={"multipart/form-data": {"encoding": {"a": {"contentType": "text/plain"}}}}),
        "encoding-changed",
        "encoding-changed",
    ),
    ({}, answer(), "success-status-added", "success-status-removed"),
    ({}, answer("404"), "error-status-added", "error-status-removed"),
    (answer("default"), {"responses": {"default": {}, "404": {}}}, "", ""),
    (answer("4XX"), answer("404"), "error-status-removed", ""),
    (answer(content=JSON), answer(content=JSON | XML), "media-type-added", "media-type-removed"),
    (answer(), header(), "header-added", "optional-header-removed"),
    (answer(), header(required=True), "header-added", "required-header-removed"),
    (header(), header(required=True), "header-became-required", "header-became-optional"),
    (header(), header(schema={"type": "number"}), "type-changed", "type-changed"),
    ({}, security({"key": []}), "security-required", "security-dropped"),
    (security({"key": []}, {}), security({"key": []}), "security-required", "security-dropped"),
    (security({"key": []}), security({"key": []}, {"token": []}), "security-added", "security-changed"),
    (security({"key": []}), security({"key": [], "token": []}), "security-changed", "security-added"),
    (security({"token": []}), security({"token": ["a"]}), "scope-added", "scope-removed"),
]


@pytest.mark.parametrize(("old", "new", "forth", "back"), CASES)
def test_operation(old: Any, new: Any, forth: str, back: str) -> None:
    for before, after, code in ((old, new, forth), (new, old, back)):
        assert set(found(document(before), document(after))) == ({code} if code else set())


def test_levels_of_what_has_one_direction() -> None:
    levels = {
        code: found(document(before), document(after))[code]
        for old, new, forth, back in CASES
        for before, after, code in ((old, new, forth), (new, old, back))
        if code in OPERATIONS | PARAMETERS | BODIES
    }
    assert levels == {code: RULES[code].request for code in levels}


def test_every_rule_is_tested() -> None:
    tested = {code for case in CASES for code in case[2:]}
    apart = {"operation-added", "operation-removed", "path-parameter-renamed"}
    assert (OPERATIONS | PARAMETERS | BODIES).keys() - tested == apart


def test_operations_come_and_go() -> None:
    old, new = document(path="/a"), document(path="/b")
    (gone, come) = diff(json.dumps(old), json.dumps(new))
    assert (gone.code, gone.level, gone.operation, gone.old) == (
        "operation-removed",
        "breaking",
        "GET /a",
        "GET /a",
    )
    assert (come.code, come.level, come.operation, come.new) == (
        "operation-added",
        "safe",
        "GET /b",
        "GET /b",
    )


def test_a_path_parameter_may_be_renamed() -> None:
    old = document(parameter("id", "path", required=True))
    new = document(parameter("key", "path", required=True), "/a/{key}")
    (change,) = diff(json.dumps(old), json.dumps(new))
    assert (change.code, change.level, change.operation) == ("path-parameter-renamed", "safe", "GET /a/{key}")
    new["paths"]["/a/{key}"]["get"]["parameters"][0]["schema"] = {"type": "integer"}
    assert found(old, new) == {"path-parameter-renamed": "safe", "type-changed": "breaking"}


def test_parameters_of_the_path_count_for_its_operations() -> None:
    old, new = document(parameter()), document()
    new["paths"]["/a/{id}"]["parameters"] = parameter()["parameters"]
    assert found(old, new) == {}


def test_servers() -> None:
    one, other, moved = (
        {"servers": [{"url": url}]} for url in ("https://a/v1", "https://b/v1", "https://a/v2")
    )
    both = {"servers": one["servers"] + other["servers"]}
    assert found(document(**both), document(**one)) == {"server-removed": "risky"}
    assert found(document(**one), document(**both)) == {"server-added": "safe"}
    assert found(document(**one), document(**moved)) == {"base-path-changed": "risky", "server-added": "safe"}
    tested = {"server-removed", "server-added", "base-path-changed", "language-changed", "not-all-compared"}
    assert tested == DOCUMENT.keys()


def test_shared_schemas_are_reported_at_each_operation() -> None:
    def shared(kind: str) -> dict[str, Any]:
        schema = {"$ref": "#/components/schemas/A"}
        operation = {
            **body(content={"application/json": {"schema": schema}}),
            **answer(content={"a/b": {"schema": schema}}),
        }
        paths = {f"/{name}": {"post": operation} for name in "ab"}
        return document(paths=paths, components={"schemas": {"A": {"enum": [kind]}}})

    changes = diff(json.dumps(shared("x")), json.dumps(shared("y")))
    assert [(change.level.value, change.operation, change.code) for change in changes] == [
        ("breaking", "POST /a", "enum-value-removed"),
        ("breaking", "POST /a", "enum-value-added"),
        ("breaking", "POST /b", "enum-value-removed"),
        ("breaking", "POST /b", "enum-value-added"),
        ("safe", "POST /a", "enum-value-added"),
        ("safe", "POST /a", "enum-value-removed"),
        ("safe", "POST /b", "enum-value-added"),
        ("safe", "POST /b", "enum-value-removed"),
    ]


SWAGGER = """
swagger: "2.0"
info: {title: T, version: "1"}
host: h
basePath: /v1
schemes: [https]
consumes: [application/json]
produces: [application/json]
securityDefinitions: {k: {type: apiKey, in: header, name: X-Key}, b: {type: basic}}
security: [{k: []}, {b: []}]
paths:
  /a/{id}:
    parameters:
    - {name: id, in: path, required: true, type: integer, format: int64}
    get:
      operationId: get
      parameters:
      - {name: tags, in: query, type: array, items: {type: string}, collectionFormat: multi}
      - {name: q, in: query, type: string, enum: [a, b], default: a}
      responses:
        200:
          description: ok
          schema: {$ref: '#/definitions/A'}
          headers: {X-Rate: {type: integer}}
    post:
      parameters: [{name: body, in: body, required: true, schema: {$ref: '#/definitions/A'}}]
      responses: {201: {description: ok}}
    put:
      parameters:
      - {name: file, in: formData, type: file, required: true}
      - {name: note, in: formData, type: string}
      responses: {204: {description: ok}}
definitions:
  A: {type: object, required: [a], properties: {a: {type: string, x-nullable: true}, b: {$ref: '#/definitions/A'}}}
"""
OPENAPI = """
openapi: 3.1.0
info: {title: T, version: "1"}
servers: [{url: "https://h/v1"}]
security: [{key: []}, {basic: []}]
paths:
  /a/{key}:
    get:
      operationId: get
      parameters:
      - {name: key, in: path, required: true, schema: {type: integer, format: int64}}
      - {name: tags, in: query, schema: {type: array, items: {type: string}}}
      - {name: q, in: query, schema: {type: string, enum: [a, b], default: a}}
      responses:
        "200":
          description: ok
          content: {application/json: {schema: {$ref: '#/components/schemas/B'}}}
          headers: {x-rate: {schema: {type: integer}}}
    post:
      parameters: [{name: key, in: path, required: true, schema: {type: integer, format: int64}}]
      requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/B'}}}}
      responses: {"201": {description: ok}}
    put:
      parameters: [{name: key, in: path, required: true, schema: {type: integer, format: int64}}]
      requestBody:
        required: true
        content:
          multipart/form-data:
            schema:
              type: object
              required: [file]
              properties: {file: {type: string, format: binary}, note: {type: string}}
      responses: {"204": {description: ok}}
components:
  securitySchemes: {key: {type: apiKey, in: header, name: x-key}, basic: {type: http, scheme: basic}}
  schemas:
    B: {type: object, required: [a], properties: {a: {type: [string, "null"]}, b: {$ref: '#/components/schemas/B'}}}
"""


def test_another_version_is_no_change() -> None:
    for old, new in ((SWAGGER, OPENAPI), (OPENAPI, SWAGGER)):
        assert {change.code for change in diff(old, new)} == {"path-parameter-renamed"}


@pytest.mark.parametrize("text", [SWAGGER, OPENAPI])
def test_yaml_or_json_and_order_are_no_change(text: str) -> None:
    data = yaml.safe_load(text)
    assert diff(text, json.dumps(data)) == ()
    assert diff(json.dumps(data, sort_keys=True), text) == ()


def test_the_line_is_that_of_the_operation() -> None:
    (change,) = diff(OPENAPI, OPENAPI.replace("operationId: get", "operationId: other"))
    assert OPENAPI.splitlines()[(change.line or 0) - 1].strip() == "get:"
    removed = diff(OPENAPI, OPENAPI[: OPENAPI.index("    put:")] + OPENAPI[OPENAPI.index("components:") :])
    assert [OPENAPI.splitlines()[(change.line or 0) - 1].strip() for change in removed] == ["put:"]


def test_too_many_changes_are_said_to_be() -> None:
    def large(kind: str) -> str:
        properties = {f"p{number}": {"type": kind} for number in range(1000)}
        content = {"a/b": {"schema": {"type": "object", "properties": properties}}}
        return json.dumps(document(answer(content=content) | {"deprecated": kind == "string"}))

    changes = diff(large("number"), large("string"))
    assert len(changes) == 502
    assert {change.code for change in changes} == {"type-changed", "operation-deprecated", "not-all-compared"}


@pytest.mark.parametrize("text", ["", "a: 1", "[]", "openapi: 9.9", "{", "type"])
def test_text_that_is_no_definition(text: str) -> None:
    with pytest.raises(Invalid):
        diff(text, OPENAPI)
    with pytest.raises(Invalid):
        diff(OPENAPI, text)


def test_reference_lists_every_rule() -> None:
    page = reference()
    assert all(f"| `{code}` | {rule.request} | {rule.response} |" in page for code, rule in RULES.items())
