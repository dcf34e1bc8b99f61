"""The parts of a GraphQL schema, told apart quickly: what types there are, and the text that operations come from.

graphql-core is exact and reads some 130,000 tokens a second; schemas that are made from databases have more.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from portal.safeyaml import BadYaml

# Strings and comments first, so that nothing inside them counts. What is not closed runs on: no text is looked at twice.
TOKEN = re.compile(
    r'"""(?:[^"\\]++|\\"""|\\|"(?!""))*+(?:""")?|"(?:[^"\\\n]++|\\.)*+"?|#[^\n]*|\w+|[{}()\[\]]|[^\s,"#\w{}()\[\]]',
    re.ASCII,
)
OPENING = frozenset("{([")
CLOSING = frozenset("})]")
KEYWORDS = frozenset(
    ("type", "interface", "union", "enum", "input", "scalar", "schema", "directive", "extend")
)
NAMELESS = frozenset(("schema", "directive"))
# After these a keyword is a name.
BEFORE_NAMES = (KEYWORDS - {"extend"}) | {"implements", "on", "&", "|", "=", "@"}
ROOT = re.compile(r":\s*(\w+)", re.ASCII)
USUAL_ROOTS = frozenset(("Query", "Mutation", "Subscription"))
# Every token takes two characters at least, the one after it counted, where people and programs write schemas.
FREE_TOKENS = 100_000


class Part(NamedTuple):
    """One definition: its keyword, its name (`schema` has none), and where its text is, without its description."""

    keyword: str
    name: str
    start: int
    end: int


class Word(NamedTuple):
    """A token outside of all braces, or the brace that ends what is inside them."""

    text: str
    start: int
    end: int


def parts_of(text: str) -> tuple[list[Part], int]:
    """The definitions in their order, and how many tokens the text has. Raises Invalid for far too many."""
    counted = [0]
    parts: list[Part] = []
    before = ""
    for word in outer_words(text, counted):
        begins = word.text in KEYWORDS and before not in BEFORE_NAMES
        if begins and before == "extend":
            parts[-1] = Part(word.text, "", parts[-1].start, word.end)
        elif begins:
            parts.append(Part(word.text, "", word.start, word.end))
        elif parts:
            keyword, name, start, _ = parts[-1]
            if not name and keyword not in NAMELESS:
                name = word.text
            parts[-1] = Part(keyword, name, start, word.end)
        before = word.text if begins or word.text not in KEYWORDS else ""
    return parts, counted[0]


def outer_words(text: str, counted: list[int]) -> Iterator[Word]:
    """What is outside of braces, strings and comments left out. `counted` is told of every token."""
    most = FREE_TOKENS + len(text) // 2
    depth = 0
    for counted[0], match in enumerate(TOKEN.finditer(text), 1):
        word = match.group()
        if counted[0] > most:
            raise BadYaml("The GraphQL schema has too many tokens for its length")
        if word in OPENING:
            depth += 1
        elif word in CLOSING:
            depth = max(0, depth - 1)
            if not depth:
                yield Word(word, match.start(), match.end())
        elif not depth and word[0] not in '"#':
            yield Word(word, match.start(), match.end())


def without_other_types(text: str, parts: list[Part]) -> str:
    """The text with nothing but the root types and what names them, every line where it was."""
    return "".join(_kept(text, parts))


def _kept(text: str, parts: list[Part]) -> Iterator[str]:
    stated = (text[part.start : part.end] for part in parts if part.keyword == "schema")
    roots = USUAL_ROOTS.union(*(ROOT.findall(schema) for schema in stated))
    seen = 0
    for part in parts:
        if part.keyword == "schema" or (part.keyword == "type" and part.name in roots):
            yield "\n" * text.count("\n", seen, part.start)
            yield text[part.start : part.end]
            seen = part.end
