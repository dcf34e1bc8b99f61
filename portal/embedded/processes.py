"""Child processes and ports: start one that dies with its parent, tell whether a recorded one still lives, end it."""

import contextlib
import ctypes
import errno
import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portal.errors import PorticoError

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
# Loaded before any fork: between fork and exec only calls that need no lock are safe.
LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class StartFailed(PorticoError):
    """A part of the stack cannot run; the message is the one line a person reads."""

    title = "Portico could not start"


@dataclass(frozen=True)
class Identity:
    """A process as written to a record. `started` tells a process from a later one that got the same pid."""

    pid: int
    started: str


def identify(pid: int) -> Identity | None:
    """The living process with this pid; None where there is none (a zombie counts as none)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None if Path("/proc/self/stat").exists() else _identify_by_ps(pid)
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else Identity(pid, fields[19])


def _identify_by_ps(pid: int) -> Identity | None:
    found = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return Identity(pid, found.stdout.strip()) if found.stdout.strip() else None


def command_line(pid: int) -> str:
    """The arguments of a process joined by spaces, or "" where it cannot be read."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        if Path("/proc/self/cmdline").exists():
            return ""
    found = subprocess.run(
        ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return found.stdout.strip()


def end(identity: Identity, *, ask: signal.Signals, wait: float) -> bool:
    """Ask a process that is not our child to stop, insist after `wait` seconds; True once it is gone."""
    if identify(identity.pid) == identity:
        send(identity.pid, ask)
        if not gone_within(identity, wait):
            send(identity.pid, signal.SIGKILL)
    return gone_within(identity, 2.0)


def kill_group(leader: int) -> None:
    """SIGKILL what is left of the session a child of ours led. Harmless where nothing is left."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def send(pid: int, number: signal.Signals) -> None:
    """Signal a process that may be gone already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def gone_within(identity: Identity, seconds: float) -> bool:
    """Wait for the end of a process; False when it still lives after `seconds`."""
    deadline = time.monotonic() + seconds
    while identify(identity.pid) == identity:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def spawn(
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
    stdout: int | None = None,
    unprivileged: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a child in its own session, its output (errors alone where `stdout` is given) appended to `log`.

    The kernel sends it `death_signal` when the *thread* that called this ends (Linux), so call it from the main thread.
    `unprivileged`: as root, leave root behind first, for programs that refuse it. Raises StartFailed where it cannot start.
    """
    become = privilege_drop() if unprivileged else Drop()
    try:
        with log.open("ab") as output:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output if stdout is None else stdout,
                stderr=output,
                env=env,
                cwd=cwd,
                start_new_session=True,
                preexec_fn=_before_exec(death_signal, unshare=become.unshare),  # noqa: PLW1509 (see LIBC above)
                **become.popen_arguments(),
            )
    except (OSError, subprocess.SubprocessError) as error:
        raise StartFailed(f"cannot start {Path(command[0]).name}: {describe(error)}") from error


def describe(error: Exception) -> str:
    """An operating system error in one line a person can act on."""
    if isinstance(error, OSError):
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return f"the disk is full ({error.filename or 'no space left'})"
        if error.filename:
            return f"{error.filename}: {error.strerror}"
        return error.strerror or str(error)
    return str(error)


def _before_exec(death_signal: signal.Signals, *, unshare: bool) -> Callable[[], None] | None:
    libc = LIBC
    if libc is None:
        return None
    parent = os.getpid()

    def prepare() -> None:
        if unshare and libc.unshare(CLONE_NEWUSER) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        libc.prctl(PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != parent:  # the parent died before prctl took effect
            os._exit(1)

    return prepare


@dataclass(frozen=True)
class Drop:
    """How a program that refuses root is run: as we are, in an empty user namespace, or as another account."""

    unshare: bool = False
    account: pwd.struct_passwd | None = None

    def popen_arguments(self) -> dict[str, Any]:
        if self.account is None:
            return {}
        return {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}

    def give(self, folder: Path) -> None:
        """Make the account the owner of `folder`; the namespace keeps ours."""
        if self.account is None:
            return
        for path in (folder, *folder.rglob("*")):
            os.chown(path, self.account.pw_uid, self.account.pw_gid, follow_symlinks=False)


def privilege_drop() -> Drop:
    """As root prefer a user namespace without any mapping: the same files, even under a 0700 home, yet not root.

    Containers may refuse namespaces; then `nobody`, who must be able to reach the virtual environment.
    """
    if os.geteuid() != 0:
        return Drop()
    if LIBC is not None:
        try:
            subprocess.run(["true"], preexec_fn=_before_exec(signal.SIGKILL, unshare=True), check=True)
        except (OSError, subprocess.SubprocessError):
            pass
        else:
            return Drop(unshare=True)
    try:
        return Drop(account=pwd.getpwnam("nobody"))
    except KeyError:
        raise StartFailed("Postgres refuses to run as root and there is no account named nobody") from None


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    """True where nothing listens. Binds without SO_REUSEPORT, so that an Envoy with that option is noticed too."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def free_port(host: str = "127.0.0.1") -> int:
    """A port that was free a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
