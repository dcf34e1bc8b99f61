"""One schema as all dialects mean it: OpenAPI 2, 3.0 and 3.1 and JSON Schema, `allOf` merged and `$ref` followed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeGuard

from apis.definitions.diff.changes import ABSENT, canonical
from apis.definitions.diff.unchanged import refs_in, text_of
from apis.definitions.refs import pointed_at

# Of one `allOf`, with all that it refers to.
MOST_PARTS = 100
# Of all schemas of a document together, beyond the first of each.
MOST_MERGED = 20_000
# References that lead to nothing but references.
MOST_HOPS = 50

ANYTHING: dict[str, Any] = {}
NOTHING: dict[str, Any] = {"enum": []}

# Keyword -> (+1 if a larger number takes less, -1 if it takes more, the value that means nothing).
LIMITS = {
    "minimum": (1, None),
    "maximum": (-1, None),
    "minLength": (1, 0),
    "maxLength": (-1, None),
    "minItems": (1, 0),
    "maxItems": (-1, None),
    "minProperties": (1, 0),
    "maxProperties": (-1, None),
    "uniqueItems": (1, 0),
}
# Compared as they are written.
OTHERS = (
    "not",
    "if",
    "then",
    "else",
    "multipleOf",
    "patternProperties",
    "propertyNames",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "contains",
    "minContains",
    "maxContains",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contentEncoding",
    "contentMediaType",
    "additionalItems",
)
IMPLIED = {"properties": "object", "additionalProperties": "object", "items": "array"}
WORDS = {"$ref", "description", "summary", "title"}

# A value and whether it is itself ruled out; larger takes less (for maxima both are negated).
Limit = tuple[Fraction, bool]


@dataclass(slots=True)
class Shape:
    """What a schema says. `types` None: any, without null, which is `null`'s affair."""

    types: frozenset[str] | None = None
    null: bool = False
    enum: dict[str, Any] | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    additional: Any = True
    items: Any = None
    prefix: list[Any] = field(default_factory=list)
    limits: dict[str, tuple[Limit, Any]] = field(default_factory=dict)
    patterns: set[str] = field(default_factory=set)
    format: str = ""
    default: Any = ABSENT
    read_only: bool = False
    write_only: bool = False
    deprecated: bool = False
    kind: str = ""
    branches: list[Any] = field(default_factory=list)
    discriminator: str = ""
    mapping: str = ""
    others: dict[str, set[str]] = field(default_factory=dict)

    def rules_out(self) -> bool:
        """Whether properties that are not described are ruled out."""
        return self.additional is False


class Schemas:
    """The schemas of one document. Equal places give the same object, so that work can be remembered by identity."""

    def __init__(self, data: Any, *, siblings: bool) -> None:
        self._data = data
        # Only from OpenAPI 3.1 on do keywords beside `$ref` count.
        self._siblings = siblings
        self._targets: dict[str, Any] = {}
        self._shapes: dict[int, Shape] = {}
        self._joined: dict[tuple[int, ...], Any] = {}
        self._names = self._target_names()
        self._texts: dict[int, str] = {}
        # Shapes are remembered by id, so everything that was given one has to stay.
        self._kept: list[Any] = []
        self._merges_left = MOST_MERGED
        self.cut = False

    def resolved(self, schema: Any) -> Any:
        """The schema that this one is nothing but a reference to, or itself; ANYTHING for what is no schema."""
        for _ in range(MOST_HOPS):
            if not isinstance(schema, dict):
                break
            if self._only_refers(schema):
                target = schema["$ref"]
                found = self._target(target)
                if found is None:
                    return schema
            elif len(listed(schema, "allOf")) == 1 and not schema.keys() - {"allOf"} - WORDS:
                found = schema["allOf"][0]
            else:
                return schema
            schema = found
        # A circle of references (or as good as one), true, or no schema at all.
        return NOTHING if schema is False else ANYTHING

    def shape(self, schema: Any) -> Shape:
        """What a resolved schema says."""
        known = self._shapes.get(id(schema))
        if known is None:
            known = self._shapes[id(schema)] = self._shape(schema)
            self._kept.append(schema)
        return known

    def name(self, schema: Any) -> str:
        """What a resolved schema is called, empty if nothing names it."""
        title = schema.get("title") if isinstance(schema, dict) else None
        return self._names.get(id(schema)) or (title if isinstance(title, str) else "")

    def text(self, value: Any) -> str:
        """A part of the document as text to compare it by; made once for parts that are large."""
        if not isinstance(value, dict | list):
            return canonical(value)
        if id(value) not in self._texts:
            self._texts[id(value)] = canonical(value)
            self._kept.append(value)
        return self._texts[id(value)]

    def _target_names(self) -> dict[int, str]:
        """Names by identity, whatever is looked at first: of several references to one schema the first by the alphabet."""
        targets = sorted(refs_in(text_of(self._data)))
        return {id(self._target(target)): target.rsplit("/", 1)[-1] for target in reversed(targets)}

    def _only_refers(self, schema: dict[Any, Any]) -> bool:
        if not isinstance(schema.get("$ref"), str):
            return False
        return not self._siblings or not schema.keys() - WORDS

    def _target(self, target: str) -> Any:
        if target not in self._targets:
            self._targets[target] = pointed_at(self._data, target)
        return self._targets[target]

    def _shape(self, schema: Any) -> Shape:
        parts, nullable = self._parts(schema)
        shape = Shape()
        for part in parts:
            self._take(shape, part)
        shape.properties = {name: self._one(found) for name, found in shape.properties.items()}
        shape.items = self._one(shape.items) if shape.items else None
        finish_types(shape, nullable=nullable)
        return shape

    def _parts(self, schema: Any) -> tuple[list[dict[Any, Any]], bool]:
        """Everything that has to hold at once, and whether null is let in beside it."""
        parts: list[dict[Any, Any]] = []
        waiting, seen, nullable = [schema], set(), False
        while waiting and len(parts) < (MOST_PARTS if self._merges_left > 0 else 1):
            part = self.resolved(waiting.pop())
            if id(part) in seen:
                continue
            seen.add(id(part))
            parts.append(part)
            nullable = nullable or part.get("nullable") is True or part.get("x-nullable") is True
            waiting.extend(reversed([entry for entry in listed(part, "allOf") if is_schema(entry)]))
            if isinstance(part.get("$ref"), str) and (target := self._target(part["$ref"])) is not None:
                waiting.append(target)
            for kind in ("oneOf", "anyOf"):
                single, has_null = without_null(listed(part, kind))
                nullable = nullable or has_null
                if len(single) == 1:
                    waiting.append(single[0])
        self._merges_left -= len(parts) - 1
        self.cut = self.cut or bool(waiting)
        return parts, nullable

    def _one(self, schemas: list[Any]) -> Any:
        """One schema for all of these, always the same one for the same ones."""
        found = {id(schema): schema for schema in map(self.resolved, schemas)}
        found.pop(id(ANYTHING), None)
        if len(found) < 2:
            return next(iter(found.values()), ANYTHING)
        key = tuple(sorted(found))
        if key not in self._joined:
            self._joined[key] = {"allOf": [found[entry] for entry in key]}
        return self._joined[key]

    def _take(self, shape: Shape, part: dict[Any, Any]) -> None:
        """Adds what one part says."""
        take_types(shape, part)
        take_values(shape, part)
        take_limits(shape, part)
        for name, schema in mapped(part, "properties").items():
            shape.properties.setdefault(str(name), []).append(schema)
        shape.required |= {name for name in listed(part, "required") if isinstance(name, str)}
        additional = part.get("additionalProperties")
        if additional is False or (isinstance(additional, dict) and additional and shape.additional is True):
            shape.additional = additional
        items = part.get("items")
        if is_schema(items):
            shape.items = [*(shape.items or []), items]
        shape.prefix = (
            shape.prefix or listed(part, "prefixItems") or (items if isinstance(items, list) else [])
        )
        if left := take_alternatives(shape, part):
            shape.others.setdefault(left, set()).add(self.text(part[left]))
        for keyword in OTHERS:
            if part.get(keyword) not in (None, [], {}):
                shape.others.setdefault(keyword, set()).add(self.text(part[keyword]))
        if isinstance(part.get("$ref"), str) and self._target(part["$ref"]) is None:
            shape.others.setdefault("$ref", set()).add(part["$ref"])


def take_types(shape: Shape, part: dict[Any, Any]) -> None:
    """`type`, in 3.1 a list of them. `file` is how Swagger 2 says binary text."""
    stated = part.get("type")
    names = {name for name in (stated if isinstance(stated, list) else [stated]) if isinstance(name, str)}
    if "file" in names:
        names = names - {"file"} | {"string"}
        shape.format = shape.format or "binary"
    if "number" in names:
        names.add("integer")
    if not names:
        names = {kind for keyword, kind in IMPLIED.items() if mapped(part, keyword) and not part.get("allOf")}
    if names:
        shape.types = frozenset(names) if shape.types is None else shape.types & names


def take_values(shape: Shape, part: dict[Any, Any]) -> None:
    """Possible values, the default, format and pattern, and what is said about the schema as a whole."""
    values = [part["const"]] if "const" in part else part.get("enum")
    if isinstance(values, list):
        stated = {canonical(value): value for value in values}
        shape.enum = (
            stated if shape.enum is None else {key: shape.enum[key] for key in shape.enum if key in stated}
        )
    if shape.default is ABSENT and "default" in part:
        shape.default = part["default"]
    if isinstance(part.get("format"), str):
        shape.format = shape.format or part["format"]
    if isinstance(part.get("pattern"), str):
        shape.patterns.add(part["pattern"])
    shape.read_only = shape.read_only or part.get("readOnly") is True
    shape.write_only = shape.write_only or part.get("writeOnly") is True
    shape.deprecated = shape.deprecated or part.get("deprecated") is True


def take_limits(shape: Shape, part: dict[Any, Any]) -> None:
    """Bounds, the closest of each; exclusive ones as OpenAPI 3.0 and as 3.1 write them."""
    for keyword, exclusive, value in stated_limits(part):
        sign, empty = LIMITS[keyword]
        if value == empty and not exclusive:
            continue
        limit = (Fraction(value) * sign, exclusive)
        if keyword not in shape.limits or shape.limits[keyword][0] < limit:
            shape.limits[keyword] = (limit, value)


def stated_limits(part: dict[Any, Any]) -> Iterator[tuple[str, bool, int | float]]:
    """(keyword, whether the value itself is ruled out, value) of each bound."""
    for keyword in LIMITS:
        value = part.get(keyword)
        if keyword == "uniqueItems":
            if value is True:
                yield keyword, False, 1
        elif is_number(value):
            exclusive = part.get("exclusive" + keyword[0].upper() + keyword[1:])
            yield keyword, exclusive is True, value
    for keyword in ("minimum", "maximum"):
        value = part.get("exclusive" + keyword.capitalize())
        if is_number(value):
            yield keyword, True, value


def take_alternatives(shape: Shape, part: dict[Any, Any]) -> str:
    """`oneOf` or `anyOf` with at least two schemas, and what tells them apart. The keyword that found no room is the answer."""
    left = ""
    for kind in ("oneOf", "anyOf"):
        branches, _ = without_null(listed(part, kind))
        if len(branches) < 2:
            continue
        if shape.kind:
            left = kind
        else:
            shape.kind, shape.branches = kind, branches
    stated = part.get("discriminator")
    name = stated.get("propertyName") if isinstance(stated, dict) else stated
    if isinstance(name, str) and not shape.discriminator:
        shape.discriminator = name
        mapping = mapped(stated, "mapping") if isinstance(stated, dict) else {}
        shape.mapping = canonical(mapping) if mapping else ""
    return left


def finish_types(shape: Shape, *, nullable: bool) -> None:
    """Draws null out of the types, and the types from the values where none are stated."""
    if shape.types is None and shape.enum:
        shape.types = frozenset(map(type_of, shape.enum.values()))
    if shape.types is None:
        shape.null = not shape.branches or nullable
    else:
        shape.null = nullable or "null" in shape.types
        shape.types -= {"null"}
    if shape.enum:
        shape.enum.pop("null", None)


def type_of(value: Any) -> str:
    """The JSON Schema type of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "integer" if value == int(value) else "number"
    if isinstance(value, dict):
        return "object"
    return "array" if isinstance(value, list) else "string"


def without_null(branches: Iterable[Any]) -> tuple[list[Any], bool]:
    """The alternatives without `{"type": "null"}`, and whether that was among them."""
    stated = [branch for branch in branches if is_schema(branch)]
    kept = [
        branch
        for branch in stated
        if not (isinstance(branch, dict) and branch.get("type") in ("null", ["null"]))
    ]
    return kept, len(kept) < len(stated)


def is_schema(value: Any) -> bool:
    """Whether a value can be a schema."""
    return isinstance(value, dict | bool)


def is_number(value: Any) -> TypeGuard[int | float]:
    """Whether a value is a number that bounds can be compared by."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def listed(part: Any, keyword: str) -> list[Any]:
    """The list under a keyword, empty if there is none."""
    value = part.get(keyword)
    return value if isinstance(value, list) else []


def mapped(part: Any, keyword: str) -> dict[Any, Any]:
    """The mapping under a keyword, empty if there is none."""
    value = part.get(keyword)
    return value if isinstance(value, dict) else {}
