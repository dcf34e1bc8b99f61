"""Markdown written by publishers, as HTML that is safe to show.

markdown-it reads CommonMark with raw HTML off; nh3 then keeps only the elements below, so neither library alone has
to be right. Links leave without a referrer and never carry script.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

# A catalog page is not a book: what follows is cut, so that one object cannot make a page of many megabytes.
MAX_CHARACTERS = 200_000

_TAGS = {
    *("p", "br", "hr", "blockquote", "pre", "code", "em", "strong", "del", "a", "ul", "ol", "li"),
    *("h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
}
_PARSER = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(["table", "strikethrough"])


_HEADINGS = {"h2", "h3", "h4", "h5", "h6"}


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a text; `anchor` is its id on the page, `level` that of the element: 2 for the topmost."""

    level: int
    anchor: str
    title: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """A text as HTML, and its headings in order."""

    html: str
    headings: list[Heading]


def render(text: str) -> str:
    """`text` as HTML. Headings move down one level, as the page already has its h1. Images are left out."""
    return _html(_parsed(text))


def with_contents(text: str) -> Rendered:
    """The same with an address for each heading, for the one long text of a page."""
    tokens = _parsed(text)
    return Rendered(headings=list(_anchored(tokens)), html=_html(tokens))


def _parsed(text: str) -> list[Token]:
    tokens = _PARSER.parse(text[:MAX_CHARACTERS])
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1]) + 1, 6)}"
    return tokens


def _anchored(tokens: list[Token]) -> Iterator[Heading]:
    """Give each heading an id. All begin alike, so that none is an id of the page around it."""
    taken: dict[str, int] = {}
    for opening, inline in pairwise(tokens):
        if opening.type != "heading_open":
            continue
        title = "".join(
            part.content for part in inline.children or () if part.type in {"text", "code_inline"}
        )
        base = "s-" + (re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60] or "section")
        anchor = base
        while anchor in taken:
            taken[base] += 1
            anchor = f"{base}-{taken[base]}"
        taken[anchor] = 1
        opening.attrSet("id", anchor)
        yield Heading(int(opening.tag[1]), anchor, title)


def _html(tokens: list[Token]) -> str:
    return nh3.clean(
        _PARSER.renderer.render(tokens, _PARSER.options, {}),
        tags=_TAGS,
        attributes={"a": {"href", "title"}, "ol": {"start"}, **{name: {"id"} for name in _HEADINGS}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
