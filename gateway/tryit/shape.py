"""What can be filled in to try an operation: fields for its parameters, and its body with the example in it."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from apis.models import DescribedOperation, Document
from apis.reference import memory
from apis.reference.calls import PLACEHOLDER, Call, Called
from apis.reference.graphql import query_of
from apis.reference.merged import Book, kind_of
from apis.reference.samples import Sampler, flat

from .outgoing import may_send

MOST_FIELDS = 60
MOST_CHOICES = 50
LONGEST_HINT = 80
EVENTS = "text/event-stream"
# A type that a header can hold, and no range of types.
MEDIA = re.compile(r"[\w.+-]+/[\w.+-]+(; *[\w.=-]+)*")
SENDABLE = ("path", "query", "querystring", "header")


@dataclass(frozen=True, slots=True)
class Field:
    """One input. `name` is how the form posts it, `path.id`: where it goes and what it is called there."""

    name: str
    label: str
    required: bool = False
    value: str = ""
    hint: str = ""
    choices: tuple[str, ...] = ()
    is_file: bool = False

    @property
    def place(self) -> str:
        return self.name.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Shape:
    """How an operation is tried.

    `kind` is http, soap, graphql, message (AsyncAPI: over HTTP or as a WebSocket) or grpc, which cannot be tried. `media` are the
    types that the body may have, none where it has no text; `headers` go along with every call. What is `live` may go on
    for ever.
    """

    kind: str
    method: str
    path: str
    fields: tuple[Field, ...] = ()
    media: tuple[str, ...] = ()
    body: str = ""
    variables: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    live: bool = False
    socket: bool = False

    @property
    def has_body(self) -> bool:
        return bool(self.media)

    @property
    def rows(self) -> int:
        """Lines that the example takes, within bounds."""
        return min(max(self.body.count("\n") + 2, 4), 14)

    @property
    def variable_rows(self) -> int:
        return min(max(self.variables.count("\n") + 2, 2), 8)


KINDS = {"openapi": "http", "wsdl": "soap", "graphql": "graphql", "asyncapi": "message", "protobuf": "grpc"}


def shape_of(document: Document, operation: DescribedOperation) -> Shape | None:
    """None where the operation is none that a consumer calls, such as a webhook."""
    kind = KINDS.get(document.format.partition("-")[0], "")
    if not kind or (operation.group == "Webhooks" and not operation.path.startswith("/")):
        return None
    called = Called(operation.method, operation.path, operation.operation_id, operation.group)
    return _shape(document.sha256, document.pk, document.format, operation.slug, called, kind)


@lru_cache(maxsize=256)
def _shape(sha256: str, document_id: int, form: str, slug: str, called: Called, kind: str) -> Shape:
    document = Document(pk=document_id, sha256=sha256, format=form)
    operation = DescribedOperation(slug=slug, **called._asdict())
    body, book = memory.described(document, operation)
    shape = Shape(kind, operation.method, operation.path)
    if kind == "grpc":
        return shape
    if kind == "graphql":
        return _graphql(shape, body, book)
    call = memory.call(document, operation, "", "none")
    shape = replace(shape, fields=tuple(_fields(shape.path, body, book))[:MOST_FIELDS])
    if kind == "message":
        return _message(replace(shape, socket=_speaks_websocket(document_id)), call)
    return _http(shape, body, call) if call else shape


def _http(shape: Shape, body: dict[str, Any], call: Call) -> Shape:
    """What the snippets send, to be changed: SOAP's headers and example too."""
    soap = [each for each in call.headers if each[0] == "SOAPAction"] if shape.kind == "soap" else []
    form = tuple(Field(f"form.{name}", name, value=v, is_file=file) for name, v, file in call.fields)
    media = dict.fromkeys(each["type"] for part in body.get("bodies", ())[:1] for each in part["media"])
    first = dict(call.headers).get("Content-Type", "")
    if first and not form:
        media = dict.fromkeys(
            [first, *(each for each in media if MEDIA.fullmatch(each) and "multipart" not in each)]
        )
    answers = [each["type"] for part in body.get("responses", ()) for each in part.get("media", ())]
    return replace(
        shape,
        method=call.method,
        path="" if shape.kind == "soap" else shape.path,
        fields=(*shape.fields, *form)[:MOST_FIELDS],
        media=() if form else tuple(media),
        body=call.body,
        headers=tuple(soap),
        live=EVENTS in answers,
    )


def _graphql(shape: Shape, body: dict[str, Any], book: Book) -> Shape:
    query, variables = query_of(shape.method, shape.path, body, book)
    return replace(
        shape,
        method="POST",
        path="",
        media=("application/json",),
        body=query,
        variables=json.dumps(variables, indent=2, ensure_ascii=False),
        live=shape.method == "SUBSCRIPTION",
    )


def _message(shape: Shape, call: Call | None) -> Shape:
    """What the provider sends comes as a stream; what it receives is posted. Either may be a WebSocket."""
    sends = shape.method == "SEND"
    media = () if sends or call is None else (dict(call.headers).get("Content-Type", "application/json"),)
    return replace(
        shape,
        method="GET" if sends else "POST",
        media=media,
        body=call.body if call else "",
        live=sends,
    )


def _speaks_websocket(document_id: int) -> bool:
    """Whether a server of the definition does, without reading all of its text into this process."""
    said = r"""["']?protocol["']?\s*:\s*["']?wss?\M"""
    return Document.objects.filter(pk=document_id, text__iregex=said).exists()


def _fields(path: str, body: dict[str, Any], book: Book) -> Iterator[Field]:
    """A field for every parameter that can be sent, and for each variable of the path that nobody described."""
    seen = set()
    for stated in body.get("parameters", ()):
        name, place = stated["name"], stated["in"]
        if place not in SENDABLE or (place == "header" and not may_send(name)):
            continue
        seen.add((place, name))
        yield _field(stated, book)
    for name in PLACEHOLDER.findall(path):
        if ("path", name) not in seen:
            seen.add(("path", name))
            yield Field(f"path.{name}", name, required=True, value="1")


def _field(stated: dict[str, Any], book: Book) -> Field:
    whole, place = book.whole(stated.get("schema", {})), stated["in"].removesuffix("string")
    given = stated.get("examples")
    example = flat(given[0]["value"] if given else Sampler(book, sent=True).value(stated.get("schema", {})))
    required = bool(stated.get("required"))
    choices = (
        ("true", "false") if kind_of(whole) == "boolean" else tuple(flat(v) for v in whole.get("enum", ()))
    )
    return Field(
        name=f"{place}.{stated['name']}",
        label=stated["name"],
        required=required,
        value=(example or "1") if required else "",
        hint="" if required else " ".join(example.split())[:LONGEST_HINT],
        choices=choices if 0 < len(choices) <= MOST_CHOICES and kind_of(whole) != "array" else (),
    )
