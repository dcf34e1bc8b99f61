"""Backends of the kinds of APIs that are more than a question and an answer."""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator
from typing import ClassVar

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, RequestReceived, StreamEnded
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Event, Request, TextMessage

from gateway.targets.envoy import Address
from tests.gateway.envoy import Echo


class Kinds(Echo):
    """Echo, but for a WebSocket, which says everything back in capitals, and for a stream of two events."""

    # The second event is sent when the test has read the first.
    first_was_read: ClassVar[threading.Event] = threading.Event()

    def do_GET(self) -> None:
        if self.headers.get("upgrade") == "websocket":
            self.talk()
        elif self.path.endswith("/events"):
            self.stream()
        else:
            self.answer()

    def stream(self) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b"data: first\n\n")
        self.wfile.flush()
        assert self.first_was_read.wait(20)
        self.wfile.write(b"data: second\n\n")

    def talk(self) -> None:
        self.close_connection = True
        talk = WSConnection(ConnectionType.SERVER)
        headers = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        talk.initiate_upgrade_connection(headers, self.path)
        while True:
            for event in talk.events():
                if answer := _said_back(event):
                    self.connection.sendall(talk.send(answer))
                if isinstance(event, CloseConnection):
                    return
            talk.receive_data(self.connection.recv(65536) or None)


def _said_back(event: Event) -> Event | None:
    if isinstance(event, Request):
        return AcceptConnection()
    if isinstance(event, TextMessage):
        return TextMessage(event.data.upper())
    return event.response() if isinstance(event, CloseConnection) else None


class Talk:
    """A WebSocket's client. `accepted` is False where the gateway answered with a refusal."""

    def __init__(self, address: Address, target: str, headers: list[tuple[str, str]]) -> None:
        self._talk = WSConnection(ConnectionType.CLIENT)
        self._socket = socket.create_connection((address.host, address.port), timeout=10)
        sent = [(name.encode(), value.encode()) for name, value in headers]
        self._send(Request(host="gateway", target=target, extra_headers=sent))
        answer = self._next()
        self.accepted = isinstance(answer, AcceptConnection)
        given = answer.extra_headers if self.accepted else answer.headers
        self.headers = {name.decode().lower(): value.decode() for name, value in given}

    def say(self, text: str) -> str:
        self._send(TextMessage(text))
        return self._next().data

    def close(self) -> None:
        if self.accepted:
            self._send(CloseConnection(1000))
            self._next()
        self._socket.close()

    def _send(self, event: Event) -> None:
        self._socket.sendall(self._talk.send(event))

    def _next(self) -> Event:
        while True:
            for event in self._talk.events():
                return event
            self._talk.receive_data(self._socket.recv(65536) or None)


class Grpc(socketserver.BaseRequestHandler):
    """Answers each call over HTTP/2 with the message that came, its headers as others, and the trailer grpc-status.

    But first it resets as many streams as there are error codes in `resets`. `asked` counts.
    """

    resets: ClassVar[list[ErrorCodes]] = []
    asked: ClassVar[list[str]] = []

    def handle(self) -> None:
        h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        h2.initiate_connection()
        self.request.sendall(h2.data_to_send())
        calls: dict[int, tuple[dict[str, str], bytearray]] = {}
        while data := self.request.recv(65536):
            for event in h2.receive_data(data):
                if isinstance(event, RequestReceived) and self.refused(h2, event):
                    continue
                if isinstance(event, RequestReceived):
                    calls[event.stream_id] = dict(event.headers), bytearray()
                elif isinstance(event, DataReceived):
                    if event.stream_id in calls:
                        calls[event.stream_id][1].extend(event.data)
                    h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, StreamEnded) and event.stream_id in calls:
                    _answer(h2, event.stream_id, *calls.pop(event.stream_id))
            self.request.sendall(h2.data_to_send())

    def refused(self, h2: H2Connection, event: RequestReceived) -> bool:
        self.asked.append(dict(event.headers)[":path"])
        if not self.resets:
            return False
        h2.reset_stream(event.stream_id, self.resets.pop(0))
        return True


def _answer(h2: H2Connection, stream: int, headers: dict[str, str], message: bytearray) -> None:
    asked = [(f"x-asked-{name.strip(':')}", value) for name, value in headers.items()]
    h2.send_headers(stream, [(":status", "200"), ("content-type", "application/grpc"), *asked])
    h2.send_data(stream, bytes(message))
    h2.send_headers(stream, [("grpc-status", "0"), ("grpc-message", "well")], end_stream=True)


@contextlib.contextmanager
def grpc_backend() -> Iterator[str]:
    """Yield the backend's URL."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Grpc) as server:
        server.daemon_threads = True
        server.block_on_close = False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@contextlib.contextmanager
def silent_backend() -> Iterator[str]:
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
