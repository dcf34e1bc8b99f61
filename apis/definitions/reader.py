"""Careful access to a document of unknown quality: whatever is of the wrong type becomes a finding, never an error."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from apis.definitions.lines import lines_of
from apis.definitions.parsed import Finding, Operation
from apis.definitions.refs import pointed_at

# More findings than a person reads; a hostile document could otherwise produce millions.
MOST_FINDINGS = 100
LONGEST_TEXT = 20_000
LONGEST_PATH = 500
LONGEST_LINE = 300
LONGEST_NAME = 200

TYPE_NAMES = {dict: "a mapping", list: "a list", str: "text", bool: "true or false"}

Path = tuple[str | int, ...]


class Reader:
    """A document, and what is wrong with it. Lines are looked up at the end, and only if there is a finding."""

    def __init__(self, data: dict[Any, Any], text: str) -> None:
        self.data = data
        self._text = text
        self._found: dict[tuple[str, str, Path], None] = {}

    def find(self, code: str, message: str, path: Sequence[str | int] = ()) -> None:
        """Notes a finding at a place of the document."""
        if len(self._found) < MOST_FINDINGS:
            self._found[code, message, tuple(path)] = None

    def mapping(self, value: Any, path: Path) -> dict[Any, Any]:
        """The value as a mapping; anything else counts as an empty one."""
        return self._typed(value, dict, path) or {}

    def sequence(self, value: Any, path: Path) -> list[Any]:
        """The value as a list; anything else counts as an empty one."""
        return self._typed(value, list, path) or []

    def text(self, value: Any, path: Path) -> str:
        """The value as text. Numbers are taken as they print, because authors forget quotes around versions."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            self.find(
                "number-for-text", f"{name_of(path)} is a number; quote it to keep it as it is written", path
            )
            return str(value)
        return (self._typed(value, str, path) or "")[:LONGEST_TEXT]

    def flag(self, value: Any, path: Path) -> bool:
        """The value as true or false; anything else counts as false."""
        return bool(self._typed(value, bool, path))

    def line(self, value: Any, path: Path, most: int = LONGEST_LINE) -> str:
        """The value as one short line of text."""
        return " ".join(self.text(value, path)[: most * 2].split())[:most]

    def texts(self, value: Any, path: Path) -> tuple[str, ...]:
        """The texts of a list."""
        entries = (self.text(entry, (*path, index)) for index, entry in enumerate(self.sequence(value, path)))
        return tuple(entry for entry in entries if entry)

    def items(self, value: Any, path: Path) -> Iterator[tuple[str, Any, Path]]:
        """The entries of a mapping as (name, value, path)."""
        for key, entry in self.mapping(value, path).items():
            yield str(key), entry, (*path, key)

    def distinct(self, operations: Iterable[Operation]) -> tuple[Operation, ...]:
        """The operations without repetitions, and without those whose path no gateway could hold."""
        kept: dict[tuple[str, str], Operation] = {}
        for operation in operations:
            if len(operation.path) > LONGEST_PATH:
                self.find("path-too-long", f"A path has more than {LONGEST_PATH} characters and is left out")
            elif kept.setdefault((operation.method, operation.path), operation) is not operation:
                self.find(
                    "duplicate-operation", f"{operation.method} {operation.path} is described more than once"
                )
        if not kept:
            self.find("no-operations", "The document describes no operation that can be called")
        return tuple(kept.values())

    def resolved(self, value: Any, path: Path) -> dict[Any, Any]:
        """The mapping that a value is or refers to. Other documents are never fetched."""
        seen = set()
        while isinstance(value, dict) and isinstance(value.get("$ref"), str):
            target = value["$ref"]
            if target in seen:
                self.find("ref-cycle", f"$ref {target[:200]} leads back to itself", path)
                return {}
            seen.add(target)
            value = pointed_at(self.data, target)
        return self.mapping(value, path)

    def findings(self) -> tuple[Finding, ...]:
        """All findings in the order of their lines."""
        if not self._found:
            return ()
        places = {path: tuple(str(step) for step in path) for _, _, path in self._found}
        lines = lines_of(self._text, places.values())
        found = [Finding(code, message, lines.get(places[path])) for code, message, path in self._found]
        return tuple(sorted(found, key=lambda finding: (finding.line or 0, finding.code)))

    def _typed(self, value: Any, wanted: type, path: Path) -> Any:
        if value is None or isinstance(value, wanted):
            return value
        self.find("wrong-type", f"{name_of(path)} should be {TYPE_NAMES[wanted]}", path)
        return None


def name_of(path: Path) -> str:
    """A path as people write it."""
    return ".".join(str(step) for step in path)[:300] or "the document"
