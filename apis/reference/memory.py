"""What pages of operations have in common, kept for the next reader.

A Document never changes, and neither does what is drawn of it: each entry holds for as long as the process lives. Keyed
by the text's digest; only so many are kept.
"""

from collections.abc import Mapping
from contextlib import suppress
from copy import copy
from functools import lru_cache
from typing import Any

import msgspec

from apis.definitions.reference import EDITION
from apis.models import DescribedOperation, DescribedSchema, Document

from . import lists, parts
from .calls import Call, Called, call_of
from .drawn import Drawn, DrawnSchema, draw, draw_schema
from .lists import Listed
from .merged import Book, Node

# Of some 50 KB each.
MOST_DRAWN = 128
BELOW = "../schemas/"

Loaded = tuple[dict[str, Any], Mapping[str, Node], Mapping[str, str]]


def book_of(document_id: int, slugs: list[str]) -> Book:
    """The named schemas with these slugs, in one query."""
    rows = DescribedSchema.objects.filter(document_id=document_id, slug__in=slugs)
    found = list(rows.values_list("slug", "name", "body"))
    schemas = {slug: msgspec.json.decode(body).get("schema", {}) for slug, _, body in found}
    return Book(schemas, {slug: name for slug, name, _ in found})


def operation(document: Document, slug: str) -> DescribedOperation | None:
    """The operation without its body, the caller's own copy; None where there is none."""
    for _ in range(2):
        with suppress(DescribedOperation.DoesNotExist):
            return copy(_operation(document.sha256, document.pk, slug))
        parts.ensure(document)
    return None


def beside(document: Document, operation: DescribedOperation) -> Listed:
    """What stands beside the page of an operation."""
    return _beside(document.sha256, document.pk, operation.slug)


def drawn(document: Document, operation: DescribedOperation) -> Drawn:
    """The operation, drawn."""
    return _drawn(document.sha256, document.pk, operation.slug)


def drawn_schema(document: Document, slug: str) -> DrawnSchema:
    """A named schema, drawn."""
    return _drawn_schema(document.sha256, document.pk, slug)


def call(document: Document, operation: DescribedOperation, base: str, auth: str) -> Call | None:
    """The call of an operation at a base address; `auth` is key, token or none."""
    kind = document.format.partition("-")[0]
    called = Called(operation.method, operation.path, operation.operation_id, operation.group)
    return _call(document.sha256, document.pk, operation.slug, called, kind, base, auth)


def described(document: Document, operation: DescribedOperation) -> tuple[dict[str, Any], Book]:
    """The stored body of an operation, which nobody may change, with the schemas that it needs."""
    body, schemas, names = _loaded(document.sha256, document.pk, operation.slug)
    return body, Book(schemas, names)


@lru_cache(maxsize=MOST_DRAWN)
def _operation(sha256: str, document_id: int, slug: str) -> DescribedOperation:
    made = DescribedOperation.objects.filter(document__reference__edition=EDITION).defer("body")
    return made.get(document_id=document_id, slug=slug)


@lru_cache(maxsize=MOST_DRAWN)
def _beside(sha256: str, document_id: int, slug: str) -> Listed:
    return lists.beside(document_id, _operation(sha256, document_id, slug))


@lru_cache(maxsize=16)
def _loaded(sha256: str, document_id: int, slug: str) -> Loaded:
    """The body of an operation and the schemas that it needs."""
    text = DescribedOperation.objects.values_list("body", flat=True).get(document_id=document_id, slug=slug)
    body: dict[str, Any] = msgspec.json.decode(text)
    book = book_of(document_id, body.get("needs", []))
    return body, book.schemas, book.names


@lru_cache(maxsize=MOST_DRAWN)
def _drawn(sha256: str, document_id: int, slug: str) -> Drawn:
    body, schemas, names = _loaded(sha256, document_id, slug)
    return draw(body, Book(schemas, names), BELOW)


@lru_cache(maxsize=MOST_DRAWN)
def _drawn_schema(sha256: str, document_id: int, slug: str) -> DrawnSchema:
    text = DescribedSchema.objects.values_list("body", flat=True).get(document_id=document_id, slug=slug)
    body = msgspec.json.decode(text)
    return draw_schema(body.get("schema", {}), book_of(document_id, body.get("needs", [])), "../")


@lru_cache(maxsize=2 * MOST_DRAWN)
def _call(
    sha256: str, document_id: int, slug: str, called: Called, kind: str, base: str, auth: str
) -> Call | None:
    body, schemas, names = _loaded(sha256, document_id, slug)
    return call_of(kind, called, body, Book(schemas, names), base, auth)
