"""Where in a YAML or JSON text a part of the document stands. One pass over the parser's events, so memory stays small."""

from collections.abc import Iterable

import yaml

# Keys are compared as text: `200:` and `"200":` are the same place.
Place = tuple[str, ...]


def lines_of(text: str, places: Iterable[Place]) -> dict[Place, int]:
    """The line, from 1, of each place, or of the deepest part of it that is there. Empty if the text is not YAML.

    JSON is read as the YAML that it (almost always) is.
    """
    wanted = set(places)
    prefixes = {place[:length] for place in wanted for length in range(len(place) + 1)}
    finder = _Finder(prefixes)
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            finder.take(event)
    except yaml.YAMLError:
        return {}
    return {place: finder.deepest(place) for place in wanted}


def line(event: yaml.Event) -> int:
    """The line on which an event begins, from 1."""
    return event.start_mark.line + 1 if event.start_mark else 1


class _Finder:
    """Follows the events down those branches that lead to a wanted place, and skips the others."""

    def __init__(self, prefixes: set[Place]) -> None:
        self.prefixes = prefixes
        self.found: dict[Place, int] = {(): 1}
        # One entry per open mapping or list: its place (None: not of interest), and the key or index that comes next.
        self.open: list[tuple[Place | None, str | int | None]] = []

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self.open.pop()
        elif isinstance(event, yaml.NodeEvent):
            starts = isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent)
            if self._is_key() and not starts:
                self._set_key(event)
                return
            place = self._next_place()
            if place is not None and isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
                self.found.setdefault(place, line(event))
            if starts:
                self.open.append((place, None if isinstance(event, yaml.MappingStartEvent) else 0))

    def deepest(self, place: Place) -> int:
        """The line of the place, or of its deepest part that was seen."""
        while place not in self.found:
            place = place[:-1]
        return self.found[place]

    def _is_key(self) -> bool:
        return bool(self.open) and self.open[-1][1] is None

    def _set_key(self, event: yaml.NodeEvent) -> None:
        place, _ = self.open[-1]
        key = event.value if isinstance(event, yaml.ScalarEvent) else ""
        self.open[-1] = (place, key)
        if place is not None and (*place, key) in self.prefixes:
            # The last of several equal keys is the one that counts.
            self.found[(*place, key)] = line(event)

    def _next_place(self) -> Place | None:
        if not self.open:
            return ()
        place, step = self.open[-1]
        self.open[-1] = (place, step + 1 if isinstance(step, int) else None)
        if place is None or (*place, str(step)) not in self.prefixes:
            return None
        return (*place, str(step))
