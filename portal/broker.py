"""kombu's transport over Postgres, with two repairs.

A lost connection must not cost a worker its place for a task. kombu 5.7 counts a message as under way until it is
acknowledged, and forgets to stop counting where that fails. After as many failures as the worker may hold messages it
takes no more, for ever, although its connection is back.

A worker that was full must learn that it is not any more. The notification of a task that came meanwhile is spent by
then, and without it the worker looks only with its next poll, after a second.
"""

from contextlib import suppress

import psycopg
from django.db import connection
from kombu.transport import TRANSPORT_ALIASES, pgmq, virtual

# Each dead connection of the pool fails once before it is replaced; it holds at most ten.
ATTEMPTS = 12


class Channel(pgmq.Channel):
    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        """Acknowledge over a fresh connection if need be; give up the place in any case.

        A message that could not be acknowledged comes again after the visibility timeout: tasks may run twice.
        """
        full, queue = not self.qos.can_consume(), self._queue_of(delivery_tag)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                super().basic_ack(delivery_tag, multiple)  # type: ignore[no-untyped-call]
                break
            except (psycopg.OperationalError, psycopg.InterfaceError):
                if attempt == ATTEMPTS:
                    virtual.Channel.basic_ack(self, delivery_tag)
                    raise

        if full and queue:
            self._wake(queue)

    def _queue_of(self, delivery_tag: str) -> str:
        try:
            return str(self.qos.get(delivery_tag).delivery_info.get("pgmq_queue") or "")
        except KeyError:
            return ""

    def _wake(self, queue: str) -> None:
        """As if a task had just come. Without it one waits for the next poll, no more."""
        pool = self.pgmq.pool
        if pool is not None:
            with suppress(psycopg.Error), pool.connection() as session:
                session.execute("SELECT pg_notify(%s, '')", [f"pgmq.q_{queue}.INSERT"])


class Transport(pgmq.Transport):
    Channel = Channel


def waiting() -> dict[str, int]:
    """How many calls of which tasks wait for a worker. A broker that is not Postgres does not say: none."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('pgmq.q_celery') IS NOT NULL")
        if not cursor.fetchall()[0][0]:
            return {}
        cursor.execute(
            "SELECT message->'headers'->>'task', count(*) FROM pgmq.q_celery WHERE vt <= clock_timestamp() GROUP BY 1"
        )
        return dict(cursor.fetchall())


def register() -> None:
    """Use this transport for pgmq:// addresses."""
    TRANSPORT_ALIASES["pgmq"] = "portal.broker:Transport"
