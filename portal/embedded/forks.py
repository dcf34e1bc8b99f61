"""Python children forked from a supervisor that has loaded the project once.

Loading it takes seconds of CPU for each process; forked, all of them together cost that once, share its memory, and one
that was killed is back in a fraction of a second. A child still runs its own command line, as it would after an exec.
"""

import ctypes
import gc
import logging
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, NoReturn, Protocol

from portal.embedded.processes import LIBC, PR_SET_PDEATHSIG, StartFailed

_loaded = False


class Process(Protocol):
    """What the supervisor needs of a child: the part of subprocess.Popen that a fork has too."""

    pid: int
    returncode: int | None

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...


class Forked:
    """A forked child. As with Popen a negative return code is the signal that ended it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(f"pid {self.pid}", timeout or 0)
            time.sleep(0.01)
        return code

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)


def preload(env: Mapping[str, str]) -> None:
    """Load the project with this environment. Raises StartFailed with the reason in one line.

    Opens no connection and starts no thread: neither survives a fork.
    """
    os.environ.update(env)
    gc.disable()
    try:
        import celery.bin.celery  # noqa: F401, PLC0415
        import django  # noqa: PLC0415
        import gunicorn.app.wsgiapp  # noqa: PLC0415
        import gunicorn.workers.gthread  # noqa: F401, PLC0415

        django.setup()
        from django.urls import get_resolver  # noqa: PLC0415

        # Not portal.wsgi: the handler lists the static files when it is made, and a first start has yet to collect them.
        get_resolver().url_patterns  # noqa: B018
    except Exception as error:  # whatever it is, a person reads one line
        reason = " ".join(str(error).split())
        raise StartFailed(f"Portico cannot be loaded: {type(error).__name__}: {reason}") from error
    finally:
        gc.enable()
    global _loaded  # noqa: PLW0603  a process is loaded once
    _loaded = True
    gc.freeze()  # what is loaded stays: the collector need not touch, and so copy, its pages in every child


def can_fork() -> bool:
    """True where the project is loaded and a fork copies everything that runs (a fork keeps only the calling thread)."""
    return _loaded and sys.platform == "linux" and threading.active_count() == 1


def fork(
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str],
    cwd: Path,
    death_signal: signal.Signals = signal.SIGTERM,
    stdout: int | None = None,
    close: Sequence[IO[str]] = (),
) -> Forked:
    """Start `python -m module …` or `python file …` as `processes.spawn` would; `close` are files only the parent may hold."""
    parent = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    errors = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    pid = os.fork()
    if pid == 0:
        _be_child(
            command, parent, death_signal, (errors if stdout is None else stdout, errors), env, cwd, close
        )
    os.close(errors)
    return Forked(pid)


def _be_child(
    command: Sequence[str],
    parent: int,
    death_signal: signal.Signals,
    outputs: tuple[int, int],
    env: Mapping[str, str],
    cwd: Path,
    close: Sequence[IO[str]],
) -> NoReturn:
    code = 1
    try:
        for file in close:
            file.close()
        _detach(parent, death_signal)
        _redirect(*outputs)
        os.environ.clear()
        os.environ.update(env)
        os.chdir(cwd)
        _show_command(command)
        code = _run(command)
    except BaseException:  # noqa: BLE001  nothing may climb into the supervisor's own frames
        traceback.print_exc()
    _leave(code)


def _detach(parent: int, death_signal: signal.Signals) -> None:
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, int(death_signal))
    if os.getppid() != parent:  # the parent died before prctl took effect
        os._exit(1)


def _redirect(output: int, errors: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(errors, 2)
    for descriptor in {nothing, output, errors} - {0, 1, 2}:
        os.close(descriptor)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    for handler in logging.getLogger().handlers:  # made while loading, for the supervisor's terminal
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(sys.stderr)


def _run(command: Sequence[str]) -> int:
    """Run the arguments after the interpreter in this process, as the interpreter would."""
    arguments = list(command[1:])
    try:
        if arguments[0] == "-m":
            sys.argv = arguments[1:]
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = arguments
            sys.path[0] = str(Path(arguments[0]).parent)
            runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as leaving:
        if leaving.code is None or isinstance(leaving.code, int):
            return leaving.code or 0
        print(leaving.code, file=sys.stderr)
        return 1
    return 0


def _leave(code: int) -> NoReturn:
    """End without the exit handlers: they are the supervisor's."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def _show_command(command: Sequence[str]) -> None:
    """Let `ps` show this child's own command line in place of the supervisor's.

    The kernel shows the memory between two addresses; past the end of the first line it goes on into the old
    environment, which nobody reads any more since `os.environ` was filled anew.
    """
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        begin, end, environment_end = int(fields[45]), int(fields[46]), int(fields[48])
    except (OSError, IndexError, ValueError):
        return
    if not begin or end <= begin or environment_end <= end:
        return
    text = " ".join(command).encode()[: environment_end - begin - 1]
    ctypes.memset(begin, 0, environment_end - begin)
    ctypes.memmove(begin, text.ljust(end - begin, b" "), max(len(text), end - begin))
