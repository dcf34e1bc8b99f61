"""How long a commit waits for the disk."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import Error, connection


@contextmanager
def unflushed() -> Iterator[None]:
    """Commits within do not wait until they are on the disk, which is most of what a small one costs.

    For work that begins anew where it was lost. Commits keep their order: a database that breaks down loses the last
    moment as a whole, never what was written first alone.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit TO off")
    try:
        yield
    finally:
        # A connection that broke is replaced by one that waits again.
        with suppress(Error), connection.cursor() as cursor:
            cursor.execute("RESET synchronous_commit")
