"""Where in a YAML or JSON text a part of the document stands. One pass over the text, so memory stays small."""

from collections.abc import Callable, Iterable
from json import JSONDecodeError, JSONDecoder
from typing import Any

import yaml

from portal.safeyaml import events

# Keys are compared as text: `200:` and `"200":` are the same place.
Place = tuple[str, ...]
BLANKS = " \t\n\r"


def lines_of(text: str, places: Iterable[Place]) -> dict[Place, int]:
    """The line, from 1, of each place, or of the deepest part of it that is there. Empty if the text cannot be read.

    The last of several equal keys is the one that counts.
    """
    places = set(places)
    wanted = _Wanted()
    for place in places:
        wanted.down(place)
    try:
        _find(text, wanted)
    except (yaml.YAMLError, UnicodeError):
        return {}
    return {place: wanted.deepest(place) for place in places}


def _find(text: str, wanted: "_Wanted") -> None:
    if text.lstrip("\ufeff" + BLANKS)[:1] in ("{", "["):
        try:
            _find_in_json(text, wanted)
            return
        except (JSONDecodeError, IndexError):
            pass  # YAML's own flow style begins in the same way
    _find_in_yaml(text, wanted)


class _Wanted:
    """A place on the way to the wanted ones, with those inside it by their first step, and the line once it is known."""

    __slots__ = ("inside", "line")

    def __init__(self) -> None:
        self.inside: dict[str, _Wanted] = {}
        self.line = 0

    def down(self, place: Place) -> None:
        """Take one more place in."""
        here = self
        for step in place:
            here = here.inside.setdefault(step, _Wanted())

    def deepest(self, place: Place) -> int:
        """The line of the deepest part of a place that was found."""
        here, line = self, 1
        for step in place:
            here = here.inside[step]
            line = here.line or line
        return line


def _find_in_json(text: str, wanted: _Wanted) -> None:
    """Steps into what is on the way to a wanted place and lets the decoder, which is quick, run over everything else.

    Raises IndexError or JSONDecodeError where the text is no JSON.
    """
    found: list[tuple[int, _Wanted]] = []
    # Numbers stay text: Python refuses those with too many digits.
    scan = JSONDecoder(parse_int=str, parse_float=str, parse_constant=str).raw_decode
    _step_into(text, _after_blanks(text, 1 if text.startswith("\ufeff") else 0), wanted, scan, found)
    line, seen = 1, 0
    for position, place in sorted(found, key=lambda entry: entry[0]):
        line += text.count("\n", seen, position)
        seen = position
        place.line = line


def _step_into(
    text: str,
    at: int,
    wanted: _Wanted,
    scan: Callable[[str, int], tuple[Any, int]],
    found: list[tuple[int, _Wanted]],
) -> int:
    """Finds the wanted places of the value that begins at `at`; where it ends. As deep as the wanted places are."""
    if text[at] not in "{[" or not wanted.inside:
        return scan(text, at)[1]
    is_mapping, step = text[at] == "{", 0
    at = _after_blanks(text, at + 1)
    while text[at] not in "}]":
        start, key = at, str(step)
        if is_mapping:
            key, at = scan(text, at)
            at = _after_blanks(text, _after_blanks(text, at) + 1)
        inside = wanted.inside.get(key)
        if inside is None:
            at = scan(text, at)[1]
        else:
            found.append((start, inside))
            at = _step_into(text, at, inside, scan, found)
        step += 1
        at = _after_blanks(text, at)
        if text[at] == ",":
            at = _after_blanks(text, at + 1)
    return at + 1


def _after_blanks(text: str, at: int) -> int:
    while text[at] in BLANKS:
        at += 1
    return at


def _find_in_yaml(text: str, wanted: _Wanted) -> None:
    """Follows the events down those branches that lead to a wanted place, and only counts in the others.

    Raises yaml.YAMLError or UnicodeError.
    """
    finder = _Finder(wanted)
    passed_over = 0
    for event in events(text):
        kind = type(event)
        if kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            if passed_over:
                passed_over -= 1
            else:
                finder.open.pop()
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            if passed_over or not finder.start(event, is_mapping=kind is yaml.MappingStartEvent):
                passed_over += 1
        elif not passed_over and isinstance(event, yaml.NodeEvent):
            finder.scalar(event)


class _Finder:
    """The mappings and lists on the way to a wanted place that are open."""

    def __init__(self, wanted: _Wanted) -> None:
        self.root = wanted
        # The place, and the key or index that comes next; None: a key comes next.
        self.open: list[tuple[_Wanted, str | int | None]] = []

    def start(self, event: yaml.Event, *, is_mapping: bool) -> bool:
        """Take the start of a mapping or list; whether there is anything wanted inside it."""
        here = self.root
        if self.open:
            if self.open[-1][1] is None:  # a mapping as a key, which is refused elsewhere
                self.open[-1] = (self.open[-1][0], "")
                return False
            inside = self._next(event)
            if inside is None or not inside.inside:
                return False
            here = inside
        self.open.append((here, None if is_mapping else 0))
        return True

    def scalar(self, event: yaml.NodeEvent) -> None:
        """Take a scalar or an alias."""
        if not self.open:
            return
        here, step = self.open[-1]
        if step is None:
            key = event.value if isinstance(event, yaml.ScalarEvent) else ""
            self.open[-1] = (here, key)
            if key in here.inside:
                here.inside[key].line = line(event)
        else:
            self._next(event)

    def _next(self, event: yaml.Event) -> _Wanted | None:
        """The wanted place that the event is the value of."""
        here, step = self.open[-1]
        self.open[-1] = (here, step + 1 if isinstance(step, int) else None)
        inside = here.inside.get(str(step))
        if inside is not None and not inside.line:
            inside.line = line(event)
        return inside


def line(event: yaml.Event) -> int:
    """The line on which an event begins, from 1."""
    return event.start_mark.line + 1 if event.start_mark else 1
