"""What is needed next is made in a process of its own meanwhile: Python lets one thread of a process work at a time."""

import contextlib
import fcntl
import io
import logging
import os
import pickle
import select
import signal
import struct
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from portal.errors import PorticoError

from .ahead import Ahead, Making

logger = logging.getLogger(__name__)

T = TypeVar("T")
CAN_FORK = sys.platform == "linux"
# Where the process still writes its log.
ERRORS = 2
LENGTH = struct.Struct(">Q")
PIPE_BYTES = 1024 * 1024
# Longer than the cluster may take for one answer: a process that says nothing for so long is stuck.
PATIENCE_SECONDS = 300.0


def beside(source: Iterable[T]) -> Making[T]:
    """The items of `source`, made in a process where one can be forked, and in a thread elsewhere."""
    return Beside(source) if CAN_FORK else Ahead(source)


class Beside(Making[T]):
    """The items of `source`, made in a forked process, one or two of them before they are asked for.

    They have to be plain enough to be pickled. What else the process changes in its memory is not seen here. It has no
    open file or socket of this one, so that its life keeps nothing of this one alive; it ends when nobody reads any more.
    What it raises is raised here, in its place among the items. `close` kills it.
    """

    def __init__(self, source: Iterable[T]) -> None:
        ours, theirs = os.pipe()
        with warnings.catch_warnings():
            # Other threads here only keep connections for the database, which the process does not use.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._process = os.fork()
        if self._process == 0:
            _be_the_process(source, theirs)
        os.close(theirs)
        self._pipe = io.FileIO(ours)
        self._over = False

    def __next__(self) -> T:
        if self._over:
            raise StopIteration
        try:
            is_item, found = self._receive()
        except EOFError:
            is_item, found = (
                False,
                PorticoError("The process that read the cluster has ended before its time."),
            )
        if is_item:
            item: T = found
            return item
        self._over = True
        raise found or StopIteration

    def close(self) -> None:
        """No item more, and no process."""
        self._over = True
        if not self._pipe.closed:
            self._pipe.close()
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(self._process, signal.SIGKILL)
                os.waitpid(self._process, 0)

    def _receive(self) -> Any:
        waiting = select.poll()
        waiting.register(self._pipe, select.POLLIN)
        if not waiting.poll(PATIENCE_SECONDS * 1000):
            raise EOFError
        (length,) = LENGTH.unpack(self._read(LENGTH.size))
        return pickle.loads(self._read(length))  # noqa: S301  from our own process

    def _read(self, length: int) -> bytearray:
        data = bytearray(length)
        rest = memoryview(data)
        while rest:
            count = self._pipe.readinto(rest)
            if not count:
                raise EOFError
            rest = rest[count:]
        return data


def _be_the_process(source: Iterable[Any], pipe: int) -> None:
    """Never returns, and runs nothing of what the parent would do at its end."""
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        _leave_what_is_open(pipe)
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        _make(source, pipe)
    except Exception:
        logger.exception("what another process was to make")
    finally:
        os._exit(0)


def _leave_what_is_open(pipe: int) -> None:
    """Numbers stay taken, because objects that are still there would close them once more."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for name in list(Path("/proc/self/fd").iterdir()):
        if (number := int(name.name)) > ERRORS and number != pipe:
            with contextlib.suppress(OSError):
                os.dup2(nothing, number)


def _make(source: Iterable[Any], pipe: int) -> None:
    error: Exception | None = None
    try:
        with Ahead(source) as items:
            for item in items:
                _send(pipe, (True, item))
    except BrokenPipeError:
        return
    except Exception as raised:  # noqa: BLE001  raised again by __next__
        error = raised
    _send(pipe, (False, error))


def _send(pipe: int, message: Any) -> None:
    data = pickle.dumps(message, protocol=5)
    for part in (LENGTH.pack(len(data)), data):
        rest = memoryview(part)
        while rest:
            rest = rest[os.write(pipe, rest) :]
