"""Values that a schema allows, made where its author gave no example."""

import json
from typing import Any
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from .merged import Book, Node, kind_of

MOST_DEPTH = 6
MOST_FIELDS = 30
STRINGS = {
    "date-time": "2026-01-31T12:00:00Z",
    "date": "2026-01-31",
    "time": "12:00:00Z",
    "duration": "PT15M",
    "email": "name@example.com",
    "hostname": "host.example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "byte": "aGVsbG8=",
    "binary": "…",
    "password": "••••••••",
}


# What is said of texts only, so that a schema without a type is one.
OF_TEXT = frozenset(("format", "pattern", "minLength", "maxLength", "contentMediaType"))


class Sampler:
    """Makes values for what is sent (`sent`) or answered. Nothing in it depends on chance: a page stays the same."""

    def __init__(self, book: Book, *, sent: bool) -> None:
        self.book = book
        self.hidden = "readOnly" if sent else "writeOnly"
        self.fields = MOST_FIELDS

    def value(self, node: Node, depth: int = 0, seen: frozenset[str] = frozenset()) -> Any:
        """The author's example if there is one, or else a value of the right shape."""
        slug = node.get("$ref", "")
        if slug in seen or depth > MOST_DEPTH:
            return None
        whole = self.book.whole(node)
        seen = seen | {slug} if slug else seen
        for name in ("examples", "enum"):
            if whole.get(name):
                return whole[name][0]
        for name in ("const", "default"):
            if name in whole:
                return whole[name]
        for name in ("oneOf", "anyOf"):
            if whole.get(name):
                return self._with_alternative(whole, whole[name][0], depth, seen)
        return self._of_kind(whole, depth, seen)

    def _with_alternative(self, whole: Node, first: Node, depth: int, seen: frozenset[str]) -> Any:
        value = self.value(first, depth + 1, seen)
        if isinstance(value, dict) and whole.get("properties"):
            return {**self._object(whole, depth, seen), **value}
        return value

    def _of_kind(self, whole: Node, depth: int, seen: frozenset[str]) -> Any:
        kind = kind_of(whole) or next(iter(whole.get("type", ())), "")
        if kind == "object":
            return self._object(whole, depth, seen)
        if kind == "array":
            entries = whole.get("prefixItems") or [whole.get("items")]
            made = [
                self.value(each, depth + 1, seen) for each in entries[:5] if isinstance(each, dict) and each
            ]
            return [each for each in made if each is not None]
        if kind in ("integer", "number"):
            return number(whole)
        if kind == "boolean":
            return True
        return text(whole) if kind in ("string", "file") or (not kind and whole.keys() & OF_TEXT) else None

    def _object(self, whole: Node, depth: int, seen: frozenset[str]) -> dict[str, Any]:
        """All fields near the top, further down only those that must be there."""
        required, made = set(whole.get("required", ())), {}
        for name, node in whole.get("properties", {}).items():
            if self.fields <= 0 or (depth > 2 and name not in required) or node.get(self.hidden):
                continue
            self.fields -= 1
            value = self.value(node, depth + 1, seen)
            if value is not None or name in required:
                made[name] = value
        more = whole.get("additionalProperties")
        if not made and isinstance(more, dict) and more:
            made["name"] = self.value(more, depth + 1, seen)
        return made


def number(whole: Node) -> int | float:
    """The smallest number that is allowed, or 1."""
    low = whole.get("minimum", whole.get("exclusiveMinimum"))
    value = 1 if low is None else low + ("exclusiveMinimum" in whole)
    step, high = whole.get("multipleOf"), whole.get("maximum")
    if step and (low is None or low <= step) and (high is None or step <= high):
        value = step
    return high if high is not None and value > high else value


def text(whole: Node) -> str:
    """Text in the stated format, or the word `string`, cut or filled to the stated length."""
    if found := STRINGS.get(whole.get("format", "")):
        return found
    least, most = whole.get("minLength", 0), whole.get("maxLength", 200)
    made = "string" if least <= 6 else "string ".ljust(min(int(least), 200), "x")
    return made[: max(int(most), 0)]


def written(value: Any, media_type: str, name: str = "root") -> str:
    """The value as a body of that media type."""
    kind = media_type.partition(";")[0].strip().lower()
    if isinstance(value, str) and "json" not in kind:
        return value
    if kind == "application/x-www-form-urlencoded" and isinstance(value, dict):
        return urlencode({key: flat(each) for key, each in value.items()})
    if kind.endswith("xml"):
        return '<?xml version="1.0" encoding="UTF-8"?>\n' + as_xml(value, name)
    return json.dumps(value, indent=2, ensure_ascii=False)


def flat(value: Any) -> str:
    """A value as it stands in an address or a form."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list) and not any(isinstance(each, list | dict) for each in value):
        return ",".join(flat(each) for each in value)
    return (
        json.dumps(value, ensure_ascii=False)
        if isinstance(value, dict | list)
        else ""
        if value is None
        else str(value)
    )


def as_xml(value: Any, name: str, indent: str = "") -> str:
    """A value as elements. Names that XML does not allow lose what is not allowed in them."""
    tag = "".join(sign for sign in name if sign.isalnum() or sign in "_-.:").lstrip("-.0123456789") or "item"
    if isinstance(value, dict):
        inner = "".join(as_xml(each, str(key), indent + "  ") for key, each in value.items())
        return f"{indent}<{tag}>\n{inner}{indent}</{tag}>\n"
    if isinstance(value, list):
        return "".join(as_xml(each, name, indent) for each in value)
    return f"{indent}<{tag}>{escape(flat(value))}</{tag}>\n"
