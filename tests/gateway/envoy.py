"""A real Envoy in front of a small backend that answers with what it was sent."""

import contextlib
import http.client
import json
import socket
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from gateway.snapshot import Snapshot
from gateway.targets.envoy import (
    Address,
    EnvoyOptions,
    envoy_command,
    render,
    write_bootstrap,
    write_resources,
)

PROBE_SECRET = "5ec7e7" * 8
ENVIRONMENTS = ("production", "sandbox")


class Echo(BaseHTTPRequestHandler):
    """Answers 200 with the request as JSON, and remembers what the last calls asked for."""

    protocol_version = "HTTP/1.1"
    # The answer in one piece; in two, the second would wait 40 ms for the receipt of the first.
    wbufsize = -1
    seen: ClassVar[deque[str]] = deque(maxlen=100)

    def answer(self) -> None:
        sent = self.read_body().decode("latin-1")
        self.seen.append(f"{self.command} {self.path}")
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = {"method": self.command, "path": self.path, "headers": headers, "body": sent}
        body = json.dumps(asked).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("x-powered-by", "echo")
        self.send_header("x-portico-reason", "suspended")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def read_body(self) -> bytes:
        if "transfer-encoding" not in self.headers:
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_HEAD = answer

    def log_message(self, *args: Any) -> None:
        pass


class Backend(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A call that broke off on its way is what some tests are about."""


@contextlib.contextmanager
def echo_backend(kind: type[Echo] = Echo) -> Iterator[str]:
    """Yield the backend's URL."""
    server = Backend(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Answer:
    """One HTTP answer: header names in lower case, the body parsed where it is JSON."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def reason(self) -> str | None:
        return self.body.get("reason") if isinstance(self.body, dict) else None


@dataclass
class RunningEnvoy:
    """An Envoy process on its files. Not running until `start`."""

    options: EnvoyOptions
    process: subprocess.Popen | None = None
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.options.directory / "envoy.log"

    @classmethod
    def on_free_ports(cls, directory: Path, **options: Any) -> "RunningEnvoy":
        listeners = {name: Address("127.0.0.1", free_port()) for name in ENVIRONMENTS}
        return cls(EnvoyOptions(directory, listeners, PROBE_SECRET, **options))

    def write(self, snapshot: Snapshot) -> list[str]:
        written = write_resources(render(snapshot, self.options), self.options)
        write_bootstrap(self.options)
        return written

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                envoy_command(self.options, concurrency=1), stdout=log, stderr=log
            )
        wait_until(self.ready, what=lambda: self.log.read_text()[-4000:])

    def ready(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            raise AssertionError(self.log.read_text()[-4000:])
        try:
            return self.call("/").status == 404
        except OSError:
            return False

    def stop(self, *, kill: bool = False) -> None:
        if self.process is not None:
            self.process.kill() if kill else self.process.terminate()
            self.process.wait(timeout=20)
            self.process = None

    def call(
        self,
        path: str,
        *,
        method: str = "GET",
        environment: str = "production",
        token: str = "",
        key: str = "",
        headers: dict[str, str] | list[tuple[str, str]] = (),
    ) -> Answer:
        """Send one request on a connection of its own; the path goes out unchanged."""
        address = self.options.listeners[environment]
        connection = http.client.HTTPConnection(address.host, address.port, timeout=10)
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in headers.items() if isinstance(headers, dict) else headers:
                connection.putheader(name, value)
            if token:
                connection.putheader("authorization", f"Bearer {token}")
            if key:
                connection.putheader("x-api-key", key)
            connection.endheaders()
            response = connection.getresponse()
            return _answer(response)
        finally:
            connection.close()

    def access_log(self) -> list[dict[str, Any]]:
        """All lines that are written to their end."""
        lines = self.options.access_log.read_text().split("\n")[:-1]
        return [json.loads(line) for line in lines]


def _answer(response: http.client.HTTPResponse) -> Answer:
    headers = {name.lower(): value for name, value in response.getheaders()}
    body: Any = response.read()
    if body and "json" in headers.get("content-type", ""):
        body = json.loads(body)
    return Answer(response.status, headers, body)


def wait_until(condition: Any, *, seconds: float = 20, what: Any = lambda: "") -> None:
    """Poll until `condition()` is true; fail with `what()` after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"did not happen within {seconds} s: {what()}")
        time.sleep(0.02)
