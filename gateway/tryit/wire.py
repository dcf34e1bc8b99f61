"""One connection to a listener of the gateway, with an end that no slow answer can put off."""

import contextlib
import io
import select
import socket
import ssl
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from portal.errors import GatewayUnavailable

from .outgoing import Outgoing

_CONNECT_SECONDS = 5.0
_PIECE = 64 * 1024
AGENT = "Portico-try"


class TooSlow(Exception):
    """The time of the whole call is over."""


class Gone(Exception):
    """Whoever asked has gone away."""


class Clock:
    """When the call ends, whatever happens until then, and whether somebody still waits for it.

    `caller` is the browser's connection where the server lets us see it: closed, it ends the call at once.
    """

    def __init__(self, seconds: float, caller: socket.socket | None = None) -> None:
        self.ends = time.monotonic() + seconds
        # Over TLS nothing can be seen without reading it.
        self.caller = None if isinstance(caller, ssl.SSLSocket) else caller

    def left(self) -> float:
        """Seconds, more than 0. Raises TooSlow."""
        left = self.ends - time.monotonic()
        if left <= 0:
            raise TooSlow
        return left

    def shorten(self, seconds: float) -> None:
        """End in so many seconds at the latest."""
        self.ends = min(self.ends, time.monotonic() + seconds)

    def wait(self, source: socket.socket) -> None:
        """Until something can be read of it. Raises TooSlow and Gone."""
        asked = select.poll()
        asked.register(source, select.POLLIN)
        while True:
            watched = self.caller
            if watched:
                if watched.fileno() < 0:
                    raise Gone
                asked.register(watched, select.POLLIN)
            ready = {descriptor for descriptor, _ in asked.poll(self.left() * 1000)}
            if source.fileno() in ready:
                return
            if watched and watched.fileno() in ready:
                asked.unregister(watched)
                self._look()

    def _look(self) -> None:
        """An end of file is somebody who left; anything else is not ours to read, and says no more."""
        try:
            if self.caller and self.caller.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b"":
                raise Gone
        except BlockingIOError:
            return
        except (OSError, ValueError) as error:
            raise Gone from error
        self.caller = None


class _Reader(io.RawIOBase):
    def __init__(self, source: socket.socket, clock: Clock) -> None:
        self.source, self.clock = source, clock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        pending = isinstance(self.source, ssl.SSLSocket) and self.source.pending()
        if not pending:
            self.clock.wait(self.source)
        self.source.settimeout(self.clock.left())
        try:
            return self.source.recv_into(buffer)
        except TimeoutError as error:
            raise TooSlow from error


class _Socket:
    """What http.client asks of a socket, held to the clock. A timeout of a socket itself begins anew with every piece."""

    def __init__(self, source: socket.socket, clock: Clock) -> None:
        self.source, self.clock = source, clock

    def sendall(self, data: Any) -> None:
        self.source.settimeout(self.clock.left())
        try:
            self.source.sendall(data)
        except TimeoutError as error:
            raise TooSlow from error

    def makefile(self, mode: str, *args: Any) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self.source, self.clock), _PIECE)

    def close(self) -> None:
        self.source.close()


class Call:
    """One call on a connection of its own, which follows nothing and keeps nothing.

    Raises GatewayUnavailable where the listener does not answer, TooSlow and Gone.
    """

    def __init__(self, environment: str, sent: Outgoing, proof: list[tuple[str, str]], clock: Clock) -> None:
        # The address is the settings' alone: nothing of the request has a part in it.
        self.parts = urlsplit(settings.GATEWAY_URLS[environment])
        self.sent, self.proof, self.clock = sent, proof, clock
        self.connection = HTTPConnection(self.parts.hostname or "")
        self.began = time.perf_counter()
        self.answered = 0.0

    def open(self, *more: tuple[str, str]) -> HTTPResponse:
        """Send it with its credential and these headers, and wait for the answer's head."""
        try:
            self.connection.sock = self._connect()
            self.began = time.perf_counter()
            self._send(*more)
            response = self.connection.getresponse()
        except (TooSlow, Gone):
            self.close()
            raise
        except (OSError, HTTPException, ValueError) as error:
            self.close()
            raise GatewayUnavailable(
                _("The gateway did not answer."),
                remedy=_("Try again in a moment; the status page says how it is."),
            ) from error
        self.answered = time.perf_counter()
        return response

    def close(self) -> None:
        self.connection.close()

    def wire(self) -> _Socket:
        """The connection itself, for what is no HTTP any more."""
        return self.connection.sock  # type: ignore[return-value]

    @property
    def waited_ms(self) -> float:
        """From the first byte that was sent to the answer's head."""
        return (self.answered - self.began) * 1000

    def _connect(self) -> _Socket:
        host, secure = self.parts.hostname or "", self.parts.scheme == "https"
        port = self.parts.port or (443 if secure else 80)
        source = socket.create_connection((host, port), timeout=min(_CONNECT_SECONDS, self.clock.left()))
        if secure:
            source = ssl.create_default_context().wrap_socket(source, server_hostname=host)
        source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return _Socket(source, self.clock)

    def _send(self, *more: tuple[str, str]) -> None:
        sent = self.sent
        self.connection.putrequest(sent.method, sent.target, skip_host=True, skip_accept_encoding=True)
        headers = [("Host", self.parts.netloc), ("User-Agent", AGENT), *sent.headers, *self.proof, *more]
        for name, value in headers:
            self.connection.putheader(name, value.encode())
        if sent.body or sent.method in ("POST", "PUT", "PATCH"):
            self.connection.putheader("Content-Length", str(len(sent.body)))
        # A listener that refuses the call may do so before it has all of it; its answer counts.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.connection.endheaders(sent.body or None)


def pieces(response: HTTPResponse, most: int) -> Iterator[bytes]:
    """The body as it comes, `most` bytes of it and not one more. Raises TooSlow, Gone, and OSError where it breaks off."""
    left = most
    while left > 0:
        try:
            piece = response.read1(min(_PIECE, left))
        except HTTPException as error:
            raise ConnectionError("the answer broke off") from error
        if not piece:
            return
        left -= len(piece)
        yield piece
