"""The deny list goes out first: a revocation waits for no compile and for no larger file.

Whoever writes it reads the database anew, under one lock, so that no older list ever takes a newer one's place.
"""

import datetime as dt
import errno
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
from django.db import Error as DatabaseError, connection
from django.utils import timezone

from . import compile  # noqa: A004  the module is named for what it does
from .clock import Clock
from .listen import Listener
from .snapshot import Denied
from .targets.envoy import EnvoyOptions, render_deny, write_resources
from .targets.envoy.files import Stamp, make_room, stamp_of

logger = logging.getLogger(__name__)

FILE = "deny.json"
_ROUND_S = 1.0
_RETRY_S = 1.0
_FULL = (errno.ENOSPC, errno.EDQUOT)


class DenyList:
    """The file of that name."""

    def __init__(self, options: EnvoyOptions) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._changed = False
        self._stamp: Stamp | None = None
        # What the database said last: the list, and which credentials end soon.
        self._known: tuple[Denied, Mapping[str, dt.datetime]] | None = None

    def write(self) -> dt.datetime:
        """Bring it to the database's state; when to look again at the latest. Raises OSError and database errors."""
        with self._lock:
            now = timezone.now()
            self._known = denied, coming = compile.denied(now)
            self._put(denied)
        return min(coming.values(), default=now + compile.AHEAD)

    def write_known(self) -> None:
        """While there is no database: what ended by the clock since it was asked last is refused too. Raises OSError.

        A file that another has written since knows more, and stays.
        """
        with self._lock:
            if self._known and stamp_of(self._path) == self._stamp:
                denied, coming = self._known
                now = timezone.now()
                ended = {credential for credential, at in coming.items() if at <= now}
                self._put(replace(denied, revoked_credentials=denied.revoked_credentials | ended))

    def _put(self, denied: Denied) -> None:
        """A full disk holds up all other files, but not this one while it fits into the room that is kept for it."""
        files = {FILE: render_deny(denied)}
        try:
            written = write_resources(files, self._options)
        except OSError as error:
            if error.errno not in _FULL:
                raise
            make_room(self._options, len(files[FILE]))
            written = write_resources(files, self._options)
        self._changed |= bool(written)
        self._stamp = stamp_of(self._path)

    def heal(self) -> None:
        """Write it anew where somebody else changed the file. Raises as `write` does."""
        with self._lock:
            touched = stamp_of(self._path) != self._stamp
        if touched:
            self.write()

    @property
    def _path(self) -> Path:
        return self._options.resources / FILE

    def taken(self) -> list[str]:
        """Its name where it was written since the last call, else nothing."""
        with self._lock:
            changed, self._changed = self._changed, False
        return [FILE] if changed else []


@contextmanager
def first(deny: DenyList) -> Iterator[None]:
    """Meanwhile a thread of its own writes the list whenever anything changes, and when something ends by the clock."""
    ending = threading.Event()
    thread = threading.Thread(target=_follow, args=(deny, ending), name="deny", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


def _follow(deny: DenyList, ending: threading.Event) -> None:
    """What fails here is done by the agent's own round, which writes the list too."""
    while not ending.is_set():
        try:
            with Listener.open() as listener:
                _write_on_change(deny, listener, ending)
        except (psycopg.Error, DatabaseError, OSError) as error:
            logger.warning("the deny list cannot be written ahead: %s", error)
            ending.wait(_RETRY_S)
        finally:
            connection.close()


def _write_on_change(deny: DenyList, listener: Listener, ending: threading.Event) -> None:
    heard, due, clock = True, 0.0, Clock()
    while not ending.is_set():
        if heard or clock.was_set() or time.time() >= due:
            due = deny.write().timestamp()
        heard = bool(listener.wait(min(_ROUND_S, max(0.0, due - time.time()))))
