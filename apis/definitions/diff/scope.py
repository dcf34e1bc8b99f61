"""Where changes are noted while two operations are compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apis.definitions.diff.changes import ABSENT, Changes, Direction
from apis.definitions.diff.facts import Steps
from apis.definitions.diff.schemas import SchemaDiff

LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Scope:
    """One operation, and the lists that its changes go to."""

    changes: Changes
    operation: str = ""
    schemas: SchemaDiff | None = None

    def add(
        self,
        code: str,
        message: str,
        path: Sequence[str | int] = (),
        *,
        direction: Direction = Direction.REQUEST,
        old: Any = ABSENT,
        new: Any = ABSENT,
    ) -> None:
        """Notes a change of this operation."""
        self.changes.add(
            code, message, operation=self.operation, path=path, direction=direction, old=old, new=new
        )

    def compare(self, old: Any, new: Any, direction: Direction, path: Steps, where: str) -> None:
        """Notes everything that differs between two schemas. `where` names what they describe: "the request body"."""
        for fact in self.schemas.compare(old, new, direction) if self.schemas else ():
            message = f"{subject(where, fact.steps)} {fact.predicate}."
            self.add(fact.code, message, path + fact.steps, direction=direction, old=fact.old, new=fact.new)


def subject(where: str, steps: Steps) -> str:
    """The beginning of a sentence about a place in a schema."""
    place = place_name(steps)[:LONGEST_NAME]
    return f"`{place}` in {where}" if place else where[:1].upper() + where[1:]


def place_name(steps: Steps) -> str:
    """A place as people write it: `customer.addresses[].city`. Keywords at the end are what the sentence is about."""
    name = ""
    waiting = iter(steps)
    for step in waiting:
        if step == "properties":
            name += f".{next(waiting, '')}"
        elif step == "items":
            name += "[]"
        elif step == "prefixItems":
            name += f"[{next(waiting, '')}]"
        elif step == "additionalProperties":
            name += ".*"
        elif step in ("oneOf", "anyOf"):
            label = next(waiting, "")
            name += f"({label})" if label else ""
    return name.removeprefix(".")
