"""Hears what other processes change about clients, on a connection and a thread of its own in each web process."""

import logging
import os
import threading
import time
from typing import Any

import psycopg
from django.db import connection

from . import clients

logger = logging.getLogger(__name__)
# For so long after the last sign of life of the connection what is remembered counts.
_LEASE_S = 1.0
_ROUND_S = 0.4
_RETRY_S = 1.0


class Follower(threading.Thread):
    """LISTENs and forgets what has changed. `hearing` says whether it has been doing so within the last second."""

    def __init__(self) -> None:
        super().__init__(name="clients", daemon=True)
        self.pid = os.getpid()
        self._lease = 0.0
        self._ending = threading.Event()

    @property
    def hearing(self) -> bool:
        return time.monotonic() < self._lease

    def run(self) -> None:
        while not self._ending.is_set():
            try:
                self._follow()
            except psycopg.Error as error:
                self._lease = 0.0
                logger.warning("changes of OAuth clients cannot be heard, each is read anew: %s", error)
                self._ending.wait(_RETRY_S)

    def stop(self) -> None:
        self._ending.set()
        self.join()

    def _follow(self) -> None:
        with psycopg.connect(**_parameters(), autocommit=True, connect_timeout=5) as own:
            own.execute(f"LISTEN {clients.CHANNEL}")
            # What changed until now has been told to nobody here.
            clients.forget()
            while not self._ending.is_set():
                self._sign_of_life(own)
                for notice in own.notifies(timeout=_ROUND_S):
                    clients.forget(notice.payload)
        self._lease = 0.0

    def _sign_of_life(self, own: psycopg.Connection) -> None:
        """A network that swallows notices shows here. Notices that came with the answer count before the new lease."""
        asked = time.monotonic()
        own.execute("SELECT 1")
        for notice in own.notifies(timeout=0):
            clients.forget(notice.payload)
        self._lease = asked + _LEASE_S


class _Process:
    follower: Follower | None = None
    lock = threading.Lock()


def hearing() -> bool:
    """Whether this process hears of changes now; the first question makes it begin to. A fork begins anew."""
    follower = _Process.follower
    if follower is None or follower.pid != os.getpid():
        with _Process.lock:
            if _Process.follower is follower:
                clients.forget()
                _Process.follower = Follower()
                _Process.follower.start()
        return False
    return follower.hearing


def stop() -> None:
    """End the thread, where there is one."""
    if _Process.follower is not None:
        _Process.follower.stop()
        _Process.follower = None


def _parameters() -> dict[str, Any]:
    parameters = connection.get_connection_params()
    return {
        name: parameters[name]
        for name in ("host", "port", "dbname", "user", "password")
        if name in parameters
    }
