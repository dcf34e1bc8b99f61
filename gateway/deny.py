"""The deny list goes out first: a revocation waits for no compile and for no larger file.

Whoever writes it reads the database anew, under one lock, so that no older list ever takes a newer one's place.
"""

import datetime as dt
import logging
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from django.db import Error as DatabaseError, connection
from django.utils import timezone

from . import compile  # noqa: A004  the module is named for what it does
from .listen import Listener
from .targets.envoy import EnvoyOptions, render_deny, write_resources
from .targets.envoy.files import Stamp, stamp_of

logger = logging.getLogger(__name__)

FILE = "deny.json"
_ROUND_S = 1.0
_RETRY_S = 1.0


class DenyList:
    """The file of that name."""

    def __init__(self, options: EnvoyOptions) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._changed = False
        self._stamp: Stamp | None = None

    def write(self) -> dt.datetime | None:
        """Bring it to the database's state; when the clock alone will change it next. Raises OSError and database errors."""
        with self._lock:
            denied, changes_at = compile.denied(timezone.now())
            self._changed |= bool(write_resources({FILE: render_deny(denied)}, self._options))
            self._stamp = stamp_of(self._path)
        return changes_at

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
    heard, due = True, math.inf
    while not ending.is_set():
        if heard or time.time() >= due:
            changes_at = deny.write()
            due = changes_at.timestamp() if changes_at else math.inf
        heard = bool(listener.wait(min(_ROUND_S, max(0.0, due - time.time()))))
