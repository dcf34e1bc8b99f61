"""Making things ahead in a thread: in order, bounded, with errors in their place, and no thread left."""

import threading
import time
from collections.abc import Iterator

import pytest

from apis.sources.source import CONFIG_MAP
from apis.sync import listed
from apis.sync.ahead import Ahead
from apis.sync.listed import Listed
from portal.errors import ClusterUnavailable
from portal.kube import KindNotInstalled, KubeObject, Page

PATIENCE = 10.0


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "ahead"]


def test_items_come_in_order_and_the_thread_ends():
    with Ahead(range(100), most=3) as found:
        assert list(found) == list(range(100))
    assert not threads()


def test_no_more_is_made_than_was_asked_for():
    made: list[int] = []
    with Ahead(made.append(n) or n for n in range(100)) as found:
        assert next(found) == 0
        until = time.monotonic() + PATIENCE
        while len(made) < 3 and time.monotonic() < until:
            time.sleep(0.01)
        # One is taken, one lies ready, one waits for room.
        assert len(made) <= 3
    assert not threads()


def test_error_comes_in_its_place():
    def broken() -> Iterator[int]:
        yield 1
        raise ClusterUnavailable("away")

    with Ahead(broken(), most=5) as found:
        assert next(found) == 1
        with pytest.raises(ClusterUnavailable, match="away"):
            next(found)
        assert next(found, None) is None
    assert not threads()


def test_closing_ends_the_source_too():
    closed: list[bool] = []

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.append(True)

    with Ahead(endless()) as found:
        next(found)
    assert closed == [True]
    assert not threads()


def test_one_behind_another_is_closed_with_it():
    with Ahead(iter(int, 1)) as first, Ahead(item for item in first) as second:
        assert next(second) == 0
    assert not threads()


class Cluster:
    """ConfigMaps in pages of two, which counts what it is asked for."""

    namespaces: tuple[str, ...] = ()

    def __init__(self, *names: str) -> None:
        self.objects = {name: config_map(name) for name in names}
        self.late: dict[str, KubeObject] = {}
        self.asked: list[str] = []

    def pages(self, kind: object, **_: object) -> Iterator[Page]:
        found = list(self.objects.values())
        for start in range(0, max(1, len(found)), 2):
            yield Page(CONFIG_MAP, "1", tuple(found[start : start + 2]))

    def get(self, kind: object, *, namespace: str, name: str) -> KubeObject:
        self.asked.append(name)
        try:
            return (self.objects | self.late)[name]
        except KeyError:
            raise KindNotInstalled("gone") from None


def config_map(name: str) -> KubeObject:
    body = {"data": {"text": "x" * 100}}
    return KubeObject("test", CONFIG_MAP, "shop", name, "", 0, f"v-{name}", {}, {}, body)


@pytest.fixture
def narrow(monkeypatch):
    """Room for two objects."""
    monkeypatch.setattr(listed, "KEPT_CHARACTERS", 2 * (listed.OBJECT_CHARACTERS + 100))


def names(look_up: Listed, *asked: str) -> list[str]:
    found = (look_up.get(CONFIG_MAP, "shop", name) for name in asked)
    return [obj.name if obj else "" for obj in found]


def test_objects_in_the_order_of_the_list_are_never_asked_for(narrow):
    cluster = Cluster(*"abcdefg")
    look_up = Listed(cluster)
    assert names(look_up, *"abcdefg") == list("abcdefg")
    look_up.close()
    assert cluster.asked == []
    assert not threads()


def test_object_that_has_passed_is_asked_for(narrow):
    cluster = Cluster(*"abcdefg")
    look_up = Listed(cluster)
    assert names(look_up, "g", "a", "f") == ["g", "a", "f"]
    look_up.close()
    assert "a" in cluster.asked


def test_objects_in_no_order_are_all_found(narrow):
    cluster = Cluster(*"gcaebfd")
    look_up = Listed(cluster)
    assert names(look_up, *"abcdefg") == list("abcdefg")
    look_up.close()


def test_object_that_is_not_there_is_none():
    cluster = Cluster(*"ac")
    look_up = Listed(cluster)
    assert names(look_up, "b", "z") == ["", ""]
    look_up.close()


def test_kind_that_cannot_be_listed_fails_each_time():
    cluster = Cluster()
    look_up = Listed(cluster)

    def away(*_: object, **__: object) -> Iterator[Page]:
        raise ClusterUnavailable("away")
        yield

    cluster.pages = away
    for _ in range(2):
        with pytest.raises(ClusterUnavailable, match="away"):
            look_up.get(CONFIG_MAP, "shop", "a")
    look_up.close()
    assert not threads()
