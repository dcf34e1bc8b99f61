"""Envoy's access log on disk: read from a position, rotated, and deleted only once it is counted.

The live file is `access.json`. To rotate is to rename it to `access.json.<number>` and to have Envoy open a new one:
Envoy closes the old file before it makes the new one, so once there is a new file nothing more comes to the old.
"""

import hashlib
import logging
import os
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from gateway.targets.envoy import EnvoyOptions
from gateway.targets.envoy.admin import reopen_logs
from portal.errors import GatewayUnavailable

logger = logging.getLogger(__name__)

CHUNK = 4 * 1024 * 1024
_HEAD = 512
_REOPEN_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Position:
    """Where the next line is: see models.LogPosition, which keeps it."""

    number: int = 1
    offset: int = 0
    head: str = ""
    head_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole lines, and the position after them. `more`: reading on at once brings more."""

    lines: list[bytes]
    after: Position
    more: bool = False


@dataclass
class AccessLog:
    """The files of one Envoy. One process at a time may use it; who that is, a lock in the database decides."""

    options: EnvoyOptions
    limit: int
    _asked_at: float = field(default=0.0, init=False)

    @property
    def live(self) -> Path:
        return self.options.access_log

    def mark(self) -> tuple[tuple[int, int], ...]:
        """What changes whenever there may be something to read: the files' numbers and sizes, the live one as 0."""
        files = [(0, self.live), *self._rotated(0)]
        return tuple((number, _size(path)) for number, path in files)

    def waiting(self, at: Position) -> int:
        """How many bytes there are from `at` on."""
        paths = [*(path for _, path in self._rotated(at.number)), self.live]
        whole = sum(max(0, _size(path)) for path in paths)
        return max(0, whole - at.offset)

    def read(self, at: Position) -> Chunk:
        """Whole lines from `at` on, at most CHUNK bytes of them. A torn last line waits for its rest.

        Raises OSError.
        """
        rotated = self._rotated(at.number)
        number, path = rotated[0] if rotated else (at.number, self.live)
        # Asked before the file is read: nothing comes to it after that.
        closed = bool(rotated) and (len(rotated) > 1 or self.live.exists())
        try:
            with path.open("rb") as file:
                return _chunk(file, at if number == at.number else Position(number), closed=closed)
        except FileNotFoundError:
            return Chunk([], at)

    def rotate(self, at: Position) -> None:
        """Rename the live file once it is over the limit, and have Envoy open a new one. Raises OSError."""
        rotated = self._rotated(at.number)
        if not rotated and _size(self.live) > self.limit:
            self.live.rename(self._numbered(at.number))
        elif not rotated or self.live.exists():
            return
        if time.monotonic() - self._asked_at > _REOPEN_EVERY_S:
            self._asked_at = time.monotonic()
            try:
                reopen_logs(self.options)
            except GatewayUnavailable:
                logger.info("no Envoy to open its log anew; the next one will")

    def drop_counted(self, at: Position) -> None:
        """Delete the rotated files before the one at the position. Raises OSError."""
        for number, path in self._rotated(0):
            if number < at.number:
                path.unlink(missing_ok=True)

    def _rotated(self, first: int) -> list[tuple[int, Path]]:
        """Rotated files from number `first` on, in order."""
        try:
            names = [path.name for path in self.live.parent.iterdir()]
        except FileNotFoundError:
            return []
        prefix = f"{self.live.name}."
        numbers = [name[len(prefix) :] for name in names if name.startswith(prefix)]
        found = sorted(int(text) for text in numbers if text.isdecimal() and len(text) < 16)
        return [(number, self._numbered(number)) for number in found if number >= first]

    def _numbered(self, number: int) -> Path:
        return self.live.with_name(f"{self.live.name}.{number}")


def _chunk(file: BinaryIO, at: Position, *, closed: bool) -> Chunk:
    if not _is_same(file, at):
        logger.warning("access log %s is not the file that was counted up to %s", at.number, at.offset)
        at = Position(at.number)
    file.seek(at.offset)
    data = file.read(CHUNK)
    at_end = len(data) < CHUNK
    if closed and at_end:
        after = Position(at.number + 1)
    else:
        # A line longer than a chunk is none of Envoy's; it is passed over.
        data = data[: data.rfind(b"\n") + 1] if at_end or b"\n" in data else data
        after = _headed(file, replace(at, offset=at.offset + len(data)))
    lines = [line for line in data.split(b"\n") if line]
    return Chunk(lines, after, more=not at_end or closed)


def _is_same(file: BinaryIO, at: Position) -> bool:
    """Whether this is the file that the position speaks of, at least that long."""
    size = os.fstat(file.fileno()).st_size
    return size >= at.offset and _head(file, at.head_bytes) == (at.head or _head(file, 0))


def _headed(file: BinaryIO, at: Position) -> Position:
    if at.head_bytes == _HEAD or at.offset == 0:
        return at
    count = min(at.offset, _HEAD)
    return replace(at, head=_head(file, count), head_bytes=count)


def _head(file: BinaryIO, count: int) -> str:
    """The first line has the time and the request id of a call: no other file begins so."""
    file.seek(0)
    return hashlib.sha256(file.read(count)).hexdigest()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1
