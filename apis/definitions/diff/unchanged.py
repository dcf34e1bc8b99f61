"""What two documents say in the same words, with all that it refers to: there is nothing to compare in it.

This only saves time. Where it is not found out, because keys have another order or a limit is reached, all is compared.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from apis.definitions.refs import pointed_at

# Targets may lie inside each other, so that together they are far longer than the document. Real ones are about as long.
MOST_CHARACTERS = 4
FREE_CHARACTERS = 1_000_000
# More than there is: a property may be called "$ref", and examples may have one.
REF = re.compile(r'"\$ref": "((?:[^"\\]|\\.)*)"')
# What an operation means depends on these too.
SHARED_KEYS = ("security", "consumes", "produces", "securityDefinitions")


class Unchanged:
    """The parts of two documents that say the same. Both are of one language and, unless it makes no difference, release."""

    def __init__(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        self._old = old
        self._new = new
        before, after = text_of(old), text_of(new)
        self._left = FREE_CHARACTERS + MOST_CHARACTERS * (len(before) + len(after))
        self.targets = sorted(refs_in(before) | refs_in(after))
        self._schemas: set[tuple[int, int]] = set()
        self._same = self._same_targets()
        self._shared = self._says_the_same(shared_of(old), shared_of(new))
        self._items: dict[str, bool] = {}

    def has_schema(self, old: Any, new: Any) -> bool:
        """Whether two schemas, both without references to follow, are known to mean the same."""
        return (id(old), id(new)) in self._schemas

    def has_item(self, path: str) -> bool:
        """Whether all operations of a path of OpenAPI are the same."""
        if path not in self._items:
            self._items[path] = self._shared and self._says_the_same(
                *(paths.get(path) for paths in (paths_of(self._old), paths_of(self._new)))
            )
        return self._items[path]

    def _says_the_same(self, old: Any, new: Any) -> bool:
        text = text_of(old)
        return text == text_of(new) and refs_in(text) <= self._same

    def _same_targets(self) -> set[str]:
        """The targets with the same words, but for those that lead to one with others, over however many references."""
        users: dict[str, list[str]] = {}
        changed = []
        for target in self.targets:
            refs = self._refs_if_same(target)
            if refs is None:
                changed.append(target)
            for ref in refs or ():
                users.setdefault(ref, []).append(target)
        same = set(self.targets)
        while changed:
            target = changed.pop()
            if target in same:
                same.remove(target)
                changed += users.get(target, ())
        self._schemas = {
            (id(pointed_at(self._old, target)), id(pointed_at(self._new, target))) for target in same
        }
        return same

    def _refs_if_same(self, target: str) -> set[str] | None:
        """The references in a target, None if it has other words or there is too much to read."""
        if self._left < 0:
            return None
        before, after = text_of(pointed_at(self._old, target)), text_of(pointed_at(self._new, target))
        self._left -= len(before) + len(after)
        return refs_in(before) if before == after else None


def text_of(value: Any) -> str:
    """A part of a document as text that tells true from 1, and keeps the order of keys."""
    return json.dumps(value, ensure_ascii=False)


def refs_in(text: str) -> set[str]:
    """The targets of all references in such a text."""
    return {json.loads(f'"{ref}"') if "\\" in ref else ref for ref in REF.findall(text)}


def shared_of(data: Mapping[str, Any]) -> list[Any]:
    """What counts for all operations."""
    components = data.get("components")
    schemes = components.get("securitySchemes") if isinstance(components, dict) else None
    return [schemes, *map(data.get, SHARED_KEYS)]


def paths_of(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The path items as they are written; none if they stand somewhere else, too."""
    paths = data.get("paths")
    return paths if isinstance(paths, dict) and "$ref" not in paths else {}
