"""Many calls from one process: over a few connections at once, each answer's status kept. Also for the tests."""

import contextlib
import socket
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO
from urllib.parse import urlsplit

# Envoy ends a connection that asks again before it was answered, so each has one call on its way.
_CONNECTIONS = 8


@dataclass
class Calls:
    """Makes `total` GET calls to `addresses` in turn, `a_second` of them at most, in threads of its own.

    `statuses` counts the answers. A connection that breaks is an error: nobody could say then which calls were made.
    """

    addresses: Sequence[str]
    headers: Mapping[str, str]
    total: int
    threads: int = 2
    a_second: float | None = None
    statuses: Counter[int] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    _running: list[threading.Thread] = field(default_factory=list)

    def start(self) -> "Calls":
        shares = [self.total // self.threads] * self.threads
        shares[0] += self.total - sum(shares)
        self._running = [threading.Thread(target=self._work, args=(share,)) for share in shares]
        for thread in self._running:
            thread.start()
        return self

    @property
    def done(self) -> int:
        return self.statuses.total()

    def wait(self) -> Counter[int]:
        """The statuses, once all calls are answered. Raises RuntimeError where a connection broke."""
        for thread in self._running:
            thread.join()
        if self.errors:
            raise RuntimeError(self.errors[0])
        return self.statuses

    def _work(self, share: int) -> None:
        try:
            self._call(share)
        except Exception as error:  # noqa: BLE001  told by `wait`
            self.errors.append(repr(error))

    def _call(self, share: int) -> None:
        parts = [urlsplit(address) for address in self.addresses]
        head = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        requests = [
            f"GET {part.path} HTTP/1.1\r\nhost: {part.netloc}\r\n{head}\r\n".encode() for part in parts
        ]
        began, made = time.monotonic(), 0
        with contextlib.ExitStack() as stack:
            open_ones = [_Connection(parts[0].hostname, parts[0].port, stack) for _ in range(_CONNECTIONS)]
            while made < share:
                turn = open_ones[: min(_CONNECTIONS, share - made)]
                for n, connection in enumerate(turn):
                    connection.socket.sendall(requests[(made + n) % len(requests)])
                self.statuses.update([_status(connection.answers) for connection in turn])
                made += len(turn)
                if self.a_second:
                    time.sleep(max(0.0, began + made * self.threads / self.a_second - time.monotonic()))


class _Connection:
    """A kept-alive connection and what comes from it."""

    def __init__(self, host: str | None, port: int | None, stack: contextlib.ExitStack) -> None:
        self.socket = stack.enter_context(socket.create_connection((host or "", port or 80), timeout=30))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answers = stack.enter_context(self.socket.makefile("rb"))


def _status(answers: BinaryIO) -> int:
    """Read one answer. Counter.update is not atomic, hence a list of them at a time above."""
    first = answers.readline()
    length = 0
    while (line := answers.readline()) not in {b"\r\n", b""}:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
        elif name.lower() == b"transfer-encoding":
            raise RuntimeError("answers in chunks are not read")
    answers.read(length)
    return int(first.split(b" ", 2)[1])
