"""Changes of GraphQL and AsyncAPI definitions, and of those of which only operations are known."""

import json
from typing import Any

import pytest

from apis.definitions.diff import diff
from apis.definitions.diff.changes import Changes
from apis.definitions.diff.operations import compare_operations
from apis.definitions.diff.rules import GRAPHQL, MESSAGES, RULES
from apis.definitions.parsed import Operation

BASE = "type Query { a(x: Int): A }\n"
# Old, new, code one way, code the other way.
SCHEMAS = [
    ("type A { b: Int }", "type A { b: Int, c: Int }", "graphql-field-added", "graphql-field-removed"),
    ("type A { b: Int }", "type A { b: Int! }", "graphql-type-compatible", "graphql-type-changed"),
    ("type A { b: [Int] }", "type A { b: [Int!] }", "graphql-type-compatible", "graphql-type-changed"),
    ("type A { b: Int }", "type A { b: String }", "graphql-type-changed", "graphql-type-changed"),
    ("type A { b: Int }", "type A { b: [Int] }", "graphql-type-changed", "graphql-type-changed"),
    ("input A { b: Int }", "input A { b: Int! }", "graphql-type-changed", "graphql-type-compatible"),
    ("input A { b: Int }", "input A { b: Int, c: Int }", "graphql-field-added", "graphql-field-removed"),
    (
        "input A { b: Int }",
        "input A { b: Int, c: Int! }",
        "graphql-required-input-added",
        "graphql-field-removed",
    ),
    ("input A { b: Int }", "input A { b: Int, c: Int! = 1 }", "graphql-field-added", "graphql-field-removed"),
    (
        "input A { b: Int! = 1 }",
        "input A { b: Int! }",
        "graphql-required-input-added",
        "graphql-default-changed",
    ),
    (
        "input A { b: Int = 1 }",
        "input A { b: Int = 2 }",
        "graphql-default-changed",
        "graphql-default-changed",
    ),
    ("type A { b: Int }", "type A { b(c: Int): Int }", "graphql-argument-added", "graphql-argument-removed"),
    (
        "type A { b: Int }",
        "type A { b(c: Int!): Int }",
        "graphql-required-input-added",
        "graphql-argument-removed",
    ),
    (
        "type A { b(c: Int!): Int }",
        "type A { b(c: Int): Int }",
        "graphql-type-compatible",
        "graphql-type-changed",
    ),
    ("enum A { B }", "enum A { B C }", "graphql-value-added", "graphql-value-removed"),
    ("enum A { B }", "enum A { B @deprecated }", "graphql-deprecated", ""),
    ("type A { b: Int }", "type A { b: Int @deprecated }", "graphql-deprecated", ""),
    ("scalar A", "scalar A scalar B", "graphql-type-added", "graphql-type-removed"),
    ("scalar A", "enum A { B }", "graphql-kind-changed", "graphql-kind-changed"),
    ("union A = Query", "union A = Query | A", "graphql-member-added", "graphql-member-removed"),
    (
        "directive @a on FIELD",
        "directive @a(b: Int) on FIELD",
        "graphql-argument-added",
        "graphql-argument-removed",
    ),
    (
        "type A { b: Int }",
        "type A { b: Int } extend type A { c: Int }",
        "graphql-field-added",
        "graphql-field-removed",
    ),
    ('type A { "words" b: Int }', "type A { b: Int }", "", ""),
]


def levels(old: str, new: str) -> dict[str, str]:
    """Code -> level of all changes."""
    return {change.code: change.level.value for change in diff(old, new)}


@pytest.mark.parametrize(("old", "new", "forth", "back"), SCHEMAS)
def test_graphql(old: str, new: str, forth: str, back: str) -> None:
    for before, after, code in ((old, new, forth), (new, old, back)):
        assert levels(BASE + before, BASE + after) == ({code: GRAPHQL[code].request} if code else {})


def test_every_graphql_rule_is_tested() -> None:
    assert {code for case in SCHEMAS for code in case[2:] if code} == GRAPHQL.keys()


def test_fields_of_root_types_are_operations() -> None:
    old = "type Query { a(x: Int): Int, b: Int, c: Int } type Mutation { d: Int }"
    new = "type Query { a(x: Int!): Int, b: Int @deprecated, e: Int }"
    assert [(change.operation, change.code) for change in diff(old, new)] == [
        ("MUTATION d", "operation-removed"),
        ("QUERY a", "graphql-type-changed"),
        ("QUERY c", "operation-removed"),
        ("QUERY b", "operation-deprecated"),
        ("QUERY e", "operation-added"),
    ]


def test_root_types_may_be_renamed() -> None:
    old, new = "type Query { a: Int }", "schema { query: Root } type Root { a: String }"
    (change,) = diff(old, new)
    assert (change.operation, change.code) == ("QUERY a", "graphql-type-changed")


def event(release: int = 3, action: str = "send", **messages: Any) -> str:
    """An AsyncAPI document with one operation."""
    head: dict[str, Any] = {"asyncapi": f"{release}.0.0", "info": {"title": "T", "version": "1"}}
    if release == 2:
        keyword = {"send": "subscribe", "receive": "publish"}[action]
        listed = [{"name": name} | message for name, message in messages.items()]
        head["channels"] = {"a/{id}": {keyword: {"message": {"oneOf": listed}}}}
    else:
        head["channels"] = {"c": {"address": "a/{id}", "messages": messages}}
        head["operations"] = {"o": {"action": action, "channel": {"$ref": "#/channels/c"}}}
    return json.dumps(head)


def payload(kind: str, **more: Any) -> dict[str, Any]:
    return {"payload": {"type": "object", "properties": {"v": {"type": kind}}}, **more}


@pytest.mark.parametrize("release", [2, 3])
def test_messages(release: int) -> None:
    one, two = {"m": payload("string")}, {"m": payload("string"), "n": payload("string")}
    both = [event(release, **one), event(release, **two)]
    assert levels(*both) == {"message-added": "risky"}
    assert levels(*reversed(both)) == {"message-removed": "risky"}
    taken = [event(release, "receive", **one), event(release, "receive", **two)]
    assert levels(*taken) == {"message-added": "safe"}
    assert levels(*reversed(taken)) == {"message-removed": "breaking"}


@pytest.mark.parametrize("release", [2, 3])
def test_payloads_have_a_direction(release: int) -> None:
    closer = {"payload": {"enum": ["a"]}}
    for action, level in (("send", "safe"), ("receive", "breaking")):
        texts = event(release, action, m={}), event(release, action, m=closer)
        assert [(change.code, change.level, change.operation) for change in diff(*texts)] == [
            ("type-narrowed", level, f"{'SEND' if action == 'send' else 'RECEIVE'} /a/{{id}}"),
            ("enum-introduced", level, f"{'SEND' if action == 'send' else 'RECEIVE'} /a/{{id}}"),
        ][::-1]


def test_formats_of_messages() -> None:
    plain = event(m=payload("string"))
    assert levels(plain, event(m=payload("string", contentType="a/b"))) == {
        "message-format-changed": "breaking"
    }
    avro = [
        {"schemaFormat": "application/vnd.apache.avro", "schema": {"type": kind}} for kind in ("int", "long")
    ]
    assert levels(plain, event(m={"payload": avro[0]})) == {"message-format-changed": "breaking"}
    assert levels(event(m={"payload": avro[0]}), event(m={"payload": avro[1]})) == {
        "message-schema-changed": "risky"
    }
    tested = {"message-added", "message-removed", "message-format-changed", "message-schema-changed"}
    assert tested == MESSAGES.keys()


def test_asyncapi_2_to_3_is_no_change() -> None:
    assert diff(event(2, m=payload("string")), event(3, m=payload("string"))) == ()


def test_channels_come_and_go() -> None:
    text = event(m=payload("string"))
    assert levels(text, text.replace("a/{id}", "b")) == {
        "operation-removed": "breaking",
        "operation-added": "safe",
    }
    assert levels(text, text.replace("{id}", "{key}")) == {"path-parameter-renamed": "safe"}


def test_another_language() -> None:
    changes = diff("type Query { a: Int }", event(m={}))
    assert [change.code for change in changes] == ["language-changed", "operation-removed", "operation-added"]


def test_languages_of_which_only_operations_are_known() -> None:
    """What WSDL and protobuf get."""
    changes = Changes()
    old = [Operation("RPC", "/a.B/C"), Operation("RPC", "/a.B/D"), Operation("RPC", "/a.B/E", scopes=("s",))]
    new = [
        Operation("RPC", "/a.B/C", deprecated=True),
        Operation("RPC", "/a.B/E"),
        Operation("RPC", "/a.B/F"),
    ]
    compare_operations(changes, old, new)
    found = {change.code: change.operation for change in changes.all()}
    assert found == {
        "operation-deprecated": "RPC /a.B/C",
        "operation-removed": "RPC /a.B/D",
        "scope-removed": "RPC /a.B/E",
        "operation-added": "RPC /a.B/F",
    }
    assert found.keys() <= RULES.keys()
