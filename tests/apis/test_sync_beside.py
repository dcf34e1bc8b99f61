"""Making things in another process: in order, ahead, with errors in their place, and no process left."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from apis.sync.beside import Beside, beside
from portal.errors import ClusterUnavailable, PorticoError


def children() -> list[str]:
    return Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()


@pytest.fixture(autouse=True)
def none_left() -> Iterator[None]:
    before = children()
    yield
    assert children() == before


pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")


def test_items_come_in_order_of_another_process():
    with beside((n, os.getpid()) for n in range(100)) as found:
        assert isinstance(found, Beside)
        items = list(found)
    assert [n for n, _ in items] == list(range(100))
    assert {process for _, process in items} != {os.getpid()}


def test_large_items_come_whole():
    with Beside("x" * 10_000_000 + str(n) for n in range(3)) as found:
        assert [item[-2:] for item in found] == ["x0", "x1", "x2"]


def test_error_comes_in_its_place():
    def broken() -> Iterator[int]:
        yield 1
        raise ClusterUnavailable("away", remedy="Wait.")

    with Beside(broken()) as found:
        assert next(found) == 1
        with pytest.raises(ClusterUnavailable, match="away") as raised:
            next(found)
        assert raised.value.remedy == "Wait."
        assert next(found, None) is None


def test_closing_ends_what_never_ends():
    with Beside(iter(int, 1)) as found:
        assert next(found) == 0
    assert next(found, None) is None


def test_process_that_is_killed_is_an_error():
    def forever() -> Iterator[int]:
        yield os.getpid()
        threading.Event().wait()

    with Beside(forever()) as found:
        os.kill(next(found), signal.SIGKILL)
        with pytest.raises(PorticoError, match="before its time"):
            next(found)


def test_process_keeps_nothing_of_this_one_open():
    ours, theirs = socket.socketpair()

    def forever() -> Iterator[int]:
        yield 1
        threading.Event().wait()

    with ours, theirs, Beside(forever()) as found:
        next(found)
        theirs.close()
        assert ours.recv(1) == b""
