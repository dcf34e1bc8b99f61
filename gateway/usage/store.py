"""A tally into the database. Everything here runs in the transaction that also moves the log's position."""

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from apis.models import Api, ApiVersion, Plan
from gateway.models import CallSeries, FailedCall, MinuteCalls, RollupDue
from keymanager.models import Credential
from subscriptions.models import Application

from . import quotas
from .lines import plain
from .tally import Numbers, Outcome, SeriesKey, Tally, failed_fields, of_everybody

# Series whose row is known by heart. One takes some 500 bytes.
_REMEMBERED = 100_000

# The histogram is added bucket by bucket.
_ADD = """
INSERT INTO {table} AS known (series_id, at, status_class, reason, calls, received, sent, latency)
SELECT series, at, class, reason, calls, received, sent, latency
FROM jsonb_to_recordset(%s::jsonb) AS added(series bigint, at timestamptz, class smallint, reason text, calls bigint,
     received bigint, sent bigint, latency bigint[])
ORDER BY at, series, class, reason
ON CONFLICT (at, series_id, status_class, reason) DO UPDATE SET
  calls = known.calls + EXCLUDED.calls,
  received = known.received + EXCLUDED.received,
  sent = known.sent + EXCLUDED.sent,
  latency = (SELECT array_agg(a + b ORDER BY n)
             FROM unnest(known.latency, EXCLUDED.latency) WITH ORDINALITY AS bucket(a, b, n))
"""
_DUE = """
INSERT INTO {table} AS known (unit, at, touched) SELECT 'hour', at, 1 FROM unnest(%s::timestamptz[]) AS at ORDER BY at
ON CONFLICT (unit, at) DO UPDATE SET touched = known.touched + 1
"""


@dataclass
class Store:
    """Saves tallies. It remembers which series have which row; `forget` after a transaction that was rolled back.

    Each day it starts anew, so that every series it knows has counts by the minute: those are never pruned.
    """

    _series: dict[SeriesKey, int] = field(default_factory=dict)
    _day: dt.date | None = None

    def forget(self) -> None:
        self._series.clear()

    def save(self, tally: Tally, now: dt.datetime) -> None:
        """Add the tally to what is there. Raises the database's errors; then nothing of it is saved."""
        if not tally.counts:
            return
        if now.date() != self._day:
            self.forget()
            self._day = now.date()
        counts = tally.counts | of_everybody(tally.counts)
        self._learn({outcome.series for outcome in counts})
        self._add_counts(counts)
        quotas.add(tally.passed, now)
        Credential.objects.seen(tally.used)
        FailedCall.objects.bulk_create(
            FailedCall(series_id=self._series[series], reason=reason[:40], **failed_fields(line))
            for series, reason, line in tally.failed
        )

    def _add_counts(self, counts: Mapping[Outcome, Numbers]) -> None:
        rows = [
            self._row(outcome, numbers.calls, numbers.received, numbers.sent, numbers.latency)
            for outcome, numbers in counts.items()
        ]
        hours = {outcome.at.replace(minute=0) for outcome in counts}
        with connection.cursor() as cursor:
            cursor.execute(_ADD.format(table=MinuteCalls._meta.db_table), [json.dumps(rows)])
            cursor.execute(_DUE.format(table=RollupDue._meta.db_table), [list(hours)])

    def _row(
        self, outcome: Outcome, calls: int, received: int, sent: int, latency: list[int]
    ) -> dict[str, Any]:
        return {
            "series": self._series[outcome.series],
            "at": outcome.at.isoformat(),
            "class": outcome.status_class,
            "reason": plain(outcome.reason, 40),
            "calls": calls,
            "received": received,
            "sent": sent,
            "latency": latency,
        }

    def _learn(self, wanted: set[SeriesKey]) -> None:
        """Know the row of every series, making those that are new."""
        if len(self._series) > _REMEMBERED:
            self.forget()
        unknown = {_digest(key): key for key in wanted if key not in self._series}
        if not unknown:
            return
        found = CallSeries.objects.filter(digest__in=unknown).values_list("digest", "pk")
        self._series |= {unknown[digest]: pk for digest, pk in found}
        new = [key for key in unknown.values() if key not in self._series]
        if new:
            rows = CallSeries.objects.bulk_create(_rows(new))
            self._series |= {key: row.pk for key, row in zip(new, rows, strict=True)}


def _digest(key: SeriesKey) -> str:
    """The series of everybody's calls have a form that migration 0004 can make of what is in the database."""
    names = (key.environment, key.api, key.version, key.operation)
    text = "\n".join(("everybody", *names)) if key.everybody else json.dumps(key[:-1])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _rows(keys: list[SeriesKey]) -> list[CallSeries]:
    """New series, their names looked up. A name that nobody has is left out; the calls count all the same."""
    versions = {
        (slug, version): pk
        for slug, version, pk in ApiVersion.objects.filter(
            api__slug__in={key.api for key in keys}
        ).values_list("api__slug", "version", "pk")
    }
    apis = _ids(Api, "slug", (key.api for key in keys))
    applications = _ids(Application, "public_id", (key.application for key in keys))
    credentials = _ids(Credential, "public_id", (key.credential for key in keys))
    plans = _ids(Plan, "slug", (key.plan for key in keys))
    return [
        CallSeries(
            digest=_digest(key),
            environment=key.environment,
            api_id=apis.get(key.api),
            version_id=versions.get((key.api, key.version)),
            operation=plain(key.operation, 520),
            application_id=applications.get(key.application),
            credential_id=credentials.get(key.credential),
            plan_id=plans.get(key.plan),
            everybody=key.everybody,
        )
        for key in keys
    ]


def _ids(model: Any, name: str, values: Iterable[str]) -> dict[str, int]:
    wanted = {plain(value, 1000) for value in values if value}
    return dict(model.objects.filter(**{f"{name}__in": wanted}).values_list(name, "pk")) if wanted else {}
