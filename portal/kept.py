"""Parts of pages that are drawn once: `{% kept "apis/_card.html" card=card %}`.

Such a part is made of the values in its tag and of nothing else: its template sees no request, no person and nothing of
the page around it. So it is never stale, and shows nobody what another may see: whoever gives the same values gets the
same text. Only plain values are taken, for a model may change behind its key. Nothing in such a template may ask the
clock: give it a time that was put into words.
"""

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from threading import Lock
from types import NoneType

from django.template.loader import get_template
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import get_language

# Letters of what is kept in each web process: some thousands of cards and rows.
MOST_KEPT = 8_000_000
PLAIN = frozenset({str, SafeString, int, float, bool, NoneType, datetime, date})


class _Shelf:
    """What was drawn, the last asked for last; what was asked for longest ago makes room."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 0
        self._drawn: OrderedDict[Hashable, SafeString] = OrderedDict()
        self._lock = Lock()

    def find(self, key: Hashable) -> SafeString | None:
        with self._lock:
            found = self._drawn.get(key)
            if found is not None:
                self._drawn.move_to_end(key)
            return found

    def put(self, key: Hashable, drawn: SafeString) -> None:
        with self._lock:
            if key not in self._drawn:
                self._drawn[key] = drawn
                self._size += len(drawn)
            while self._size > self._most:
                self._size -= len(self._drawn.popitem(last=False)[1])


_shelf = _Shelf(MOST_KEPT)


def part(template: str, values: Mapping[str, object]) -> SafeString:
    """The template, drawn with these values alone. Raises TypeError for what is no plain value."""
    kinds = tuple((name, _key(value)) for name, value in values.items())
    key = (template, get_language(), timezone.get_current_timezone_name(), kinds)
    drawn = _shelf.find(key)
    if drawn is None:
        drawn = SafeString(get_template(template).render(dict(values)))
        _shelf.put(key, drawn)
    return drawn


def _key(value: object) -> Hashable:
    """Equal for values that are equal and of the same kind: 1 is not True here, nor a safe text an unsafe one."""
    if isinstance(value, Promise):  # a text that is translated when it is read: the language stands beside
        value = str(value)
    kind = type(value)
    if kind in PLAIN or isinstance(value, Enum):
        return kind, value
    if isinstance(value, tuple):
        return kind, tuple(map(_key, value))
    if is_dataclass(kind) and kind.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        return kind, tuple(_key(getattr(value, field.name)) for field in fields(kind))
    raise TypeError(
        f"{kind.__name__} is no plain value: a part that is kept takes texts, numbers, times, tuples and frozen dataclasses"
    )
