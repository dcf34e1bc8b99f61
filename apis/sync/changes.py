"""The queue of objects that changed: noted once each, taken under a lease, done when the catalog says the same.

The queue is a table, so that nothing is lost with a process: a row that a killed worker held is due again when its lease
ends. All times are the database's, so that the clocks of machines do not matter.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta

from django.db import connection
from django.db.models import DateTimeField, Func

from apis.models import Change

from .compare import Key

# Seconds a worker has for one object before another one may take it as well; reading an object twice does no harm.
LEASE = 5
# Objects that a worker takes at once: the last of them waits for the others, whoever is idle.
TAKEN = 2
# Deleted ones of a kind are withdrawn together, and a lease for as many.
TAKEN_GONE = 200
LEASE_OF_MANY = 60
# So many that wait are worth another worker, up to so many.
MANY = 3
MOST_WORKERS = 2
KEPT = "1 hour"
LONGEST_WAIT = 60
# An object that cannot be read this often is left to the next full sync.
MOST_ATTEMPTS = 12


class ClockTimestamp(Func):
    """The database's clock, which moves on within a transaction."""

    function = "clock_timestamp"
    output_field = DateTimeField()


def note(cluster: str, keys: Sequence[Key], *, gone: Collection[Key] = (), background: bool = False) -> None:
    """Say that these objects changed. One that waits already stays one row, and is looked at again if it is under way.

    One that was postponed is due now: its cluster gave a sign of life. Those in `gone` were deleted, it seems.
    """
    keys = list(dict.fromkeys(keys))
    if not keys:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO apis_change
                (cluster, kind, namespace, name, gone, background, notices, attempts, noticed_at, due_at)
            SELECT %s, kind, namespace, name, gone, %s, 1, 0, clock_timestamp(), clock_timestamp()
            FROM unnest(%s::text[], %s::text[], %s::text[], %s::bool[]) AS changed (kind, namespace, name, gone)
            ORDER BY kind, namespace, name
            ON CONFLICT (cluster, kind, namespace, name) WHERE listed_at IS NULL DO UPDATE SET
                notices = apis_change.notices + 1, gone = excluded.gone,
                background = apis_change.background AND excluded.background,
                due_at = CASE WHEN apis_change.leased_by IS NOT NULL THEN apis_change.due_at
                    ELSE least(apis_change.due_at, excluded.due_at) END
            """,
            [
                cluster,
                background,
                *(list(column) for column in zip(*keys, strict=True)),
                [key in gone for key in keys],
            ],
        )


def take() -> list[Change]:
    """The next objects to carry, for as long as the lease lasts; what people did goes before what a full sync found."""
    return list(
        Change.objects.raw(
            """
            UPDATE apis_change
            SET due_at = clock_timestamp() + %s * interval '1 second', attempts = attempts + 1,
                leased_by = pg_backend_pid()
            WHERE id IN (
                SELECT id FROM apis_change WHERE listed_at IS NULL AND due_at <= clock_timestamp()
                ORDER BY background, due_at LIMIT %s FOR UPDATE SKIP LOCKED
            )
            RETURNING *
            """,
            [LEASE, TAKEN],
        )
    )


def take_gone(like: Change) -> list[Change]:
    """More objects of the same kind that were deleted, to be withdrawn together."""
    return list(
        Change.objects.raw(
            """
            UPDATE apis_change
            SET due_at = clock_timestamp() + %s * interval '1 second', attempts = attempts + 1,
                leased_by = pg_backend_pid()
            WHERE id IN (
                SELECT id FROM apis_change WHERE listed_at IS NULL AND due_at <= clock_timestamp()
                    AND gone AND cluster = %s AND kind = %s
                ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED
            )
            RETURNING *
            """,
            [LEASE_OF_MANY, like.cluster, like.kind, TAKEN_GONE],
        )
    )


def done(change: Change, *, carried: bool) -> None:
    """The catalog says what the object says. `carried`: something was written for it, so that its latency counts.

    If the object was noticed again meanwhile, the row waits again.
    """
    same = Change.objects.filter(pk=change.pk, notices=change.notices)
    if carried and not change.background:
        finished = same.update(listed_at=ClockTimestamp())
    else:
        finished, _ = same.delete()
    if not finished:
        Change.objects.filter(pk=change.pk).update(due_at=ClockTimestamp(), attempts=0, leased_by=None)


def postpone(change: Change) -> None:
    """The cluster gave no answer: later again, each time a little later, and at last only with the next full sync."""
    if change.attempts >= MOST_ATTEMPTS:
        Change.objects.filter(pk=change.pk).delete()
        return
    delay = timedelta(seconds=min(LONGEST_WAIT, 2 ** (change.attempts - 2)))
    Change.objects.filter(pk=change.pk).update(due_at=ClockTimestamp() + delay, leased_by=None)


def workers_missing(told: int) -> int:
    """How many workers more should look at the queue, beside those that hold objects and those that were `told` to come.

    Who holds an object looks again when it is done.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT (SELECT count(*) FROM apis_change
                WHERE listed_at IS NULL AND leased_by IS NOT NULL AND due_at > clock_timestamp()),
                (SELECT count(*) FROM (SELECT FROM apis_change
                WHERE listed_at IS NULL AND due_at <= clock_timestamp() LIMIT %s) AS waiting)
            """,
            [MOST_WORKERS * MANY],
        )
        held, waiting = cursor.fetchall()[0]
    return max(0, min(MOST_WORKERS, -(-waiting // MANY)) - -(-held // TAKEN) - told)


def free_of_the_dead() -> None:
    """What a worker had when it died is due at once; its lease need not run out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE apis_change SET due_at = clock_timestamp(), leased_by = NULL "
            "WHERE listed_at IS NULL AND leased_by IS NOT NULL "
            "AND leased_by NOT IN (SELECT pid FROM pg_stat_activity)"
        )


def noticed_since(cluster: str, moment: object, keys: Iterable[Key]) -> set[Key]:
    """Those of the keys that changed since a moment of the database's clock, carried by now or not.

    What a full sync put into the background is no change.
    """
    rows = Change.objects.filter(cluster=cluster, noticed_at__gte=moment, background=False)
    return {Key(*row) for row in rows.values_list("kind", "namespace", "name")} & set(keys)


def forget_old() -> None:
    """Latencies are shown for the last hour."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM apis_change WHERE listed_at < clock_timestamp() - %s::interval", [KEPT])
