"""Each person's own time zone, as the browser names it in a cookie; UTC where it does not."""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

# Set by static/theme.js.
COOKIE = "portico_zone"


class TimeZoneMiddleware:
    """Pages are in the person's zone. Programs read UTC, whatever a browser has told."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        zone = None if request.path.startswith("/api/") else zone_of(request.COOKIES.get(COOKIE, ""))
        with timezone.override(zone):
            return self.get_response(request)


@lru_cache(maxsize=1000)
def zone_of(name: str) -> ZoneInfo | None:
    """The zone of that IANA name, as long as the longest of them at most; None for any other text."""
    if not name or len(name) > 40:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def zone_name(here: datetime) -> str:
    """`CET`, or `UTC+05` where the zone has no letters of its own."""
    name = here.tzname() or ""
    return f"UTC{name}" if name[:1] in "+-" else name
