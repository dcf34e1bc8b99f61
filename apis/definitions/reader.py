"""Careful access to a document of unknown quality: whatever is of the wrong type becomes a finding, never an error."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from apis.definitions.dates import unreal_dates
from apis.definitions.lines import lines_of
from apis.definitions.parsed import Finding, Operation
from apis.definitions.refs import pointed_at
from portal.safeyaml import BadYaml, most_nodes

# More findings than a person reads; a hostile document could otherwise produce millions.
MOST_FINDINGS = 100
# The largest public definitions have some 17,000.
MOST_OPERATIONS = 20_000
MOST_SCHEMAS = 10_000
MOST_SERVERS = 100
LONGEST_TEXT = 20_000
LONGEST_PATH = 500
LONGEST_LINE = 300
LONGEST_URL = 2000
LONGEST_NAME = 200
LONGEST_MESSAGE = 1000
# Real documents go from one reference to another once or twice.
MOST_HOPS = 32
# So many characters of text cost as much as one value.
STEP_CHARACTERS = 50

TYPE_NAMES = {dict: "a mapping", list: "a list", str: "text", bool: "true or false"}

Path = tuple[str | int, ...]


class Reader:
    """A document, and what is wrong with it. Lines are looked up at the end, and only if there is a finding.

    What is read more often than its length allows, because many references lead to the same part, raises BadYaml.
    """

    def __init__(self, data: dict[Any, Any], text: str) -> None:
        self.data = data
        self._text = text
        self._found: dict[tuple[str, str, Path], None] = {}
        self._targets: dict[str, Any] = {}
        self._ids: dict[str, str] = {}
        self._most = 2 * most_nodes(text)
        self._spent = 0

    @property
    def is_full(self) -> bool:
        """Whether there are as many findings as are shown, so that none has to be worded any more."""
        return len(self._found) >= MOST_FINDINGS

    def find(self, code: str, message: str, path: Sequence[str | int] = ()) -> None:
        """Notes a finding at a place of the document."""
        if not self.is_full:
            self._found[code, message[:LONGEST_MESSAGE], tuple(path)] = None

    def spend(self, steps: int, characters: int = 0) -> None:
        """Count what is read or handed out. Raises BadYaml where it is more than the document's length allows."""
        self._spent += steps + characters // STEP_CHARACTERS
        if self._spent > self._most:
            message = (
                f"more than {self._most:,} values once its references are followed, too many for its length"
            )
            raise BadYaml(message, remedy="Refer to large parts less often.")

    def mapping(self, value: Any, path: Path) -> dict[Any, Any]:
        """The value as a mapping; anything else counts as an empty one."""
        return self._typed(value, dict, path) or {}

    def sequence(self, value: Any, path: Path) -> list[Any]:
        """The value as a list; anything else counts as an empty one."""
        return self._typed(value, list, path) or []

    def text(self, value: Any, path: Path) -> str:
        """The value as text. Numbers are taken as they print, because authors forget quotes around versions."""
        if isinstance(value, str):
            text = value[:LONGEST_TEXT]
            self.spend(1, len(text))
            return text
        if isinstance(value, int | float) and not isinstance(value, bool):
            if not self.is_full:
                message = f"{name_of(path)} is a number; quote it to keep it as it is written"
                self.find("number-for-text", message, path)
            return str(value)
        return self._typed(value, str, path) or ""

    def flag(self, value: Any, path: Path) -> bool:
        """The value as true or false; anything else counts as false."""
        return bool(self._typed(value, bool, path))

    def line(self, value: Any, path: Path, most: int = LONGEST_LINE) -> str:
        """The value as one short line of text."""
        return " ".join(self.text(value, path)[: most * 2].split())[:most]

    def texts(self, value: Any, path: Path) -> tuple[str, ...]:
        """The texts of a list."""
        stated = self.sequence(value, path)
        self.spend(len(stated))
        entries = (self.text(entry, (*path, index)) for index, entry in enumerate(stated))
        return tuple(entry for entry in entries if entry)

    def items(self, value: Any, path: Path) -> Iterator[tuple[str, Any, Path]]:
        """The entries of a mapping as (name, value, path)."""
        for key, entry in self.mapping(value, path).items():
            self.spend(1)
            yield str(key), entry, (*path, key)

    def entries(self, value: Any, path: Path) -> Iterator[tuple[Any, Path]]:
        """The entries of a list as (value, path)."""
        for index, entry in enumerate(self.sequence(value, path)):
            self.spend(1)
            yield entry, (*path, index)

    def names(self, value: Any, path: Path) -> tuple[str, ...]:
        """The names in a mapping, those of its extensions left out."""
        names = (name[:LONGEST_NAME] for name, _, _ in self.items(value, path) if not name.startswith("x-"))
        return tuple(dict.fromkeys(islice(names, MOST_SCHEMAS)))

    def distinct(self, operations: Iterable[tuple[Operation, Path]]) -> tuple[Operation, ...]:
        """The operations without repetitions, without those whose path no gateway could hold, and not without end.

        Each comes with the place where it stands.
        """
        kept: dict[tuple[str, str], Operation] = {}
        for operation, place in operations:
            names = operation.scopes + operation.examples
            self.spend(len(names), sum(map(len, names)))
            key = operation.method, operation.path
            if len(operation.path) > LONGEST_PATH:
                message = f"A path has more than {LONGEST_PATH} characters and is left out"
                self.find("path-too-long", message, place)
            elif key in kept:
                message = f"{operation.method} {operation.path} is described more than once"
                self.find("duplicate-operation", message, place)
            elif len(kept) == MOST_OPERATIONS:
                message = (
                    f"The document has more than {MOST_OPERATIONS:,} operations; the others are left out"
                )
                self.find("too-many-operations", message, place)
                break
            else:
                kept[key] = operation
        if not kept:
            self.find("no-operations", "The document describes no operation that can be called")
        return tuple(kept.values())

    def note_id(self, operation_id: str, label: str, path: Path) -> None:
        """Finds an operationId that another operation has already."""
        label = label[:LONGEST_NAME]
        if operation_id and self._ids.setdefault(operation_id, label) != label:
            message = f"operationId {operation_id} is used by {self._ids[operation_id]} and by {label}"
            self.find("duplicate-operation-id", message, path)

    def pointed(self, target: str) -> Any:
        """What a reference names in the document, None if nothing. Each is looked for once."""
        if target not in self._targets:
            self._targets[target] = pointed_at(self.data, target)
        return self._targets[target]

    def resolved(self, value: Any, path: Path) -> dict[Any, Any]:
        """The mapping that a value is or refers to, over a few hops at most. Other documents are never fetched."""
        seen: set[str] = set()
        while isinstance(value, dict) and isinstance(target := value.get("$ref"), str):
            if target in seen:
                self.find("ref-cycle", f"$ref {target[:200]} leads back to itself", path)
                return {}
            if len(seen) == MOST_HOPS:
                self.find("ref-chain", f"More than {MOST_HOPS} $ref lead from one to the next", path)
                return {}
            seen.add(target)
            value = self.pointed(target)
        self.spend(len(seen))
        return self.mapping(value, path)

    def findings(self) -> tuple[Finding, ...]:
        """All findings in the order of their lines."""
        found = [*self._placed(), *islice(self._dates(), MOST_FINDINGS - len(self._found))]
        return tuple(sorted(found, key=lambda finding: (finding.line or 0, finding.code)))

    def _placed(self) -> list[Finding]:
        if not self._found:
            return []
        places = {path: tuple(str(step) for step in path) for _, _, path in self._found}
        lines = lines_of(self._text, places.values())
        return [Finding(code, message, lines.get(places[path])) for code, message, path in self._found]

    def _dates(self) -> Iterator[Finding]:
        if self.is_full:
            return
        for stated, line in unreal_dates(self._text):
            message = f"{stated[:LONGEST_NAME]} looks like a date and is none; quote it to keep it as text"
            yield Finding("unreal-date", message, line)

    def _typed(self, value: Any, wanted: type, path: Path) -> Any:
        if value is None or isinstance(value, wanted):
            return value
        if not self.is_full:
            self.find("wrong-type", f"{name_of(path)} should be {TYPE_NAMES[wanted]}", path)
        return None


def name_of(path: Path) -> str:
    """A path as people write it."""
    return ".".join(str(step)[:LONGEST_LINE] for step in path)[:LONGEST_LINE] or "the document"
