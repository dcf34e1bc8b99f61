"""How the backends of versions are, by the calls that the gateway lately passed on to them."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from django.db.models import Q, Sum
from django.utils import timezone

from apis.models import ApiVersion
from gateway.models import MinuteCalls

SPAN = dt.timedelta(minutes=5)
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
