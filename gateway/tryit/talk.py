"""A WebSocket that the portal holds for a person: what they gave is said, and what comes back is told.

The browser's own could not reach the gateway without a second origin; a thread of the portal can, for as long as a try lasts.
"""

from collections.abc import Iterator
from http.client import HTTPResponse

from django.utils.translation import gettext as _
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, TextMessage
from wsproto.utilities import LocalProtocolError, RemoteProtocolError, generate_nonce

from .wire import Call

MOST_BYTES = 1024 * 1024
MOST_MESSAGES = 20


def handshake() -> list[tuple[str, str]]:
    """The headers that ask for a WebSocket (RFC 6455 section 4.1)."""
    return [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", generate_nonce().decode()),
    ]


def messages_of(text: str) -> list[str]:
    """What to say: messages with a line of --- between them."""
    parts = f"\n{text.replace(chr(13), '')}\n".split("\n---\n")
    return [part.strip("\n") for part in parts if part.strip()][:MOST_MESSAGES]


class Talk:
    """`ended` says why it is over, where the other side said so. Reading raises what reading of the call raises."""

    def __init__(self, call: Call, response: HTTPResponse) -> None:
        self.wire = call.wire()
        # What came right behind the handshake is in the response's own buffer.
        self.source = response.fp
        self.talk = Connection(ConnectionType.CLIENT)
        self.ended = ""
        self._begun = ""

    def say(self, messages: list[str]) -> None:
        for text in messages:
            self.wire.sendall(self.talk.send(TextMessage(data=text)))

    def heard(self) -> Iterator[str]:
        """Each message as it comes; of bytes, how many."""
        size = 0
        while not self.ended:
            data = self.source.read1(65536)
            size += len(data)
            try:
                self.talk.receive_data(data or None)
                for event in self.talk.events():
                    yield from self._told(event)
            except (RemoteProtocolError, LocalProtocolError):
                self.ended = _("It broke a rule of WebSockets.")
            if size > MOST_BYTES:
                self.ended = self.ended or _("Ended after 1 MB.")

    def _told(self, event: Event) -> Iterator[str]:
        if isinstance(event, TextMessage):
            self._begun += event.data
            if event.message_finished:
                yield self._begun
                self._begun = ""
        elif isinstance(event, BytesMessage):
            yield f"{len(event.data)} bytes"
        elif isinstance(event, Ping):
            self.wire.sendall(self.talk.send(event.response()))
        elif isinstance(event, CloseConnection):
            self.ended = f"The API closed it with {event.code}{f': {event.reason}' if event.reason else '.'}"
