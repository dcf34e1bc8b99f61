"""The spans of time that usage is shown for, and how finely."""

import datetime as dt
from dataclasses import dataclass

from django.utils import timezone

from gateway.models import CallCount, DayCalls, HourCalls, MinuteCalls


@dataclass(frozen=True, slots=True)
class Range:
    """`steps` steps of one table, the last of which is the present one."""

    slug: str
    label: str
    model: type[CallCount]
    step: dt.timedelta
    steps: int
    noun: str

    def starts(self, now: dt.datetime) -> list[dt.datetime]:
        """The begin of each step, the oldest first, in UTC."""
        last = now.astimezone(dt.UTC).replace(second=0, microsecond=0)
        if self.step >= dt.timedelta(hours=1):
            last = last.replace(minute=0)
        if self.step >= dt.timedelta(days=1):
            last = last.replace(hour=0)
        return [last - self.step * n for n in reversed(range(self.steps))]

    @property
    def each(self) -> str:
        """`an hour`: what a step is in a heading."""
        return f"an {self.noun}" if self.noun == "hour" else f"a {self.noun}"

    @property
    def length(self) -> dt.timedelta:
        return self.step * self.steps


_MINUTE, _HOUR, _DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)
RANGES = {
    found.slug: found
    for found in (
        Range("1h", "1 h", MinuteCalls, _MINUTE, 60, "minute"),
        Range("24h", "24 h", HourCalls, _HOUR, 24, "hour"),
        Range("48h", "48 h", HourCalls, _HOUR, 48, "hour"),
        Range("14d", "14 d", DayCalls, _DAY, 14, "day"),
        Range("90d", "90 d", DayCalls, _DAY, 90, "day"),
    )
}
DEFAULT = "48h"


def range_of(slug: str | None) -> Range:
    """The one of that name, and the usual one for any other."""
    return RANGES.get(slug or "", RANGES[DEFAULT])


def began(found: Range) -> dt.datetime:
    """Its first moment, now."""
    return found.starts(timezone.now())[0]
