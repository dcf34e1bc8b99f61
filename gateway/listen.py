"""The agent's own Postgres connection: it hears of changes, and it holds the lock that makes the agent the one writer."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from django.db import connection

from .actions import APPLICATION, CHANNEL

_LOCK = int.from_bytes(hashlib.sha256(b"gateway agent").digest()[:8], signed=True)


class Listener:
    """LISTENs on the change channel. The lock dies with the connection, so a killed agent frees it."""

    def __init__(self, own: psycopg.Connection) -> None:
        self._own = own

    @classmethod
    @contextmanager
    def open(cls) -> Iterator["Listener"]:
        """Raises psycopg.OperationalError when Postgres is away."""
        parameters = connection.get_connection_params()
        wanted = {
            name: parameters[name]
            for name in ("host", "port", "dbname", "user", "password")
            if name in parameters
        }
        with psycopg.connect(**wanted, autocommit=True, connect_timeout=5) as own:
            own.execute(f"LISTEN {CHANNEL}")
            yield cls(own)

    def lead(self) -> bool:
        """Try to become the one writer."""
        row = self._own.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK]).fetchone()
        return bool(row and row[0])

    def wait(self, seconds: float) -> "Heard":
        """What was told since the last call, waiting up to `seconds` for a first word."""
        told = {notice.payload for notice in self._own.notifies(timeout=seconds, stop_after=1)}
        # Whatever else is here already belongs to the same round.
        told |= {notice.payload for notice in self._own.notifies(timeout=0)}
        own = frozenset(one.removeprefix(APPLICATION) for one in told if one.startswith(APPLICATION))
        others = frozenset(one for one in told if not one.startswith(APPLICATION))
        return Heard(applications=own, everything=bool(others), versions="versions" in others)


@dataclass(frozen=True, slots=True)
class Heard:
    """What has changed: of single applications (public ids), anything at all, versions too. Empty where nothing has."""

    applications: frozenset[str] = frozenset()
    everything: bool = False
    versions: bool = False

    def __bool__(self) -> bool:
        return bool(self.applications or self.everything)


def at_work() -> bool:
    """Whether an agent leads on this database now."""
    mine = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    halves = [_LOCK >> 32 & 0xFFFFFFFF, _LOCK & 0xFFFFFFFF]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND {mine}"
            " AND classid = %s::bigint::oid AND objid = %s::bigint::oid",
            halves,
        )
        return cursor.rowcount > 0
