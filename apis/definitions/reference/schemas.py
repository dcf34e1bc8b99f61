"""JSON Schema of every age (OpenAPI 2, 3.0, 3.1, AsyncAPI) in one form that is safe to walk.

Each keyword has the type it should have, or is left out. What differs from JSON Schema 2020-12:
`$ref` is the slug of a named schema; `missing` says where a reference leads that leads nowhere; `nullable` stands for the
type null; `example` became `examples`; `shown` is a type as its language writes it; `cut` marks what is nested too deeply.
"""

import re
from collections import deque
from typing import Any

import msgspec

from apis.definitions.reader import LONGEST_NAME, MOST_SCHEMAS, Reader
from apis.definitions.reference.parts import SchemaPart, Slugs, encoded, named, needed

Node = dict[str, Any]

MOST_DEPTH = 40
MOST_VALUES = 500
LONGEST_VALUE = 20_000
TEXTS = ("title", "format", "pattern", "contentEncoding", "contentMediaType")
NUMBERS = (
    *("multipleOf", "maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum"),
    *("maxLength", "minLength", "maxItems", "minItems", "maxProperties", "minProperties"),
    *("maxContains", "minContains"),
)
FLAGS = ("uniqueItems", "deprecated", "readOnly", "writeOnly")
ONE = (
    *("items", "not", "additionalProperties", "unevaluatedProperties", "unevaluatedItems", "contains"),
    *("propertyNames", "if", "then", "else"),
)
LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
MAPS = ("properties", "patternProperties", "dependentSchemas")
TYPES = frozenset(("string", "number", "integer", "boolean", "object", "array", "file"))
# What leads to a schema in a document and says nothing of it.
STRUCTURE = frozenset(
    (
        *(
            "schema",
            "schemas",
            "definitions",
            "$defs",
            "properties",
            "items",
            "content",
            "components",
            "payload",
        ),
        *("allOf", "anyOf", "oneOf", "responses", "requestBody", "paths", "parameters", "messages", ""),
    )
)
INDEX = re.compile(r"\d+")


class Schemas:
    """The schemas of one document. A named one is written once, however many refer to it."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self._slugs = Slugs()
        self._known: dict[str, str] = {}
        self._waiting: deque[tuple[str, str, Any]] = deque()
        self._written: dict[str, tuple[str, Node]] = {}
        self._leads_to: dict[str, list[str]] = {}
        self._met: dict[str, None] = {}

    def add_all(self, place: str, values: Any) -> None:
        """Take the named schemas of a mapping at a place such as `#/components/schemas`."""
        for name, value, _ in self.reader.items(values, ()):
            step = name.replace("~", "~0").replace("/", "~1")
            if (
                len(self._known) < MOST_SCHEMAS
                and not name.startswith("x-")
                and isinstance(value, dict | bool)
            ):
                self._add(f"{place}/{step}", name, value)

    def parts(self) -> tuple[SchemaPart, ...]:
        """Every named schema, in the order in which they were met."""
        while self._waiting:
            slug, name, value = self._waiting.popleft()
            self._met = {}
            self._written[slug] = (name, self.node(value))
            self._leads_to[slug] = list(self._met)
        return tuple(self._part(slug, name, schema) for slug, (name, schema) in self._written.items())

    def _part(self, slug: str, name: str, schema: Node) -> SchemaPart:
        needs = needed(self._leads_to[slug], self._leads_to)
        body = encoded({"schema": schema, "needs": needs})
        self.reader.spend(1, len(body))
        return SchemaPart(slug, name, body)

    def begin(self) -> None:
        """Forget which schemas were met: `met` is what comes from here on."""
        self._met = {}

    @property
    def met(self) -> list[str]:
        """Slugs of the named schemas that were referred to since `begin`."""
        return list(self._met)

    def needs(self, nearest: list[str]) -> list[str]:
        """What these lead to, once all parts are made."""
        return needed(nearest, self._leads_to)

    def put(self, name: str, schema: Node, leads_to: list[str]) -> None:
        """Take a schema that is written already, of a language without JSON Schema; its slug is `slug_of(name)`."""
        slug = self.slug_of(name)
        self._written[slug] = (named(name), schema)
        self._leads_to[slug] = leads_to

    def slug_of(self, name: str) -> str:
        """The slug of a type of a language that has no pointers."""
        if name not in self._known:
            self._known[name] = self._slugs.of(name)
        return self._known[name]

    def _add(self, target: str, name: str, value: Any) -> str:
        if target not in self._known:
            slug = self._known[target] = self._slugs.of(name)
            self._waiting.append((slug, named(name), value))
        return self._known[target]

    def _referred(self, target: str) -> Node:
        """What a reference becomes."""
        if target not in self._known:
            value = self.reader.pointed(target)
            if not isinstance(value, dict | bool):
                return {"missing": target[:LONGEST_NAME]}
            if len(self._known) >= MOST_SCHEMAS:
                return {"cut": True}
            steps = [
                step for step in target.split("/")[1:] if step not in STRUCTURE and not INDEX.fullmatch(step)
            ]
            name = ".".join(steps[-2:] if "properties" in target else steps[-1:])
            self._add(target, name.replace("~1", "/").replace("~0", "~") or "document", value)
        self._met[self._known[target]] = None
        return {"$ref": self._known[target]}

    def node(self, value: Any, depth: int = 0) -> Node:
        """One schema. Anything that is none allows everything."""
        self.reader.spend(1)
        if value is False:
            return {"not": {}}
        if not isinstance(value, dict):
            return {}
        if depth > MOST_DEPTH:
            return {"cut": True}
        made: Node = self._referred(value["$ref"]) if isinstance(value.get("$ref"), str) else {}
        if description := self._text(value.get("description")):
            made["description"] = description
        made |= {name: text for name in TEXTS if (text := self._text(value.get(name)))}
        made |= {name: number for name in NUMBERS if is_number(number := value.get(name))}
        made |= {name: True for name in FLAGS if value.get(name) is True}
        self._add_types(value, made)
        self._add_values(value, made)
        self._add_inside(value, made, depth)
        return made

    def _text(self, value: Any) -> str:
        return self.reader.text(value, ()) if isinstance(value, str) else ""

    def _add_types(self, value: Node, made: Node) -> None:
        stated = value.get("type")
        types = [each for each in (stated if isinstance(stated, list) else [stated]) if isinstance(each, str)]
        if kept := [each for each in dict.fromkeys(types) if each in TYPES]:
            made["type"] = kept
        if "null" in types or value.get("nullable") is True or value.get("x-nullable") is True:
            made["nullable"] = True
        # OpenAPI 2 and 3.0 say with true or false whether a limit itself is allowed.
        for name, limit in (("exclusiveMaximum", "maximum"), ("exclusiveMinimum", "minimum")):
            if value.get(name) is True and limit in made:
                made[name] = made.pop(limit)

    def _add_values(self, value: Node, made: Node) -> None:
        if isinstance(value.get("enum"), list):
            made["enum"] = [kept for each in value["enum"][:MOST_VALUES] for kept in self.value(each)]
        for name in ("const", "default"):
            if name in value and (kept := self.value(value[name])):
                made[name] = kept[0]
        stated = value.get("examples")
        examples = (
            list(stated.values()) if isinstance(stated, dict) else stated if isinstance(stated, list) else []
        )
        examples = [value["example"]] if "example" in value else examples
        if kept := [found for each in examples[:5] for found in self.value(each)]:
            made["examples"] = kept

    def value(self, value: Any) -> list[Any]:
        """The value in a list, or an empty list where it is too long to show."""
        self.reader.spend(1)
        if isinstance(value, dict | list):
            length = len(msgspec.json.encode(value))
        else:
            length = len(value) if isinstance(value, str) else 0
        self.reader.spend(0, length)
        return [value] if length <= LONGEST_VALUE else []

    def _add_inside(self, value: Node, made: Node, depth: int) -> None:
        if isinstance(value.get("required"), list):
            made["required"] = [self._text(name) for name in value["required"] if isinstance(name, str)]
        for name in ONE:
            if isinstance(stated := value.get(name), dict | bool):
                made[name] = stated if stated is True else self.node(stated, depth + 1)
        # Before 2020-12 `items` could be a list: the first entries, one by one.
        lists = (
            dict(value)
            if not isinstance(value.get("items"), list)
            else {**value, "prefixItems": value["items"]}
        )
        for name in LISTS:
            if isinstance(stated := lists.get(name), list):
                self._add_list(name, stated, made, depth)
        for name in MAPS:
            if isinstance(stated := value.get(name), dict):
                made[name] = {named(str(key)): self.node(each, depth + 1) for key, each in stated.items()}
        self._add_discriminator(value.get("discriminator"), made)

    def _add_list(self, name: str, stated: list[Any], made: Node, depth: int) -> None:
        """Alternatives and the like. "Or null" is no alternative, and a single one left is no choice."""
        kept = [each for each in stated if not is_null(each)]
        if name in ("anyOf", "oneOf") and len(kept) < len(stated):
            made["nullable"] = True
            name = "allOf" if len(kept) == 1 else name
        if nodes := [self.node(each, depth + 1) for each in kept]:
            made[name] = [*made.get(name, ()), *nodes]

    def _add_discriminator(self, stated: Any, made: Node) -> None:
        """The property that tells the alternatives apart, and which value stands for which of them."""
        name = stated.get("propertyName") if isinstance(stated, dict) else stated
        if not isinstance(name, str) or not name:
            return
        mapping = stated.get("mapping") if isinstance(stated, dict) else None
        found = {}
        for key, target in self.reader.mapping(mapping, ()).items():
            if isinstance(target, str):
                pointer = target if "#" in target else f"#/components/schemas/{target}"
                found[named(str(key))] = self._referred(pointer).get("$ref", "")
        made["discriminator"] = {"propertyName": named(name), "mapping": found}


def is_null(value: Any) -> bool:
    """Whether a schema allows null and nothing else."""
    return isinstance(value, dict) and value.get("type") in ("null", ["null"])


def is_number(value: Any) -> bool:
    """Whether the value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)
