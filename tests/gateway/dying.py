"""`python -m tests.gateway.dying N`: the gateway agent, killed by the kernel in the middle of the Nth file that it writes."""

import os
import signal
import sys
from itertools import count
from pathlib import Path

from django.core.management import execute_from_command_line

from gateway.targets.envoy import files

NUMBERS = count(1)
_write = files._write_synced


def write(path: Path, content: bytes) -> None:
    if next(NUMBERS) < int(sys.argv[1]):
        _write(path, content)
        return
    _write(path, content[: len(content) // 2])
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    files._write_synced = write
    execute_from_command_line(["manage.py", "gateway"])
