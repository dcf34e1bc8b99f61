"""Markdown written by publishers, as HTML that is safe to show.

markdown-it reads CommonMark with raw HTML off; nh3 then keeps only the elements below, so neither library alone has
to be right. Links leave without a referrer and never carry script.
"""

import nh3
from markdown_it import MarkdownIt

# A catalog page is not a book: what follows is cut, so that one object cannot make a page of many megabytes.
MAX_CHARACTERS = 200_000

_TAGS = {
    *("p", "br", "hr", "blockquote", "pre", "code", "em", "strong", "del", "a", "ul", "ol", "li"),
    *("h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
}
_PARSER = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(["table", "strikethrough"])


def render(text: str) -> str:
    """`text` as HTML. Headings move down one level, as the page already has its h1. Images are left out."""
    tokens = _PARSER.parse(text[:MAX_CHARACTERS])
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1]) + 1, 6)}"
    return nh3.clean(
        _PARSER.renderer.render(tokens, _PARSER.options, {}),
        tags=_TAGS,
        attributes={"a": {"href", "title"}, "ol": {"start"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
