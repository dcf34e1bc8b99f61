"""What a difference is, and the bounded list that differences are noted in."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from apis.definitions.diff.rules import RULES
from apis.definitions.lines import lines_of

# Of each level, so that a thousand safe changes never crowd out a breaking one.
MOST_CHANGES = 500
LONGEST_VALUE = 200

ABSENT: Any = object()


class Level(StrEnum):
    """How much a change means to consumers, the worst first."""

    BREAKING = "breaking"
    RISKY = "risky"
    SAFE = "safe"


RANK = {level: rank for rank, level in enumerate(Level)}


class Direction(StrEnum):
    """Which way data goes: what the consumer sends, or what the API sends."""

    REQUEST = "request"
    RESPONSE = "response"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two definitions.

    `operation` is "GET /orders/{id}" as the new document writes it, empty for what concerns the whole document. `path` is a JSON
    pointer (RFC 6901) below the operation in OpenAPI 3's shape, with `$ref` followed. `old` and `new` are shown shortened, None
    where there was or is nothing. `line`, from 1, is where the operation stands: in the new text, or in the old one if it is removed.
    """

    level: Level
    code: str
    operation: str
    path: str
    message: str
    old: str | None = None
    new: str | None = None
    line: int | None = None


class Changes:
    """Collects changes, no more of each level than anybody reads."""

    def __init__(self) -> None:
        self._found: dict[Level, dict[Change, None]] = {level: {} for level in Level}
        self.cut = False
        # Operation -> (whether it stands in the new text, where), for those languages that can say it.
        self.places: dict[str, tuple[bool, tuple[str | int, ...]]] = {}

    def add(
        self,
        code: str,
        message: str,
        *,
        operation: str = "",
        path: Iterable[str | int] = (),
        direction: Direction = Direction.REQUEST,
        old: Any = ABSENT,
        new: Any = ABSENT,
    ) -> None:
        """Notes a change, whose level is what the rules say for this direction."""
        level = level_of(code, direction)
        found = self._found[level]
        if len(found) >= MOST_CHANGES:
            self.cut = True
            return
        found[Change(level, code, operation, pointer(path), message, shown(old), shown(new))] = None

    def all(self, old: str = "", new: str = "") -> tuple[Change, ...]:
        """All changes, breaking first, in an order that does not depend on the order of keys. The texts are for the lines."""
        if self.cut:
            self._note_cut()
        lines = self._lines(old, is_new=False) | self._lines(new, is_new=True)
        changes = [change for found in self._found.values() for change in found]
        return tuple(
            sorted((replace(change, line=lines.get(change.operation)) for change in changes), key=order)
        )

    def _lines(self, text: str, *, is_new: bool) -> dict[str, int]:
        """The line of each operation that something was noted for."""
        noted = {change.operation for found in self._found.values() for change in found}
        places = {
            name: tuple(map(str, path))
            for name, (in_new, path) in self.places.items()
            if name in noted and in_new is is_new
        }
        found = lines_of(text, places.values()) if places else {}
        return {name: found[place] for name, place in places.items() if place in found}

    def _note_cut(self) -> None:
        message = "There are more differences than were compared or listed."
        change = Change(Level.RISKY, "not-all-compared", "", "", message)
        self._found[Level.RISKY][change] = None


def order(change: Change) -> tuple[Any, ...]:
    """The worst first, then by place."""
    return (
        RANK[change.level],
        change.operation,
        change.path,
        change.code,
        change.message,
        str(change.old),
        str(change.new),
    )


def level_of(code: str, direction: Direction) -> Level:
    """The level of a rule in one direction."""
    rule = RULES[code]
    return Level(rule.request if direction is Direction.REQUEST else rule.response)


def worst(changes: Iterable[Change]) -> Level | None:
    """The worst level among the changes, None if there are none."""
    return min((change.level for change in changes), key=RANK.__getitem__, default=None)


def pointer(path: Iterable[str | int]) -> str:
    """A JSON pointer of the steps."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def shown(value: Any) -> str | None:
    """A value as people read it: text as it is, anything else as JSON, shortened."""
    if value is ABSENT:
        return None
    text = value if isinstance(value, str) else canonical(value)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def canonical(value: Any) -> str:
    """A JSON value as text that is equal for equal values: key order and `1.0` for `1` mean nothing."""
    return json.dumps(plain(value), sort_keys=True, ensure_ascii=False)


def plain(value: Any) -> Any:
    """The value with text for every key and whole numbers as integers."""
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
