"""Protocol buffers (https://protobuf.dev/reference): the methods of the services; whatever else there is, is passed over."""

import re
from collections.abc import Iterator

from apis.definitions.parsed import Definition, Finding, Operation
from apis.definitions.reader import (
    LONGEST_NAME,
    LONGEST_PATH,
    MOST_FINDINGS,
    MOST_OPERATIONS,
    MOST_SCHEMAS,
)
from portal.safeyaml import BadYaml

# Comments and strings first, so that nothing inside them counts. What is not closed runs on, so that no text is looked at twice.
TOKEN = re.compile(
    r"""//[^\n]*|/\*(?s:.*?)(?:\*/|\Z)|"(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?|\.?[A-Za-z_][\w.]*|[{}();=]""",
    re.ASCII,
)
SIGN = re.compile(
    r"^[ \t]*(?:syntax\s*=\s*[\"']proto[23]|edition\s*=|service\s+\w+\s*\{|package\s+[\w.]+\s*;)",
    re.MULTILINE,
)
# Where people write, a token takes five characters and more, with the blanks around it.
FREE_TOKENS = 100_000
TOKEN_CHARACTERS = 4
REMEDY = "Mend the protobuf text."

Token = tuple[str, int]


def is_protobuf(text: str) -> bool:
    """Whether the text is to be read as protobuf."""
    return not text.lstrip().startswith(("{", "<")) and bool(SIGN.search(text))


def parse_protobuf(text: str) -> Definition:
    """The definition. Raises Invalid with the line where braces do not match."""
    reading = _Reading(text)
    reading.read()
    findings = list(reading.findings)
    if not reading.operations:
        findings.append(Finding("no-operations", "The text has no service with a method", 1))
    return Definition(
        format=f"protobuf-{reading.release}",
        title=reading.title or reading.package,
        operations=tuple(reading.operations.values()),
        findings=tuple(findings),
        schemas=tuple(reading.schemas),
    )


def statements(text: str) -> Iterator[tuple[list[str], str, int]]:
    """Each statement as (words, what ends it: one of `;{}`, line from 1). Comments are left out."""
    words: list[str] = []
    line, seen = 1, 0
    most = FREE_TOKENS + len(text) // TOKEN_CHARACTERS
    for count, match in enumerate(TOKEN.finditer(text)):
        if count > most:
            raise BadYaml("The protobuf text has too many tokens for its length", remedy="Split it.")
        word = match.group()
        if word.startswith(("//", "/*")):
            continue
        if word in (";", "{", "}"):
            line += text.count("\n", seen, match.start())
            seen = match.start()
            yield words, word, line
            words = []
        elif len(words) < 64:
            words.append(word)


class _Reading:
    """What the statements so far have said."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.release = "2"  # what a text without `syntax` is
        self.package = ""
        self.title = ""
        self.schemas: dict[str, None] = {}
        self.operations: dict[str, Operation] = {}
        self.findings: list[Finding] = []
        self.depth = 0
        self.service = ""

    def read(self) -> None:
        """Read every statement. Raises Invalid where braces do not match."""
        line = 1
        for words, end, line in statements(self.text):
            if self.depth == 0:
                self._outside(words, end)
            elif self.depth == 1 and self.service and words[:1] == ["rpc"] and len(words) > 1:
                self._method(words, line)
            self.depth += {"{": 1, "}": -1, ";": 0}[end]
            if self.depth < 0:
                raise BadYaml("a } without its {", line=line, remedy=REMEDY)
            if self.depth == 0:
                self.service = ""
        if self.depth:
            raise BadYaml("a { without its }", line=line, remedy=REMEDY)

    def _outside(self, words: list[str], end: str) -> None:
        kind, name = words[:1], words[1] if len(words) > 1 else ""
        if kind == ["syntax"] and len(words) > 2:
            self.release = "3" if "proto3" in words[2] else "2"
        elif kind == ["edition"] and len(words) > 2:
            self.release = words[2].strip("\"'")[:4]
        elif kind == ["package"]:
            self.package = name[:LONGEST_NAME]
        elif kind == ["service"] and end == "{" and name:
            self.service = name[:LONGEST_NAME]
            self.title = self.title or self.service
        elif kind in (["message"], ["enum"]) and name and len(self.schemas) < MOST_SCHEMAS:
            self.schemas[name[:LONGEST_NAME]] = None

    def _method(self, words: list[str], line: int) -> None:
        owner = f"{self.package}.{self.service}" if self.package else self.service
        path = f"/{owner}/{words[1]}"
        if len(path) > LONGEST_PATH:
            self._find(
                "path-too-long", f"A path has more than {LONGEST_PATH} characters and is left out", line
            )
        elif path in self.operations:
            self._find("duplicate-operation", f"RPC {path} is described more than once", line)
        elif len(self.operations) >= MOST_OPERATIONS:
            message = f"The text has more than {MOST_OPERATIONS:,} methods; the others are left out"
            self._find("too-many-operations", message, line)
        else:
            name = f"{self.service}.{words[1]}"[:LONGEST_NAME]
            self.operations[path] = Operation("RPC", path, name, streaming(words))

    def _find(self, code: str, message: str, line: int) -> None:
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(code, message, line))


def streaming(words: list[str]) -> str:
    """Which sides of `rpc Name ( stream A ) returns ( stream B )` send a stream."""
    middle = words.index("returns") if "returns" in words else len(words)
    asks, answers = "stream" in words[2:middle], "stream" in words[middle:]
    if asks and answers:
        return "Streams in both directions"
    return "Streams requests" if asks else "Streams answers" if answers else ""
