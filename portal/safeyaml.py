"""Read YAML and JSON that strangers wrote: bounded in size, depth and expansion, and free of surprises.

PyYAML's own SafeLoader is not enough here: it raises ValueError on dates that do not exist (real manifests have
them), lets a few aliases expand to gigabytes once the result is written out as JSON, and overflows the C stack on
deep nesting. This reader builds plain objects from the parser's events, which is also several times faster.

What comes out is what JSON can hold and Postgres can store: dict, list, str, int, float, bool, None. Timestamps and
binary stay strings, numbers that are not finite stay strings, NUL and lone surrogates are refused.
"""

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from portal.errors import Invalid

MAX_BYTES = 20 * 1024 * 1024
MAX_NODES = 1_500_000
MAX_DEPTH = 200
# What libyaml compares each new one with, and every tag after it.
MAX_DIRECTIVES = 16
# Real documents have 20 to 80 characters for each value, and the densest that were seen 10.
FREE_NODES = 20_000
LEAST_CHARACTERS = 8
# Of a long text each repetition by an alias costs what so many short ones do.
NODE_CHARACTERS = 100

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_INT = re.compile(r"[-+]?[0-9]{1,40}|0o[0-7]{1,40}|0x[0-9a-fA-F]{1,40}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NULLS = {"", "~", "null", "Null", "NULL"}
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_KUBECTL_BOOLEANS = _BOOLEANS | {
    word: value
    for value, words in ((True, ("yes", "on")), (False, ("no", "off")))
    for lower in words
    for word in (lower, lower.capitalize(), lower.upper())
}
# What Postgres holds in no text.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_SEPARATOR = re.compile(r"---(?=\s|$)")
_BLANK = re.compile(r"\s*(#.*|%.*|\.\.\.)?$")


class BadYaml(Invalid):
    """The text cannot be read; `line` counts from 1, 0 where no line is to blame; `problem` leaves it out."""

    def __init__(self, message: str, *, line: int = 0, remedy: str = "") -> None:
        where = f"line {line}: " if line else ""
        super().__init__(where + message, remedy=remedy)
        self.line = line
        self.problem = message


@dataclass(frozen=True)
class Chunk:
    """One document of a file: its text and the line (from 1) on which its first statement stands."""

    text: str
    line: int
    offset: int


def load(
    text: str,
    *,
    max_bytes: int = MAX_BYTES,
    max_nodes: int | None = None,
    max_depth: int = MAX_DEPTH,
    kubectl: bool = False,
) -> Any:
    """Return the one document in `text` (None for an empty text). Raises BadYaml with the line.

    `max_nodes` is how many values it may hold, keys included: `most_nodes` of the text where it is not given.

    Booleans are those of YAML 1.2 (so `NO` is a country) and integer keys stay integers. With `kubectl` the
    text is read as kubectl reads it: `yes` and `on` are booleans, and every key becomes a string.
    """
    text = text.removeprefix("\ufeff")
    if len(text) > max_bytes or len(text.encode("utf-8", "surrogatepass")) > max_bytes:
        raise BadYaml(
            f"the text is larger than {max_bytes / 1024 / 1024:.3g} MB",
            remedy="Split it, or leave out examples.",
        )
    if max_nodes is None:
        max_nodes = most_nodes(text)
    if text.lstrip()[:1] in ("{", "["):
        try:
            return _load_json(text, max_nodes, max_depth)
        except json.JSONDecodeError:
            pass  # YAML's own flow style begins in the same way
    return _Builder(max_nodes, max_depth, kubectl=kubectl).build(text)


def most_nodes(text: str) -> int:
    """How many values a text of this length may hold, so that what is nearly all values is refused early."""
    return min(FREE_NODES + len(text) // LEAST_CHARACTERS, MAX_NODES)


def events(text: str) -> Iterator[yaml.Event]:
    """What the parser finds in the text, one after the other. Raises yaml.YAMLError, and UnicodeError.

    yaml.parse does the same and asks the parser twice for each.
    """
    return iter(_LOADER(text).get_event, None)


def split(text: str) -> Iterator[Chunk]:
    """Yield the documents of a multi-document text, so that a broken one does not hide the others.

    A line that begins with `---` always separates documents: YAML allows it nowhere else.
    """
    lines: list[str] = []
    offset = 0
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(keepends=True)):
        if _SEPARATOR.match(line):
            yield from _chunk(lines, offset)
            lines, offset = [" " * 3 + line[3:]], number
        else:
            lines.append(line)
    yield from _chunk(lines, offset)


def _chunk(lines: list[str], offset: int) -> Iterator[Chunk]:
    for index, line in enumerate(lines):
        if not _BLANK.match(line.rstrip("\r\n")):
            yield Chunk("".join(lines), line=offset + index + 1, offset=offset)
            return


def _load_json(text: str, max_nodes: int, max_depth: int) -> Any:
    try:
        value = json.loads(text, parse_int=_json_int, parse_float=_json_float, parse_constant=str)
    except RecursionError:
        raise _too_deep(max_depth, 0) from None
    check(value, max_nodes=max_nodes, max_depth=max_depth)
    return value


def check(value: Any, *, max_nodes: int = MAX_NODES, max_depth: int = MAX_DEPTH) -> None:
    """Hold objects that were read elsewhere (an API server's JSON) to the same limits. Raises BadYaml."""
    nodes, depth, level = 0, 0, [value]
    while level:
        nodes, depth = nodes + len(level), depth + 1
        if nodes > max_nodes:
            raise _too_many(max_nodes, 0)
        if depth > max_depth:
            raise _too_deep(max_depth, 0)
        below: list[Any] = []
        texts: list[str] = []
        for node in level:
            if isinstance(node, str):
                texts.append(node)
            elif isinstance(node, dict):
                texts += node
                below += node.values()
            elif isinstance(node, list):
                below += node
        # All at once: nearly always there is nothing to find.
        try:
            text = "".join(texts)
        except TypeError:  # YAML has keys that are no text
            text = "".join(text for text in texts if isinstance(text, str))
        _check_storable(text, 0)
        level = below


def _json_int(text: str) -> int | str:
    return int(text) if len(text) <= 40 else text


def _json_float(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) else text


def _check_storable(text: str, line: int) -> None:
    if not text.isascii() or "\x00" in text:
        found = UNSTORABLE.search(text)
        if found:
            raise BadYaml(
                f"the character U+{ord(found.group()):04X} cannot be stored", line=line, remedy="Take it out."
            )


def _too_deep(limit: int, line: int) -> BadYaml:
    return BadYaml(f"nested more than {limit} levels deep", line=line)


def _too_many(limit: int, line: int) -> BadYaml:
    return BadYaml(
        f"more than {limit:,} values once its aliases are expanded, too many for its length",
        line=line,
        remedy="Write repeated parts once, with $ref in place of YAML aliases.",
    )


class _Open:
    """A mapping or sequence whose end has not come yet."""

    __slots__ = ("anchor", "before", "is_mapping", "key", "value")

    def __init__(self, value: dict[Any, Any] | list[Any], anchor: str | None, before: int) -> None:
        self.value: Any = value
        self.is_mapping = isinstance(value, dict)
        self.anchor = anchor
        self.before = before
        self.key: Any = _NO_KEY


_NO_KEY: Any = object()
_MERGE: Any = object()


class _Builder:
    """Turn the parser's events into objects, counting what every alias stands for."""

    def __init__(self, max_nodes: int, max_depth: int, *, kubectl: bool) -> None:
        self.max_nodes = max_nodes
        self.max_depth = max_depth
        self.kubectl = kubectl
        self.booleans = _KUBECTL_BOOLEANS if kubectl else _BOOLEANS
        self.nodes = 0
        self.open: list[_Open] = []
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.documents = 0
        self.result: Any = None
        self.takes: dict[type[yaml.Event], Callable[[Any], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._start,
            yaml.SequenceStartEvent: self._start,
            yaml.MappingEndEvent: self._end,
            yaml.SequenceEndEvent: self._end,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._document,
        }

    def build(self, text: str) -> Any:
        if sum(text.count(end + "%TAG") for end in "\n\r\x85\u2028\u2029") > MAX_DIRECTIVES:
            raise BadYaml("more %TAG directives than a text needs", remedy="Take them out.")
        takes = self.takes
        try:
            for event in events(text):
                take = takes.get(type(event))
                if take is not None:
                    take(event)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise BadYaml(_sentence(error), line=mark.line + 1 if mark else 0) from None
        except yaml.reader.ReaderError as error:
            raise BadYaml(f"the character U+{error.character:04X} is not allowed") from None
        except yaml.YAMLError as error:
            raise BadYaml(str(error)[:200]) from None
        except UnicodeError:
            raise BadYaml("the text is not valid Unicode") from None
        return self.result

    def _document(self, event: yaml.DocumentStartEvent) -> None:
        self.documents += 1
        self.anchors = {}
        if self.documents > 1:
            raise BadYaml("more than one document where one is expected", line=_line(event))

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        text = event.value
        nodes = 1 + len(text) // NODE_CHARACTERS
        self._count(nodes, event)
        if not text.isascii() or "\x00" in text:
            _check_storable(text, _line(event))
        is_key = bool(self.open) and self.open[-1].is_mapping and self.open[-1].key is _NO_KEY
        value = self._key(event) if is_key else self._resolve(event)
        if event.anchor:
            self.anchors[event.anchor] = (value, nodes)
        self._place(value, event)

    def _start(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        expected = "map" if isinstance(event, yaml.MappingStartEvent) else "seq"
        if event.tag not in (None, "!", _TAG + expected):
            raise _bad_tag(event)
        if len(self.open) >= self.max_depth:
            raise _too_deep(self.max_depth, _line(event))
        if event.anchor:
            self.anchors.pop(event.anchor, None)
        before = self.nodes
        self._count(1, event)
        self.open.append(_Open({} if expected == "map" else [], event.anchor, before))

    def _end(self, event: yaml.MappingEndEvent | yaml.SequenceEndEvent) -> None:
        done = self.open.pop()
        if done.anchor:
            self.anchors[done.anchor] = (done.value, self.nodes - done.before)
        self._place(done.value, event)

    def _alias(self, event: yaml.AliasEvent) -> None:
        known = self.anchors.get(event.anchor or "")
        if known is None:
            name = (event.anchor or "")[:100]
            raise BadYaml(f"the alias *{name} stands for nothing that is complete", line=_line(event))
        self._count(known[1], event)
        self._place(known[0], event)

    def _count(self, nodes: int, event: yaml.Event) -> None:
        self.nodes += nodes
        if self.nodes > self.max_nodes:
            raise _too_many(self.max_nodes, _line(event))

    def _place(self, value: Any, event: yaml.Event) -> None:
        if not self.open:
            self.result = value
            return
        parent = self.open[-1]
        if not parent.is_mapping:
            parent.value.append(value)
        elif parent.key is _NO_KEY:
            if value is not _MERGE and not isinstance(value, str | int):
                raise BadYaml("a key must be text or a number", line=_line(event))
            parent.key = str(value) if self.kubectl and value is not _MERGE else value
        else:
            if parent.key is _MERGE:
                _merge(parent.value, value, _line(event))
            else:
                parent.value[parent.key] = value
            parent.key = _NO_KEY

    def _key(self, event: yaml.ScalarEvent) -> Any:
        """Keys are text, as in JSON; a plain integer stays one (the answer codes of OpenAPI)."""
        if event.tag and event.tag != "!":
            self._tagged(event)  # refuses what no value may have either
        if event.value == "<<" and event.implicit[0]:
            return _MERGE
        if event.implicit[0] and not self.kubectl and event.value.isascii() and event.value.isdigit():
            value = self._resolve(event)
            return value if str(value) == event.value else event.value
        return event.value

    def _resolve(self, event: yaml.ScalarEvent) -> Any:
        text, tag = event.value, event.tag
        if tag and tag != "!":
            return self._tagged(event)
        if not event.implicit[0]:
            return text
        return self._plain(text)

    def _plain(self, text: str) -> Any:
        if text in _NULLS:
            return None
        if text in self.booleans:
            return self.booleans[text]
        if text[0] in "+-.0123456789":
            if _INT.fullmatch(text):
                return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
            if _FLOAT.fullmatch(text):
                value = float(text)
                return value if math.isfinite(value) else text
        return text

    def _tagged(self, event: yaml.ScalarEvent) -> Any:
        name = (event.tag or "").removeprefix(_TAG)
        if name in ("str", "binary", "timestamp"):
            return event.value
        if name in ("int", "float", "bool", "null"):
            return self._plain(event.value)
        raise _bad_tag(event)


def _merge(target: dict[Any, Any], value: Any, line: int) -> None:
    """`<<: *base`: the mapping's own keys win, the first of several bases wins over the later ones."""
    bases = value if isinstance(value, list) else [value]
    for base in bases:
        if not isinstance(base, dict):
            raise BadYaml("<< needs a mapping", line=line)
        for key, inherited in base.items():
            target.setdefault(key, inherited)


def _bad_tag(event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> BadYaml:
    return BadYaml(f"the tag {str(event.tag)[:100]} is not allowed", line=_line(event))


def _line(event: yaml.Event) -> int:
    mark = event.start_mark
    return int(mark.line) + 1 if mark else 0


def _sentence(error: yaml.MarkedYAMLError) -> str:
    return ", ".join(part for part in (error.context, error.problem) if part) or "not valid YAML"
