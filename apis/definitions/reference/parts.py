"""The parts that pages of the Reference are made of, whatever language the definition is written in."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from apis.definitions.reader import LONGEST_LINE, LONGEST_NAME

# A stored reference of another edition is made anew.
EDITION = 2
MOST_CHARACTERS = 64_000_000
LONGEST_SLUG = 100
NOT_IN_SLUGS = re.compile(r"[^A-Za-z0-9_.]+")
# How far from an operation a schema may be to come with it, and how many do. Others have their own page.
MOST_STEPS = 5
MOST_NEEDED = 60


@dataclass(frozen=True, slots=True)
class OperationPart:
    """What the page of one operation shows.

    `body` is JSON: description, parameters, bodies, responses, callbacks, security, and `needs`, the slugs of the schemas
    that its own schemas lead to, nearest first. A parameter is {name, in, required, description, deprecated, schema,
    examples}; a body or response {code, description, required, headers, media: [{type, schema, examples}]}; an example
    {name, summary, value}. What is `wrapped` stands inside mappings with these names. A schema is JSON Schema as `apis.definitions.reference.schemas` writes it.
    """

    slug: str
    method: str
    path: str
    operation_id: str
    title: str
    group: str
    deprecated: bool
    body: str


@dataclass(frozen=True, slots=True)
class SchemaPart:
    """What the page of one named schema shows. `body` is JSON: {schema, needs}."""

    slug: str
    name: str
    body: str


@dataclass(frozen=True, slots=True)
class Reference:
    """A whole definition. `groups` are the descriptions of groups of operations, by name."""

    operations: tuple[OperationPart, ...] = ()
    schemas: tuple[SchemaPart, ...] = ()
    groups: dict[str, str] = field(default_factory=dict)


def as_plain(reference: Reference) -> dict[str, Any]:
    """The reference as what JSON holds."""
    plain: dict[str, Any] = msgspec.to_builtins(reference)
    return plain


def from_plain(plain: dict[str, Any]) -> Reference:
    """The reference that `as_plain` made this of, after its way through JSON."""
    return msgspec.convert(plain, Reference)


class Slugs:
    """Names as steps of an address: each one once, without what an address would have to escape."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, *wishes: str) -> str:
        """The first wish that holds something, made unique."""
        made = (NOT_IN_SLUGS.sub("-", wish[: 2 * LONGEST_SLUG]).strip("-.")[:LONGEST_SLUG] for wish in wishes)
        wish = next(filter(None, made), "part")
        slug, number = wish, 2
        while slug in self._taken:
            # Many of one name: counting up from 2 for each would take forever.
            slug, number = f"{wish}-{number}", number + 1 if number < 20 else number * 2
        self._taken.add(slug)
        return slug


def needed(nearest: Iterable[str], leads_to: Mapping[str, Sequence[str]]) -> list[str]:
    """Slugs of the schemas that these lead to, themselves first, over a few steps and not without end."""
    found = dict.fromkeys(nearest)
    level = list(found)
    for _ in range(MOST_STEPS):
        if len(found) >= MOST_NEEDED:
            break
        level = [slug for name in level for slug in leads_to.get(name, ()) if slug not in found]
        found.update(dict.fromkeys(level))
        level = list(dict.fromkeys(level))
    return list(found)[:MOST_NEEDED]


def encoded(body: dict[str, Any]) -> str:
    """The body as JSON text, without what is empty."""
    return msgspec.json.encode({name: value for name, value in body.items() if value}).decode()


def titled(*wishes: str) -> str:
    """The first wish that holds something, as one line."""
    lines = (" ".join(wish[: 2 * LONGEST_LINE].split())[:LONGEST_LINE] for wish in wishes)
    return next(filter(None, lines), "")


def named(name: str) -> str:
    """As much of a name as is kept, on one line."""
    return " ".join(name[:LONGEST_NAME].split())
