"""One call of an operation: what the snippets of every language send."""

import json
import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from .graphql import query_of
from .merged import Book
from .samples import Sampler, flat, written

KEY, TOKEN = "API_KEY", "ACCESS_TOKEN"
PROOFS = {
    "key": [("X-API-Key", KEY)],
    "token": [("Authorization", f"Bearer {TOKEN}")],
    "none": [],
}
# RFC 9110 token: nothing else is a name of a header.
HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
# Control characters, and those that turn the direction of what follows: a snippet is pasted and run.
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069\ufeff]")
MULTIPART = "multipart/form-data"


class Called(NamedTuple):
    """What an operation is called by."""

    method: str
    path: str
    operation_id: str
    group: str


@dataclass(frozen=True, slots=True)
class Call:
    """`body` is text; `fields` are (name, value, is a file) of a multipart form, which has no text."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    fields: tuple[tuple[str, str, bool], ...] = ()

    @property
    def is_json(self) -> bool:
        return bool(self.body) and "json" in dict(self.headers).get("Content-Type", "")


@dataclass
class _Making:
    """A call as it is put together."""

    book: Book
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    fields: list[tuple[str, str, bool]] = field(default_factory=list)

    def value(self, stated: dict[str, Any]) -> Any:
        """The first example of a parameter or body, or one that is made."""
        examples = stated.get("examples")
        if examples:
            return examples[0]["value"]
        return Sampler(self.book, sent=True).value(stated.get("schema", {}))


def call_of(
    kind: str, operation: Called, body: dict[str, Any], book: Book, base: str, auth: str
) -> Call | None:
    """The call, or None for what a consumer does not call over HTTP. `kind` is the language, `auth` key, token or none."""
    made = _Making(book)
    if operation.group == "Webhooks" and not operation.path.startswith("/"):
        return None
    makers = {"graphql": _graphql, "wsdl": _soap, "asyncapi": _message, "openapi": _http}
    if kind not in makers:
        return None
    method, path = makers[kind](operation, body, made)
    headers = [*PROOFS[auth], *((name, plain(value)) for name, value in made.headers.items())]
    fields = [(plain(name), plain(value), is_file) for name, value, is_file in made.fields]
    return Call(method, plain(base + path), tuple(headers), plain(made.body), tuple(fields))


def plain(text: str) -> str:
    """Text of a definition as it may stand in a snippet. The browser puts a real key where the placeholder stands."""
    text = UNSEEN.sub("", text)
    while KEY in text or TOKEN in text:
        text = text.replace(KEY, "").replace(TOKEN, "")
    return text


def _http(operation: Called, body: dict[str, Any], made: _Making) -> tuple[str, str]:
    given: dict[str, str] = {}
    asked: list[tuple[str, str]] = []
    for parameter in body.get("parameters", ()):
        name, where = parameter["name"], parameter["in"]
        if where == "path":
            given[name] = flat(made.value(parameter)) or "1"
        elif where == "query" and parameter.get("required"):
            asked.append((name, flat(made.value(parameter))))
        elif where == "header" and parameter.get("required") and _is_header(name):
            made.headers.setdefault(name, flat(made.value(parameter)).replace("\n", " "))
    for stated in body.get("bodies", ())[:1]:
        _send(stated, made)
    return operation.method, _path(operation.path, given) + (f"?{urlencode(asked)}" if asked else "")


def _is_header(name: str) -> bool:
    """Whether a call may state this header; the credential's own are ours to state."""
    proof = {"x-api-key", "authorization"}
    return bool(HEADER.fullmatch(name)) and name.lower() not in proof and plain(name) == name


def _path(path: str, given: dict[str, str]) -> str:
    """The path with its parameters filled in, and nothing in it that an address cannot hold."""
    parts = PLACEHOLDER.split(path)
    filled = [
        quote(given.get(part, "1"), safe="") if index % 2 else quote(part, safe="/%:@!$&'()*+,;=~")
        for index, part in enumerate(parts)
    ]
    return "".join(filled)


def _send(stated: dict[str, Any], made: _Making) -> None:
    """The body in its first media type, JSON before others."""
    media = sorted(stated.get("media", ()), key=lambda each: "json" not in each["type"])
    if not media:
        return
    first = media[0]
    kind, value = first["type"].replace("*/*", "application/json"), made.value(first)
    if kind.startswith(MULTIPART) and isinstance(value, dict):
        properties = made.book.whole(first["schema"]).get("properties", {})
        made.fields = [(name, flat(each), is_file(properties.get(name, {}))) for name, each in value.items()]
        return
    made.headers["Content-Type"] = kind if re.fullmatch(r"[\w.+*;=/ -]+", kind) else "application/json"
    made.body = written(value, kind)


def is_file(node: dict[str, Any]) -> bool:
    """Whether a field of a form is a file."""
    return node.get("format") == "binary" or "file" in node.get("type", ()) or "contentMediaType" in node


def _graphql(operation: Called, body: dict[str, Any], made: _Making) -> tuple[str, str]:
    query, variables = query_of(operation.method, operation.path, body, made.book)
    query = " ".join(query.split())
    made.headers["Content-Type"] = "application/json"
    sent = {"query": query} | ({"variables": variables} if variables else {})
    made.body = json.dumps(sent, indent=2, ensure_ascii=False)
    return "POST", ""


def _soap(operation: Called, body: dict[str, Any], made: _Making) -> tuple[str, str]:
    made.headers["Content-Type"] = "text/xml; charset=utf-8"
    made.headers["SOAPAction"] = json.dumps(operation.operation_id)
    inner = "".join(
        "    " + line + "\n"
        for media in (body.get("bodies") or [{}])[0].get("media", ())[:1]
        for line in written(made.value(media), "text/xml", media.get("name", operation.path)).splitlines()[1:]
    )
    made.body = (
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">\n  <soap:Body>\n'
        f"{inner}  </soap:Body>\n</soap:Envelope>"
    )
    return "POST", ""


def _message(operation: Called, body: dict[str, Any], made: _Making) -> tuple[str, str]:
    """AsyncAPI over HTTP: what the provider sends comes as server-sent events, what it receives is posted."""
    given = {each["name"]: flat(made.value(each)) for each in body.get("parameters", ())}
    if operation.method == "SEND":
        made.headers["Accept"] = "text/event-stream"
        return "GET", _path(operation.path, given)
    for stated in body.get("bodies", ())[:1]:
        _send(stated, made)
    return "POST", _path(operation.path, given)
