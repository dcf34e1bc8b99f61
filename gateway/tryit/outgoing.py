"""The call as it leaves the portal. Nothing that a person or a definition says decides where it goes.

Host and port come from the settings, the beginning of the path from the version; what is filled in is percent-encoded
into the operation's own template, and what would still lead out of it is refused.
"""

import json
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlencode

from django.conf import settings
from django.utils.translation import gettext

from apis.reference.calls import HEADER, PLACEHOLDER
from portal.errors import Invalid

if TYPE_CHECKING:
    from .shape import Shape

LONGEST_VALUE = 4000
LONGEST_TARGET = 8000
# RFC 3986: what a path and a query may hold.
_TARGET = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*(\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?")
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
# A header between two neighbours, not for who is behind them (RFC 9110 section 7.6.1), and what only the portal may say.
HOP_BY_HOP = frozenset(
    (
        *("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
        *("proxy-authenticate", "proxy-authorization", "proxy-authentication-info"),
    )
)
_OURS = frozenset(
    (
        *(
            "host",
            "content-length",
            "content-type",
            "cookie",
            "cookie2",
            "authorization",
            "x-api-key",
            "expect",
        ),
        *("forwarded", "via", "x-real-ip", "x-request-id", "x-csrftoken", "origin", "referer", "user-agent"),
    )
)
_OUR_PREFIXES = ("x-portico-", "x-portal-", "x-envoy-", "x-forwarded-", "sec-", "proxy-")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One call, without the credential. `target` is the path and query, percent-encoded, from the first slash on."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that goes along. `content` was bounded when it came in."""

    name: str
    media: str
    content: bytes


def may_send(name: str) -> bool:
    """Whether a header of that name may be filled in."""
    plain = name.lower().replace("_", "-")
    return bool(HEADER.fullmatch(name)) and not (
        plain in HOP_BY_HOP or plain in _OURS or plain.startswith(_OUR_PREFIXES)
    )


def outgoing(
    shape: "Shape", base_path: str, given: Mapping[str, str], files: Mapping[str, Upload], *, live: bool
) -> Outgoing:
    """The call that the form asks for. Raises Invalid, naming the field, for what may not or cannot be sent."""
    fields = {field.name: given.get(field.name, "") for field in shape.fields}
    for field in shape.fields:
        if field.required and not fields[field.name] and field.place != "form":
            raise Invalid(
                gettext("{label} is needed.").format(label=field.label),
                remedy=gettext("Fill it in."),
                field=field.name,
            )
    of = {place: _placed(fields, place) for place in ("path", "query", "header", "form")}
    target = target_of(base_path, shape.path, of["path"], [pair for pair in of["query"].items() if pair[1]])
    media, body = _body(shape, given, files, of["form"])
    if len(body) > settings.TRY_BYTES:
        raise too_large()
    headers = [*shape.headers, *_headers(of["header"])]
    if not any(name.lower() == "accept" for name, _ in headers):
        headers.append(("Accept", "text/event-stream" if live else "*/*"))
    headers += [("Content-Type", media)] if media else []
    return Outgoing(shape.method, target, tuple(headers), body)


def too_large() -> Invalid:
    most = settings.TRY_BYTES // 1024**2
    return Invalid(
        gettext("A body may have {most} MB here.").format(most=most),
        remedy=gettext("Send it from a program of your own."),
        field="body",
    )


def target_of(
    base_path: str, template: str, given: Mapping[str, str], asked: Iterable[tuple[str, str]] = ()
) -> str:
    """Path and query. Raises Invalid where a value is missing, or the path would lead out of its template."""
    parts = PLACEHOLDER.split(template)
    path = base_path + "".join(
        _filled(part, given) if index % 2 else quote(part, safe="/%:@!$&'()*+,;=~")
        for index, part in enumerate(parts)
    )
    if any(step.partition(";")[0] in (".", "..") for step in re.split(r"[/\\]", unquote(path))):
        raise Invalid(
            gettext("A value of dots alone would lead to another path."),
            remedy=gettext("Fill in something else."),
            field="path",
        )
    query = urlencode(list(asked), quote_via=quote, safe="")
    target = f"{path}?{query}" if query else path
    if not _TARGET.fullmatch(target) or not target.startswith(base_path):
        raise Invalid(
            gettext("This address cannot be called."),
            remedy=gettext("Look for signs that no address holds."),
            field="path",
        )
    if len(target) > LONGEST_TARGET:
        raise Invalid(
            gettext("The address is too long."), remedy=gettext("Fill in shorter values."), field="path"
        )
    return target


def _filled(name: str, given: Mapping[str, str]) -> str:
    value = given.get(name, "")
    if not value:
        raise Invalid(
            gettext("{name} is needed.").format(name=name),
            remedy=gettext("It is a part of the path."),
            field=f"path.{name}",
        )
    return quote(value, safe="")


def _placed(fields: Mapping[str, str], place: str) -> dict[str, str]:
    """The values that go to one place, under their own names."""
    return {name[len(place) + 1 :]: value for name, value in fields.items() if name.startswith(f"{place}.")}


def _headers(given: Mapping[str, str]) -> list[tuple[str, str]]:
    sent = []
    for name, value in given.items():
        if not value:
            continue
        if not may_send(name) or _CONTROL.search(value) or len(value) > LONGEST_VALUE:
            raise Invalid(
                gettext("The header {name} cannot have this value.").format(name=name),
                remedy=gettext("One line, at most {longest_value} characters.").format(
                    longest_value=LONGEST_VALUE
                ),
                field=f"header.{name}",
            )
        sent.append((name, value.strip()))
    return sent


def _body(
    shape: "Shape", given: Mapping[str, str], files: Mapping[str, Upload], form: Mapping[str, str]
) -> tuple[str, bytes]:
    """The media type and the bytes; both empty where the operation takes no body."""
    if shape.kind == "graphql":
        return "application/json", _graphql(given)
    if form:
        names = {field.name[5:]: field.is_file for field in shape.fields if field.place == "form"}
        return multipart({name: None if names[name] else text for name, text in form.items()}, files)
    if not shape.has_body:
        return "", b""
    media = given.get("type", "")
    media = media if media in shape.media else shape.media[0]
    if upload := files.get("file"):
        return media, upload.content
    text = given.get("body", "").replace("\r\n", "\n")
    return (media, text.encode(errors="replace")) if text else ("", b"")


def _graphql(given: Mapping[str, str]) -> bytes:
    sent: dict[str, object] = {"query": given.get("body", "").replace("\r\n", "\n")}
    if text := given.get("variables", "").strip():
        try:
            sent["variables"] = json.loads(text)
        except (ValueError, RecursionError):
            raise Invalid(
                gettext("The variables are no JSON."),
                remedy=gettext('Write them as {"name": 1}.'),
                field="variables",
            ) from None
    return json.dumps(sent, ensure_ascii=False).encode(errors="replace")


def multipart(fields: Mapping[str, str | None], files: Mapping[str, Upload]) -> tuple[str, bytes]:
    """A form with files (RFC 7578); a field whose value is None is a file, left out where none was chosen."""
    boundary = f"portico{secrets.token_hex(16)}"
    parts = []
    for name, value in fields.items():
        upload = files.get(f"form.{name}")
        if value is None and upload is None:
            continue
        head = f'Content-Disposition: form-data; name="{_quoted(name)}"'
        if value is None and upload is not None:
            head += f'; filename="{_quoted(upload.name)}"\r\nContent-Type: {upload.media}'
            content = upload.content
        else:
            content = (value or "").encode(errors="replace")
        parts.append(f"--{boundary}\r\n{head}\r\n\r\n".encode(errors="replace") + content + b"\r\n")
    return f"multipart/form-data; boundary={boundary}", b"".join([*parts, f"--{boundary}--\r\n".encode()])


def _quoted(name: str) -> str:
    """As browsers write it (WHATWG, multipart/form-data): nothing that ends the line or the quotes."""
    return name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
