"""How often somebody may fail to prove who they are, counted in the database for all processes together.

Only failures are counted, one statement each; whoever proves themselves costs nothing here. A process remembers what it
found over the limit until the window ends, so that a flood costs no statements either. One that has not heard yet
learns it from its own next failure: with n processes a window has room for the limit and n tries at most.
"""

import hashlib
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any

from django.conf import settings
from django.db import connection
from django.http import HttpRequest
from django.utils import timezone

from .models import FailedTries

# How many blocked keys a process remembers; beyond it the database alone knows.
_REMEMBERED_MAX = 10_000
# What a provider gives one customer: an IPv6 address costs nothing, so the network is what counts.
_IPV6_PREFIX = 64

_COUNT = """
    INSERT INTO accounts_failedtries AS had (key, tries, ends_at) VALUES (%(key)s, 1, %(ends)s)
    ON CONFLICT (key) DO UPDATE SET
        tries = CASE WHEN had.ends_at <= %(now)s THEN 1 ELSE had.tries + 1 END,
        ends_at = CASE WHEN had.ends_at <= %(now)s THEN excluded.ends_at ELSE had.ends_at END
    RETURNING tries, ends_at
"""


@dataclass(frozen=True, slots=True)
class Limit:
    """`tries` failures of `key` in `seconds`; from the next one on it is refused until the window ends."""

    key: str
    tries: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Counted:
    """`tries` failures in this window, this one included; `wait` is in seconds, 0 while the limit is kept."""

    tries: int
    wait: int


class _Held:
    """Key -> the time at which its window ends, for keys that this process knows to be over; and the last such time."""

    over: dict[str, float] = {}
    last: float = 0.0


def any_over() -> bool:
    """Whether anybody at all is over a limit, as this process knows."""
    if _Held.over and time.time() >= _Held.last:
        forget()
    return bool(_Held.over)


def wait_for(limits: Iterable[Limit]) -> int:
    """Seconds until all of them let anybody try again, as this process knows; 0 is now. No query."""
    now = time.time()
    return max((_seconds(_Held.over.get(limit.key, 0.0) - now) for limit in limits), default=0)


def wait_of_all(limits: Iterable[Limit]) -> int:
    """The same as all processes know. One query, for where every try is dear anyhow, as with people's passwords."""
    by_key = {limit.key: limit for limit in limits}
    now = timezone.now()
    rows = FailedTries.objects.filter(key__in=by_key, ends_at__gt=now)
    over = [row.ends_at for row in rows if row.tries >= by_key[row.key].tries]
    return max((_seconds((end - now).total_seconds()) for end in over), default=0)


def count(limit: Limit) -> Counted:
    """Write down one failure. Correct however many processes do it at once."""
    now = timezone.now()
    parameters: dict[str, Any] = {
        "key": limit.key,
        "now": now,
        "ends": now + timedelta(seconds=limit.seconds),
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, parameters)
        tries, ends_at = cursor.fetchone()
    if tries >= limit.tries:
        _remember(limit.key, ends_at.timestamp())
    return Counted(tries, _seconds((ends_at - now).total_seconds()) if tries > limit.tries else 0)


def first_time(key: str, seconds: int) -> bool:
    """Whether `key` comes up for the first time in so many seconds: True for one caller only, in all processes."""
    return count(Limit(key, tries=1_000_000_000, seconds=seconds)).tries == 1


def first_this_hour(key: str) -> bool:
    """For what is written down for people, but not each time."""
    return first_time(f"noted {key}", 3600)


def forgive(key: str) -> None:
    """Start over: the owner has proven who they are in another way."""
    FailedTries.objects.filter(key=key).delete()
    _Held.over.pop(key, None)


def clear_expired() -> None:
    """Delete the windows that are over."""
    FailedTries.objects.filter(ends_at__lte=timezone.now()).delete()


def forget() -> None:
    """Know nothing, as a process that has just started."""
    _Held.over = {}
    _Held.last = 0.0


def word(text: str) -> str:
    """What somebody claims to be, as part of a key: an id as it is, anything else as a digest of fixed length."""
    if re.fullmatch(r"[a-z]{2,8}_[0-9A-Za-z]{1,24}", text):
        return text
    return digest(text)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:32]


def address_of(request: HttpRequest) -> str:
    return address_in(request.META)


def address_in(environ: Mapping[str, Any]) -> str:
    """Where a request comes from, by its WSGI environment: the address, or the network of an IPv6 one.

    Each trusted proxy adds one entry at the right end of X-Forwarded-For; whatever stands further left is what the
    caller wrote, and is believed nobody.
    """
    trusted = settings.TRUSTED_PROXIES
    hops = environ.get("HTTP_X_FORWARDED_FOR", "").split(",") if trusted else []
    named = hops[-trusted].strip() if 0 < trusted <= len(hops) else ""
    return _network(named) or _network(environ.get("REMOTE_ADDR", "")) or "unknown"


def _network(text: str) -> str:
    try:
        address = ip_address(text)
    except ValueError:
        return ""
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(IPv6Network((int(address), _IPV6_PREFIX), strict=False).network_address)


def _remember(key: str, until: float) -> None:
    if len(_Held.over) >= _REMEMBERED_MAX:
        now = time.time()
        _Held.over = {key: end for key, end in list(_Held.over.items()) if end > now}
    if len(_Held.over) < _REMEMBERED_MAX:
        _Held.over[key] = until
        _Held.last = max(_Held.last, until)


def _seconds(left: float) -> int:
    """Whole seconds, rounded up: whoever comes back then is let in."""
    return max(0, int(left) + (left > int(left)))
