"""What is different between the cluster and the catalog. Pure: no database, no cluster."""

import hashlib
from collections.abc import Mapping, Sequence, Set as AbstractSet
from dataclasses import fields
from operator import attrgetter
from typing import NamedTuple

import msgspec

from apis.sources import DefinitionText, Problem, Published, PublishedApi, Reading

from .surroundings import Surroundings

# Raised when the same object is to be understood differently, so that every object is read anew.
READER = 3
UNREADABLE = "unreadable"
_encoder = msgspec.json.Encoder(order="sorted", enc_hook=str)
OUR_GROUP = "portico.dev/"
# All conditions that Portico ever writes, on its own kinds alone.
OUR_CONDITIONS = ("Accepted", "Programmed", "Published", "Probed")
_others = attrgetter(
    *(each.name for each in fields(PublishedApi) if each.name not in {"definition", "conditions"})
)


class Key(NamedTuple):
    """Which object of the run's cluster; `kind` is "group/version/Kind"."""

    kind: str
    namespace: str
    name: str


# One hash per thing that an object publishes.
Prints = frozenset[str]


def fingerprint(published: Published, problems: Sequence[Problem], around: Surroundings) -> str:
    """Hash of everything that decides what the catalog says of `published`; the same hash means nothing to write.

    Raises:
        ValueError: it holds what no text can.
    """
    stated: list[object] = [READER, _in_short(published), list(problems)]
    if isinstance(published, PublishedApi):
        stated.append(around.about(published))
    return hashlib.sha256(_encoder.encode(stated)).hexdigest()


def _in_short(published: Published) -> object:
    """Without what Portico itself wrote to the object's status, which is no news, and the hash in place of a long text."""
    if not isinstance(published, PublishedApi):
        return published
    definition, conditions = published.definition, published.conditions
    if isinstance(definition, DefinitionText):
        definition = DefinitionText(definition.sha256, definition.origin)
    if published.ref.kind.startswith(OUR_GROUP):
        conditions = tuple(each for each in conditions if each.type not in OUR_CONDITIONS)
    return definition, conditions, _others(published)


def fingerprints(reading: Reading, around: Surroundings) -> Prints:
    """One hash per thing that the object publishes; nothing published but a problem has a mark of its own."""
    if reading.problems and not reading.published:
        return frozenset({UNREADABLE})
    return frozenset(fingerprint(published, reading.problems, around) for published in reading.published)


class Known(NamedTuple):
    """What the catalog remembers of a cluster's objects.

    `marks` are those of SeenObject. `objects` are all that have something in the catalog, `doubtful` those of them whose
    state is not what their object says, whatever their mark. Those in `waiting` are in the queue already.
    """

    marks: Mapping[Key, str]
    objects: AbstractSet[Key]
    doubtful: AbstractSet[Key]
    waiting: AbstractSet[Key] = frozenset()


class Difference(NamedTuple):
    """Objects to read again, and objects that the lists no longer have."""

    changed: list[Key]
    gone: list[Key]


def differing(
    observed: Mapping[Key, str], known: Known, *, unknown: AbstractSet[str], partial: AbstractSet[str]
) -> Difference:
    """Compare the marks of a listing with those in memory.

    Kinds in `unknown` could not be listed and say nothing. What is missing in the list of a kind in `partial` may still
    be there. An empty mark is never the same. What waits in the queue is read by that, and not noted once more.
    """
    changed = [
        key
        for key, mark in observed.items()
        if (not mark or known.marks.get(key) != mark or key in known.doubtful)
        and key not in known.waiting
        and key.kind not in unknown
    ]
    gone = [
        key
        for key in known.marks.keys() | known.objects
        if key not in observed and key.kind not in unknown and key.kind not in partial
    ]
    return Difference(sorted(changed), sorted(gone))
