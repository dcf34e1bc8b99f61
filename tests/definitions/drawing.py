"""Draws everything of a definition, as its pages would."""

from collections.abc import Iterator

import msgspec

from apis.definitions.reference import Reference
from apis.reference import snippets
from apis.reference.calls import Called, call_of
from apis.reference.drawn import Drawn, draw
from apis.reference.merged import Book
from apis.reference.trees import Tree

LANGUAGES = ("openapi", "asyncapi", "graphql", "wsdl")


def draw_all(reference: Reference, *, every: int = 1) -> list[str]:
    """The HTML of operations and schemas, every so many; the snippets in all languages are made too."""
    schemas = {part.slug: msgspec.json.decode(part.body).get("schema", {}) for part in reference.schemas}
    names = {part.slug: part.name for part in reference.schemas}
    pages = []
    for part in reference.operations[::every]:
        body = msgspec.json.decode(part.body)
        pages.append("".join(html_of(draw(body, Book(schemas, names), "../schemas/"))))
        called = Called(part.method, part.path, part.operation_id, part.group)
        for kind in LANGUAGES:
            try_snippets(kind, called, body, Book(schemas, names))
    for part in reference.schemas[::every]:
        tree = Tree(Book(schemas, names), "../")
        node = msgspec.json.decode(part.body).get("schema", {})
        pages += [tree.summary(node), tree.about(node), tree.fields(node)]
    return pages


def html_of(drawn: Drawn) -> Iterator[str]:
    """What is HTML of an operation. Templates escape the rest."""
    yield drawn.description
    yield from (rows for _, rows in drawn.parameters)
    for content in (*drawn.bodies, *drawn.responses):
        yield content.description + content.headers
        for media in content.media:
            yield media.summary + media.about + media.fields
        yield from (example.html for example in content.examples)


def try_snippets(kind: str, called: Called, body: dict, book: Book) -> None:
    """Write the call in every language, if it is one of this kind."""
    if (kind == "graphql") != (called.method in ("QUERY", "MUTATION", "SUBSCRIPTION")):
        return
    call = call_of(kind, called, body, book, "http://127.0.0.1:8081/a", "key")
    for language in snippets.languages(call) if call else ():
        assert snippets.snippet(call, language)
