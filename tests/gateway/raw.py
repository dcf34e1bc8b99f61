"""Requests byte for byte, as no client library would send them, and HTTP/2 without its manners."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import IO, Self

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)

from gateway.targets.envoy import Address


@dataclass
class RawAnswer:
    """`reason` is the header's, which every refusal of the gateway's own has."""

    status: int
    headers: dict[str, str]
    body: bytes = b""
    trailers: dict[str, str] = field(default_factory=dict)

    @property
    def reason(self) -> str | None:
        return self.headers.get("x-portico-reason")


def send(address: Address, request: bytes) -> list[RawAnswer]:
    """All answers on one connection, to the one after which the gateway closes it."""
    with socket.create_connection((address.host, address.port), timeout=10) as connection:
        connection.sendall(request)
        answers = []
        with connection.makefile("rb") as stream:
            while answer := _read(stream):
                answers.append(answer)
                if answer.headers.get("connection") == "close":
                    break
        return answers


def _read(stream: IO[bytes]) -> RawAnswer | None:
    first = stream.readline()
    if not first:
        return None
    headers: dict[str, str] = {}
    while line := stream.readline().strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    return RawAnswer(int(first.split()[1]), headers, stream.read(int(headers.get("content-length", 0))))


class Http2:
    """One connection with prior knowledge. Nothing that it sends is checked on this side."""

    def __init__(self, address: Address) -> None:
        free = dict.fromkeys(("normalize_outbound_headers", "validate_outbound_headers"), False)
        self._h2 = H2Connection(H2Configuration(header_encoding="utf-8", **free))
        self._socket = socket.create_connection((address.host, address.port), timeout=10)
        self._h2.initiate_connection()
        self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()

    def call(self, headers: Iterable[tuple[str, str]], body: bytes = b"") -> RawAnswer | None:
        self.ask(headers, body)
        return self.answer()

    def ask(self, headers: Iterable[tuple[str, str]], body: bytes = b"") -> None:
        stream = self._h2.get_next_available_stream_id()
        self._h2.send_headers(stream, list(headers), end_stream=not body)
        if body:
            self._h2.send_data(stream, body, end_stream=True)
        self._flush()

    def answer(self) -> RawAnswer | None:
        """None where the gateway took it for no request, and reset the stream or closed the connection."""
        answer: RawAnswer | None = None
        while data := self._received():
            for event in self._h2.receive_data(data):
                answer = _taken(answer, event)
                if isinstance(event, StreamEnded):
                    return answer
                if isinstance(event, StreamReset | ConnectionTerminated):
                    return None
            self._flush()
        return None

    def _received(self) -> bytes:
        try:
            return self._socket.recv(65536)
        except ConnectionResetError:
            return b""

    def _flush(self) -> None:
        self._socket.sendall(self._h2.data_to_send())


def _taken(answer: RawAnswer | None, event: Event) -> RawAnswer | None:
    if isinstance(event, ResponseReceived):
        headers = dict(event.headers)
        return RawAnswer(int(headers[":status"]), headers)
    if answer and isinstance(event, DataReceived):
        answer.body += event.data
    if answer and isinstance(event, TrailersReceived):
        answer.trailers = dict(event.headers)
    return answer
