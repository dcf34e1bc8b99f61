"""Redirect URIs: which ones a client may have, and whether a request's is one of them."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from portal.errors import Invalid

REDIRECT_URIS_MAX = 10
_LENGTH_MAX = 500
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
# RFC 8252 7.3: an app on a person's own computer listens at a port that it learns when it starts.
_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?(/[\x21-\x7e]*)?")


def checked(uris: Iterable[str]) -> list[str]:
    """The URIs, each once, in the order given.

    Raises Invalid for one that is neither https nor loopback, or that a browser and we could read differently.
    """
    found = list(dict.fromkeys(uri.strip() for uri in uris if uri.strip()))
    if len(found) > REDIRECT_URIS_MAX:
        raise Invalid(
            _("A client has at most {redirect_uris_max} redirect URIs.").format(
                redirect_uris_max=REDIRECT_URIS_MAX
            ),
            field="redirect_uris",
        )
    for uri in found:
        if not _acceptable(uri):
            raise Invalid(
                _("{uri} cannot be a redirect URI.").format(uri=uri[:80]),
                remedy=_(
                    "Use https://host/path, or http://127.0.0.1/path for an app on a person's computer."
                ),
                field="redirect_uris",
            )
    return found


def is_registered(uri: str, registered: Iterable[str]) -> bool:
    """Whether it is one of them, letter by letter; on loopback the port may differ (RFC 8252 7.3, RFC 9700 4.1.3)."""
    asked = _LOOPBACK.fullmatch(uri)
    for known in registered:
        if uri == known:
            return True
        loopback = _LOOPBACK.fullmatch(known)
        if asked and loopback and asked.groups() == loopback.groups():
            return True
    return False


def is_loopback(uri: str) -> bool:
    return _LOOPBACK.fullmatch(uri) is not None


def origin(uri: str) -> str:
    """`https://host:port`, for people and for the content security policy."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"


def _acceptable(uri: str) -> bool:
    if len(uri) > _LENGTH_MAX or not _PRINTABLE.fullmatch(uri) or set(uri) & set('#*\\"<>'):
        return False
    if is_loopback(uri):
        return True
    try:
        parts = urlsplit(uri)
        named = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
    plain = "@" not in parts.netloc and ";" not in parts.netloc and "," not in parts.netloc
    return parts.scheme == "https" and named and plain
