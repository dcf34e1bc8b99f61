"""JSON with its names, texts and numbers told apart by colour."""

import re
from collections.abc import Iterator

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

TOKEN = re.compile(
    r'(?P<text>"(?:[^"\\\n]|\\.)*")(?P<colon>\s*:)?|(?P<number>-?\d[\d.eE+-]*)|(?P<word>true|false|null)'
)


def json_html(text: str) -> SafeString:
    """The text, which need not be JSON all through, as HTML."""
    return format_html_join("", "{}", ((part,) for part in _parts(text)))


def _parts(text: str) -> Iterator[str]:
    seen = 0
    for found in TOKEN.finditer(text):
        yield text[seen : found.start()]
        seen = found.end()
        if found["text"] is None:
            yield format_html('<span class="{}">{}</span>', "mi" if found["number"] else "kc", found.group())
        else:
            kind = "s" if found["colon"] is None else "nt"
            yield format_html('<span class="{}">{}</span>{}', kind, found["text"], found["colon"] or "")
    yield text[seen:]
