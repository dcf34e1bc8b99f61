"""An operation or a schema drawn for its page: finished HTML, the same for everybody who may see it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from portal.lazily import gettext_lazy as _

from .coloured import json_html
from .merged import Book, Node
from .samples import Sampler, written
from .trees import Tree, prose

PLACES = {
    "path": _("Path parameters"),
    "query": _("Query parameters"),
    "querystring": _("Query parameters"),
    "header": _("Headers"),
    "cookie": _("Cookies"),
    "argument": _("Arguments"),
}
LONGEST_EXAMPLE = 6000
MOST_EXAMPLES = 4


@dataclass(frozen=True, slots=True)
class Media:
    """Media types that have one schema: its type in words, what is said of it, and its fields."""

    types: str
    summary: SafeString
    about: SafeString
    fields: SafeString


@dataclass(frozen=True, slots=True)
class Example:
    """One body to look at, as HTML. `title` is empty where there is only one."""

    title: str
    kind: str
    html: SafeString


@dataclass(frozen=True, slots=True)
class Content:
    """A request body, or one response with its code and state word."""

    code: str
    state: str
    description: SafeString
    required: bool
    headers: SafeString
    media: tuple[Media, ...]
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Callback:
    method: str
    path: str
    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Docs:
    """Where the definition says that more stands."""

    url: str
    description: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """An operation. `parameters` are (heading, rows)."""

    description: SafeString
    parameters: tuple[tuple[str, SafeString], ...]
    bodies: tuple[Content, ...]
    responses: tuple[Content, ...]
    security: str
    callbacks: tuple[Callback, ...]
    docs: Docs | None


@dataclass(frozen=True, slots=True)
class DrawnSchema:
    """A named schema: its type in words, what is said of it, and its fields."""

    summary: SafeString
    about: SafeString
    fields: SafeString


def draw_schema(node: Node, book: Book, below: str) -> DrawnSchema:
    """A schema by itself; `below` is the address that slugs of schemas follow."""
    tree = Tree(book, below)
    return DrawnSchema(tree.summary(node), tree.about(node), tree.fields(node))


def draw(body: Mapping[str, Any], book: Book, below: str) -> Drawn:
    """The operation of a stored `body`; `below` is the address that slugs of schemas follow."""
    tree, docs = Tree(book, below), body.get("docs") or {}
    return Drawn(
        description=prose(text) if (text := body.get("description", "")) else SafeString(""),
        parameters=tuple(_parameters(body, tree)),
        bodies=tuple(_content(each, tree, sent=True) for each in body.get("bodies", ())),
        responses=tuple(_content(each, tree, sent=False) for each in body.get("responses", ())),
        security=_security(body),
        callbacks=tuple(
            Callback(*(str(each.get(field.name, "")) for field in fields(Callback)))
            for each in body.get("callbacks", ())
        ),
        docs=Docs(str(docs["url"]), str(docs.get("description", ""))) if docs.get("url") else None,
    )


def _parameters(body: Mapping[str, Any], tree: Tree) -> Iterator[tuple[str, SafeString]]:
    """The rows of each place that parameters stand in."""
    for place in dict.fromkeys(PLACES.values()):
        stated = [each for each in body.get("parameters", ()) if PLACES[each["in"]] == place]
        if stated:
            yield place, format_html_join("", "{}", ((tree.parameter(each),) for each in stated))


def _content(stated: Mapping[str, Any], tree: Tree, *, sent: bool) -> Content:
    headers = format_html_join("", "{}", ((tree.parameter(each),) for each in stated.get("headers", ())))
    description = stated.get("description", "")
    return Content(
        code=str(stated.get("code", "")),
        state=state_of(str(stated.get("code", ""))),
        description=prose(description) if description else SafeString(""),
        required=bool(stated.get("required")),
        headers=headers,
        media=tuple(_media(stated.get("media", ()), tree)),
        examples=tuple(_examples(stated.get("media", ()), tree.book, sent=sent)),
    )


def _media(stated: Any, tree: Tree) -> Iterator[Media]:
    """Each schema once, with all media types that have it."""
    by_schema: list[tuple[Node, list[str]]] = []
    for each in stated:
        same = next((types for schema, types in by_schema if schema == each["schema"]), None)
        if same is None:
            by_schema.append((each["schema"], [each["type"]]))
        else:
            same.append(each["type"])
    for schema, types in by_schema:
        yield Media(", ".join(types), tree.summary(schema), tree.about(schema), tree.fields(schema))


def _examples(stated: Any, book: Book, *, sent: bool) -> Iterator[Example]:
    """The author's examples of the first media type that has some, or one that is made of the schema."""
    media = sorted(stated, key=lambda each: (not each.get("examples"), "json" not in each["type"]))
    for first in media[:1]:
        given = first.get("examples") or []
        for each in given[:MOST_EXAMPLES]:
            title = each.get("summary") or each.get("name", "")
            yield _example(title, first["type"], written(each["value"], first["type"]))
        if not given and first["schema"]:
            value = Sampler(book, sent=sent).value(first["schema"])
            for name in reversed(first.get("wrapped", ())):
                value = {name: value}
            if value is not None:
                yield _example("", first["type"], written(value, first["type"], first.get("name", "root")))


def _example(title: str, kind: str, text: str) -> Example:
    """A body, coloured where it is JSON, and cut where it is long."""
    shown = text if len(text) <= LONGEST_EXAMPLE else text[:LONGEST_EXAMPLE] + "\n…"
    return Example(title, kind, json_html(shown) if "json" in kind else format_html("{}", shown))


def state_of(code: str) -> str:
    """The state word of an answer code."""
    if code == "429":
        return "warn"
    return {"1": "info", "2": "ok", "3": "info", "4": "bad", "5": "bad"}.get(code[:1], "idle")


def _security(body: Mapping[str, Any]) -> str:
    """What the definition itself asks for, in words: each alternative with its schemes and scopes."""
    alternatives = [
        " and ".join(f"{name} ({', '.join(scopes)})" if scopes else name for name, scopes in each.items())
        for each in body.get("security", ())
    ]
    return " or ".join(each or "nothing" for each in alternatives)
