"""Text by people who mean harm, and documents with anything anywhere."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from apis import definitions
from apis.definitions.wsdl import WSDL
from portal.errors import Invalid

OPENAPI = {
    "openapi": "3.0.0",
    "info": {"title": "T", "version": "1", "description": "d", "contact": {"email": "a@b"}},
    "servers": [{"url": "https://{h}", "variables": {"h": {"default": "x"}}}],
    "security": [{"o": ["a"]}],
    "paths": {
        "/a": {
            "get": {"operationId": "x", "summary": "s", "tags": ["t"], "responses": {"200": {"$ref": "#/x"}}}
        }
    },
    "components": {
        "securitySchemes": {"o": {"type": "oauth2", "flows": {"clientCredentials": {"scopes": {"a": "b"}}}}}
    },
}
SWAGGER = {
    "swagger": "2.0",
    "info": {"title": "T", "version": "1"},
    "host": "h",
    "basePath": "/",
    "schemes": ["https"],
    "securityDefinitions": {"o": {"type": "oauth2", "scopes": {"a": "b"}}},
    "paths": {"/a": {"get": {"security": [{"o": ["a"]}]}}},
}
ASYNCAPI_2 = {
    "asyncapi": "2.6.0",
    "info": {"title": "T", "version": "1"},
    "servers": {"s": {"url": "u", "protocol": "p"}},
    "channels": {"c": {"subscribe": {"operationId": "o", "security": [{"s": ["a"]}]}}},
    "components": {"securitySchemes": {"s": {"type": "oauth2", "flows": {"f": {"scopes": {"a": "b"}}}}}},
}
ASYNCAPI_3 = {
    "asyncapi": "3.0.0",
    "info": {"title": "T", "version": "1"},
    "servers": {"s": {"host": "h", "protocol": "p", "pathname": "/p"}},
    "channels": {"c": {"address": "a"}},
    "operations": {
        "o": {"action": "send", "channel": {"$ref": "#/channels/c"}, "security": [{"$ref": "#/components/x"}]}
    },
    "components": {"x": {"type": "oauth2", "scopes": ["a"]}, "securitySchemes": {"s": {"flows": {"f": {}}}}},
}
WRONG = [
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    "",
    "x",
    "#/",
    "\u202e",
    [],
    [None],
    [[]],
    {},
    {"": None},
    {"$ref": "#"},
    {"$ref": 7},
]


def with_wrong_parts(document: Any) -> Iterator[Any]:
    """The document with every part, one after the other, replaced by everything that it should not be."""
    for path in paths_in(document):
        for wrong in WRONG:
            changed = copy.deepcopy(document)
            inside = changed
            for step in path[:-1]:
                inside = inside[step]
            inside[path[-1]] = wrong
            yield changed


def paths_in(value: Any, before: tuple = ()) -> Iterator[tuple]:
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for step, entry in entries:
        yield (*before, step)
        yield from paths_in(entry, (*before, step))


@pytest.mark.parametrize(
    "document", [OPENAPI, SWAGGER, ASYNCAPI_2, ASYNCAPI_3], ids=lambda document: next(iter(document))
)
def test_anything_anywhere_is_read_or_refused(document):
    for changed in with_wrong_parts(document):
        text = json.dumps(changed)
        try:
            definition = definitions.parse(text)
        except Invalid:
            continue
        json.dumps(definition.scopes)
        assert all(type(operation.summary) is str for operation in definition.operations)
        definitions.to_yaml(text)


def test_yaml_bomb_is_refused():
    lines = ["openapi: 3.0.0", "a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    with pytest.raises(Invalid):
        definitions.parse("\n".join(lines))


@pytest.mark.parametrize(
    "text",
    ["openapi: " + "[" * 100_000, '{"openapi":' + "[" * 100_000, "openapi: 3.0.0\nx: " + "{a: " * 5_000],
)
def test_deep_nesting_is_refused(text):
    with pytest.raises(Invalid):
        definitions.parse(text)


def test_text_over_20_mb_is_refused_unread():
    with pytest.raises(Invalid, match="20 MB"):
        definitions.parse("openapi: 3.0.0\n#" + "x" * (20 * 1024 * 1024))


def test_reference_cycles_are_harmless():
    document = OPENAPI | {
        "components": {
            "schemas": {"A": {"$ref": "#/components/schemas/B"}, "B": {"$ref": "#/components/schemas/A"}}
        }
    }
    document["paths"] = {"/a": {"$ref": "#/paths/~1b"}, "/b": {"$ref": "#/paths/~1a"}, "/c": {"get": {}}}
    found = definitions.parse(json.dumps(document))
    assert [operation.path for operation in found.operations] == ["/c"]
    assert "ref-cycle" in {finding.code for finding in found.findings}


def test_a_chain_of_references_is_followed_a_few_hops():
    links = {f"/{n}": {"$ref": f"#/paths/~1{n + 1}"} for n in range(20_000)}
    links["/20000"] = {"get": {}}
    found = definitions.parse(json.dumps(OPENAPI | {"paths": links}))
    assert "ref-chain" in {finding.code for finding in found.findings}
    assert {operation.path for operation in found.operations} == {f"/{n}" for n in range(19_968, 20_001)}


def test_parts_that_many_references_share_are_refused():
    paths = {f"/{n}": {"$ref": "#/x-item"} for n in range(5_000)}
    item = {"get": {"description": "x" * 20_000, "security": [{"o": ["a"] * 1_000}]}}
    with pytest.raises(Invalid, match="references"):
        definitions.parse(json.dumps(OPENAPI | {"paths": paths, "x-item": item}))


OPENING = f"<definitions xmlns='{WSDL}'>\n<portType>\n"
MANY = {
    "openapi": ("openapi: 3.0.0\npaths:\n", "  /a-longer-path-%d: {get: {summary: Get it}}\n", ""),
    "graphql": (
        "type Query {\n\n",
        '"Gets it, whatever it is, for those who ask for it, one at a time, as it is." a%d: B\n',
        "}",
    ),
    "wsdl": (OPENING, "<operation name='a%d'/>\n", "</portType></definitions>"),
    "protobuf": ("package a;\nservice S {\n", "rpc Get%d (Question) returns (Answer);\n", "}"),
}


@pytest.mark.parametrize("language", MANY)
def test_more_operations_than_any_api_has_are_left_out(language):
    head, one, tail = MANY[language]
    found = definitions.parse(head + "".join(one % n for n in range(20_003)) + tail)
    assert len(found.operations) == 20_000
    assert {f.line for f in found.findings if f.code == "too-many-operations"} >= {20_003}


ONE_OF_MANY = """
  /things/%d/{id}:
    parameters: [{$ref: "#/components/parameters/id"}]
    get:
      operationId: get%d
      description: Gets one thing with everything that belongs to it, as it was when it was last seen, and who saw it.
      parameters:
        - {name: fields, in: query, description: What of it, schema: {type: array, items: {type: string}}}
        - {name: limit, in: query, description: How much of it, schema: {type: integer}}
      responses:
        "200": {description: The thing, content: {application/json: {schema: {$ref: "#/components/schemas/Thing"}}}}
        "404": {description: There is no such thing, content: {application/json: {example: {message: None}}}}
"""


def test_5000_operations_are_read_whole():
    text = (
        "openapi: 3.0.0\ninfo: {title: T, version: '1'}\npaths:"
        + "".join(ONE_OF_MANY % (n, n) for n in range(5_000))
        + "components:\n  parameters: {id: {name: id, in: path}}\n  schemas: {Thing: {type: object}}\n"
    )
    for form in (text, json.dumps(definitions.load(text))):
        assert len(form) > 2_000_000
        found = definitions.parse(form)
        assert len(found.operations) == 5_000
        assert found.findings == ()


def test_recursive_alias_is_refused():
    with pytest.raises(Invalid):
        definitions.parse("openapi: 3.0.0\na: &a [*a]\n")


def test_findings_are_limited():
    document = OPENAPI | {"paths": {f"/{n}": 7 for n in range(5_000)}}
    assert len(definitions.parse(json.dumps(document)).findings) == 100


def test_path_that_no_database_holds_is_left_out():
    document = OPENAPI | {"paths": {"/" + "x" * 5_000: {"get": {}}, "/a": {"get": {}}}}
    found = definitions.parse(json.dumps(document))
    assert [operation.path for operation in found.operations] == ["/a"]
    assert "path-too-long" in {finding.code for finding in found.findings}


def test_nul_is_refused():
    with pytest.raises(Invalid):
        definitions.parse('{"openapi": "3.0.0", "info": {"title": "a\\u0000b"}}')
