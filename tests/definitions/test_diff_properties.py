"""What holds for any two documents: found by hypothesis, and by putting everything wrong everywhere."""

import copy
import json
import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings, strategies as st

from apis.definitions.diff import Level, diff
from portal.errors import PorticoError

NAMES = st.sampled_from(["a", "b", "c"])
REFS = st.sampled_from([{"$ref": f"#/components/schemas/{name}"} for name in "abcd"])
TYPES = st.sampled_from(["string", "integer", "number", "boolean", "object", "array", ["string", "null"]])
KEYWORDS: dict[str, st.SearchStrategy[Any]] = {
    "type": TYPES,
    "nullable": st.booleans(),
    "enum": st.lists(st.sampled_from(["x", 1, True, None]), max_size=3),
    "required": st.lists(NAMES, max_size=2),
    "minLength": st.integers(0, 3),
    "maximum": st.floats(-2, 2, allow_subnormal=False),
    "exclusiveMaximum": st.booleans() | st.integers(0, 2),
    "pattern": st.sampled_from(["x", "y"]),
    "format": st.sampled_from(["int32", "int64", "date"]),
    "default": st.sampled_from([None, 1, "x"]),
    "readOnly": st.booleans(),
    "writeOnly": st.booleans(),
    "deprecated": st.booleans(),
    "description": st.text("a: é#-", max_size=3),
}


def holders(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Schemas that hold others."""
    lists = st.lists(inner, min_size=1, max_size=3)
    held = {
        "properties": st.dictionaries(NAMES, inner, max_size=3),
        "items": inner,
        "additionalProperties": inner | st.booleans(),
        "allOf": lists,
        "oneOf": lists,
        "anyOf": lists,
        "not": inner,
    }
    return st.fixed_dictionaries({}, optional=KEYWORDS | held)


SCHEMA = st.recursive(st.fixed_dictionaries({}, optional=KEYWORDS) | REFS, holders, max_leaves=8)
CONTENT = st.dictionaries(
    st.sampled_from(["a/b", "c/d"]), st.fixed_dictionaries({"schema": SCHEMA}), max_size=2
)
PARAMETER = st.fixed_dictionaries(
    {"name": NAMES, "in": st.sampled_from(["query", "header", "path"]), "schema": SCHEMA},
    optional={"required": st.booleans(), "style": st.just("simple"), "deprecated": st.booleans()},
)
# A parameter is told from the others by its name and place (OpenAPI 3.1, Operation Object).
PARAMETERS = st.lists(PARAMETER, max_size=2, unique_by=lambda one: (one["name"], one["in"]))
SECURITY = st.lists(st.dictionaries(NAMES, st.lists(NAMES, max_size=2), max_size=2), max_size=2)
OPERATION = st.fixed_dictionaries(
    {},
    optional={
        "deprecated": st.booleans(),
        "parameters": PARAMETERS,
        "requestBody": st.fixed_dictionaries({"content": CONTENT}, optional={"required": st.booleans()}),
        "responses": st.dictionaries(
            st.sampled_from(["200", "404", "4XX", "default"]),
            st.fixed_dictionaries({"content": CONTENT}),
            max_size=2,
        ),
        "security": SECURITY,
    },
)
DOCUMENT = st.fixed_dictionaries(
    {
        "openapi": st.sampled_from(["3.0.3", "3.1.0"]),
        "info": st.just({"title": "T", "version": "1"}),
        "paths": st.dictionaries(
            st.sampled_from(["/a", "/a/{b}", "/a/{c}"]),
            st.dictionaries(st.sampled_from(["get", "post"]), OPERATION, max_size=2),
            max_size=2,
        ),
        "components": st.fixed_dictionaries({"schemas": st.dictionaries(NAMES, SCHEMA, max_size=3)}),
    }
)
TRIED = int(os.environ.get("PORTICO_FUZZ_EXAMPLES", "150"))
MANY = settings(max_examples=TRIED, deadline=None, suppress_health_check=list(HealthCheck))


@MANY
@given(DOCUMENT)
def test_nothing_changed(document: Any) -> None:
    """Neither the order of keys nor YAML instead of JSON is a change."""
    text = json.dumps(document)
    assert diff(text, json.dumps(document, sort_keys=True)) == ()
    assert diff(yaml.safe_dump(json.loads(text), sort_keys=False, allow_unicode=True), text) == ()


@MANY
@given(DOCUMENT, DOCUMENT)
def test_any_change(old: Any, new: Any) -> None:
    """The order of keys never matters, the worst comes first, and nothing is said twice."""
    changes = diff(json.dumps(old), json.dumps(new))
    again = diff(json.dumps(old, sort_keys=True), json.dumps(new, sort_keys=True))
    assert sorted(map(facts, changes)) == sorted(map(facts, again))
    order = [list(Level).index(change.level) for change in changes]
    assert order == sorted(order)
    assert max(Counter(changes).values(), default=1) == 1
    assert all(change.message.endswith(".") and change.message[0] != " " for change in changes)


NESTED_REFS = st.sampled_from(
    [
        {"$ref": f"#/components/schemas/{target}"}
        for target in ("a/properties/b", "b/items", "c/oneOf/0", "b/allOf/0", "d", "a")
    ]
)


@st.composite
def edited(draw: Any) -> tuple[Any, Any]:
    """Two documents that have much in common."""
    old, other = draw(DOCUMENT), draw(DOCUMENT)
    for operation in (entry for item in old["paths"].values() for entry in item.values()):
        for name in draw(st.lists(NAMES, max_size=2)):
            schema = draw(NESTED_REFS | st.just({"$ref": f"#/components/schemas/{name}"}))
            operation.setdefault("responses", {})[f"20{'abc'.index(name)}"] = {
                "content": {"a/b": {"schema": schema}}
            }
    new = copy.deepcopy(old)
    for place in (["paths"], ["components", "schemas"]):
        mine, others = new, other
        for step in place:
            mine, others = mine[step], others[step]
        for name in draw(st.lists(st.sampled_from(sorted(others)), max_size=1)) if others else ():
            mine[name] = others[name]
        if mine and draw(st.booleans()):
            mine[draw(st.sampled_from(sorted(mine)))] = draw(SCHEMA) if place[0] == "components" else {}
    for name in draw(st.lists(st.sampled_from(["openapi", "security"]), max_size=1)):
        new[name] = draw(st.sampled_from(["3.0.3", "3.1.0"]) if name == "openapi" else SECURITY)
    return old, new


@MANY
@given(edited())
def test_what_is_not_compared_has_not_changed(documents: tuple[Any, Any]) -> None:
    """Leaving out what says the same gives the same changes as comparing all."""
    old, new = map(json.dumps, documents)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("apis.definitions.diff.openapi.unchanged_in", lambda *_: None)
        all_compared = diff(old, new)
    assert diff(old, new) == all_compared


def facts(change: Any) -> tuple[str, ...]:
    """A change without its line, and without words that quote the first of several."""
    return change.level, change.code, change.operation, change.path


WHOLE = {
    "openapi": "3.0.0",
    "info": {"title": "T", "version": "1"},
    "servers": [{"url": "https://{h}", "variables": {"h": {"default": "x"}}}],
    "security": [{"o": ["a"]}],
    "paths": {
        "/a/{b}": {
            "parameters": [{"name": "b", "in": "path", "schema": {"type": "string"}}],
            "post": {
                "operationId": "x",
                "parameters": [
                    {"name": "q", "in": "query", "style": "form", "content": {"a/b": {"schema": {}}}}
                ],
                "requestBody": {
                    "content": {"a/b": {"schema": {"$ref": "#/components/schemas/S"}, "encoding": {}}}
                },
                "responses": {"200": {"headers": {"h": {"schema": {}}}, "content": {"a/b": {"schema": {}}}}},
            },
        }
    },
    "components": {
        "securitySchemes": {"o": {"type": "oauth2", "flows": {"f": {"scopes": {"a": "b"}}}}},
        "schemas": {
            "S": {
                "type": "object",
                "required": ["a"],
                "properties": {"a": {"type": "string", "enum": ["x"], "format": "f", "minLength": 1}},
                "additionalProperties": {"type": "array", "items": {"multipleOf": 2, "maximum": 3}},
                "oneOf": [{"title": "A"}, {"$ref": "#/components/schemas/S"}],
                "allOf": [{"discriminator": {"propertyName": "a", "mapping": {"a": "b"}}}],
            }
        },
    },
}
SWAGGER = {
    "swagger": "2.0",
    "host": "h",
    "basePath": "/",
    "consumes": ["a/b"],
    "securityDefinitions": {"o": {"type": "oauth2", "scopes": {"a": "b"}}},
    "paths": {
        "/a": {
            "post": {
                "security": [{"o": ["a"]}],
                "parameters": [
                    {"name": "f", "in": "formData", "type": "file", "required": True},
                    {"name": "q", "in": "query", "type": "array", "items": {}, "collectionFormat": "csv"},
                ],
                "responses": {"200": {"schema": {"type": "object"}, "headers": {"a": {"type": "string"}}}},
            },
            "put": {"parameters": [{"name": "b", "in": "body", "schema": {"type": "string"}}]},
        }
    },
}
EVENTS = {
    "asyncapi": "3.0.0",
    "servers": {"s": {"host": "h"}},
    "channels": {
        "c": {
            "address": "a",
            "messages": {"m": {"contentType": "a/b", "headers": {}, "payload": {"type": "string"}}},
        }
    },
    "operations": {
        "o": {"action": "send", "channel": {"$ref": "#/channels/c"}, "security": [{"type": "oauth2"}]}
    },
}
EVENTS_2 = {
    "asyncapi": "2.6.0",
    "channels": {
        "c": {"publish": {"message": {"oneOf": [{"name": "a", "payload": {}}, {"schemaFormat": "avro"}]}}}
    },
}
WRONG = [
    None,
    True,
    False,
    0,
    -1.5,
    10**30,
    "",
    "x",
    "#/",
    [],
    [None],
    [[]],
    {},
    {"": None},
    {"$ref": "#"},
    {"$ref": 7},
]


def paths_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every part of a document."""
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for step, entry in entries:
        yield (*path, step)
        yield from paths_in(entry, (*path, step))


@pytest.mark.parametrize("document", [WHOLE, SWAGGER, EVENTS, EVENTS_2], ids=["3", "2", "async", "async 2"])
def test_anything_anywhere(document: Any) -> None:
    """Every part, one after the other, replaced by everything that it should not be: no error but our own."""
    text = json.dumps(document)
    for path in paths_in(document):
        for wrong in WRONG:
            changed = copy.deepcopy(document)
            inside = changed
            for step in path[:-1]:
                inside = inside[step]
            inside[path[-1]] = wrong
            for old, new in ((text, json.dumps(changed)), (json.dumps(changed), text)):
                try:
                    diff(old, new)
                except PorticoError:
                    assert len(path) == 1


@MANY
@given(
    st.text(max_size=60),
    st.sampled_from(["", "openapi: 3.0.0\n", "type Query { a: Int }\n", "asyncapi: 2.0.0\n"]),
)
def test_any_text(text: str, start: str) -> None:
    for old, new in ((start + text, json.dumps(WHOLE)), (json.dumps(WHOLE), start + text)):
        try:
            diff(old, new)
        except PorticoError:
            continue
