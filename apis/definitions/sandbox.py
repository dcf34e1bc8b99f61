"""Read definitions in a process of their own, which is killed when a text takes too long or too much memory.

Each process that calls `parse` has one reader, started on first use and again after it was killed. A forked process
starts its own. The reader ends with its parent, because its input ends then.
"""

import atexit
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from apis.definitions.diff import Change, Level
from apis.definitions.parsed import Definition, from_plain
from apis.definitions.reference import parts
from apis.definitions.sandboxed import LENGTH, PATIENCE, WORK_BYTES
from portal.errors import PorticoError
from portal.safeyaml import BadYaml

ROOT = Path(__file__).resolve().parents[2]
# A cold start on a busy machine; the text is not to blame for it, so it does not count as reading.
START_SECONDS = 30.0
OUT_OF_TIME = (-signal.SIGPROF, -signal.SIGALRM)
REMEDY = "Split the definition, or leave out examples."


class Overdue(Exception):
    """The reader has not answered in time."""


class Gone(Exception):
    """The reader has ended."""


def parse(text: str, *, seconds: float = 10.0, work_bytes: int = WORK_BYTES) -> Definition:
    """What `apis.definitions.parse` returns and raises, and Invalid where the text takes more than it may.

    `seconds` are of the processor, and PATIENCE times as many by the clock; `work_bytes` come on top of the message.
    """
    return from_plain(_asked("definition", text, seconds, work_bytes))


def reference(text: str, *, seconds: float = 20.0, work_bytes: int = WORK_BYTES) -> parts.Reference:
    """What `apis.definitions.reference.reference_of` returns and raises, within the same bounds as `parse`."""
    return parts.from_plain(_asked("reference", text, seconds, work_bytes))


def diff(old: str, new: str, *, seconds: float = 9.0, work_bytes: int = WORK_BYTES) -> tuple[Change, ...]:
    """What `apis.definitions.diff.diff` returns and raises, within the same bounds as `parse`."""
    found = _asked("changes", new, seconds, work_bytes, old=old)
    return tuple(Change(**{**change, "level": Level(change["level"])}) for change in found)


def _asked(wanted: str, text: str, seconds: float, work_bytes: int, **more: str) -> Any:
    message = {"wanted": wanted, "text": text, "seconds": seconds, "bytes": work_bytes, **more}
    try:
        answer = _reader.ask(message, seconds * PATIENCE)
    except Overdue:
        raise BadYaml(f"The definition takes more than {seconds:g} s to read", remedy=REMEDY) from None
    except Gone:
        answer = {"memory": True}
    if wanted in answer:
        return answer[wanted]
    raise refusal(answer)


def refusal(answer: dict[str, Any]) -> PorticoError:
    """What to raise for an answer that does not hold what was asked for."""
    if "memory" in answer:
        return BadYaml("The definition takes more memory than allowed to read", remedy=REMEDY)
    if "fault" in answer:
        remedy = "Check it with another tool, and report it to Portico."
        return PorticoError(f"Portico could not read this definition ({answer['fault']})", remedy=remedy)
    return BadYaml(answer["invalid"], line=answer["line"], remedy=answer["remedy"])


def close() -> None:
    """End the reader of this process, if there is one."""
    with _reader.lock:
        _reader.end()


class _Reader:
    """The reading process of this process; one text at a time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process: subprocess.Popen[bytes] | None = None

    def ask(self, message: dict[str, Any], seconds: float) -> dict[str, Any]:
        """The answer. Raises Overdue or Gone, after which the next question finds a new process."""
        body = json.dumps(message).encode()
        with self.lock:
            # Whoever is cut off in the middle leaves half a message behind, so then too the process is ended.
            answered = False
            try:
                process = self._running()
                deadline = time.monotonic() + seconds
                _write(process, LENGTH.pack(len(body)) + body, deadline)
                answer = _read_message(process, deadline)
                answered = not (answer.get("spent") or answer.get("memory"))
                return answer
            except Gone:
                if self.process is not None and self.process.wait() in OUT_OF_TIME:
                    raise Overdue from None
                raise
            finally:
                if not answered:
                    self.end()

    def end(self) -> None:
        """Kill the process, if there is one."""
        if self.process is not None:
            process, self.process = self.process, None
            process.kill()
            process.wait()
            _close_pipes(process)

    def forget(self) -> None:
        """In a forked process: the parent's reader is not ours, and must see its input end with the parent."""
        self.lock = threading.Lock()
        if self.process is not None:
            process, self.process = self.process, None
            _close_pipes(process)
            process.returncode = 0  # not our child: Popen must not wait for it, nor warn

    def _running(self) -> subprocess.Popen[bytes]:
        """The process, started where there is none. Raises PorticoError if it does not come up."""
        if self.process is not None and self.process.poll() is None:
            return self.process
        self.end()
        self.process = process = subprocess.Popen(
            [sys.executable, "-m", "apis.definitions.sandboxed"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            cwd=ROOT,
            # None of the portal's secrets are in reach of what reads hostile text.
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            start_new_session=True,
        )
        for pipe in (process.stdin, process.stdout):
            os.set_blocking(pipe.fileno(), False)  # type: ignore[union-attr]
        try:
            _read_message(process, time.monotonic() + START_SECONDS)
        except (Overdue, Gone):
            remedy = "Look at the portal's log, then try again."
            raise PorticoError("The reader of definitions does not start", remedy=remedy) from None
        return process


def _write(process: subprocess.Popen[bytes], data: bytes, deadline: float) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(_ready(process.stdin, select.POLLOUT, deadline), rest) :]
        except BrokenPipeError:
            raise Gone from None


def _read_message(process: subprocess.Popen[bytes], deadline: float) -> dict[str, Any]:
    (length,) = LENGTH.unpack(_read(process, LENGTH.size, deadline))
    message: dict[str, Any] = json.loads(_read(process, length, deadline))
    return message


def _read(process: subprocess.Popen[bytes], size: int, deadline: float) -> bytes:
    parts, missing = [], size
    while missing:
        part = os.read(_ready(process.stdout, select.POLLIN, deadline), min(missing, 1 << 20))
        if not part:
            raise Gone
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _ready(pipe: Any, event: int, deadline: float) -> int:
    """The pipe's number once it can be used. Raises Overdue."""
    waiting = select.poll()
    waiting.register(pipe, event)
    if not waiting.poll(max(0, deadline - time.monotonic()) * 1000):
        raise Overdue
    return int(pipe.fileno())


def _close_pipes(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            pipe.close()  # type: ignore[union-attr]


_reader = _Reader()
os.register_at_fork(after_in_child=_reader.forget)
atexit.register(close)
