"""The loop that counts the access log. A process of its own (`manage.py usage`): counting never delays a revocation.

A step is one transaction: lock the position, read on from it, add the counts, move it. Killed anywhere, and whatever
else is killed with it, the counts and the position are what they were before the step or after it.
"""

import datetime as dt
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg
from django.conf import settings
from django.db import Error as DatabaseError, connection, transaction
from django.utils import timezone

from gateway.models import LogPosition

from .access_log import AccessLog, Chunk, Position
from .store import Store
from .tally import Tally

logger = logging.getLogger(__name__)

POLL_S = 0.25
_BACKOFF_S = (0.5, 1.0, 2.0)


@dataclass
class Tail:
    """`run` until `stopping()`; one `step` is one transaction, or none where the log has not changed."""

    log: AccessLog
    stopping: Callable[[], bool] = lambda: False
    store: Store = field(default_factory=Store)
    _seen: object = field(default=None, init=False)

    def run(self) -> None:
        """Count until told to stop. Losing Postgres, or the disk, costs a pause and no line."""
        failures = 0
        while not self.stopping():
            try:
                pause = 0.0 if self.step() else POLL_S
                failures = 0
            except (psycopg.Error, DatabaseError, OSError) as error:
                logger.warning("the access log waits to be counted: %s", error)
                connection.close()
                pause = _BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)]
                failures += 1
            self._wait(pause)

    def step(self) -> bool:
        """Count what is new; whether there is more. Raises the database's errors and OSError."""
        mark = self.log.mark()
        if mark == self._seen:
            return False
        self._seen = None
        try:
            with transaction.atomic():
                row = LogPosition.objects.locked()
                at = Position(row.number, row.offset, row.head, row.head_bytes)
                chunk = self.log.read(at)
                if chunk.after != at:
                    self._save(row, chunk, timezone.now())
                self.log.rotate(chunk.after)
        except BaseException:
            self.store.forget()
            raise
        self.log.drop_counted(chunk.after)
        if not chunk.more:
            self._seen = mark
        return chunk.more

    def _save(self, row: LogPosition, chunk: Chunk, now: dt.datetime) -> None:
        tally = Tally(floor=oldest_kept(now), ceiling=now)
        tally.add(chunk.lines)
        self.store.save(tally, now)
        after = chunk.after
        row.number, row.offset, row.head, row.head_bytes = (
            after.number,
            after.offset,
            after.head,
            after.head_bytes,
        )
        row.lines += tally.lines
        row.probes += tally.probes
        row.malformed += tally.malformed
        row.counted_at = now
        row.save()

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self.stopping():
            time.sleep(min(0.1, seconds))


def oldest_kept(now: dt.datetime) -> dt.datetime:
    """Minutes before this may have been summed up and forgotten: nothing is added there any more."""
    kept = now - dt.timedelta(days=settings.USAGE_MINUTE_DAYS) + dt.timedelta(hours=2)
    return kept.replace(minute=0, second=0, microsecond=0)
