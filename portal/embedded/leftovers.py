"""Ends what a supervisor killed with SIGKILL left behind, from the record it kept of its children.

Every child leads a session of its own, so whatever it started is found by the session's number. A number may have gone to
a stranger since: a leader must have the start time that was recorded, and a member must work in our folder.
"""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from portal.embedded.processes import Identity, command_line, gone_within, identify, send


def end_leftovers(record: Path, folder: Path, wait: float = 3.0) -> list[str]:
    """End all that still runs of what `record` (run.json) names, at once after `wait` seconds; returns the command lines."""
    found = leftovers(record, folder)
    commands = [command_line(identity.pid) for identity in found]
    for identity in found:
        # Only leaders of a session are asked: a signal to a worker beside its leader can deadlock a pool.
        if _session(identity.pid) == identity.pid:
            send(identity.pid, signal.SIGTERM)
    deadline = time.monotonic() + wait
    for identity in found:
        if not gone_within(identity, deadline - time.monotonic()):
            send(identity.pid, signal.SIGKILL)
            gone_within(identity, 2.0)
    return [command for command in commands if command]


def leftovers(record: Path, folder: Path) -> list[Identity]:
    """The living processes of a recorded run; Postgres, which is known by its own pid file, is not among them."""
    try:
        started = dict(json.loads(record.read_text())["started"])
    except (OSError, ValueError, KeyError, TypeError):
        return []
    sessions = set()
    found = []
    for name, (pid, when) in started.items():
        leader = identify(pid)
        if leader is not None and leader.started != when:
            continue  # a stranger with this pid: ours and all of its session are gone
        if name != "postgres":
            sessions.add(pid)
            found += [leader] if leader else []
    return found + [member for member in _members(sessions, folder) if member not in found]


def _members(sessions: set[int], folder: Path) -> Iterator[Identity]:
    for entry in Path("/proc").glob("[0-9]*"):  # elsewhere than on Linux the leaders must do
        pid = int(entry.name)
        if _session(pid) not in sessions or pid == os.getpid():
            continue
        try:
            ours = (entry / "cwd").readlink() == folder
        except OSError:  # gone, or another user's
            continue
        if ours and (identity := identify(pid)):
            yield identity


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None
