"""The process that `apis.definitions.sandbox` reads definitions in: `python -m apis.definitions.sandboxed`.

It answers one message after another until its input ends, holds itself to a limit of memory, and knows no Django.
A message is its length in 8 bytes, big-endian, and as many bytes of JSON.
"""

import contextlib
import gc
import json
import resource
import signal
import struct
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, Literal

from apis.definitions import parse
from apis.definitions.diff import diff
from apis.definitions.parsed import as_plain
from apis.definitions.reference import parts, reference_of
from portal.errors import Invalid

LENGTH = struct.Struct(">Q")
# What reading may take above the interpreter's own: 20 MB of text and 1.5 million values fit, a bomb does not.
WORK_BYTES = 512 * 1024 * 1024
# A process that holds more than this after a text gives it back by ending, because the allocator seldom does.
KEPT_BYTES = 160 * 1024 * 1024
# So many times the processor time of a text its answer is waited for, since others want the processor too.
PATIENCE = 5


def main() -> None:
    """Answer until the input ends."""
    begun_with = memory_bytes("size") or sys.maxsize // 2
    # Nothing made while reading lives longer than its answer, so cycles are collected between answers.
    gc.collect()
    gc.freeze()
    gc.disable()
    source, target = sys.stdin.buffer, sys.stdout.buffer
    send(target, {"ready": True})
    while (message := receive(source)) is not None:
        begin(message["seconds"], begun_with + message["bytes"])
        answer = answer_to(message["wanted"], message["text"], message.get("old", ""))
        send(target, answer | {"spent": is_spent()})
        begin(0, begun_with + WORK_BYTES)
        del message, answer
        gc.collect()


def begin(seconds: float, most_bytes: int) -> None:
    """Let the next text take so much processor time (0: any) and address space. More time ends this process."""
    # SIGPROF counts the time of the processor, which a busy machine does not shorten.
    signal.setitimer(signal.ITIMER_PROF, seconds)
    # Ends this process when it was left alone in the middle of a text; its parent is quicker otherwise.
    signal.alarm(int(seconds * PATIENCE) + 5 if seconds else 0)
    # Where the system can.
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (most_bytes, resource.getrlimit(resource.RLIMIT_AS)[1]))


def answer_to(wanted: str, text: str, old: str = "") -> dict[str, Any]:
    """What the text describes, as a `definition` or a `reference`, its `changes` since `old`, or why it cannot be read."""
    try:
        if wanted == "changes":
            return {wanted: [asdict(change) for change in diff(old, text)]}
        if wanted == "reference":
            return {wanted: parts.as_plain(reference_of(text))}
        return {wanted: as_plain(parse(text))}
    except Invalid as error:
        problem, line = getattr(error, "problem", error.message), getattr(error, "line", 0)
        return {"invalid": problem, "line": line, "remedy": error.remedy}
    except MemoryError:
        return {"memory": True}
    except Exception as error:  # noqa: BLE001 - a fault of ours must not end the process for the next text
        sys.excepthook(type(error), error, error.__traceback__)
        return {"fault": f"{type(error).__name__}: {error}"[:300]}


def memory_bytes(kind: Literal["size", "resident"]) -> int:
    """This process's address space, or what of it is in memory; 0 where there is no /proc.

    Not `ru_maxrss`, which on Linux begins with the memory of the process that started this one.
    """
    try:
        pages = Path("/proc/self/statm").read_text().split()
    except OSError:
        return 0
    return int(pages[("size", "resident").index(kind)]) * resource.getpagesize()


def is_spent() -> bool:
    """Whether this process holds so much memory that a new one is the better next."""
    return memory_bytes("resident") > KEPT_BYTES


def receive(source: BinaryIO) -> Any:
    """The next message, None at the end of the input."""
    head = source.read(LENGTH.size)
    return json.loads(source.read(LENGTH.unpack(head)[0])) if len(head) == LENGTH.size else None


def send(target: BinaryIO, message: Any) -> None:
    """Write one message."""
    body = json.dumps(message).encode()
    target.write(LENGTH.pack(len(body)) + body)
    target.flush()


if __name__ == "__main__":
    main()
