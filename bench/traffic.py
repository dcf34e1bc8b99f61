"""Calls at a steady rate, whatever the answers take: who called, when it was answered, and what."""

import http.client
import itertools
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Call:
    """One call. Times are seconds since 1970; `status` 0 means that nobody answered."""

    who: str
    sent: float
    answered: float
    status: int


@dataclass
class Traffic:
    """`rate` calls a second to one address, by each of `callers` in turn; they may come and go meanwhile.

    A caller is asked for its headers before each call, on whichever thread makes it. With a `body` the calls are POSTs.
    `heard` gets each answer's text; `at_end` is done by each thread before it ends.
    """

    url: str
    rate: float
    callers: dict[str, Callable[[], Mapping[str, str]]] = field(default_factory=dict)
    body: str | None = None
    heard: Callable[[str, int, str], None] = lambda *_: None
    at_end: Callable[[], None] = lambda: None
    threads: int = 8
    calls: list[Call] = field(default_factory=list)
    failed: list[BaseException] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._ending, self._began, self._numbers = threading.Event(), time.monotonic(), itertools.count()
        self._running = [threading.Thread(target=self._run, daemon=True) for _ in range(self.threads)]
        for thread in self._running:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._running:
            thread.join(_TIMEOUT_S + 1)

    def of(self, who: str) -> list[Call]:
        """A caller's calls in the order of their answers."""
        return sorted((call for call in list(self.calls) if call.who == who), key=lambda call: call.answered)

    def goes_on(self, seconds: float) -> None:
        """Let it run. Raises what a caller raised."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(min(0.05, max(0.0, until - time.monotonic())))
            if self.failed:
                raise self.failed[0]

    def _run(self) -> None:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=_TIMEOUT_S)
        try:
            # next() of a count is one step to the interpreter: no two threads get the same number.
            for number in self._numbers:
                due = self._began + number / self.rate
                if self._ending.wait(max(0.0, due - time.monotonic())):
                    return
                callers = list(self.callers.items())
                if callers:
                    self._call(connection, *callers[number % len(callers)])
        except BaseException as error:
            self.failed.append(error)
            raise
        finally:
            connection.close()
            self.at_end()

    def _call(
        self, connection: http.client.HTTPConnection, who: str, headers: Callable[[], Mapping[str, str]]
    ) -> None:
        sent = time.time()
        text, status, parts = "", 0, urlsplit(self.url)
        method = "GET" if self.body is None else "POST"
        try:
            connection.request(method, parts.path, self.body, dict(headers()))
            answer = connection.getresponse()
            text, status = answer.read().decode(errors="replace"), answer.status
        except (OSError, http.client.HTTPException):
            connection.close()
        self.calls.append(Call(who, sent, time.time(), status))
        self.heard(who, status, text)
