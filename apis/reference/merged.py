"""Schemas with their references followed and their `allOf` taken together, as a reader of the page sees them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Node = dict[str, Any]

# What one page may cost, however the schemas refer to each other.
MOST_STEPS = 3000
UNITED = ("properties", "patternProperties")
JOINED = ("oneOf", "anyOf")


@dataclass
class Book:
    """The named schemas that a page has, by slug. `steps` is what following them may still cost."""

    schemas: Mapping[str, Node] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    steps: int = MOST_STEPS

    def name(self, slug: str) -> str:
        return self.names.get(slug, slug)

    def whole(self, node: Node, seen: frozenset[str] = frozenset()) -> Node:
        """What the schema says with everything that it refers to, but for what leads back to itself."""
        self.steps -= 1
        slug = node.get("$ref")
        if self.steps < 0 or not (slug or "allOf" in node):
            return node
        made: Node = {}
        if slug and slug in self.schemas and slug not in seen:
            unite(made, self.whole(self.schemas[slug], seen | {slug}))
        for part in node.get("allOf", ()):
            unite(made, self.whole(part, seen))
        unite(made, {name: value for name, value in node.items() if name not in ("$ref", "allOf")})
        return made


def unite(made: Node, more: Node) -> None:
    """Add what `more` says; where both say something, `more` wins."""
    for name, value in more.items():
        if name in UNITED:
            made[name] = {**made.get(name, {}), **value}
        elif name in JOINED:
            made[name] = [*made.get(name, ()), *value]
        elif name == "required":
            made[name] = list(dict.fromkeys([*made.get(name, ()), *value]))
        else:
            made[name] = value


def kind_of(node: Node) -> str:
    """The type of a whole schema, where it says or shows one; empty for several or none."""
    types = node.get("type", ())
    if len(types) == 1:
        return str(types[0])
    if types:
        return ""
    if node.keys() & {"properties", "additionalProperties", "patternProperties"}:
        return "object"
    return "array" if node.keys() & {"items", "prefixItems"} else ""
