"""Objects with anything anywhere, and what has to hold for them."""

import copy
import json
from collections.abc import Iterator
from dataclasses import asdict

from apis.sources import source_of
from apis.sources.source import LookUp
from portal.kube import KubeObject
from portal.kube.objects import read_object
from tests.definitions.test_hostile import WRONG, paths_in

MORE_WRONG = [*WRONG, "a\x00b", "http://[", "x" * 100_000, {"a": {"b": {"c": []}}}, [{}], [[["x"]]]]


def broken(obj: KubeObject) -> Iterator[KubeObject]:
    """The object with each field of its spec and status in turn made into everything it should not be."""
    for path in paths_in(obj.body):
        if path[0] not in ("spec", "status"):
            continue
        for wrong in MORE_WRONG:
            changed = copy.deepcopy(dict(obj.body))
            inside = changed
            for step in path[:-1]:
                inside = inside[step]
            inside[path[-1]] = wrong
            found = read_object(changed, cluster="test", kind=obj.kind, default_namespace="shop")
            if isinstance(found, KubeObject):
                yield found


def check(obj: KubeObject, look_up: LookUp, *, empty: bool = False) -> None:
    """Reads the object: never an exception; something published or a problem, unless it may be nobody's API."""
    source = source_of(obj.kind)
    assert source
    reading = source.read(obj, look_up)
    assert reading.published or reading.problems or empty
    for problem in reading.problems:
        assert problem.field
        assert problem.message
        assert problem.remedy
        assert len(problem.message) < 1_000
    json.dumps([asdict(entry) for entry in reading.published], default=str)
