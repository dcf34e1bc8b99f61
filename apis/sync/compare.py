"""What is different between the cluster and the catalog. Pure: no database, no cluster."""

import hashlib
import json
from collections.abc import Mapping, Sequence, Set as AbstractSet
from dataclasses import asdict, replace
from typing import NamedTuple

from apis.sources import Problem, PublishedApi, PublishedPlan, Reading

from .surroundings import Surroundings

# Raised when the same object is to be understood differently, so that every object is read anew.
READER = 1
UNREADABLE = "unreadable"
OUR_GROUP = "portico.dev/"
# All conditions that Portico ever writes, on its own kinds alone.
OUR_CONDITIONS = ("Accepted", "Programmed", "Published", "Probed")


class Key(NamedTuple):
    """Which object of the run's cluster; `kind` is "group/version/Kind"."""

    kind: str
    namespace: str
    name: str


# One hash per thing that an object publishes.
Prints = frozenset[str]


def fingerprint(
    published: PublishedApi | PublishedPlan, problems: Sequence[Problem], around: Surroundings
) -> str:
    """Hash of everything that decides what the catalog says of `published`; the same hash means nothing to write."""
    stated = [READER, asdict(_without_our_conditions(published)), [asdict(problem) for problem in problems]]
    if isinstance(published, PublishedApi):
        stated.append(around.about(published))
    return hashlib.sha256(json.dumps(stated, sort_keys=True, default=str).encode()).hexdigest()


def _without_our_conditions(published: PublishedApi | PublishedPlan) -> PublishedApi | PublishedPlan:
    """What Portico itself wrote to the object's status is no news."""
    if isinstance(published, PublishedPlan) or not published.ref.kind.startswith(OUR_GROUP):
        return published
    return replace(
        published, conditions=tuple(c for c in published.conditions if c.type not in OUR_CONDITIONS)
    )


def fingerprints(reading: Reading, around: Surroundings) -> Prints:
    """One hash per thing that the object publishes; nothing published but a problem has a mark of its own."""
    if reading.problems and not reading.published:
        return frozenset({UNREADABLE})
    return frozenset(fingerprint(published, reading.problems, around) for published in reading.published)


def differing(
    observed: Mapping[Key, Prints],
    recorded: Mapping[Key, Prints],
    *,
    unknown: AbstractSet[str],
    partial: AbstractSet[str],
) -> list[Key]:
    """Objects to read again.

    Kinds in `unknown` could not be listed and say nothing. What is missing in the list of a kind in `partial` may still
    be there.
    """
    nothing: Prints = frozenset()
    return [
        key
        for key in sorted(observed.keys() | recorded.keys())
        if key.kind not in unknown
        and (key in observed or key.kind not in partial)
        and (
            observed.get(key, nothing) != recorded.get(key, nothing)
            or UNREADABLE in observed.get(key, nothing)
        )
    ]
