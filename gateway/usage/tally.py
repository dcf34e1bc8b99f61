"""Lines added up in memory, before anything is written."""

import datetime as dt
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.models import BUCKETS_MS

from .lines import Line, parse, plain

# Refusals and failures of one kind that one batch remembers singly; all are counted.
REMEMBERED = 100
# The gateway let these through, whatever became of them: they take from the quota.
LET_THROUGH = frozenset({"", "upstream_timeout", "upstream_unavailable", "aborted"})


class SeriesKey(NamedTuple):
    """Who calls what, by the names that the gateway logs; `everybody`: the calls of all callers together."""

    environment: str
    api: str
    version: str
    operation: str
    application: str
    credential: str
    plan: str
    everybody: bool = False


class Outcome(NamedTuple):
    """One row of MinuteCalls, but for its numbers."""

    series: SeriesKey
    at: dt.datetime
    status_class: int
    reason: str


class Numbers:
    """The numbers of one row."""

    __slots__ = ("calls", "latency", "received", "sent")

    def __init__(self) -> None:
        self.calls = self.received = self.sent = 0
        self.latency = [0] * (len(BUCKETS_MS) + 1)

    def add(self, other: "Numbers") -> None:
        self.calls += other.calls
        self.received += other.received
        self.sent += other.sent
        self.latency = [sum(pair) for pair in zip(self.latency, other.latency, strict=True)]


@dataclass
class Tally:
    """What a batch of lines comes to. `passed` counts calls let through, by application, API and minute."""

    floor: dt.datetime
    ceiling: dt.datetime
    counts: dict[Outcome, Numbers] = field(default_factory=dict)
    passed: Counter[tuple[str, str, dt.datetime]] = field(default_factory=Counter)
    used: dict[str, dt.datetime] = field(default_factory=dict)
    failed: list[tuple[SeriesKey, str, Line]] = field(default_factory=list)
    lines: int = 0
    probes: int = 0
    malformed: int = 0
    _remembered: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def add(self, texts: Iterable[bytes]) -> None:
        """Count lines. One outside of `floor` to `ceiling`, by a clock that was wrong, counts as of the nearest minute."""
        for text in texts:
            self.lines += 1
            line = parse(text)
            if line is None:
                self.malformed += 1
            elif line.is_probe:
                self.probes += 1
            else:
                self._count(line)

    def _count(self, line: Line) -> None:
        reason = line.why
        application, credential = line.caller
        # A refused call's policy is the reason's name, not a plan's.
        plan = "" if line.plan == reason else line.plan
        series = SeriesKey(
            line.environment,
            line.api,
            line.version,
            line.operation,
            application,
            credential,
            plan,
        )
        moment = min(max(line.time, self.floor), self.ceiling)
        minute = moment.replace(second=0, microsecond=0)
        key = Outcome(series, minute, line.status // 100, reason)
        numbers = self.counts.get(key)
        if numbers is None:
            numbers = self.counts[key] = Numbers()
        numbers.calls += 1
        numbers.received += line.received
        numbers.sent += line.sent
        numbers.latency[bisect_left(BUCKETS_MS, line.duration_ms)] += 1
        if application and reason in LET_THROUGH:
            self.passed[application, line.api, minute] += 1
        if credential and reason != "token_revoked":
            self.used[credential] = max(moment, self.used.get(credential, moment))
        if line.status >= 400 or reason:
            self._remember(series, reason, line)

    def _remember(self, series: SeriesKey, reason: str, line: Line) -> None:
        """Whoever floods the gateway with refused calls fills a batch's share, not the table."""
        kind = (series.application, series.api, reason)
        if (series.application or series.api) and self._remembered[kind] < REMEMBERED:
            self._remembered[kind] += 1
            self.failed.append((series, reason, line))


def of_everybody(counts: Mapping[Outcome, Numbers]) -> dict[Outcome, Numbers]:
    """The same calls by operation, whoever made them: what a report of many callers reads."""
    found: dict[Outcome, Numbers] = {}
    for outcome, numbers in counts.items():
        series = outcome.series._replace(application="", credential="", plan="", everybody=True)
        found.setdefault(outcome._replace(series=series), Numbers()).add(numbers)
    return found


def failed_fields(line: Line) -> dict[str, object]:
    """What FailedCall keeps of a line, safe to store."""
    return {
        "request_id": plain(line.request_id, 64),
        "at": line.time,
        "method": plain(line.method, 20),
        "path": plain(line.path, 500),
        "status": line.status,
        "details": plain(line.details, 200),
        "took_ms": min(line.duration_ms, 2**31 - 1),
    }
