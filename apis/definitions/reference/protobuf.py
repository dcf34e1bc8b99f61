"""The Reference of a protobuf text: its methods, messages and enums, with the comments above them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from apis.definitions.protobuf import FREE_TOKENS, TOKEN_CHARACTERS, parse_protobuf
from apis.definitions.reader import LONGEST_NAME, LONGEST_TEXT, MOST_SCHEMAS, Reader
from apis.definitions.reference.parts import OperationPart, Reference, Slugs, encoded, titled
from apis.definitions.reference.schemas import Node, Schemas
from portal.safeyaml import BadYaml

TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*(?s:.*?)(?:\*/|\Z))|"(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?"""
    r"""|\.?[A-Za-z_][\w.]*|-?\d[\w.]*|[{}();=<>,\[\]]""",
    re.ASCII,
)
SCALARS = {
    **dict.fromkeys(("double", "float"), "number"),
    **dict.fromkeys(("int32", "uint32", "sint32", "fixed32", "sfixed32"), "integer"),
    # 64 bits come as text in protobuf's JSON.
    **dict.fromkeys(("int64", "uint64", "sint64", "fixed64", "sfixed64", "string", "bytes"), "string"),
    "bool": "boolean",
}
RULES = ("repeated", "optional", "required")
BLOCKS = ("message", "enum", "service", "oneof", "extend", "group")
MOST_WORDS = 64


@dataclass
class Block:
    """A message, enum or service that is open: its full name, and what was said in it."""

    kind: str
    name: str
    description: str = ""
    fields: dict[str, tuple[list[str], str]] = field(default_factory=dict)


def protobuf_reference(text: str) -> Reference:
    """Every method, message and enum. Raises Invalid where braces do not match."""
    return _Protobuf(text).reference()


class _Protobuf:
    def __init__(self, text: str) -> None:
        self.text = text
        self.reader = Reader({}, text)
        self.schemas = Schemas(self.reader)
        self.package = ""
        self.blocks: dict[str, Block] = {}
        self.methods: dict[str, tuple[list[str], str]] = {}

    def reference(self) -> Reference:
        definition = parse_protobuf(self.text)
        self._read()
        for block in self.blocks.values():
            met: dict[str, None] = {}
            self.schemas.put(block.name, self._schema(block, met), list(met))
        schemas = self.schemas.parts()
        slugs = Slugs()
        return Reference(tuple(self._part(each, slugs) for each in definition.operations), schemas)

    def _part(self, operation: Any, slugs: Slugs) -> OperationPart:
        words, comment = self.methods.get(operation.path, ([], ""))
        met: dict[str, None] = {}
        middle = words.index("returns") if "returns" in words else len(words)
        asked, answered = (self._message(part, met) for part in (words[:middle], words[middle + 1 :]))
        described = "\n\n".join(filter(None, (comment, operation.description)))
        body = {
            "description": described,
            "bodies": [{"media": [{"type": "", "schema": asked}]}],
            "responses": [{"code": "", "media": [{"type": "", "schema": answered}]}],
            "needs": self.schemas.needs(list(met)),
        }
        owner, _, name = operation.path.strip("/").rpartition("/")
        return OperationPart(
            slug=slugs.of(operation.operation_id, operation.path),
            method=operation.method,
            path=operation.path,
            operation_id=operation.operation_id,
            title=titled(name),
            group=owner.rpartition(".")[2][:LONGEST_NAME],
            deprecated="deprecated" in words,
            body=encoded(body),
        )

    def _message(self, words: list[str], met: dict[str, None]) -> Node:
        """The type between the brackets of one side of a method."""
        names = [word for word in words if word[0].isalpha() or word[0] in "._"]
        stream = "stream" in names[:-1]
        node = self._typed(names[-1], "", met) if names else {}
        if stream:
            node["shown"] = f"stream of {node.get('shown') or names[-1]}"
        return node

    def _read(self) -> None:
        """Collect blocks, fields and methods statement by statement."""
        opened: list[Block | None] = []
        for words, end, comment in self._statements():
            inside = next((each for each in reversed(opened) if each), None)
            if end == "}":
                if opened:
                    opened.pop()
                continue
            if end == "{":
                opened.append(self._open(words, inside, comment))
            elif words[:1] == ["package"] and len(words) > 1 and not opened:
                self.package = words[1][:LONGEST_NAME]
            elif inside and inside.kind in ("message", "enum"):
                self._field(words, inside, comment)
            if words[:1] == ["rpc"] and len(words) > 1 and inside and inside.kind == "service":
                owner = f"{self.package}.{inside.name}" if self.package else inside.name
                self.methods.setdefault(f"/{owner}/{words[1]}", (words[2:], comment))

    def _open(self, words: list[str], inside: Block | None, comment: str) -> Block | None:
        """The block that these words open; one of a `oneof` is that around it."""
        kind = next(iter(words), "")
        if kind not in ("message", "enum", "service") or len(words) < 2:
            return None
        name = f"{inside.name}.{words[1]}" if inside and inside.kind == "message" else words[1]
        block = Block(kind, name[:LONGEST_NAME], comment)
        if kind != "service" and len(self.blocks) < MOST_SCHEMAS:
            self.blocks.setdefault(block.name, block)
        return block

    def _field(self, words: list[str], block: Block, comment: str) -> None:
        if "=" in words[1:] and words[0] not in ("option", "reserved", "extensions"):
            at = words.index("=")
            block.fields[words[at - 1][:LONGEST_NAME]] = (words[: at - 1] + words[at + 2 :], comment)

    def _statements(self) -> Iterator[tuple[list[str], str, str]]:
        """Each statement as (words, what ends it, the comment above or beside it)."""
        words: list[str] = []
        comment: list[str] = []
        most = FREE_TOKENS + len(self.text) // TOKEN_CHARACTERS * 2
        for count, match in enumerate(TOKEN.finditer(self.text)):
            if count > most:
                raise BadYaml("The protobuf text has too many tokens for its length", remedy="Split it.")
            word = match.group()
            if match["comment"] is not None:
                if not words:
                    comment.append(word)
            elif word in (";", "{", "}"):
                yield words, word, _plain(comment)
                words, comment = [], []
            elif len(words) < MOST_WORDS:
                words.append(word)

    def _schema(self, block: Block, met: dict[str, None]) -> Node:
        made: Node = {"description": block.description} if block.description else {}
        if block.kind == "enum":
            told = [
                f"- `{name}`: {titled(comment)}" for name, (_, comment) in block.fields.items() if comment
            ]
            described = "\n".join([block.description, *told]).strip()
            return {
                "type": ["string"],
                "enum": list(block.fields),
                **({"description": described} if described else {}),
            }
        properties = {}
        for name, (words, comment) in block.fields.items():
            properties[name] = self._property(words, comment, block.name, met)
        return {"type": ["object"], "properties": properties, **made}

    def _property(self, words: list[str], comment: str, scope: str, met: dict[str, None]) -> Node:
        stated = [word for word in words if word not in RULES]
        if stated[:2] == ["map", "<"] and len(stated) > 4:
            inner = self._typed(stated[4], scope, met)
            made: Node = {"type": ["object"], "additionalProperties": inner}
            made["shown"] = f"map of {stated[2]} to {inner.get('shown') or stated[4]}"[:LONGEST_NAME]
        else:
            made = self._typed(next(iter(stated), "string"), scope, met)
        if "repeated" in words[:1]:
            made = {"type": ["array"], "items": made}
        if comment:
            made["description"] = comment
        if "deprecated" in words:
            made["deprecated"] = True
        return made

    def _typed(self, name: str, scope: str, met: dict[str, None]) -> Node:
        """A scalar, or the nearest message of that name, from the inside out."""
        self.reader.spend(1)
        if name in SCALARS:
            return {"type": [SCALARS[name]], "shown": name}
        plain = name.lstrip(".").removeprefix(f"{self.package}.")
        steps = scope.split(".") if scope else []
        for depth in range(min(len(steps), 50), -1, -1):
            candidate = ".".join([*steps[:depth], plain])[:LONGEST_NAME]
            if candidate in self.blocks:
                slug = self.schemas.slug_of(candidate)
                met[slug] = None
                return {"$ref": slug}
        return {"shown": name[:LONGEST_NAME]}


def _plain(comments: list[str]) -> str:
    """Comments as text, without their signs."""
    lines = []
    for comment in comments[-50:]:
        inner = comment[2:-2] if comment.startswith("/*") else comment.lstrip("/")
        lines += [line.strip().lstrip("*").strip() for line in inner.splitlines()]
    return "\n".join(lines).strip()[:LONGEST_TEXT]
