"""An answer as it is shown: how long what took, its headers, its body as far as a page can hold it, and why it refuses."""

import base64
import mimetypes
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from email.message import Message
from http import HTTPStatus
from http.client import HTTPResponse

import msgspec
from django.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from apis.reference import snippets
from apis.reference.calls import Call as Sketch
from apis.reference.coloured import json_html
from apis.reference.drawn import state_of
from gateway.targets.envoy.replies import REASON_HEADER

from .outgoing import HOP_BY_HOP, Outgoing
from .proof import Proof
from .wire import Call, TooSlow, pieces

# What a page shows as text, what of it in colour, and what it holds to be saved; beyond that there is the download.
MOST_SHOWN = 256 * 1024
MOST_COLOURED = 64 * 1024
MOST_KEPT = 1024 * 1024
MOST_HEADERS = 100
LONGEST_HEADER = 2000
# A body in the curl line: what a shell takes.
MOST_IN_CURL = 16 * 1024
UPSTREAM = "x-envoy-upstream-service-time"
_HIDDEN = ("x-portico-", "x-portal-", "x-envoy-")
_TEXTS = ("json", "xml", "yaml", "javascript", "x-www-form-urlencoded", "graphql", "x-ndjson", "csv")


_NOTHING = SafeString("")


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds. `upstream` is what the gateway waited for the API, None where it asked nobody.

    `gateway` is the rest of the wait: its checks, and the way there and back. `body` is how long the body then took.
    """

    portal: float
    gateway: float
    upstream: float | None
    body: float = 0.0

    @property
    def total(self) -> float:
        return self.portal + self.gateway + (self.upstream or 0) + self.body


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the gateway refused, and what would pass. `request_id` is what to ask about it by."""

    reason: str
    title: str
    text: str
    remedy: str = ""
    request_id: str = ""


@dataclass(slots=True)
class Answer:
    """What came back. `html` is the body to look at; `saved` an address that holds it whole, where it is small enough."""

    status: int
    phrase: str
    times: Times
    headers: list[tuple[str, str]] = field(default_factory=list)
    size: int = 0
    html: SafeString = _NOTHING
    text: str = ""
    saved: str = ""
    file_name: str = ""
    notes: list[str] = field(default_factory=list)
    refusal: Refusal | None = None
    request_id: str = ""
    curl: str = ""
    curl_copied: str = ""
    held: str = ""
    streams: bool = False

    @property
    def state(self) -> str:
        return state_of(str(self.status))


def head_of(call: Call, response: HTTPResponse, began: float) -> Answer:
    """Status, times and headers. `began` is when the request came to the portal, by `time.perf_counter`."""
    names = response.headers
    upstream = names.get(UPSTREAM, "")
    taken = float(upstream) if upstream.isdecimal() else None
    times = Times(
        portal=max((call.began - began) * 1000, 0.0),
        gateway=max(call.waited_ms - (taken or 0.0), 0.0),
        upstream=taken,
    )
    answer = Answer(response.status, _phrase(response), times, shown_headers(response.getheaders()))
    answer.request_id = names.get("x-request-id", "")[:64]
    if 300 <= response.status < 400 and "location" in names:
        answer.notes.append(gettext("A redirect: it is shown, and not followed."))
    if "set-cookie" in names:
        answer.notes.append(gettext("Its cookies are left out."))
    return answer


def shown_headers(given: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """What a caller is to know: no cookies, nothing for the next neighbour alone, nothing of the gateway's inside."""
    return [
        (name.lower()[:100], value[:LONGEST_HEADER])
        for name, value in given
        if name.lower() not in HOP_BY_HOP
        and not name.lower().startswith(_HIDDEN)
        and name.lower() not in ("set-cookie", "set-cookie2")
    ][:MOST_HEADERS]


def read_into(answer: Answer, response: HTTPResponse) -> bytes:
    """Read as much of the body as a page keeps, and show it. Raises Gone."""
    began, body, cut = time.perf_counter(), b"", ""
    try:
        for piece in pieces(response, MOST_KEPT + 1):
            body += piece
    except TooSlow:
        cut = gettext("It was still coming after {try_seconds} s; this is its beginning.").format(
            try_seconds=settings.TRY_SECONDS
        )
    except (OSError, ValueError):
        cut = gettext("It broke off; this is what came.")
    answer.times = replace(answer.times, body=(time.perf_counter() - began) * 1000)
    if len(body) > MOST_KEPT:
        body = body[:MOST_KEPT]
        cut = gettext(
            "It is larger than a page can hold; this is its beginning. “Send and save” has all of it."
        )
    show(
        answer, body, response.headers.get("content-type", ""), encoded="content-encoding" in response.headers
    )
    if cut:
        answer.notes.append(cut)
    elif body:
        answer.saved = f"data:application/octet-stream;base64,{base64.b64encode(body).decode()}"
        answer.file_name = file_name(response.headers.get("content-type", ""))
    return body


def show(answer: Answer, body: bytes, media: str, *, encoded: bool = False) -> None:
    """Text is shown, JSON indented and in colour; of anything else only what it is."""
    answer.size = len(body)
    text = None if encoded else text_of(body, media)
    if text is None:
        answer.notes.append(
            gettext("{plain_media}: no text to show.").format(plain_media=_plain_media(media))
            if body
            else gettext("It has no body.")
        )
        return
    if "json" in media:
        text = _indented(body, text)
    if len(text) > MOST_SHOWN:
        answer.notes.append(
            gettext("Shown are its first {most_shown} KB.").format(most_shown=MOST_SHOWN // 1024)
        )
        text = text[:MOST_SHOWN]
    answer.text = text
    answer.html = (
        json_html(text) if "json" in media and len(text) <= MOST_COLOURED else format_html("{}", text)
    )


def text_of(body: bytes, media: str) -> str | None:
    """The body as text, None where it is none."""
    kind, _, parameters = media.partition(";")
    if b"\0" in body[:4096] or not body:
        return None
    if media and not (
        kind.strip().lower().startswith("text/") or any(word in kind.lower() for word in _TEXTS)
    ):
        return None
    _, _, charset = parameters.lower().partition("charset=")
    try:
        return body.decode(charset.strip(' "') or "utf-8", errors="replace")
    except LookupError:
        return body.decode(errors="replace")


def _indented(body: bytes, text: str) -> str:
    """By its signs alone: numbers and the order of names stay as they came."""
    try:
        return msgspec.json.format(body, indent=2).decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return text


def _plain_media(media: str) -> str:
    kind = media.partition(";")[0].strip()
    return kind[:100] if kind else gettext("Bytes of no stated kind")


def file_name(media: str) -> str:
    """A name to save an answer by. Never the API's own wish: it may name what a system would run."""
    ending = mimetypes.guess_extension(media.partition(";")[0].strip().lower()) or ".bin"
    return f"answer{ending if ending in _HARMLESS else '.bin'}"


_HARMLESS = frozenset(
    (".json", ".txt", ".csv", ".xml", ".png", ".jpg", ".gif", ".webp", ".pdf", ".zip", ".gz")
)


def _phrase(response: HTTPResponse) -> str:
    try:
        return HTTPStatus(response.status).phrase
    except ValueError:
        return response.reason[:40]


def refusal_of(answer: Answer, headers: Message, body: bytes) -> Refusal | None:
    """What the gateway says of a refusal of its own; None for an answer of the API.

    Its header says so: an API's own header of that name the gateway drops.
    """
    reason = headers.get(REASON_HEADER, "")
    if not reason:
        return None
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        said = {}
    said = said if isinstance(said, dict) else {}
    return Refusal(
        reason,
        str(said.get("title") or reason),
        str(said.get("detail") or ""),
        request_id=answer.request_id,
    )


def add_curl(answer: Answer, sent: Outgoing, proof: Proof, environment: str) -> None:
    """The same call for a shell: as it is shown, the credential masked, and as it is copied."""
    if "\0" in sent.body.decode("latin-1") or len(sent.body) > MOST_IN_CURL:
        return
    url, body = settings.GATEWAY_URLS[environment] + sent.target, sent.body.decode(errors="replace")
    headers = [each for each in sent.headers if each != ("Accept", "*/*")]
    answer.curl, answer.curl_copied = (
        snippets.curl(Sketch(sent.method, url, (*credential, *headers), body))
        for credential in (proof.masked, proof.copied)
    )
    answer.held = f"key {environment}" if proof.key else ""
