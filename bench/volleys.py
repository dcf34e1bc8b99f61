"""Calls as fast as one thread can make them: the tool must not be what is measured.

Each of a few kept-alive connections has one call on its way. Half of them are asked anew while the others are answered, so
that the server always has work; a call costs two system calls and no parsing beyond the status line.
"""

import contextlib
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

_PATIENCE_S = 30.0
_ENOUGH = 65_536


def get(path: str, host: str, headers: Sequence[tuple[str, str]] = ()) -> bytes:
    """The bytes of a GET request."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"GET {path} HTTP/1.1\r\nhost: {host}\r\n{lines}\r\n".encode()


@dataclass(frozen=True, slots=True)
class Round:
    """What one round saw: calls answered, and the seconds that they took."""

    calls: int
    seconds: float

    @property
    def per_s(self) -> float:
        return self.calls / self.seconds


def throughput(port: int, requests: Sequence[bytes], *, seconds: float, connections: int = 32) -> Round:
    """`requests` in turn over all connections for so long. Raises where one was not answered with 200."""
    with contextlib.ExitStack() as stack:
        opened = [_connect(stack, port) for _ in range(connections)]
        halves = (opened[: connections // 2], opened[connections // 2 :])
        asked, calls = 0, 0
        for half in halves:
            asked = _ask(half, requests, asked)
        began = time.perf_counter()
        until = began + seconds
        while time.perf_counter() < until:
            for half in halves:
                _answers(half)
                asked = _ask(half, requests, asked)
                calls += len(half)
        took = time.perf_counter() - began
        for half in halves:
            _answers(half)
    return Round(calls, took)


def latencies(port: int, requests: Sequence[bytes], *, seconds: float) -> list[float]:
    """`requests` one after the other on one connection for so long: how many seconds each took."""
    took: list[float] = []
    with contextlib.ExitStack() as stack:
        (connection,) = opened = [_connect(stack, port)]
        until, number = time.perf_counter() + seconds, 0
        while (began := time.perf_counter()) < until:
            connection.sendall(requests[number % len(requests)])
            _answers(opened)
            took.append(time.perf_counter() - began)
            number += 1
    return took


def _connect(stack: contextlib.ExitStack, port: int) -> socket.socket:
    connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), _PATIENCE_S))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # Without a time limit a read is one system call, not two.
    connection.settimeout(None)
    return connection


def _ask(connections: Sequence[socket.socket], requests: Sequence[bytes], number: int) -> int:
    for connection in connections:
        connection.send(requests[number % len(requests)])
        number += 1
    return number


def _answers(connections: Sequence[socket.socket]) -> None:
    """The answer's length is not looked at: what is asked for here fits into one segment, and comes in one piece."""
    for connection in connections:
        answer = connection.recv(_ENOUGH)
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"the gateway answered {answer[:300]!r}")
