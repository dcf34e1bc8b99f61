"""Finds what a supervisor killed with SIGKILL left behind, by a mark in the environment of all it started.

A mark is surer than a pid file: it cannot name a stranger that got the same pid, and grandchildren carry it too.
"""

import os
import signal
import subprocess
import time
from pathlib import Path

from portal.embedded.processes import command_line, gone_within, identify, send


def end_leftovers(mark: str, wait: float = 3.0) -> list[str]:
    """End every process whose environment holds `NAME=value`, at once after `wait` seconds; returns their command lines."""
    found = [identity for pid in marked(mark) if pid != os.getpid() and (identity := identify(pid))]
    commands = [command_line(identity.pid) for identity in found]
    for identity in found:
        # Only leaders of a session are asked: a signal to a worker beside its leader can deadlock a pool.
        if _leads_session(identity.pid):
            send(identity.pid, signal.SIGTERM)
    deadline = time.monotonic() + wait
    for identity in found:
        if not gone_within(identity, deadline - time.monotonic()):
            send(identity.pid, signal.SIGKILL)
            gone_within(identity, 2.0)
    return [command for command in commands if command]


def _leads_session(pid: int) -> bool:
    try:
        return os.getsid(pid) == pid
    except (ProcessLookupError, PermissionError):
        return False


def marked(mark: str) -> list[int]:
    """The pids of all processes whose environment holds `NAME=value`."""
    if not Path("/proc/self/environ").exists():
        return _marked_by_ps(mark)
    wanted = mark.encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:  # gone, or another user's
            continue
    return found


def _marked_by_ps(mark: str) -> list[int]:
    listing = subprocess.run(
        ["ps", "-axeww", "-o", "pid=,command="], capture_output=True, text=True, check=False
    )
    lines = (line.split(None, 1) for line in listing.stdout.splitlines())
    return [
        int(pid)
        for pid, command in (line for line in lines if len(line) == 2)
        if f" {mark} " in f"{command} "
    ]
