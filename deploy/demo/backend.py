"""The demo backend: one small HTTP/1.1 server behind all demo APIs. `python deploy/demo/backend.py --port 8090`.

Its own protocol on asyncio rather than http.server, because benches run against it: some ten times as fast.
`/healthz` says that it is up; any path that ends in `/echo` gives the request back as it arrived.
"""

import argparse
import asyncio
import json
import signal
from http import HTTPStatus
from typing import Any

import answers

MOST_HEAD = 64 * 1024
MOST_BODY = 1024 * 1024
REASONS = {status.value: status.phrase for status in HTTPStatus}


class BadRequestError(Exception):
    """The bytes are not a request that this server takes."""


class Connection(asyncio.Protocol):
    """One keep-alive connection; requests may follow one another without waiting."""

    def __init__(self) -> None:
        self.waiting = bytearray()
        self.stream: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self.stream:
            self.stream.cancel()

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        try:
            while not self.stream and (request := self.next_request()):
                self.respond(*request)
        except (BadRequestError, ValueError):
            self.write(400, {"title": "Bad request", "status": 400}, close=True)

    def next_request(self) -> tuple[str, str, dict[str, str], bytes] | None:
        """The next complete request, taken off the buffer; None while some of it is still to come."""
        end = self.waiting.find(b"\r\n\r\n")
        if end < 0:
            if len(self.waiting) > MOST_HEAD:
                raise BadRequestError
            return None
        lines = self.waiting[:end].decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if "chunked" in headers.get("transfer-encoding", ""):
            found = unchunked(self.waiting, end + 4)
        else:
            length = int(headers.get("content-length", 0))
            if not 0 <= length <= MOST_BODY:
                raise BadRequestError
            rest = end + 4 + length
            found = (bytes(self.waiting[end + 4 : rest]), rest) if len(self.waiting) >= rest else None
        if found is None:
            return None
        body, rest = found
        del self.waiting[:rest]
        return method, target, headers, body

    def respond(self, method: str, target: str, headers: dict[str, str], body: bytes) -> None:
        path = target.partition("?")[0]
        close = headers.get("connection", "").lower() == "close"
        if path == "/healthz":
            self.write(200, {"status": "ok"}, close=close)
        elif path.endswith("/echo"):
            text = body.decode("utf-8", "replace")
            self.write(200, {"method": method, "path": target, "headers": headers, "body": text}, close=close)
        elif path in answers.EVENTS and "text/event-stream" in headers.get("accept", ""):
            self.stream = asyncio.get_running_loop().create_task(self.send_events(answers.EVENTS[path]))
        else:
            status, found = answers.answer("GET" if method == "HEAD" else method, target, body)
            self.write(status, found, close=close, without_body=method == "HEAD")

    def write(self, status: int, body: Any, *, close: bool = False, without_body: bool = False) -> None:
        """Sends a JSON answer."""
        content = b"" if body is None else json.dumps(body).encode()
        kind = "application/problem+json" if status >= 400 else "application/json"
        head = f"HTTP/1.1 {status} {REASONS[status]}\r\n"
        if body is not None:
            head += f"content-type: {kind}\r\ncontent-length: {len(content)}\r\n"
        head += "connection: close\r\n\r\n" if close else "\r\n"
        self.transport.write(head.encode() + (b"" if without_body else content))
        if close:
            self.transport.close()

    async def send_events(self, rows: list[dict[str, Any]]) -> None:
        """Sends the events one after the other, and begins again, until the client goes away."""
        head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\nconnection: close\r\n\r\n"
        self.transport.write(head.encode())
        while True:
            for row in rows:
                self.transport.write(f"id: {row['id']}\ndata: {json.dumps(row)}\n\n".encode())
                await asyncio.sleep(1)


def unchunked(data: bytearray, start: int) -> tuple[bytes, int] | None:
    """A chunked body and where it ends; None while some of it is still to come."""
    body = bytearray()
    while (end := data.find(b"\r\n", start)) >= 0:
        size = int(data[start:end].split(b";")[0], 16)
        if size < 0 or len(body) + size > MOST_BODY:
            raise BadRequestError
        start = end + 2 + size + 2
        if len(data) < start:
            return None
        if size == 0:
            return bytes(body), start
        body += data[end + 2 : end + 2 + size]
    return None


async def serve(host: str, port: int) -> None:
    """Serves until it is asked to stop."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    server = await loop.create_server(Connection, host, port, backlog=1024)
    print(f"demo backend on http://{host}:{server.sockets[0].getsockname()[1]}", flush=True)
    await stop.wait()
    server.close()


if __name__ == "__main__":
    options = argparse.ArgumentParser(description="The backend of the demo APIs.")
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=int, default=8090)
    arguments = options.parse_args()
    asyncio.run(serve(arguments.host, arguments.port))
