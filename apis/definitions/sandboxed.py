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
from pathlib import Path
from typing import Any, BinaryIO, Literal

from apis.definitions import parse
from apis.definitions.parsed import as_plain
from portal.errors import Invalid

LENGTH = struct.Struct(">Q")
# What reading may take above the interpreter's own: 20 MB of text and a million values fit, a bomb does not.
WORK_BYTES = 512 * 1024 * 1024
# A process that holds more than this after a text gives it back by ending, because the allocator seldom does.
KEPT_BYTES = 160 * 1024 * 1024


def main() -> None:
    """Answer until the input ends."""
    limit_memory()
    # Nothing made while reading lives longer than its answer, so cycles are collected between answers.
    gc.collect()
    gc.freeze()
    gc.disable()
    source, target = sys.stdin.buffer, sys.stdout.buffer
    send(target, {"ready": True})
    while (message := receive(source)) is not None:
        # Ends this process when it was left alone in the middle of a text; its parent is quicker otherwise.
        signal.alarm(int(message["seconds"]) + 5)
        answer = answer_to(message["text"])
        signal.alarm(0)
        send(target, answer | {"spent": is_spent()})
        del message, answer
        gc.collect()


def answer_to(text: str) -> dict[str, Any]:
    """What the text describes, or why it cannot be read."""
    try:
        return {"definition": as_plain(parse(text))}
    except Invalid as error:
        problem, line = getattr(error, "problem", error.message), getattr(error, "line", 0)
        return {"invalid": problem, "line": line, "remedy": error.remedy}
    except MemoryError:
        return {"memory": True}
    except Exception as error:  # noqa: BLE001 - a fault of ours must not end the process for the next text
        sys.excepthook(type(error), error, error.__traceback__)
        return {"fault": f"{type(error).__name__}: {error}"[:300]}


def limit_memory() -> None:
    """Hold the address space to what is in use now and WORK_BYTES more, where the system can."""
    with contextlib.suppress(OSError, ValueError):
        most = memory_bytes("size") + WORK_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def memory_bytes(kind: Literal["size", "resident"]) -> int:
    """This process's address space, or what of it is in memory. Raises OSError where there is no /proc.

    Not `ru_maxrss`, which on Linux begins with the memory of the process that started this one.
    """
    pages = Path("/proc/self/statm").read_text().split()
    return int(pages[("size", "resident").index(kind)]) * resource.getpagesize()


def is_spent() -> bool:
    """Whether this process holds so much memory that a new one is the better next."""
    try:
        return memory_bytes("resident") > KEPT_BYTES
    except OSError:
        return False


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
