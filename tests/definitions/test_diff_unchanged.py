"""What need not be compared because it says the same, and what only looks like it."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from apis.definitions.diff import diff
from apis.definitions.diff.unchanged import Unchanged


def ref(place: str) -> dict[str, str]:
    return {"$ref": f"#/components/{place}"}


def answer(schema: Any) -> dict[str, Any]:
    return {"responses": {"200": {"content": {"a/b": {"schema": schema}}}}}


DOCUMENT: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "T", "version": "1"},
    "paths": {
        "/far": {"get": answer(ref("schemas/A"))},
        "/inside": {"get": answer(ref("schemas/C/properties/deep"))},
        "/item": {"$ref": "#/components/pathItems/one"},
        "/circle": {"get": answer(ref("schemas/Circle"))},
        "/parameter": {"get": {"parameters": [ref("parameters/p")]}},
        "/body": {"post": {"requestBody": ref("requestBodies/b")}},
        "/secured": {"get": {"security": [{"key": []}]}},
        "/beside": {"get": answer({"properties": {"x": {**ref("schemas/C"), "nullable": True}}})},
    },
    "components": {
        "schemas": {
            "A": {"properties": {"b": ref("schemas/B")}},
            "B": {"allOf": [ref("schemas/C")]},
            "C": {"type": "object", "properties": {"deep": {"enum": ["x"]}, 'odd"/\\': ref('schemas/Odd~1"')}},
            'Odd/"': {"type": "string"},
            "Circle": {"properties": {"next": ref("schemas/Back"), "end": {"type": "string"}}},
            "Back": {"properties": {"next": ref("schemas/Circle"), "odd": ref('schemas/Odd~1"')}},
        },
        "parameters": {"p": {"name": "p", "in": "query", "schema": ref("schemas/Circle")}},
        "requestBodies": {"b": {"content": {"a/b": {"schema": ref("schemas/B")}}}},
        "pathItems": {"one": {"get": {"responses": {"200": ref("responses/r")}}}},
        "responses": {"r": {"content": {"a/b": {"schema": ref("schemas/C")}}}},
        "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "k"}},
    },
}  # fmt: skip
Edit = Callable[[dict[str, Any]], Any]
# What is done to the document, and the operations that are other ones by it though their own words stay.
EDITS: list[tuple[Edit, set[str]]] = [
    (
        lambda new: new["components"]["schemas"]["C"]["properties"]["deep"].update(enum=["y"]),
        {"GET /far", "GET /inside", "GET /item", "GET /beside", "POST /body"},
    ),
    (
        lambda new: new["components"]["schemas"]['Odd/"'].update(type="number"),
        {"GET /far", "GET /item", "GET /beside", "POST /body", "GET /circle", "GET /parameter"},
    ),
    (
        lambda new: new["components"]["schemas"]["Circle"]["properties"].pop("end"),
        {"GET /circle", "GET /parameter"},
    ),
    (lambda new: new["components"]["parameters"]["p"].update(required=True), {"GET /parameter"}),
    (lambda new: new["components"]["responses"]["r"]["content"].clear(), {"GET /item"}),
    (lambda new: new["components"]["securitySchemes"]["key"].update(name="other"), {"GET /secured"}),
    (lambda new: new["paths"]["/secured"].update(get={"security": []}), {"GET /secured"}),
    (lambda new: new.update(security=[{"key": []}]), set(DOCUMENT["paths"]) - {"/secured"}),
]


@pytest.mark.parametrize(("edit", "expected"), EDITS)
def test_change_behind_equal_words_is_found(
    edit: Edit, expected: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    new = copy.deepcopy(DOCUMENT)
    edit(new)
    changes = diff(json.dumps(DOCUMENT), json.dumps(new))
    found = {change.operation for change in changes}
    assert expected in (found, {operation.split(" ")[1] for operation in found})
    monkeypatch.setattr("apis.definitions.diff.openapi.unchanged_in", lambda *_: None)
    assert diff(json.dumps(DOCUMENT), json.dumps(new)) == changes


def test_equal_words_of_another_release_are_compared() -> None:
    """Beside a reference nothing counts in 3.0, and all in 3.1."""
    (change,) = diff(json.dumps(DOCUMENT), json.dumps({**DOCUMENT, "openapi": "3.1.0"}))
    assert (change.operation, change.code) == ("GET /beside", "null-allowed")


def test_true_is_not_1() -> None:
    old, new = ({**DOCUMENT, "paths": {"/a": {"get": answer({"enum": [value]})}}} for value in (True, 1))
    assert {change.code for change in diff(json.dumps(old), json.dumps(new))} == {
        "type-changed",
    }


def test_what_is_known_to_be_the_same() -> None:
    new = copy.deepcopy(DOCUMENT)
    new["components"]["schemas"]["Circle"]["required"] = ["end"]
    unchanged = Unchanged(DOCUMENT, new)
    assert [path for path in DOCUMENT["paths"] if not unchanged.has_item(path)] == ["/circle", "/parameter"]
    old_schemas, new_schemas = DOCUMENT["components"]["schemas"], new["components"]["schemas"]
    same = [name for name in old_schemas if unchanged.has_schema(old_schemas[name], new_schemas[name])]
    assert same == ["A", "B", "C", 'Odd/"']


def test_targets_inside_each_other_are_not_read_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    nested: dict[str, Any] = {"pattern": "a" * 5_000}
    for _ in range(50):
        nested = {"properties": {"a": nested}}
    refs = [ref("schemas/N" + "/properties/a" * depth) for depth in range(50)]
    schemas = {"N": nested, "M": {"oneOf": refs}}
    document = {
        **DOCUMENT,
        "paths": {"/a": {"get": answer(ref("schemas/M"))}},
        "components": {"schemas": schemas},
    }
    assert Unchanged(document, document).has_item("/a")
    monkeypatch.setattr("apis.definitions.diff.unchanged.FREE_CHARACTERS", 0)
    assert not Unchanged(document, document).has_item("/a")
    assert diff(json.dumps(document), json.dumps(document)) == ()


def test_large_document_with_few_changes_is_compared_whole() -> None:
    """Everything that is said in the same words takes no work, however often it is referred to."""
    large = {"properties": {f"p{n}": {"type": "string"} for n in range(400)}}
    schemas: dict[str, Any] = {f"S{n}": {"properties": {"l": ref("schemas/L")}} for n in range(1_000)}
    old = {
        **DOCUMENT,
        "paths": {f"/{n}": {"get": answer(ref(f"schemas/S{n}"))} for n in range(1_000)},
        "components": {"schemas": {**schemas, "L": large}},
    }
    new = copy.deepcopy(old)
    new["components"]["schemas"]["S7"]["properties"]["new"] = {"type": "string"}
    (change,) = diff(json.dumps(old), json.dumps(new))
    assert (change.operation, change.code) == ("GET /7", "optional-property-added")
