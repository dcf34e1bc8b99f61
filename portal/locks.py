"""Postgres advisory locks: one sweep, one watcher, one gateway writer at a time, freed when its connection dies."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def advisory_lock(name: str) -> Iterator[bool]:
    """Yield True to the one holder of `name`, False at once to everybody else.

    The lock lives as long as the database session: a killed process frees it.
    """
    key = _key(name)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        row = cursor.fetchone()
    acquired = bool(row and row[0])
    try:
        yield acquired
    finally:
        if acquired:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [key])


def transaction_lock(name: str) -> None:
    """Wait until no other transaction holds `name`, then hold it until this one ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_key(name)])


def transaction_locks(names: Iterable[str]) -> None:
    """The same for several, in an order that is everybody's."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_advisory_xact_lock(number)) FROM unnest(%s::bigint[]) AS number",
            [sorted(_key(name) for name in names)],
        )


def _key(name: str) -> int:
    """The name as the signed 64-bit number that Postgres locks by."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)


@contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Wait until no other session holds `name`, then hold it. For work that spans several transactions."""
    key = _key(name)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [key])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [key])
