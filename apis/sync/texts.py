"""Definitions of new versions, stored while the rows of the page after theirs are: two connections share the work."""

import logging
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from django.db import DataError, IntegrityError, connection, transaction

from portal.commits import unflushed

from .rows import Documents

logger = logging.getLogger(__name__)


class Texts:
    """Stores rows of definitions over a connection of its own.

    A text that is lost on the way is not missed: its version is `definition_pending`, and the queue stores what it parses.
    """

    def __init__(self) -> None:
        # Of a transaction that the caller has open another connection sees nothing.
        self._beside = not connection.in_atomic_block
        self._thread = ThreadPoolExecutor(1, "texts")
        self._before: Future[None] | None = None

    def store(self, rows: Sequence[tuple[int, bytes]]) -> None:
        """Begin with these, each a version's number and its row, once those before are stored."""
        if self._beside:
            self._wait()
            self._before = self._thread.submit(_store, rows)
        else:
            _store(rows)

    def _wait(self) -> None:
        if self._before:
            self._before.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """They are stored when it returns."""
        try:
            self._wait()
        finally:
            self._thread.submit(_close)
            self._thread.shutdown()


def _store(rows: Sequence[tuple[int, bytes]]) -> None:
    try:
        with unflushed(), transaction.atomic():
            Documents.copy(rows)
    except (DataError, IntegrityError) as error:
        logger.warning("%s definitions for the queue: %s", len(rows), error)


def _close() -> None:
    """The connection of the thread that runs this."""
    connection.close()
