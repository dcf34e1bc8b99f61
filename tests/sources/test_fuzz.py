"""Any object in any company, found by hypothesis: no adapter raises, whatever it reads.

PORTICO_FUZZ_EXAMPLES is how many objects are tried, over all adapters together: 1,000 where it is not given.
"""

import copy
import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from apis.sources import ATTACHMENTS, SOURCES, Source
from portal.kube import Kind, KubeObject
from portal.kube.objects import read_object
from tests.definitions.test_hostile import paths_in
from tests.sources.examples import EXAMPLES
from tests.sources.hostile import check

TRIED = int(os.environ.get("PORTICO_FUZZ_EXAMPLES", "1000"))
PER_ADAPTER = max(1, TRIED // (len(SOURCES) + len(ATTACHMENTS)))
PARTS = ("spec", "status", "data", "binaryData")

BODIES = [dict(obj.body) for objects in EXAMPLES.values() for obj in objects]
# Names and values of real objects, so that what is made up goes deeper than the first field.
PLACES = [(body, path) for body in BODIES for path in paths_in(body)]
NAMES = sorted({str(path[-1]) for _, path in PLACES})
ODD = [None, True, -1, 0, 1.5, 10**30, "", "\x00", "a\x00b", "http://[", "/a/../b", "{", "*", "x" * 5_000]


def found(body: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        body = body[step]
    return body


REAL = st.sampled_from([found(body, path) for body, path in PLACES])
LEAF = st.sampled_from(ODD) | REAL | st.integers() | st.text(max_size=8)
VALUE = st.recursive(
    LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=8,
)
NOTES = st.dictionaries(
    st.sampled_from(
        [
            f"portico.dev/{name}"
            for name in (
                "api", "version", "tags", "plans", "base-path", "definition", "openapi-path", "visibility", "port",
            )
        ]
    ),
    st.sampled_from(["orders", "/openapi.json", "v1", "Public", "80", "\x00", ""]) | st.text(max_size=8),
    max_size=4,
)  # fmt: skip
CHANGES = st.lists(st.tuples(st.integers(0, 10_000), VALUE), max_size=4)
MADE_UP = st.fixed_dictionaries({}, optional=dict.fromkeys(PARTS, VALUE))


class Drawn(NamedTuple):
    """What is done to a good object, or what takes its place."""

    changes: list[tuple[int, Any]]
    notes: dict[str, str]
    instead: dict[str, Any] | None


DRAWN = st.builds(Drawn, CHANGES, NOTES, st.none() | st.none() | MADE_UP)


def changed(obj: KubeObject | None, drawn: Drawn) -> dict[str, Any]:
    """The parts of a body that anybody may write, with each change at one of its places."""
    if obj is None or drawn.instead is not None:
        return copy.deepcopy(drawn.instead or {})
    body = {part: copy.deepcopy(obj.body[part]) for part in PARTS if part in obj.body}
    for place, value in drawn.changes:
        paths = list(paths_in(body))
        if paths:
            *inside, last = paths[place % len(paths)]
            found(body, tuple(inside))[last] = copy.deepcopy(value)
    return body


def made(kind: Kind, body: Mapping[str, Any], name: str, namespace: str, notes: Any) -> KubeObject | None:
    """The object as a cluster would hand it over; None where it could not even be stored."""
    meta = {"name": name, "namespace": namespace, "annotations": notes, "uid": "u-1", "generation": 3}
    obj = read_object({"metadata": meta, **body}, cluster="test", kind=kind, default_namespace="shop")
    return obj if isinstance(obj, KubeObject) else None


class Anything:
    """A cluster that has an answer for every question: a changed companion, or something made up."""

    def __init__(self, company: tuple[KubeObject, ...], drawn: list[Drawn]) -> None:
        self.company = {obj.kind: obj for obj in company}
        self.drawn = drawn
        self.asked = 0

    def __call__(self, kind: Kind, namespace: str, name: str) -> KubeObject | None:
        self.asked += 1
        drawn = self.drawn[self.asked % len(self.drawn)]
        return made(kind, changed(self.company.get(kind), drawn), name, namespace, drawn.notes)

    def attached(self, kind: Kind, to: KubeObject) -> tuple[KubeObject, ...]:
        both = (self(kind, to.namespace, name) for name in ("first", "second"))
        return tuple(obj for obj in both if obj)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: str(source.kind))
def test_any_object_in_any_company_is_read_or_a_problem(source: Source):
    obj, *company = EXAMPLES[source.kind]

    @settings(
        max_examples=PER_ADAPTER,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(drawn=DRAWN, around=st.lists(DRAWN, min_size=1, max_size=3))
    def attempt(drawn: Drawn, around: list[Drawn]) -> None:
        notes = obj.annotations if not drawn.notes else {**obj.annotations, **drawn.notes}
        tried = made(source.kind, changed(obj, drawn), obj.name, obj.namespace, dict(notes))
        if tried is None:
            return
        for attachment in ATTACHMENTS:
            if attachment.kind == source.kind:
                list(attachment.targets(tried))
        check(tried, Anything(tuple(company), around), empty=True)

    attempt()


@pytest.mark.parametrize("attachment", ATTACHMENTS, ids=lambda attachment: str(attachment.kind))
@settings(max_examples=PER_ADAPTER, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(drawn=DRAWN)
def test_any_object_points_at_something_or_nothing(attachment, drawn):
    examples = {obj.kind: obj for objects in EXAMPLES.values() for obj in objects}
    obj = made(attachment.kind, changed(examples.get(attachment.kind), drawn), "x", "shop", drawn.notes)
    json.dumps([tuple(target) for target in attachment.targets(obj)] if obj else [])
