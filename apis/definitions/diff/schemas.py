"""Compares schemas and all that they hold, each pair once however many operations share it."""

from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

from apis.definitions.diff.changes import ABSENT, Direction
from apis.definitions.diff.facts import Fact, Steps, disjoint, own_facts, type_facts
from apis.definitions.diff.shapes import ANYTHING, Schemas, Shape
from apis.definitions.diff.unchanged import Unchanged

# Properties and schemas that are looked at, over the whole comparison; ten times what the largest public definitions have.
MOST_WORK = 300_000
# Below one body or parameter, `$ref` followed.
MOST_DEPTH = 40

Key = tuple[int, int, Direction]


class Edge(NamedTuple):
    """Two schemas that two others hold at the same place."""

    steps: Steps
    old: Any
    new: Any


class Pair(NamedTuple):
    """What differs between two schemas themselves, and which they hold."""

    facts: tuple[Fact, ...]
    edges: tuple[Edge, ...]


class SchemaDiff:
    """Remembers every pair of schemas of two documents. Cycles are harmless: a pair is walked once from each start."""

    def __init__(self, old: Schemas, new: Schemas, unchanged: Unchanged | None) -> None:
        self.old = old
        self.new = new
        self.unchanged = unchanged
        self._cut = False
        self._left = MOST_WORK
        self._steps_left = MOST_WORK
        self._pairs: dict[Key, Pair] = {}
        self._same: set[Key] = set()
        self._known: dict[Key, tuple[Fact, ...]] = {}

    @property
    def cut(self) -> bool:
        """Whether a limit was reached."""
        return self._cut or self.old.cut or self.new.cut

    def compare(self, old: Any, new: Any, direction: Direction) -> tuple[Fact, ...]:
        """Everything that differs between two schemas and below, each at the shortest way to it."""
        old, new = self.old.resolved(old), self.new.resolved(new)
        key = (id(old), id(new), direction)
        if key not in self._known:
            self._known[key] = tuple(self._walk(old, new, direction))
        return self._known[key]

    def _walk(self, old: Any, new: Any, direction: Direction) -> Iterator[Fact]:
        waiting: deque[tuple[Edge, int]] = deque([(Edge((), old, new), 0)])
        seen: set[Key] = set()
        found = whole = False
        while waiting:
            (steps, before, after), depth = waiting.popleft()
            before, after = self.old.resolved(before), self.new.resolved(after)
            key = (id(before), id(after), direction)
            if key in seen or key in self._same or self._is_unchanged(before, after):
                continue
            self._steps_left -= 1
            if depth > MOST_DEPTH or self._steps_left < 0:
                self._cut = whole = True
                continue
            seen.add(key)
            pair = self._pair(key, before, after)
            for fact in pair.facts:
                found = True
                yield fact._replace(steps=steps + fact.steps)
            waiting.extend((edge._replace(steps=steps + edge.steps), depth + 1) for edge in pair.edges)
        if not found and not whole:
            self._same |= seen

    def _pair(self, key: Key, old: Any, new: Any) -> Pair:
        if key in self._pairs:
            return self._pairs[key]
        if self._left < 0:
            self._cut = True
            return Pair((), ())
        before, after = self.old.shape(old), self.new.shape(new)
        self._left -= 1 + sum(map(weight, (before, after)))
        facts, edges = self._parts(old, before, new, after, key[2])
        pair = self._pairs[key] = Pair(tuple(facts), tuple(edges))
        if not facts and not edges:
            self._same.add(key)
        return pair

    def _is_unchanged(self, old: Any, new: Any) -> bool:
        return self.unchanged is not None and self.unchanged.has_schema(old, new)

    def _parts(
        self, old: Any, before: Shape, new: Any, after: Shape, direction: Direction
    ) -> tuple[list[Fact], list[Edge]]:
        facts: list[Fact] = []
        if one_sided := bool(before.branches) != bool(after.branches):
            facts, edges = self._one_sided(old, before, new, after)
            if edges or before.types is None or after.types is None:
                return facts, edges
        facts += type_facts(before, after)
        if disjoint(before, after):
            return facts, []
        facts += own_facts(before, after)
        edges = list(held(before, after))
        self._properties(before, after, direction, facts, edges)
        if not one_sided:
            self._alternatives(before, after, facts, edges)
        return facts, edges

    def _properties(
        self, old: Shape, new: Shape, direction: Direction, facts: list[Fact], edges: list[Edge]
    ) -> None:
        for name in sorted(old.properties.keys() | new.properties.keys() | old.required | new.required):
            before, after = property_of(old, name), property_of(new, name)
            shapes = self._shape_of(self.old, before), self._shape_of(self.new, after)
            steps = ("properties", name)
            facts += (
                fact._replace(steps=steps + fact.steps)
                for fact in property_facts(old, new, name, shapes, direction)
            )
            if all(shape and not hidden(shape, direction) for shape in shapes):
                edges.append(Edge(steps, before, after))

    def _shape_of(self, schemas: Schemas, schema: Any) -> Shape | None:
        return None if schema is None else schemas.shape(schemas.resolved(schema))

    def _alternatives(self, old: Shape, new: Shape, facts: list[Fact], edges: list[Edge]) -> None:
        """Alternatives are matched by name, then as written, then by their types."""
        left, come = self._resolved(old, new)
        matched: set[int] = set()
        for describe_old, describe_new in (
            (self.old.name, self.new.name),
            (self.old.text, self.new.text),
            (
                lambda schema: types_text(self.old.shape(schema)),
                lambda schema: types_text(self.new.shape(schema)),
            ),
        ):
            names: dict[str, deque[Any]] = {}
            for schema in come:
                if name := describe_new(schema):
                    names.setdefault(name, deque()).append(schema)
            still = []
            for schema in left:
                queue = names.get(describe_old(schema))
                if queue:
                    match = queue.popleft()
                    matched.add(id(match))
                    edges.append(Edge((new.kind, self._label(self.new, match)), schema, match))
                else:
                    still.append(schema)
            left, come = still, [schema for schema in come if id(schema) not in matched]
        self._unmatched(left, come, old.kind, new.kind, facts)
        if old.kind != new.kind:
            stated = f"is a choice by {new.kind} instead of {old.kind}"
            facts.append(Fact("alternatives-kind-changed", stated, old.kind, new.kind, (new.kind,)))

    def _resolved(self, old: Shape, new: Shape) -> tuple[list[Any], list[Any]]:
        """The alternatives of both, each once."""
        before = {id(schema): schema for schema in map(self.old.resolved, old.branches)}
        after = {id(schema): schema for schema in map(self.new.resolved, new.branches)}
        return list(before.values()), list(after.values())

    def _unmatched(
        self, left: list[Any], come: list[Any], old_kind: str, new_kind: str, facts: list[Fact]
    ) -> None:
        for schema in left:
            label = self._label(self.old, schema)
            stated = f"is no longer possible as {label}"
            facts.append(Fact("alternative-removed", stated, label, steps=(old_kind, label)))
        for schema in come:
            label = self._label(self.new, schema)
            facts.append(Fact("alternative-added", f"may be {label} now", new=label, steps=(new_kind, label)))

    def _one_sided(self, old: Any, before: Shape, new: Any, after: Shape) -> tuple[list[Fact], list[Edge]]:
        """A schema became a choice, or the reverse: the same one may be among the alternatives."""
        left, come = self._resolved(before, after)
        left, come = left or [old], come or [new]
        facts: list[Fact] = []
        match = self._match(left, come)
        if match is None:
            code = "alternatives-dropped" if before.branches else "alternatives-introduced"
            stated = (
                "is no longer a choice of schemas" if before.branches else "is a choice of other schemas now"
            )
            return [Fact(code, stated, before.kind or ABSENT, after.kind or ABSENT)], []
        self._unmatched(
            [schema for schema in left if schema is not match[0]],
            [schema for schema in come if schema is not match[1]],
            before.kind,
            after.kind,
            facts,
        )
        return facts, [Edge((), *match)]

    def _match(self, left: list[Any], come: list[Any]) -> tuple[Any, Any] | None:
        """The schema of the shorter list and its like in the other."""
        for name_old, name_new in ((self.old.name, self.new.name), (self.old.text, self.new.text)):
            names = {name_new(schema): schema for schema in reversed(come)}
            for schema in left:
                name = name_old(schema)
                if name and name in names:
                    return schema, names[name]
        return None

    def _label(self, schemas: Schemas, schema: Any) -> str:
        """How an alternative is called: by its name, otherwise by its types."""
        return (schemas.name(schema) or types_text(schemas.shape(schema)) or "another schema")[:100]


def weight(shape: Shape) -> int:
    """How much work a shape is."""
    return (
        len(shape.properties)
        + len(shape.required)
        + len(shape.branches)
        + len(shape.enum or ())
        + len(shape.prefix)
    )


def held(old: Shape, new: Shape) -> Iterator[Edge]:
    """The schemas of entries and of properties that are not described."""
    if old.items is not None or new.items is not None:
        yield Edge(
            ("items",),
            ANYTHING if old.items is None else old.items,
            ANYTHING if new.items is None else new.items,
        )
    for index, (before, after) in enumerate(zip(old.prefix, new.prefix, strict=False)):
        yield Edge(("prefixItems", index), before, after)
    if isinstance(old.additional, dict) and isinstance(new.additional, dict):
        yield Edge(("additionalProperties",), old.additional, new.additional)


def property_of(shape: Shape, name: str) -> Any:
    """The schema of a property, ANYTHING if it is only required, None if it is not there."""
    return shape.properties.get(name, ANYTHING if name in shape.required else None)


def hidden(shape: Shape, direction: Direction) -> bool:
    """Whether a property is no part of what goes this way."""
    return shape.read_only if direction is Direction.REQUEST else shape.write_only


def property_facts(
    old: Shape, new: Shape, name: str, shapes: tuple[Shape | None, Shape | None], direction: Direction
) -> Iterator[Fact]:
    """Whether a property came, went, or has to be there."""
    before, after = shapes
    was = before is not None and not hidden(before, direction)
    now = after is not None and not hidden(after, direction)
    stated = "required" if name in old.required else "optional"
    required = "required" if name in new.required else "optional"
    if was and now:
        yield from required_facts(old, new, name, after, direction)
    elif was and after is not None:
        code = "property-became-read-only" if direction is Direction.REQUEST else "property-became-write-only"
        predicate = "is only read now" if direction is Direction.REQUEST else "is only written now"
        yield Fact(code, predicate, stated)
    elif was:
        closed = direction is Direction.REQUEST and new.rules_out()
        code = "property-removed-from-closed" if closed else f"{stated}-property-removed"
        yield Fact(code, "is gone", stated)
    elif now:
        yield Fact(added_code(old, new, name, shapes, direction), f"is new and {required}", new=required)


def added_code(
    old: Shape, new: Shape, name: str, shapes: tuple[Shape | None, Shape | None], direction: Direction
) -> str:
    """The rule for a new property."""
    before, after = shapes
    if direction is Direction.RESPONSE and before is None and old.rules_out():
        return "property-added-to-closed"
    if name not in new.required:
        return "optional-property-added"
    return "defaulted-property-required" if has_default(after, direction) else "required-property-added"


def required_facts(
    old: Shape, new: Shape, name: str, after: Shape | None, direction: Direction
) -> Iterator[Fact]:
    """Whether a property that stays has to be there."""
    if name in new.required and name not in old.required:
        code = "defaulted-property-required" if has_default(after, direction) else "property-became-required"
        yield Fact(code, "is required now", "optional", "required")
    elif name in old.required and name not in new.required:
        yield Fact("property-became-optional", "may be missing now", "required", "optional")


def has_default(shape: Shape | None, direction: Direction) -> bool:
    """Whether something counts for the property in a request that leaves it out."""
    return direction is Direction.REQUEST and shape is not None and shape.default is not ABSENT


def types_text(shape: Shape) -> str:
    """The types as one text, empty if any."""
    return " or ".join(sorted(shape.types)) if shape.types else ""
