"""What people see of the counts: sums over what they may see, in few queries whatever the number of calls."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from gateway.models import BUCKETS_MS, CallCount, CallSeries
from gateway.targets.envoy.replies import REPLIES

from .latency import percentile
from .ranges import Range
from .tally import LET_THROUGH

TOP = 10
SHOWN_SERIES = 4
_FEW = 1000
OTHERS = "Others"
_LATENCY = {f"bucket{n}": Sum(f"latency__{n}") for n in range(len(BUCKETS_MS) + 1)}
REASONS = {reply.reason: reply.title for reply in REPLIES} | {
    "aborted": "The caller left before an answer",
    "bad_request": "Request not understood",
}


def title_of(reason: str, status_class: int) -> str:
    """Why a call got no good answer, in a few words."""
    if reason:
        return REASONS.get(reason, reason.replace("_", " ").capitalize())
    return f"The API answered {status_class}xx"


@dataclass(frozen=True, slots=True)
class Group:
    """Calls that have something in common. `failed` counts refusals of the gateway and answers of 4xx and 5xx."""

    name: str
    calls: int
    failed: int
    latency: tuple[int, ...] = ()
    api: str = ""
    about: str = ""

    @property
    def failed_percent(self) -> float:
        return 100 * self.failed / self.calls if self.calls else 0.0

    @property
    def p50(self) -> float | None:
        return percentile(self.latency, 50)

    @property
    def p95(self) -> float | None:
        return percentile(self.latency, 95)

    @property
    def p99(self) -> float | None:
        return percentile(self.latency, 99)


@dataclass(frozen=True, slots=True)
class Failure:
    """Calls that got no good answer for one reason: the gateway's, or "" and the class of the API's own answer."""

    reason: str
    status_class: int
    api: str
    calls: int

    @property
    def title(self) -> str:
        return title_of(self.reason, self.status_class)

    @property
    def answer(self) -> str:
        return f"{self.status_class}xx" if self.status_class else "none"

    @property
    def refused(self) -> bool:
        """Whether the gateway refused it, rather than the API failed."""
        return self.reason not in LET_THROUGH


@dataclass(frozen=True, slots=True)
class Report:
    """Usage in one range: `points` maps a line's name to its calls in each of `starts`."""

    range: Range
    starts: list[dt.datetime]
    totals: Group
    before: int
    refused: int
    received: int
    sent: int
    points: Mapping[str, list[int]]
    classes: Mapping[int, list[int]]
    failures: list[Failure]
    operations: list[Group]
    parties: list[Group]

    @property
    def change_percent(self) -> int | None:
        """Against the range of the same length before; None where there were no calls."""
        return round(100 * (self.totals.calls - self.before) / self.before) if self.before else None

    @property
    def fewer_percent(self) -> int:
        return -(self.change_percent or 0)

    @property
    def well_percent(self) -> float | None:
        calls = self.totals.calls
        return 100 * (calls - self.totals.failed) / calls if calls else None


def report(
    series: QuerySet[CallSeries], found: Range, *, by: str = "api", now: dt.datetime | None = None
) -> Report:
    """Add up. `by` is what the lines and the parties are: `api`, or `application` for who publishes an API."""
    now = now or timezone.now()
    starts = found.starts(now)
    everything = found.model.objects.all()
    if series.query.has_filters():
        everything = everything.filter(series__in=_named(series))
    rows = everything.filter(at__gte=starts[0])
    totals = _totals(rows)
    name = f"series__{by}__name"
    return Report(
        range=found,
        starts=starts,
        totals=totals[0],
        before=_sum(everything.filter(at__gte=starts[0] - found.length, at__lt=starts[0]), "calls"),
        refused=_sum(rows.exclude(reason__in=LET_THROUGH), "calls"),
        received=totals[1],
        sent=totals[2],
        points=_points(rows, by, starts),
        classes=_classes(rows, starts),
        failures=_failures(rows),
        operations=_operations(rows),
        parties=_groups(rows, (name, f"series__{by}"), lambda key: {"name": key[0] or "Unknown"}),
    )


_FAILED = Sum("calls", filter=~Q(reason="") | Q(status_class__gte=4), default=0)


def _named(series: QuerySet[CallSeries]) -> QuerySet[CallSeries] | list[int]:
    """Few series are named one by one, so that the database looks each of them up; it reads all for a query of them."""
    few = list(series.order_by().values_list("pk", flat=True)[: _FEW + 1])
    return few if len(few) <= _FEW else series


def _sum(rows: QuerySet[CallCount], what: str) -> int:
    return rows.aggregate(n=Sum(what, default=0))["n"]


def _totals(rows: QuerySet[CallCount]) -> tuple[Group, int, int]:
    sums = rows.aggregate(
        n=Sum("calls", default=0),
        failed=_FAILED,
        bytes_in=Sum("received", default=0),
        bytes_out=Sum("sent", default=0),
    )
    latency = _buckets(rows.filter(reason="").aggregate(**_LATENCY))
    return Group("", sums["n"], sums["failed"], latency), sums["bytes_in"], sums["bytes_out"]


def _buckets(row: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(int(row[name] or 0) for name in _LATENCY)


def _points(rows: QuerySet[CallCount], by: str, starts: list[dt.datetime]) -> dict[str, list[int]]:
    """The busiest by name, and the rest as one. Of two with the same name the second gets a number."""
    place = {start: n for n, start in enumerate(starts)}
    lines: dict[tuple[int, str], list[int]] = {}
    sums = rows.order_by().values_list(f"series__{by}", f"series__{by}__name", "at").annotate(n=Sum("calls"))
    for row, label, at, calls in sums:
        if at in place:
            lines.setdefault((row or 0, label or "Unknown"), [0] * len(starts))[place[at]] += calls
    ranked = sorted(lines, key=lambda line: (-sum(lines[line]), line[1], line[0]))
    kept: dict[str, list[int]] = {}
    for line in ranked[:SHOWN_SERIES]:
        label, same = line[1], sum(other[1] == line[1] for other in ranked[: ranked.index(line)])
        kept[f"{label} ({same + 1})" if same else label] = lines[line]
    if rest := ranked[SHOWN_SERIES:]:
        kept[OTHERS] = [sum(step) for step in zip(*(lines[line] for line in rest), strict=True)]
    return kept


def _classes(rows: QuerySet[CallCount], starts: list[dt.datetime]) -> dict[int, list[int]]:
    place = {start: n for n, start in enumerate(starts)}
    found: dict[int, list[int]] = {}
    for status_class, at, calls in rows.order_by().values_list("status_class", "at").annotate(n=Sum("calls")):
        if at in place:
            found.setdefault(status_class, [0] * len(starts))[place[at]] += calls
    return dict(sorted(found.items()))


def _failures(rows: QuerySet[CallCount]) -> list[Failure]:
    bad = rows.filter(~Q(reason="") | Q(status_class__gte=4)).order_by()
    found = bad.values_list("reason", "status_class", "series__api__name").annotate(n=Sum("calls"))
    ranked = sorted(found, key=lambda row: (-row[3], row[0], row[1], row[2] or ""))
    return [
        Failure(reason, status_class, api or "", calls) for reason, status_class, api, calls in ranked[:TOP]
    ]


def _operations(rows: QuerySet[CallCount]) -> list[Group]:
    known = rows.exclude(series__operation="")
    names = ("series__operation", "series__api__name", "series__version__version")
    return _groups(known, names, lambda key: {"name": key[0], "api": key[1] or "", "about": key[2] or ""})


def _groups(rows: QuerySet[CallCount], names: tuple[str, ...], fields: Any) -> list[Group]:
    """The busiest groups, with the latency of what the API answered itself."""
    top = list(
        rows.order_by().values(*names).annotate(n=Sum("calls"), failed=_FAILED).order_by("-n", *names)[:TOP]
    )
    if not top:
        return []
    wanted = Q()
    for row in top:
        wanted |= Q(
            **{name if row[name] is not None else f"{name}__isnull": _value(row[name]) for name in names}
        )
    answered = rows.filter(wanted, reason="").order_by().values(*names).annotate(**_LATENCY)
    latency = {tuple(row[name] for name in names): _buckets(row) for row in answered}
    groups = []
    for row in top:
        key = tuple(row[name] for name in names)
        groups.append(
            Group(calls=row["n"], failed=row["failed"], latency=latency.get(key, ()), **fields(key))
        )
    return groups


def _value(value: Any) -> Any:
    return True if value is None else value


def csv_rows(found: Report) -> Iterable[list[object]]:
    """The chart's numbers, a row for each step and line."""
    yield ["begins_at", "of", "calls"]
    for name, points in found.points.items():
        for start, calls in zip(found.starts, points, strict=True):
            yield [start.isoformat(), name, calls]
