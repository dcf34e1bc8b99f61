"""Every rule about schemas, in both directions, and what is no change at all."""

import json
from typing import Any

import pytest

from apis.definitions.diff import Change, diff, worst
from apis.definitions.diff.rules import SCHEMAS

SAME = ("", "")


def document(schema: Any, release: str = "3.1.0", components: Any = None, *, sent: bool) -> str:
    """An OpenAPI document whose one operation sends, or takes, a value of the schema."""
    content = {"application/json": {"schema": schema}}
    operation = (
        {"responses": {"200": {"content": content}}} if sent else {"requestBody": {"content": content}}
    )
    return json.dumps(
        {
            "openapi": release,
            "info": {"title": "T", "version": "1"},
            "paths": {"/a": {"post": operation}},
            "components": {"schemas": components or {}},
        }
    )


def changes(
    old: Any, new: Any, *, sent: bool, components: Any = None, new_components: Any = None
) -> tuple[Change, ...]:
    """What `diff` says about two schemas."""
    return diff(
        document(old, components=components, sent=sent),
        document(new, components=new_components or components, sent=sent),
    )


def codes(found: tuple[Change, ...]) -> set[tuple[str, str]]:
    """Code and level of each."""
    return {(change.code, change.level.value) for change in found}


def thing(properties: Any, *required: str, **more: Any) -> dict[str, Any]:
    """An object's schema."""
    return {"type": "object", "properties": properties, "required": list(required), **more}


TEXT = {"type": "string"}
NUMBER = {"type": "number"}
CAT = {"title": "Cat", **thing({"name": TEXT})}
DOG = {"title": "Dog", **thing({"name": NUMBER})}
COW = {"title": "Cow", **thing({"name": {"type": "boolean"}})}

# Old, new, code, level in a request, code if other in a response, level in a response.
RULES: list[tuple[str, Any, Any, tuple[str, str], tuple[str, str]]] = [
    ("type", TEXT, {"type": "boolean"}, ("type-changed", "breaking"), ("type-changed", "breaking")),
    (
        "fewer types",
        {"type": ["string", "boolean"]},
        TEXT,
        ("type-narrowed", "breaking"),
        ("type-narrowed", "safe"),
    ),
    ("integer", NUMBER, {"type": "integer"}, ("type-narrowed", "breaking"), ("type-narrowed", "safe")),
    ("any", {}, TEXT, ("type-narrowed", "breaking"), ("type-narrowed", "safe")),
    ("null", {"type": ["string", "null"]}, TEXT, ("null-forbidden", "breaking"), ("null-forbidden", "safe")),
    (
        "enum",
        {"enum": ["a", "b"]},
        {"enum": ["b"]},
        ("enum-value-removed", "breaking"),
        ("enum-value-removed", "safe"),
    ),
    (
        "const",
        {"enum": ["a", "b"]},
        {"const": "b"},
        ("enum-value-removed", "breaking"),
        ("enum-value-removed", "safe"),
    ),
    (
        "list of values",
        TEXT,
        {"type": "string", "enum": ["a"]},
        ("enum-introduced", "breaking"),
        ("enum-introduced", "safe"),
    ),
    (
        "required",
        thing({"a": TEXT}),
        thing({"a": TEXT}, "a"),
        ("property-became-required", "breaking"),
        ("property-became-required", "safe"),
    ),
    (
        "closed",
        thing({"a": TEXT}),
        thing({"a": TEXT}, additionalProperties=False),
        ("additional-properties-forbidden", "breaking"),
        ("additional-properties-forbidden", "safe"),
    ),
    (
        "map",
        {"type": "object"},
        {"type": "object", "additionalProperties": TEXT},
        ("additional-properties-restricted", "breaking"),
        ("additional-properties-restricted", "safe"),
    ),
    *(
        (
            keyword,
            {keyword: old},
            {keyword: new},
            ("limit-tightened", "breaking"),
            ("limit-tightened", "safe"),
        )
        for keyword, old, new in (
            ("minimum", 1, 2),
            ("maximum", 2, 1),
            ("minLength", 1, 2),
            ("maxLength", 2, 1),
            ("minItems", 1, 2),
            ("maxItems", 2, 1),
            ("minProperties", 1, 2),
            ("maxProperties", 2, 1),
            ("uniqueItems", False, True),
            ("exclusiveMinimum", 1, 1.5),
            ("exclusiveMaximum", 1.5, 1),
        )
    ),
    (
        "exclusive",
        {"minimum": 1},
        {"exclusiveMinimum": 1},
        ("limit-tightened", "breaking"),
        ("limit-tightened", "safe"),
    ),
    (
        "new limit",
        TEXT,
        {"type": "string", "maxLength": 3},
        ("limit-tightened", "breaking"),
        ("limit-tightened", "safe"),
    ),
    (
        "format",
        TEXT,
        {"type": "string", "format": "uuid"},
        ("format-narrowed", "breaking"),
        ("format-narrowed", "safe"),
    ),
    (
        "smaller format",
        {"format": "int64"},
        {"format": "int32"},
        ("format-narrowed", "breaking"),
        ("format-narrowed", "safe"),
    ),
    (
        "pattern",
        TEXT,
        {"type": "string", "pattern": "a"},
        ("pattern-added", "breaking"),
        ("pattern-added", "safe"),
    ),
    (
        "alternatives",
        {"oneOf": [CAT, DOG, COW]},
        {"oneOf": [CAT, DOG]},
        ("alternative-removed", "breaking"),
        ("alternative-removed", "safe"),
    ),
    (
        "alternative",
        {"oneOf": [CAT, DOG]},
        CAT,
        ("alternative-removed", "breaking"),
        ("alternative-removed", "safe"),
    ),
]
REVERSED = {
    "type-changed": "type-changed",
    "type-narrowed": "type-widened",
    "null-forbidden": "null-allowed",
    "enum-value-removed": "enum-value-added",
    "enum-introduced": "enum-dropped",
    "property-became-required": "property-became-optional",
    "additional-properties-forbidden": "additional-properties-allowed",
    "additional-properties-restricted": "additional-properties-allowed",
    "limit-tightened": "limit-loosened",
    "format-narrowed": "format-widened",
    "pattern-added": "pattern-removed",
    "alternative-removed": "alternative-added",
}
IDS = [rule[0] for rule in RULES]


@pytest.mark.parametrize(("name", "old", "new", "taken", "given"), RULES, ids=IDS)
def test_narrower(name: str, old: Any, new: Any, taken: tuple[str, str], given: tuple[str, str]) -> None:
    assert codes(changes(old, new, sent=False)) == {taken}
    assert codes(changes(old, new, sent=True)) == {given}


@pytest.mark.parametrize(("name", "old", "new", "taken", "given"), RULES, ids=IDS)
def test_wider(name: str, old: Any, new: Any, taken: tuple[str, str], given: tuple[str, str]) -> None:
    code = REVERSED[taken[0]]
    assert codes(changes(new, old, sent=False)) == {(code, SCHEMAS[code].request)}
    assert codes(changes(new, old, sent=True)) == {(code, SCHEMAS[code].response)}


@pytest.mark.parametrize(("name", "old", "new", "taken", "given"), RULES, ids=IDS)
def test_narrower_below_everything(
    name: str, old: Any, new: Any, taken: tuple[str, str], given: tuple[str, str]
) -> None:
    def below(schema: Any) -> Any:
        held = {"type": "array", "items": {"type": "object", "additionalProperties": {"allOf": [schema]}}}
        return thing({"a": {"oneOf": [{"title": "X", **held}, TEXT]}})

    assert codes(changes(below(old), below(new), sent=False)) == {taken}
    (found,) = changes(below(old), below(new), sent=True)
    assert (found.code, found.level.value) == given
    assert found.path.startswith(
        "/responses/200/content/application~1json/schema/properties/a/oneOf/X/items/additionalProperties"
    )
    assert found.operation == "POST /a"


BOTH: list[tuple[str, Any, Any, set[tuple[str, str]], set[tuple[str, str]]]] = [
    (
        "new required property",
        thing({}),
        thing({"a": TEXT}, "a"),
        {("required-property-added", "breaking")},
        {("required-property-added", "safe")},
    ),
    (
        "new required property with a default",
        thing({}),
        thing({"a": {"type": "string", "default": "x"}}, "a"),
        {("defaulted-property-required", "risky")},
        {("required-property-added", "safe")},
    ),
    (
        "new optional property",
        thing({}),
        thing({"a": TEXT}),
        {("optional-property-added", "safe")},
        {("optional-property-added", "safe")},
    ),
    (
        "new property where others were ruled out",
        thing({}, additionalProperties=False),
        thing({"a": TEXT}, additionalProperties=False),
        {("optional-property-added", "safe")},
        {("property-added-to-closed", "risky")},
    ),
    (
        "optional property gone",
        thing({"a": TEXT}),
        thing({}),
        {("optional-property-removed", "risky")},
        {("optional-property-removed", "risky")},
    ),
    (
        "required property gone",
        thing({"a": TEXT}, "a"),
        thing({}),
        {("required-property-removed", "risky")},
        {("required-property-removed", "breaking")},
    ),
    (
        "property gone where others are ruled out",
        thing({"a": TEXT}, additionalProperties=False),
        thing({}, additionalProperties=False),
        {("property-removed-from-closed", "breaking")},
        {("optional-property-removed", "risky")},
    ),
    (
        "read only",
        thing({"a": TEXT}),
        thing({"a": {"type": "string", "readOnly": True}}),
        {("property-became-read-only", "risky")},
        set(),
    ),
    (
        "write only",
        thing({"a": TEXT}),
        thing({"a": {"type": "string", "writeOnly": True}}),
        set(),
        {("property-became-write-only", "breaking")},
    ),
    (
        "no longer read only",
        thing({"a": {"type": "string", "readOnly": True}}, "a"),
        thing({"a": TEXT}, "a"),
        {("required-property-added", "breaking")},
        set(),
    ),
    (
        "a change of what is only read",
        thing({"a": {"type": "string", "readOnly": True}}),
        thing({"a": {"type": "number", "readOnly": True}}),
        set(),
        {("type-changed", "breaking")},
    ),
    (
        "default",
        {"default": 1},
        {"default": 2},
        {("default-changed", "risky")},
        {("default-changed", "safe")},
    ),
    ("new default", {}, {"default": None}, {("default-added", "safe")}, {("default-added", "safe")}),
    ("default gone", {"default": True}, {}, {("default-changed", "risky")}, {("default-changed", "safe")}),
    (
        "true is not 1",
        {"default": True},
        {"default": 1},
        {("default-changed", "risky")},
        {("default-changed", "safe")},
    ),
    (
        "format",
        {"format": "date"},
        {"format": "date-time"},
        {("format-changed", "breaking")},
        {("format-changed", "breaking")},
    ),
    (
        "pattern",
        {"pattern": "a"},
        {"pattern": "b"},
        {("pattern-changed", "risky")},
        {("pattern-changed", "risky")},
    ),
    (
        "deprecated",
        {},
        {"deprecated": True},
        {("schema-deprecated", "risky")},
        {("schema-deprecated", "risky")},
    ),
    ("not", {}, {"not": TEXT}, {("schema-rule-changed", "risky")}, {("schema-rule-changed", "risky")}),
    (
        "first entries",
        {"type": "array", "prefixItems": [TEXT, TEXT]},
        {"type": "array", "prefixItems": [TEXT]},
        {("schema-rule-changed", "risky")},
        {("schema-rule-changed", "risky")},
    ),
    (
        "discriminator",
        {"oneOf": [CAT, DOG], "discriminator": {"propertyName": "a"}},
        {"oneOf": [CAT, DOG], "discriminator": {"propertyName": "b"}},
        {("discriminator-changed", "breaking")},
        {("discriminator-changed", "breaking")},
    ),
    (
        "mapping",
        {"oneOf": [CAT, DOG], "discriminator": {"propertyName": "a"}},
        {"oneOf": [CAT, DOG], "discriminator": {"propertyName": "a", "mapping": {"c": "Cat"}}},
        {("discriminator-mapping-changed", "risky")},
        {("discriminator-mapping-changed", "risky")},
    ),
    (
        "any of",
        {"oneOf": [CAT, DOG]},
        {"anyOf": [CAT, DOG]},
        {("alternatives-kind-changed", "risky")},
        {("alternatives-kind-changed", "risky")},
    ),
    (
        "a choice of others",
        COW,
        {"oneOf": [CAT, DOG]},
        {("alternatives-introduced", "breaking")},
        {("alternatives-introduced", "breaking")},
    ),
    (
        "no choice but another",
        {"oneOf": [CAT, DOG]},
        COW,
        {("alternatives-dropped", "breaking")},
        {("alternatives-dropped", "breaking")},
    ),
    (
        "elsewhere",
        {"$ref": "other.yaml#/A"},
        {"$ref": "other.yaml#/B"},
        {("reference-changed", "risky")},
        {("reference-changed", "risky")},
    ),
    (
        "enum both ways",
        {"enum": ["a", "b"]},
        {"enum": ["b", "c"]},
        {("enum-value-removed", "breaking"), ("enum-value-added", "safe")},
        {("enum-value-removed", "safe"), ("enum-value-added", "breaking")},
    ),
]


@pytest.mark.parametrize(("name", "old", "new", "taken", "given"), BOTH, ids=[rule[0] for rule in BOTH])
def test_rule(
    name: str, old: Any, new: Any, taken: set[tuple[str, str]], given: set[tuple[str, str]]
) -> None:
    assert codes(changes(old, new, sent=False)) == taken
    assert codes(changes(old, new, sent=True)) == given


def test_every_schema_rule_is_tested() -> None:
    tested = {code for rule in BOTH for code, _ in rule[3] | rule[4]}
    tested |= {rule[3][0] for rule in RULES} | {REVERSED[rule[3][0]] for rule in RULES}
    assert tested == SCHEMAS.keys()


EQUAL: list[tuple[str, Any, Any]] = [
    (
        "words",
        {"type": "string", "description": "a", "example": 1},
        {"type": "string", "title": "b", "x-c": 2},
    ),
    ("order of required", thing({}, "a", "b"), thing({}, "b", "a")),
    ("order of values", {"enum": [1, "a", None]}, {"enum": [None, "a", 1]}),
    ("order of alternatives", {"oneOf": [CAT, DOG]}, {"oneOf": [DOG, CAT]}),
    ("one of one", {"oneOf": [CAT]}, CAT),
    ("all of one", {"allOf": [CAT]}, CAT),
    (
        "all of parts",
        {"allOf": [thing({"a": TEXT}, "a"), thing({"b": NUMBER})]},
        thing({"a": TEXT, "b": NUMBER}, "a"),
    ),
    ("true", True, {}),
    ("free properties", {"type": "object"}, {"type": "object", "additionalProperties": True}),
    ("free properties by schema", {"type": "object"}, {"type": "object", "additionalProperties": {}}),
    ("implied object", {"properties": {"a": TEXT}}, thing({"a": TEXT})),
    ("implied list", {"items": TEXT}, {"type": "array", "items": TEXT}),
    ("implied text", {"enum": ["a"]}, {"type": "string", "enum": ["a"]}),
    ("null by type", {"type": ["string", "null"]}, {"type": "string", "nullable": True}),
    ("null by alternative", {"anyOf": [CAT, {"type": "null"}]}, {"nullable": True, "allOf": [CAT]}),
    ("whole numbers", {"minimum": 1.0, "enum": [2.0]}, {"minimum": 1, "enum": [2]}),
    ("no limit", {"type": "string", "minLength": 0, "uniqueItems": False}, TEXT),
    ("exclusive", {"minimum": 1, "exclusiveMinimum": True}, {"exclusiveMinimum": 1}),
    ("nonsense", {"minimum": "x", "enum": 3, "required": "a", "type": 7}, {}),
]


@pytest.mark.parametrize("sent", [False, True])
@pytest.mark.parametrize(("name", "old", "new"), EQUAL, ids=[case[0] for case in EQUAL])
def test_no_change(name: str, old: Any, new: Any, sent: bool) -> None:
    assert changes(old, new, sent=sent) == ()
    assert changes(new, old, sent=sent) == ()


def test_references_may_be_renamed() -> None:
    old, new = {"$ref": "#/components/schemas/A"}, {"$ref": "#/components/schemas/B"}
    assert changes(old, new, sent=True, components={"A": CAT}, new_components={"B": CAT}) == ()


def test_keywords_beside_a_reference_count_from_3_1_on() -> None:
    plain = {"$ref": "#/components/schemas/A"}
    limited = plain | {"maxLength": 3}
    for release, expected in (("3.0.3", set()), ("3.1.0", {("limit-tightened", "breaking")})):
        texts = [document(schema, release, {"A": TEXT}, sent=False) for schema in (plain, limited)]
        assert codes(diff(*texts)) == expected


def test_alternative_by_reference_becomes_one_of_several() -> None:
    cat = {"$ref": "#/components/schemas/Cat"}
    both = {"oneOf": [cat, {"$ref": "#/components/schemas/Dog"}]}
    (found,) = changes(
        cat, both, sent=True, components={"Cat": thing({"a": TEXT}), "Dog": thing({"b": TEXT})}
    )
    assert (found.code, found.level, found.new) == ("alternative-added", "breaking", "Dog")


def test_alternatives_are_compared_by_name() -> None:
    old, new = {"oneOf": [CAT, DOG]}, {"oneOf": [DOG, {**CAT, "required": ["name"]}]}
    (found,) = changes(old, new, sent=False)
    assert found.code == "property-became-required"
    assert found.path == "/requestBody/content/application~1json/schema/oneOf/Cat/properties/name"
    assert found.message == "`(Cat).name` in the request body is required now."


def test_cycles_are_harmless_and_hide_nothing() -> None:
    """The list is met inside the node first, where the node counts as known; it still shows the node's change."""
    node = {"$ref": "#/components/schemas/Node"}
    nodes = {"$ref": "#/components/schemas/Nodes"}
    schemas = {"Node": thing({"children": nodes, "v": TEXT}), "Nodes": {"type": "array", "items": node}}
    changed = {**schemas, "Node": thing({"children": nodes, "v": NUMBER})}
    old, new = ({**json.loads(document(node, components=each, sent=True))} for each in (schemas, changed))
    for each in (old, new):
        content = {"application/json": {"schema": nodes}}
        each["paths"]["/z"] = {"get": {"responses": {"200": {"content": content}}}}
    found = diff(json.dumps(old), json.dumps(new))
    assert [(change.operation, change.path.split("schema")[1]) for change in found] == [
        ("GET /z", "/items/properties/v/type"),
        ("POST /a", "/properties/v/type"),
    ]


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/components/schemas/A"},
        {"allOf": [{"$ref": "#/components/schemas/A"}, {"$ref": "#/components/schemas/B"}]},
    ],
)
def test_endless_schemas(schema: Any) -> None:
    ref_a, ref_b = {"$ref": "#/components/schemas/A"}, {"$ref": "#/components/schemas/B"}
    old = {
        "A": {"allOf": [ref_b], "properties": {"p": ref_a}},
        "B": {"anyOf": [ref_a, ref_b], "properties": {"p": ref_b}},
    }
    new = {"A": {"allOf": [ref_b], "properties": {"p": ref_b}}, "B": {"properties": {"p": ref_a}}}
    assert changes(schema, schema, sent=True, components=old) == ()
    changes(schema, schema, sent=True, components=old, new_components=new)


def test_values_are_shown_short() -> None:
    (found,) = changes({"enum": ["x" * 1000]}, {}, sent=True)[:1]
    assert found.old is not None
    assert len(found.old) == 200
    assert len(found.message) < 300


def test_worst() -> None:
    assert worst(()) is None
    assert worst(changes({"enum": ["a", "b"]}, {"enum": ["b", "c"]}, sent=True)) == "breaking"
    assert worst(changes({}, {"default": 1}, sent=True)) == "safe"
