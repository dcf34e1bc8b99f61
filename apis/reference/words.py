"""What a schema asks for, in words: its type, its limits, its values."""

import json
from collections.abc import Iterator
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from .merged import Book, Node

MOST_NESTED = 6
SHOWN_ALTERNATIVES = 3
LONGEST_SHOWN = 200


def type_words(node: Node, book: Book, below: str, depth: int = 0) -> SafeString:
    """`integer`, `array of Pet or null`, with links to named schemas; `below` is the address that their slugs follow."""
    words = _plain_words(node, book, below, depth)
    return format_html("{} or null", words) if node.get("nullable") and words else words


def _plain_words(node: Node, book: Book, below: str, depth: int) -> SafeString:
    if shown := node.get("shown"):
        return _shown(shown, node, book, below)
    if slug := node.get("$ref"):
        return _link(slug, book, below)
    if target := node.get("missing"):
        return format_html("unknown, its reference <code>{}</code> leads nowhere", target)
    if node.get("cut"):
        return SafeString("more, nested too deeply to show")
    return _typed_words(node, book, below, depth)


def _typed_words(node: Node, book: Book, below: str, depth: int) -> SafeString:
    if depth > MOST_NESTED:
        return SafeString("anything")
    types = node.get("type", ())
    if "array" in types or (not types and "items" in node):
        return _array_words(node, book, below, depth)
    if types:
        return format_html("{}", _with_format(" or ".join(types), node))
    return _untyped_words(node, book, below, depth)


def _untyped_words(node: Node, book: Book, below: str, depth: int) -> SafeString:
    for name, word in (("allOf", " and "), ("oneOf", " or "), ("anyOf", " or ")):
        if parts := node.get(name):
            shown = [type_words(part, book, below, depth + 1) for part in parts[:SHOWN_ALTERNATIVES]]
            more = len(parts) - len(shown)
            rest = f" and {more} more" if more else ""
            joined = format_html_join(word, "{}", ((each,) for each in dict.fromkeys(shown)))
            return format_html("{}{}", joined, rest)
    if node.keys() & {"properties", "additionalProperties"}:
        return SafeString("object")
    if "const" in node or "enum" in node:
        return SafeString("")
    if node.get("not") == {}:
        return SafeString("nothing")
    return format_html("{}", _with_format("" if "format" in node else "any value", node))


def _array_words(node: Node, book: Book, below: str, depth: int) -> SafeString:
    items = node.get("items")
    if not isinstance(items, dict) or not items:
        return SafeString("array")
    return format_html("array of {}", type_words(items, book, below, depth + 1))


def _shown(shown: str, node: Node, book: Book, below: str) -> SafeString:
    """A type as its language writes it, with a link on the name in it."""
    slug = node.get("$ref") or node.get("items", {}).get("$ref", "")
    name = book.name(slug) if slug else ""
    before, found, after = shown.partition(name) if name else (shown, "", "")
    return (
        format_html("{}{}{}", before, _link(slug, book, below), after) if found else format_html("{}", shown)
    )


def _link(slug: str, book: Book, below: str) -> SafeString:
    return format_html('<a href="{}{}/">{}</a>', below, slug, book.name(slug))


def _with_format(words: str, node: Node) -> str:
    return ", ".join(filter(None, (words, node.get("format", ""), *_encodings(node))))


def _encodings(node: Node) -> Iterator[str]:
    for name in ("contentMediaType", "contentEncoding"):
        if text := node.get(name):
            yield str(text)


def limits(node: Node) -> str:
    """The limits as one line: `1 to 100, at most 20 characters, default 20`."""
    return ", ".join(_limits(node))


def _limits(node: Node) -> Iterator[str]:
    low, high = node.get("minimum"), node.get("maximum")
    yield from _range(low, high, "")
    if "exclusiveMinimum" in node:
        yield f"more than {number(node['exclusiveMinimum'])}"
    if "exclusiveMaximum" in node:
        yield f"less than {number(node['exclusiveMaximum'])}"
    if "multipleOf" in node:
        yield f"a multiple of {number(node['multipleOf'])}"
    yield from _range(node.get("minLength"), node.get("maxLength"), "character")
    yield from _range(node.get("minItems"), node.get("maxItems"), "item")
    yield from _range(node.get("minProperties"), node.get("maxProperties"), "property")
    # Some generators state it of everything.
    if node.get("uniqueItems") and "array" in node.get("type", ("array",)):
        yield "no item twice"
    if "default" in node:
        yield f"default {short_json(node['default'])}"


def _range(low: Any, high: Any, unit: str) -> Iterator[str]:
    if low is None and high is None:
        return
    if unit and low == 0 and high is None:
        return
    last = low if high is None else high
    plural = {"property": "properties"}.get(unit, f"{unit}s")
    word = f" {unit if last == 1 else plural}" if unit else ""
    if low is not None and high is not None:
        same = f"exactly {number(low)}" if low == high else f"{number(low)} to {number(high)}"
        yield same + word
    else:
        yield (f"at most {number(high)}" if low is None else f"at least {number(low)}") + word


def number(value: Any) -> str:
    """A number as short as it can be written."""
    return f"{value:g}" if isinstance(value, float) and abs(value) < 1e6 else str(value)[:60]


def short_json(value: Any) -> str:
    """A value as JSON writes it, text without quotes, cut where it is long."""
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"


def values(node: Node) -> list[str]:
    """The values that are allowed, where only some are."""
    if "const" in node:
        return [short_json(node["const"])]
    return [short_json(value) for value in node.get("enum", ())]
