"""How the backends of versions are, by the calls that the gateway lately passed on to them."""

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from django.core.cache import cache
from django.db.models import Q, Sum
from django.utils import timezone

from apis.models import ApiVersion, Environment
from gateway.models import BUCKETS_MS, DayCalls, MinuteCalls

from .latency import percentile

SPAN = dt.timedelta(minutes=5)
RECORD_DAYS = 30
_RECORD_KEPT_SECONDS = 300
# The gateway answered in the backend's place.
_UNANSWERED = ("upstream_unavailable", "upstream_timeout")


@dataclass(frozen=True, slots=True)
class BackendHealth:
    """Of one environment: calls that its backend answered, whatever it said, and calls that it did not."""

    environment: str
    answered: int
    unanswered: int

    @property
    def state(self) -> Literal["well", "unwell", "down"]:
        if not self.unanswered:
            return "well"
        return "unwell" if self.answered else "down"


@dataclass(frozen=True, slots=True)
class Record:
    """The calls of RECORD_DAYS that the gateway passed on. `failed`: no answer, or a server error; p50 and p99 in milliseconds."""

    calls: int
    failed: int
    p50: float | None
    p99: float | None

    @property
    def availability(self) -> str:
        """In percent, never rounded up to what was not reached."""
        return f"{math.floor(10_000 * (1 - self.failed / self.calls)) / 100:.4g}"


def record_of(version: ApiVersion) -> Record | None:
    """How the production of a version did, some minutes old at most; None where it was not called."""
    found = cache.get_or_set(f"record:{version.pk}", lambda: _record(version) or False, _RECORD_KEPT_SECONDS)
    return found or None


def _record(version: ApiVersion) -> Record | None:
    now = timezone.now()
    rows = DayCalls.objects.filter(
        Q(reason="") | Q(reason__in=_UNANSWERED),
        at__gt=now - dt.timedelta(days=RECORD_DAYS),
        series__version=version,
        series__everybody=True,
        series__environment=Environment.PRODUCTION,
    )
    answered = Q(reason="")
    calls, failed, *buckets = rows.aggregate(
        total=Sum("calls", default=0),
        bad=Sum("calls", filter=~answered | Q(status_class=5), default=0),
        **{
            f"bucket{n}": Sum(f"latency__{n}", filter=answered, default=0) for n in range(len(BUCKETS_MS) + 1)
        },
    ).values()
    if not calls:
        return None
    return Record(int(calls), int(failed), percentile(buckets, 50), percentile(buckets, 99))


def backend_health(
    versions: Iterable[ApiVersion], now: dt.datetime | None = None
) -> dict[int, list[BackendHealth]]:
    """Version row -> its environments that were called in the last SPAN, by name. One query, whatever the number of versions."""
    now = now or timezone.now()
    rows = (
        MinuteCalls.objects.between(now - SPAN, now)
        .filter(
            Q(reason="") | Q(reason__in=_UNANSWERED), series__everybody=True, series__version__in=versions
        )
        .values("series__version", "series__environment")
        .annotate(
            answered=Sum("calls", filter=Q(reason=""), default=0),
            unanswered=Sum("calls", filter=~Q(reason=""), default=0),
        )
        .order_by("series__environment")
    )
    found = defaultdict(list)
    for row in rows:
        health = BackendHealth(row["series__environment"], row["answered"], row["unanswered"])
        found[row["series__version"]].append(health)
    return dict(found)
