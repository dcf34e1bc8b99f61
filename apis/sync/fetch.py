"""Fetch a definition from the address that its object states, or another text that a person names the address of.

Whoever may write an object chooses the address, and whoever answers there the bytes. So `apis.sync.hosts` says which
hosts are called, redirects stay on the host, and time, size and inflation have limits.
"""

import http.client
import io
import re
import socket
import ssl
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import SplitResult, urljoin, urlsplit

from apis.sources import DefinitionAddress
from portal.errors import ClusterUnavailable, Invalid, PorticoError
from portal.safeyaml import MAX_BYTES

from .hosts import PRIVATE_REMEDY, Deadline, Host, host_of

SECONDS = 10.0
MAX_REDIRECTS = 3
REDIRECTS = (301, 302, 303, 307, 308)
BLOCK = 64 * 1024
ETAG = re.compile(r'(W/)?"[\x21\x23-\x7e]{0,200}"')
ACCEPT = "application/json, application/yaml, text/yaml, text/plain, */*;q=0.5"


@dataclass(frozen=True, slots=True)
class Fetched:
    """The text, and the tag by which a later call asks whether it is still the same ("" if the server gives none)."""

    text: str
    etag: str = ""


@dataclass(frozen=True, slots=True)
class NotModified:
    """The text is still the one of the tag that was sent."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What one fetch may take: `seconds` for everything together, and so many bytes.

    `public` is for an address outside the cluster: https, and no private network. PORTICO_SERVICE_ADDRESSES names the
    hosts that are exempt.
    """

    seconds: float = SECONDS
    max_bytes: int = MAX_BYTES
    public: bool = False


def fetch(address: DefinitionAddress, *, etag: str = "", seconds: float = SECONDS) -> Fetched | NotModified:
    """What stands at the address: at most 20 MB. Raises what `fetch_url` raises."""
    return fetch_url(address.url, Terms(seconds), etag=etag)


def fetch_url(url: str, terms: Terms, *, etag: str = "") -> Fetched | NotModified:
    """The text at a URL.

    Raises Invalid where whoever named it or its server's owner has to mend something, ClusterUnavailable where asking
    again later may help.
    """
    try:
        return followed(url, etag, terms)
    except PorticoError as error:
        raise type(error)(f"{url}: {error.message}", remedy=error.remedy) from None
    except TimeoutError:
        trouble = f"no whole answer within {terms.seconds:g} seconds"
    except ssl.SSLCertVerificationError as error:
        remedy = (
            "Let the server show a certificate that Portico's machine trusts, or use http inside the cluster."
        )
        message = f"{url}: its certificate is not trusted ({error.verify_message})"
        raise Invalid(message, remedy=remedy) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        trouble = f"no usable answer ({getattr(error, 'strerror', None) or type(error).__name__})"
    remedy = "See that the server runs and can be reached from Portico. It is asked again by itself."
    raise ClusterUnavailable(f"{url}: {trouble}", remedy=remedy) from None


def followed(url: str, etag: str, terms: Terms) -> Fetched | NotModified:
    """The answer at the end of the redirects."""
    parts, deadline = urlsplit(url), Deadline(terms.seconds)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise Invalid(
            "it is not an http or https address", remedy="Give one, with a host and without a user."
        )
    host = host_of(parts.hostname, deadline, public=terms.public)
    if terms.public and parts.scheme != "https" and host.port is None:
        raise Invalid("it is not an https address", remedy=f"Use https. {PRIVATE_REMEDY}")
    for _ in range(MAX_REDIRECTS + 1):
        with answered(parts, host, etag, deadline) as response:
            if response.status not in REDIRECTS:
                return read(response, etag, terms.max_bytes)
            parts = redirected(parts, response.getheader("Location", ""))
    raise Invalid(
        f"it redirects more than {MAX_REDIRECTS} times",
        remedy="Give the address where it really is.",
    )


@contextmanager
def answered(
    parts: SplitResult, host: Host, etag: str, deadline: Deadline
) -> Iterator[http.client.HTTPResponse]:
    """One GET on a connection of its own, its status and headers read."""
    secure = parts.scheme == "https"
    sock = host.connect(parts.port or (443 if secure else 80), deadline)
    with closing(secured(sock, host.name, deadline) if secure else sock) as connected:
        connection = http.client.HTTPConnection(host.name)
        connection.sock = cast("socket.socket", Wire(connected, deadline))
        headers = {"Host": parts.netloc, "Accept": ACCEPT, "Accept-Encoding": "gzip", "Connection": "close"}
        headers["User-Agent"] = "Portico"
        if ETAG.fullmatch(etag):
            headers["If-None-Match"] = etag
        query = f"?{parts.query}" if parts.query else ""
        connection.request("GET", (parts.path or "/") + query, headers=headers)
        yield connection.getresponse()


def secured(sock: socket.socket, name: str, deadline: Deadline) -> ssl.SSLSocket:
    """TLS over a connection, the server's certificate checked for the host's name."""
    try:
        sock.settimeout(deadline.left())
        return ssl.create_default_context().wrap_socket(sock, server_hostname=name)
    except BaseException:
        sock.close()
        raise


class Wire:
    """A socket whose every read and write has only what is left of the time. As much of one as http.client uses."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        """Send all of it in time."""
        self._sock.settimeout(self._deadline.left())
        self._sock.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        """What arrives."""
        return io.BufferedReader(Arriving(self._sock, self._deadline), BLOCK)

    def close(self) -> None:
        """The socket outlives the connection that http.client closes before its answer is read."""


class Arriving(io.RawIOBase):
    """The bytes that a socket receives before the deadline."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer with what has come. Raises TimeoutError."""
        self._sock.settimeout(self._deadline.left())
        return self._sock.recv_into(buffer)


def redirected(parts: SplitResult, location: str) -> SplitResult:
    """Where a redirect leads: to the same host, and not away from https."""
    target = urlsplit(urljoin(parts.geturl(), location))
    allowed = ("https",) if parts.scheme == "https" else ("http", "https")
    if (
        not location
        or target.scheme not in allowed
        or target.hostname != parts.hostname
        or "@" in target.netloc
    ):
        raise Invalid("it redirects to another host", remedy="Give the address where it really is.")
    return target


def read(response: http.client.HTTPResponse, etag: str, max_bytes: int) -> Fetched | NotModified:
    """The text of a good answer. Raises for every other."""
    status = response.status
    if status == 304 and etag:
        return NotModified()
    if status in (408, 425, 429) or status >= 500:
        remedy = "See what is wrong with the server. It is asked again by itself."
        raise ClusterUnavailable(f"the server answers {status}", remedy=remedy)
    if status != 200:
        raise Invalid(
            f"the server answers {status}",
            remedy="Give the address where it serves the text to everybody.",
        )
    given = response.getheader("ETag", "")
    return Fetched(text_of(response, max_bytes), given if ETAG.fullmatch(given) else "")


def text_of(response: http.client.HTTPResponse, max_bytes: int) -> str:
    """The body as text, unpacked; never more than it may have."""
    encoding = response.getheader("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip"):
        raise Invalid(f"it is packed as {encoding[:40]}", remedy="Let the server send it plain or as gzip.")
    try:
        raw = unpacked(response, max_bytes) if encoding != "identity" else plain(response, max_bytes)
        return raw.decode("utf-8-sig")
    except zlib.error:
        message, remedy = "it is no whole gzip", "Let the server send it plain or as gzip."
    except UnicodeDecodeError:
        message, remedy = "it is no text in UTF-8", "Let the server send the definition's text in UTF-8."
    raise Invalid(message, remedy=remedy)


def plain(response: http.client.HTTPResponse, max_bytes: int) -> bytes:
    """The bytes of the body."""
    if (response.length or 0) > max_bytes:
        raise too_large(max_bytes)
    return b"".join(blocks(response, max_bytes))


def unpacked(response: http.client.HTTPResponse, max_bytes: int) -> bytes:
    """The bytes that a gzip body holds. Raises zlib.error where it breaks off."""
    inflater = zlib.decompressobj(wbits=31)
    found = bytearray()
    for block in blocks(response, max_bytes):
        found += inflater.decompress(block, max_bytes + 1 - len(found))
        if len(found) > max_bytes:
            raise too_large(max_bytes)
    if not inflater.eof or inflater.unused_data:
        raise zlib.error("not one whole stream")
    return bytes(found)


def blocks(response: http.client.HTTPResponse, max_bytes: int) -> Iterator[bytes]:
    """The body in blocks. Raises IncompleteRead where the server promised more."""
    size = 0
    while block := response.read(BLOCK):
        size += len(block)
        if size > max_bytes:
            raise too_large(max_bytes)
        yield block
    # http.client itself says so only to those who read everything at once.
    if response.length:
        raise http.client.IncompleteRead(b"", response.length)


def too_large(max_bytes: int) -> Invalid:
    """The limit of every text."""
    size = f"{max_bytes // 1024**2} MB" if max_bytes >= 1024**2 else f"{max_bytes // 1024} kB"
    return Invalid(f"it is larger than {size}", remedy="Split it, or leave out examples.")
