"""Schemas as nested lists of fields. HTML is made here and not in a template, which would take ten times as long.

Everything a definition says goes through `format_html`, or is Markdown cleaned by `portal.markdown`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from portal import markdown
from portal.templatetags.portico import icon

from .merged import Book, Node, kind_of
from .words import limits, short_json, type_words, values

# Fields on one page, of which each schema may have some even if those before it had many, what their HTML may take
# together, and how far they are nested; beyond that the page of the schema has them.
MOST_ROWS = 150
LEAST_ROWS = 25
MOST_CHARACTERS = 25_000
MOST_DEPTH = 5
MOST_ALTERNATIVES = 30
MOST_PATTERNS = 10
SHOWN_VALUES = 12
SHOWN_EXAMPLES = 3
PLAIN = re.compile(r"[^*_`\[\]<>#|~\\&\n]{0,2000}")
NUMBERED = re.compile(r"\s*([-+]|\d+[.)])\s")


@dataclass
class Tree:
    """Draws schemas of one page. `below` is the address that slugs of schemas follow.

    `rows` and `characters` are what the page still has room for. What is near the top comes first.
    """

    book: Book
    below: str
    rows: int = MOST_ROWS
    characters: int = MOST_CHARACTERS
    drawn: set[str] = field(default_factory=set)

    def fields(self, node: Node) -> SafeString:
        """What is inside a schema: the fields of an object, the entries of an array, the alternatives.

        A named schema is drawn once: requests and answers are often alike.
        """
        slug = node.get("$ref", "")
        if slug in self.drawn:
            return SafeString('<p class="t3 xs">Its fields are those above.</p>')
        self.drawn |= {slug} - {""}
        self.rows = max(self.rows, LEAST_ROWS)
        self.characters = max(self.characters, MOST_CHARACTERS // 5)
        return self._inside(self.book.whole(node), frozenset({slug} - {""}), 0)

    @property
    def is_full(self) -> bool:
        """Whether there is no room for anything that is folded."""
        return self.rows <= 0 or self.characters <= 0

    def parameter(self, stated: dict[str, Any]) -> SafeString:
        """One parameter or header as a row."""
        node = {**stated.get("schema", {})}
        own = {"description": stated.get("description"), "deprecated": stated.get("deprecated")}
        node |= {name: value for name, value in own.items() if value}
        if examples := [each["value"] for each in stated.get("examples", ())]:
            node["examples"] = examples
        where = {"header": "header", "cookie": "cookie"}.get(stated.get("in", ""), "")
        return self._row(stated["name"], node, stated.get("required", False), frozenset(), 0, where)

    def summary(self, node: Node) -> SafeString:
        """The type of a schema and its limits, on one line."""
        whole = self.book.whole(node)
        words = type_words(node, self.book, self.below)
        limit = limits(whole)
        return format_html("{}{}", words, f", {limit}" if words and limit else limit)

    def about(self, node: Node) -> SafeString:
        """The description and the values of a schema that is shown by itself."""
        return _said(self.book.whole(node))

    def _inside(self, whole: Node, seen: frozenset[str], depth: int) -> SafeString:
        parts = [self._list(whole, seen, depth), *self._alternatives(whole, seen, depth)]
        if kind_of(whole) == "array" and isinstance(items := whole.get("items"), dict):
            parts.append(self._of_items(items, seen, depth))
        parts += [
            format_html('<p class="t3 xs">Entry {}: {}</p>', number + 1, self.summary(each))
            for number, each in enumerate(whole.get("prefixItems", ())[:20])
        ]
        return format_html_join("", "{}", ((part,) for part in parts))

    def _of_items(self, items: Node, seen: frozenset[str], depth: int) -> SafeString:
        slug = items.get("$ref")
        if slug in seen or depth > MOST_DEPTH:
            return SafeString("")
        return self._inside(self.book.whole(items), seen | {slug} if slug else seen, depth + 1)

    def _list(self, whole: Node, seen: frozenset[str], depth: int) -> SafeString:
        """The fields of an object as a list."""
        rows = list(self._rows(whole, seen, depth))
        if not rows:
            return SafeString("")
        return format_html('<ul class="params">{}</ul>', format_html_join("", "{}", ((row,) for row in rows)))

    def _rows(self, whole: Node, seen: frozenset[str], depth: int) -> Iterator[SafeString]:
        required = set(whole.get("required", ()))
        properties = whole.get("properties", {})
        shown = min(len(properties), max(self.rows, 0))
        # Taken before what is inside them takes the rest.
        self.rows -= shown
        for position, (name, node) in enumerate(islice(properties.items(), shown)):
            if depth and self.characters <= 0:
                shown = position
                break
            yield self._row(name, node, name in required, seen, depth)
        if shown < len(properties):
            yield format_html('<li class="t3 xs">and {} more</li>', len(properties) - shown)
        for pattern, node in islice(whole.get("patternProperties", {}).items(), MOST_PATTERNS):
            yield self._row(f"/{pattern}/", node, False, seen, depth, "names that match")
        more = whole.get("additionalProperties")
        if isinstance(more, dict) and more and more.get("not") != {}:
            yield self._row("*", more, False, seen, depth, "any other name")

    def _row(
        self, name: str, node: Node, required: bool, seen: frozenset[str], depth: int, where: str = ""
    ) -> SafeString:
        whole = self.book.whole(node)
        words = type_words(node, self.book, self.below)
        parts = [format_html("{}", part) for part in (where, words, limits(whole)) if part]
        head = format_html(
            '<li><div class="nm"><code>{}</code><span class="t3 xs">{}</span>{}</div>{}',
            name,
            format_html_join(", ", "{}", ((part,) for part in parts)),
            _marks(whole, required),
            _said(whole),
        )
        self.characters -= len(head)
        return format_html("{}{}</li>", head, self._nested(node, whole, seen, depth))

    def _nested(self, node: Node, whole: Node, seen: frozenset[str], depth: int) -> SafeString:
        """What is inside a field, folded; nothing where it leads back to what is around it, or too far."""
        inner, below = node, seen
        for _ in range(4):
            slug = inner.get("$ref")
            if slug in below:
                return SafeString("")
            below = below | {slug} if slug else below
            whole = self.book.whole(inner)
            if kind_of(whole) != "array" or not isinstance(whole.get("items"), dict):
                break
            inner = whole["items"]
        if depth >= MOST_DEPTH or self.is_full:
            return SafeString("")
        inside = self._inside(whole, below, depth + 1)
        if not inside:
            return SafeString("")
        return format_html(
            '<details class="fold sub"><summary>{}{}</summary><div class="fold-b">{}</div></details>',
            icon("right"),
            _inner_words(whole),
            inside,
        )

    def _alternatives(self, whole: Node, seen: frozenset[str], depth: int) -> Iterator[SafeString]:
        """Each of oneOf and anyOf, folded where there is something inside."""
        for name, words in (("oneOf", "One of"), ("anyOf", "Any of")):
            if parts := whole.get(name):
                told_apart = self._told_apart(whole)
                self.rows -= len(parts[:MOST_ALTERNATIVES])
                rows = [self._alternative(part, seen, depth) for part in parts[:MOST_ALTERNATIVES]]
                yield format_html(
                    '<p class="t3 xs alts">{}{}</p><ul class="params">{}</ul>',
                    words,
                    told_apart,
                    format_html_join("", "{}", ((row,) for row in rows)),
                )
        if isinstance(refused := whole.get("not"), dict) and refused:
            yield format_html('<p class="t3 xs alts">But not {}</p>', self.summary(refused))

    def _told_apart(self, whole: Node) -> SafeString:
        stated = whole.get("discriminator")
        if not stated:
            return SafeString("")
        mapping = [f"{key}: {self.book.name(slug)}" for key, slug in stated["mapping"].items() if slug][:20]
        listed = f" ({', '.join(mapping)})" if mapping else ""
        return format_html(", told apart by <code>{}</code>{}", stated["propertyName"], listed)

    def _alternative(self, part: Node, seen: frozenset[str], depth: int) -> SafeString:
        whole = self.book.whole(part)
        title = "" if "$ref" in part else whole.get("title", "")
        words = format_html("{}", title) if title else type_words(part, self.book, self.below)
        return format_html(
            '<li><div class="nm"><span class="sm">{}</span><span class="t3 xs">{}</span></div>{}{}</li>',
            words,
            limits(whole),
            _said(whole),
            self._nested(part, whole, seen, depth),
        )


def _inner_words(whole: Node) -> str:
    count = len(whole.get("properties", ()))
    if count:
        return f"{count} field{'s' if count != 1 else ''}"
    return "Alternatives" if whole.keys() & {"oneOf", "anyOf"} else "What is inside"


def _marks(whole: Node, required: bool) -> SafeString:
    """What a reader must not miss, as words."""
    marks = (
        ("required", required),
        ("deprecated", whole.get("deprecated")),
        ("read only", whole.get("readOnly")),
        ("write only", whole.get("writeOnly")),
    )
    return format_html_join("", '<span class="req">{}</span>', ((word,) for word, is_so in marks if is_so))


def _said(whole: Node) -> SafeString:
    """Description, allowed values, pattern and examples of a field."""
    parts = []
    if text := whole.get("description"):
        parts.append(prose(text))
    if allowed := values(whole):
        parts.append(_list_of("Must be" if len(allowed) == 1 else "One of", allowed, SHOWN_VALUES))
    if pattern := whole.get("pattern"):
        parts.append(_list_of("Pattern", [pattern], 1))
    if examples := whole.get("examples"):
        parts.append(_list_of("Example", [short_json(each) for each in examples], SHOWN_EXAMPLES))
    return format_html_join("", "{}", ((part,) for part in parts))


def _list_of(label: str, texts: Iterable[str], most: int) -> SafeString:
    texts = list(texts)
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    shown = format_html_join(" ", "<code>{}</code>", ((text,) for text in texts[:most]))
    return format_html('<p class="vals">{} {}{}</p>', label, shown, more)


@lru_cache(maxsize=2000)
def prose(text: str) -> SafeString:
    """Markdown of a definition as safe HTML; plain sentences, which most are, without the parser."""
    if PLAIN.fullmatch(text) and not NUMBERED.match(text):
        return format_html("<p>{}</p>", text)
    return mark_safe(f'<div class="md">{markdown.render(text)}</div>')  # noqa: S308  cleaned by nh3
