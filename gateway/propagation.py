"""How fast decisions reach the gateway, as its own probes saw it, against what is promised.

A receipt's time runs from the transaction that saved the change to the probe that saw it in force. One that is still
under way past the promise counts as missed. What is listed from the cluster is known for the last hour.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.utils import dateformat

from portal.lazily import gettext_lazy as _

DAYS = 7
BARS = 32
# The promise stands at three quarters of a histogram's width; the last bar has whatever took longer.
WIDTH = 4 / 3
KEPT_SECONDS = 15

OPENING = ("approved", "resumed", "issued", "rotated")
CLOSING = ("suspended", "cancelled", "expired", "revoked", "retired", "token_revoked", "tokens_revoked")

_RECEIPTS = """
    SELECT saved_at AS at, 1000 * extract(epoch FROM coalesce(probed_at, statement_timestamp()) - saved_at) AS ms,
        probed_at IS NOT NULL AS done
    FROM gateway_receipt WHERE event = ANY(%(events)s) AND saved_at > statement_timestamp() - %(kept)s
        AND status <> 'superseded'
"""
_CHANGES = """
    SELECT listed_at AS at, 1000 * extract(epoch FROM listed_at - noticed_at) AS ms, true AS done
    FROM apis_change WHERE listed_at > statement_timestamp() - %(kept)s
"""
_FIGURES = """
    WITH one AS MATERIALIZED ({source}), counted AS (SELECT * FROM one WHERE done OR ms > %(promise)s)
    SELECT count(*), count(*) FILTER (WHERE ms <= %(promise)s),
        percentile_cont(0.5) WITHIN GROUP (ORDER BY ms), percentile_cont(0.99) WITHIN GROUP (ORDER BY ms),
        (SELECT array_agg(coalesce(n, 0) ORDER BY bar) FROM generate_series(1, %(bars)s) AS bar LEFT JOIN (
            SELECT least(%(bars)s, width_bucket(ms, 0, %(promise)s * %(width)s, %(bars)s)) AS bar, count(*) AS n
            FROM counted GROUP BY 1) AS found USING (bar))
    FROM counted
"""
_BY_DAY = """
    WITH one AS ({source})
    SELECT (at AT TIME ZONE 'UTC')::date, count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY ms),
        percentile_cont(0.99) WITHIN GROUP (ORDER BY ms)
    FROM one WHERE done OR ms > %(promise)s GROUP BY 1 ORDER BY 1 DESC
"""


@dataclass(frozen=True, slots=True)
class Promise:
    """What one kind of change is promised to take, and over which time it is looked at."""

    name: str
    text: str
    ms: int
    source: str
    over: timedelta
    over_text: str
    events: tuple[str, ...] = ()

    @property
    def parameters(self) -> dict[str, Any]:
        return {
            "events": list(self.events),
            "kept": self.over,
            "promise": float(self.ms),
            "bars": BARS,
            "width": WIDTH,
        }


_WEEK = {
    "source": _RECEIPTS,
    "over": timedelta(days=DAYS),
    "over_text": _("last 7 days"),
}
PROMISES = (
    Promise(
        _("Applied to listed"),
        _("kubectl apply until the catalog shows it"),
        1000,
        _CHANGES,
        timedelta(hours=1),
        _("last hour"),
    ),
    Promise(_("Approved to 200"), _("approval until a call passes"), 2000, events=OPENING, **_WEEK),  # type: ignore[arg-type]
    Promise(_("Revoked to 401"), _("revocation until a call is refused"), 2000, events=CLOSING, **_WEEK),  # type: ignore[arg-type]
)


@dataclass(frozen=True, slots=True)
class Day:
    """One day in UTC. Times in milliseconds."""

    date: str
    changes: int
    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Measured:
    """How a promise was kept. `bars` are counts of equal spans of time, from nothing to WIDTH times the promise."""

    promise: Promise
    changes: int
    kept: int
    p50: float | None
    p99: float | None
    bars: list[int]
    days: list[Day]

    @property
    def percent(self) -> float:
        return 100 * self.kept / self.changes if self.changes else 100.0

    @property
    def verdict(self) -> str:
        return f"{'Kept' if self.is_kept else 'Missed'}, {self.percent:.2f} %"

    @property
    def is_kept(self) -> bool:
        """99 of 100 within the promised time."""
        return self.percent >= 99


def measured() -> list[Measured]:
    """Every promise, as of a few seconds ago: the page is open to everybody."""
    return cache.get_or_set("propagation", _measure, KEPT_SECONDS) or []


def _measure() -> list[Measured]:
    return [_measure_one(promise) for promise in PROMISES]


def _measure_one(promise: Promise) -> Measured:
    with connection.cursor() as cursor:
        cursor.execute(_FIGURES.format(source=promise.source), promise.parameters)
        changes, kept, p50, p99, bars = cursor.fetchall()[0]
        days = []
        if promise.over > timedelta(days=1):
            cursor.execute(_BY_DAY.format(source=promise.source), promise.parameters)
            days = [Day(dateformat.format(date, "D j M"), n, *times) for date, n, *times in cursor.fetchall()]
    return Measured(promise, changes, kept, p50, p99, bars, days)
