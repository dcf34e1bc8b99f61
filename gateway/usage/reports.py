"""What people see of the counts: sums over what they may see, in few queries whatever the number of calls."""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext

from gateway.models import BUCKETS_MS, CallCount, CallSeries
from gateway.targets.envoy.replies import REPLIES
from portal.lazily import gettext_lazy as _

from .latency import percentile
from .ranges import Range
from .tally import LET_THROUGH

TOP = 10
SHOWN_SERIES = 4
_FEW = 1000
OTHERS = _("Others")
_LATENCY = {f"bucket{n}": Sum(f"latency__{n}") for n in range(len(BUCKETS_MS) + 1)}
REASONS = {reply.reason: reply.title for reply in REPLIES} | {
    "aborted": _("The caller left before an answer"),
    "bad_request": _("Request not understood"),
}


def title_of(reason: str, status_class: int) -> str:
    """Why a call got no good answer, in a few words."""
    if reason:
        return REASONS.get(reason, reason.replace("_", " ").capitalize())
    return gettext("The API answered {status_class}xx").format(status_class=status_class)


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
    def method(self) -> str:
        """Of an operation that is a method and a path; `path` is empty for any other group."""
        return self.name.partition(" ")[0]

    @property
    def path(self) -> str:
        return self.name.partition(" ")[2] if self.api else ""

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
    """Add up. `by` is what the lines and the parties are: `api`, or `application` for who publishes an API.

    Five passes over the counts, whatever is shown of them; what they are of is looked up once for each series.
    """
    now = now or timezone.now()
    starts = found.starts(now)
    everything = found.model.objects.filter(series__in=named(series)).order_by()
    rows = everything.filter(at__gte=starts[0])
    sums = list(rows.values_list("series_id", "status_class", "reason").annotate(n=Sum("calls")))
    parts = Parts(by, {row[0] for row in sums})
    latency = _latency(rows)
    classes, received, sent = _classes(rows, starts)
    return Report(
        range=found,
        starts=starts,
        totals=Group(
            "",
            sum(row[3] for row in sums),
            sum(n for _, status_class, reason, n in sums if reason or status_class >= 4),
            _added(latency.values()),
        ),
        before=_sum(everything.filter(at__gte=starts[0] - found.length, at__lt=starts[0]), "calls"),
        refused=sum(n for _, _, reason, n in sums if reason not in LET_THROUGH),
        received=received,
        sent=sent,
        points=_points(rows, parts, starts),
        classes=classes,
        failures=_failures(sums, parts),
        operations=_groups(sums, latency, parts.operation),
        parties=_groups(sums, latency, parts.party),
    )


class Parts:
    """What each series is of, as a report names it: read once."""

    def __init__(self, by: str, series: set[int]) -> None:
        self.by = by
        known = CallSeries.objects.filter(pk__in=series)
        names = (f"{by}_id", f"{by}__name", "api__name", "version__version", "operation")
        self._of = {pk: row for pk, *row in known.values_list("pk", *names)}
        self.labels = {row[0]: row[1] or gettext("Unknown") for row in self._of.values()}

    def party(self, series: int) -> tuple[Any, Group] | None:
        """What it belongs to: a key, and a group without calls that has its names."""
        pk, name, *_ = self._of.get(series, (None, None))
        return (pk, Group(name or gettext("Unknown"), 0, 0))

    def operation(self, series: int) -> tuple[Any, Group] | None:
        """The same of its operation; None where none was found to be called."""
        if series not in self._of:
            return None
        _, _, api, version, operation = self._of[series]
        key = (operation, api or "", version or "")
        return (key, Group(operation, 0, 0, api=key[1], about=key[2])) if operation else None

    def api(self, series: int) -> str:
        return (self._of[series][2] if series in self._of else "") or ""


def named(series: QuerySet[CallSeries]) -> QuerySet[CallSeries] | list[int]:
    """Few series are named one by one, so that the database looks each of them up; it reads all for a query of them."""
    few = list(series.order_by().values_list("pk", flat=True)[: _FEW + 1])
    return few if len(few) <= _FEW else series


def _sum(rows: QuerySet[CallCount], what: str) -> int:
    return rows.aggregate(n=Sum(what, default=0))["n"]


def _latency(rows: QuerySet[CallCount]) -> dict[int, tuple[int, ...]]:
    """The histogram of each series' calls that the API answered itself."""
    found = rows.filter(reason="").values_list("series_id").annotate(**_LATENCY)
    return {pk: tuple(int(bucket) for bucket in buckets) for pk, *buckets in found}


def _added(histograms: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(map(sum, zip(*histograms, strict=True)))


def _points(rows: QuerySet[CallCount], parts: Parts, starts: list[dt.datetime]) -> dict[str, list[int]]:
    """The busiest by name, and the rest as one. Of two with the same name the second gets a number."""
    place = {start: n for n, start in enumerate(starts)}
    lines: dict[tuple[int, str], list[int]] = {}
    for pk, at, calls in rows.values_list(f"series__{parts.by}", "at").annotate(n=Sum("calls")):
        if at in place:
            line = (pk or 0, parts.labels.get(pk, gettext("Unknown")))
            lines.setdefault(line, [0] * len(starts))[place[at]] += calls
    ranked = sorted(lines, key=lambda line: (-sum(lines[line]), line[1], line[0]))
    kept: dict[str, list[int]] = {}
    for line in ranked[:SHOWN_SERIES]:
        label, same = line[1], sum(other[1] == line[1] for other in ranked[: ranked.index(line)])
        kept[f"{label} ({same + 1})" if same else label] = lines[line]
    if rest := ranked[SHOWN_SERIES:]:
        kept[str(OTHERS)] = [sum(step) for step in zip(*(lines[line] for line in rest), strict=True)]
    return kept


def _classes(rows: QuerySet[CallCount], starts: list[dt.datetime]) -> tuple[dict[int, list[int]], int, int]:
    """Calls by class of answer in each step; bytes received and sent."""
    place = {start: n for n, start in enumerate(starts)}
    found: dict[int, list[int]] = {}
    received = sent = 0
    sums = rows.values_list("status_class", "at").annotate(Sum("calls"), Sum("received"), Sum("sent"))
    for status_class, at, calls, bytes_in, bytes_out in sums:
        received, sent = received + bytes_in, sent + bytes_out
        if at in place:
            found.setdefault(status_class, [0] * len(starts))[place[at]] += calls
    return dict(sorted(found.items())), received, sent


def _failures(sums: Iterable[tuple[int, int, str, int]], parts: Parts) -> list[Failure]:
    found: Counter[tuple[str, int, str]] = Counter()
    for series, status_class, reason, calls in sums:
        if reason or status_class >= 4:
            found[reason, status_class, parts.api(series)] += calls
    ranked = sorted(found.items(), key=lambda row: (-row[1], row[0]))
    return [Failure(*key, calls) for key, calls in ranked[:TOP]]


def _groups(
    sums: Iterable[tuple[int, int, str, int]],
    latency: Mapping[int, tuple[int, ...]],
    part: Callable[[int], tuple[Any, Group] | None],
) -> list[Group]:
    """The busiest groups, with the latency of what the API answered itself."""
    names: dict[Any, Group] = {}
    calls: Counter[Any] = Counter()
    failed: Counter[Any] = Counter()
    members: defaultdict[Any, set[int]] = defaultdict(set)
    for series, status_class, reason, n in sums:
        if found := part(series):
            key = found[0]
            names[key] = found[1]
            members[key].add(series)
            calls[key] += n
            failed[key] += n if reason or status_class >= 4 else 0
    ranked = sorted(calls, key=lambda key: (-calls[key], names[key].name, str(key)))[:TOP]
    return [
        replace(
            names[key],
            calls=calls[key],
            failed=failed[key],
            latency=_added(latency[series] for series in members[key] if series in latency),
        )
        for key in ranked
    ]


def csv_rows(found: Report) -> Iterable[list[object]]:
    """The chart's numbers, a row for each step and line."""
    yield ["begins_at", "of", "calls"]
    for name, points in found.points.items():
        for start, calls in zip(found.starts, points, strict=True):
            yield [start.isoformat(), name, calls]
