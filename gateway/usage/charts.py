"""Charts as SVG, drawn here: colours are classes of the stylesheet, numbers are beside them as a table."""

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.utils import dateformat
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from .marks import Mark
from .ranges import Range
from .reports import Report

# Classes of the chart series in the order of the design.
COLOURS = ("k1", "k2", "k4", "k3", "k5")
CLASS_COLOURS = {2: "k1", 3: "k4", 4: "k2", 5: "kx", 1: "k3", 0: "k5"}
_LEFT, _TOP, _BOTTOM = 44, 10, 24


@dataclass(frozen=True, slots=True)
class Size:
    """Of the drawing, in its own units; `labels` is how many fit below."""

    name: str
    width: int
    height: int
    labels: int


WIDE, NARROW, HALF = Size("wid", 1340, 250, 9), Size("nar", 360, 230, 3), Size("", 640, 210, 5)


@dataclass(frozen=True, slots=True)
class Frame:
    """Where values and steps are on the drawing."""

    size: Size
    top: int
    steps: int

    def x(self, step: float) -> float:
        return round(_LEFT + (self.size.width - _LEFT - 8) * step / max(1, self.steps), 1)

    def y(self, value: float) -> float:
        height = self.size.height - _TOP - _BOTTOM
        return round(_TOP + height * (1 - value / self.top), 1)


def nice_top(most: int) -> int:
    """A round number not below `most`, divisible by four where that is readable."""
    if most <= 4:
        return 4
    unit = 10 ** (len(str(most)) - 1)
    return next(
        int(unit * factor) for factor in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10) if unit * factor >= most
    )


def short(number: float) -> str:
    """`1,200`, `12k`, `1.2M`: what fits beside an axis."""
    for size, letter in ((1_000_000_000, "G"), (1_000_000, "M"), (10_000, "k")):
        if number >= size:
            divided = number / (1000 if letter == "k" else size)
            return f"{divided:.1f}".rstrip("0").rstrip(".") + letter
    return f"{number:,.0f}"


def moment(at: dt.datetime, found: Range, *, full: bool = False) -> str:
    """The begin of a step as people read it, in UTC."""
    if found.noun == "day":
        return dateformat.format(at, "D j M" if full else "j M")
    return (
        dateformat.format(at, "D j M, H:i")
        if full or (at.hour == 0 and found.noun == "hour")
        else f"{at:%H:%M}"
    )


def sentence(report: Report, marks: Sequence[Mark] = ()) -> str:
    """What the first chart says, for whoever does not see it."""
    span = _("Calls {each}, from {moment} UTC").format(
        each=report.range.each, moment=moment(report.starts[0], report.range, full=True)
    )
    if not report.points:
        return _("{span}: none.").format(span=span)
    peaks = []
    for name, values in report.points.items():
        most = max(values)
        at = moment(report.starts[values.index(most)], report.range, full=True)
        peaks.append(
            _("{name} {sum:,} in all, most {most:,} at {at}").format(
                name=name, sum=sum(values), most=most, at=at
            )
        )
    marked = "".join(f" {mark.label} on {mark.at.astimezone(dt.UTC):%a %-d %b, %H:%M}." for mark in marks)
    return f"{span}: {'; '.join(peaks)}.{marked}"


def classes_sentence(report: Report) -> str:
    """What the bars say."""
    if not report.classes:
        return _("No answers.")
    total = sum(sum(values) for values in report.classes.values())
    parts = [
        f"{class_name(found)} {100 * sum(values) / total:.1f} %" for found, values in report.classes.items()
    ]
    return _("Answers by class: {names} of {total:,}.").format(names=", ".join(parts), total=total)


def class_name(status_class: int) -> str:
    return f"{status_class}xx" if status_class else _("no answer")


def lines(
    points: Mapping[str, Sequence[int]],
    starts: Sequence[dt.datetime],
    found: Range,
    size: Size,
    says: str,
    marks: Sequence[Mark] = (),
) -> SafeString:
    """A line for each name, the first with its area filled; a dashed one upright at each mark."""
    frame = Frame(size, nice_top(_most(points.values())), len(starts) - 1)
    drawn = []
    for n, values in enumerate(points.values()):
        path = " L".join(f"{frame.x(step)} {frame.y(value)}" for step, value in enumerate(values))
        colour = COLOURS[n % len(COLOURS)]
        if n == 0:
            base = frame.y(0)
            drawn.append(
                format_html(
                    '<path class="ar {}" d="M{} L{} {} L{} {}z"/>',
                    colour,
                    path,
                    frame.x(frame.steps),
                    base,
                    _LEFT,
                    base,
                )
            )
        drawn.append(format_html('<path class="ln {}" d="M{}"/>', colour, path))
    drawn += [_mark(frame, mark, (mark.at - starts[0]) / found.step, row) for row, mark in enumerate(marks)]
    axis = _axis(frame, starts, found, [frame.x(step) for step in range(len(starts))])
    return _svg(size, says, axis, drawn)


def _mark(frame: Frame, mark: Mark, step: float, row: int) -> SafeString:
    """At `step`, which may be between two; its words are on that side that has more room, in a row of their own."""
    x = frame.x(min(step, frame.steps))
    before = x > frame.size.width / 2
    return format_html(
        '<line class="mk" x1="{}" x2="{}" y1="{}" y2="{}"/><text class="ax" x="{}" y="{}" text-anchor="{}">{} {}</text>',
        x,
        x,
        _TOP,
        frame.y(0),
        x - 6 if before else x + 6,
        _TOP + 10 + 14 * row,
        "end" if before else "start",
        f"{mark.at.astimezone(dt.UTC):%H:%M}",
        mark.label,
    )


def bars(
    points: Mapping[int, Sequence[int]], starts: Sequence[dt.datetime], found: Range, says: str
) -> SafeString:
    """A bar for each step, stacked by status class."""
    size = HALF
    frame = Frame(size, nice_top(_most([_stacked(points, len(starts))])), len(starts))
    width = round((frame.x(1) - frame.x(0)) * 0.8, 1)
    drawn = []
    for step in range(len(starts)):
        below = 0
        for status_class in sorted(points, key=list(CLASS_COLOURS).index):
            if value := points[status_class][step]:
                high, low = frame.y(below + value), frame.y(below)
                drawn.append(
                    format_html(
                        '<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>',
                        CLASS_COLOURS[status_class],
                        frame.x(step),
                        high,
                        width,
                        round(max(low - high, 0.5), 1),
                    )
                )
                below += value
    middles = [round(frame.x(step) + width / 2, 1) for step in range(len(starts))]
    return _svg(size, says, _axis(frame, starts, found, middles), drawn)


def spark(values: Sequence[int], says: str) -> SafeString:
    """A line without axes, as wide as a cell; what it says is said in words."""
    top, step = max(*values, 1), 96 / (len(values) - 1)
    path = " L".join(f"{step * n:.0f} {22 - 20 * value / top:.1f}" for n, value in enumerate(values))
    return format_html(
        '<svg class="spark" viewBox="0 0 96 24" role="img" aria-label="{}">'
        '<path class="ar" d="M{} L96 24 L0 24z"/><path d="M{}"/></svg>',
        says,
        path,
        path,
    )


def _stacked(points: Mapping[int, Sequence[int]], steps: int) -> list[int]:
    return [sum(values[step] for values in points.values()) for step in range(steps)]


def _most(lists: Iterable[Sequence[int]]) -> int:
    return max((value for values in lists for value in values), default=0)


def _axis(
    frame: Frame, starts: Sequence[dt.datetime], found: Range, places: Sequence[float]
) -> list[SafeString]:
    """Grid lines with their values, and the times below."""
    size, right = frame.size, frame.size.width - 8
    parts = []
    for quarter in range(5):
        value = frame.top * quarter / 4
        height = frame.y(value)
        parts.append(
            format_html('<line class="gridl" x1="{}" x2="{}" y1="{}" y2="{}"/>', _LEFT, right, height, height)
        )
        parts.append(
            format_html(
                '<text class="ax" x="{}" y="{}" text-anchor="end">{}</text>',
                _LEFT - 8,
                height + 4,
                short(value),
            )
        )
    every = math.ceil(len(starts) / size.labels)
    for step in range(0, len(starts), every):
        anchor = "start" if places[step] < _LEFT + 30 else "end" if places[step] > right - 30 else "middle"
        parts.append(
            format_html(
                '<text class="ax" x="{}" y="{}" text-anchor="{}">{}</text>',
                places[step],
                size.height - 6,
                anchor,
                moment(starts[step], found),
            )
        )
    return parts


def _svg(size: Size, says: str, axis: list[SafeString], drawn: list[SafeString]) -> SafeString:
    return format_html(
        '<svg class="chart {}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>',
        size.name,
        size.width,
        size.height,
        says,
        format_html_join("", "{}", ((part,) for part in (*axis, *drawn))),
    )
