"""What people paste to ask about a call: a request id, a curl line, a token, a key or what a page shows of one.

Nothing pasted is kept, and nothing in it is believed but its form.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext

from keymanager import keys
from portal.errors import Invalid

MAX_CHARACTERS = 16_384
_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_REQUEST_ID = re.compile(r"[0-9A-Za-z._:-]{8,64}")
_BEGINNING = re.compile(r"(?:ptk_live|ptk_test)_[0-9A-Za-z]{4}|cred_[0-9a-z]{6,}")
_HEADERS, _METHODS = ("-H", "--header"), ("-X", "--request")
_BODIES = ("-d", "--data", "--data-raw", "--data-binary", "--data-urlencode", "--json", "-F", "--form")


@dataclass(frozen=True, slots=True)
class Asked:
    """At most one of `request_id`, `token`, `key` and `beginning`; `url` where a call was pasted."""

    request_id: str = ""
    token: str = ""
    key: str = ""
    beginning: str = ""
    method: str = ""
    url: str = ""


def read(text: str) -> Asked:
    """What was pasted. Raises Invalid where it is nothing that can be asked about."""
    text = text.strip()
    if not text or len(text) > MAX_CHARACTERS:
        raise Invalid(
            gettext("Paste something to ask about.")
            if not text
            else gettext("That is too long to be a call."),
            remedy=gettext("A request id, a curl line, an access token or an API key."),
            field="ask",
        )
    if re.match(r"curl\s", text):
        return _curl(text)
    if re.match(r"https?://", text):
        return Asked(method="GET", url=text.split()[0])
    word = re.sub(r"(?i)^(authorization:\s*)?bearer\s+|^x-api-key:\s*", "", text).rstrip("•….")
    found = _credential(word)
    if found is None and _REQUEST_ID.fullmatch(word):
        found = Asked(request_id=word)
    if found is None:
        raise Invalid(
            gettext("That is no request id, curl line, access token or API key."),
            remedy=gettext(
                "A refusal names its request id: the member request_id, and the header x-request-id."
            ),
            field="ask",
        )
    return found


def _credential(word: str) -> Asked | None:
    if _BEGINNING.fullmatch(word):
        return Asked(beginning=word)
    if re.match(r"ptk_(live|test)_", word):
        return Asked(key=word)
    return Asked(token=word) if _TOKEN.fullmatch(word) else None


def _curl(text: str) -> Asked:
    try:
        words = shlex.split(text.replace("\\\r\n", " ").replace("\\\n", " "))[1:]
    except ValueError as error:
        raise Invalid(
            gettext("The curl line is not whole: a quote is left open."),
            remedy=gettext("Paste all of it."),
            field="ask",
        ) from error
    method, url, headers = "", "", {}
    for option, value in _pairs(words):
        if option in _HEADERS:
            name, _, rest = value.partition(":")
            headers[name.strip().lower()] = rest.strip()
        elif option == "--oauth2-bearer":
            headers["authorization"] = value
        elif option in _METHODS:
            method = value.upper()
        elif option in ("-I", "--head", *_BODIES):
            method = method or ("HEAD" if option in ("-I", "--head") else "POST")
        elif option in ("", "--url") and re.match(r"https?://", value):
            url = url or value
    key, token = headers.get("x-api-key", ""), re.sub(r"(?i)^bearer\s+", "", headers.get("authorization", ""))
    if not url:
        raise Invalid(
            gettext("The curl line has no address."),
            remedy=gettext("Paste all of it, with https://…"),
            field="ask",
        )
    # As the gateway does: a key counts before a token.
    return Asked(key=key, token="" if key else token, method=method or "GET", url=url)


def _pairs(words: list[str]) -> Iterator[tuple[str, str]]:
    """(option, value), option "" for a word of its own; options that take none come with ""."""
    valued = {*_HEADERS, *_METHODS, *_BODIES, "--url", "--oauth2-bearer", "-o", "--output", "-u", "--user"}
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if word in valued:
            yield word, next(rest, "")
        elif equals and name in valued:
            yield name, value
        elif len(word) > 2 and word[:2] in valued and not word.startswith("--"):
            yield word[:2], word[2:]
        elif word.startswith("-"):
            yield word, ""
        else:
            yield "", word


def is_whole_key(text: str) -> bool:
    """Whether its checksum says that no character is missing or mistyped."""
    return keys.is_ours(text)
