"""`manage.py up`: starts the stack, keeps it running, and leaves nothing behind.

Needs no Django itself, so that it is small and so that a broken setting is one line from a child instead of its own end.
Everything is started from the main thread: the kernel ties a child's death signal to the thread that made it.
"""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

from portal.embedded.forks import Process, can_fork, fork
from portal.embedded.leftovers import end_leftovers
from portal.embedded.postgres import EmbeddedPostgres
from portal.embedded.processes import StartFailed, describe, identify, kill_group, spawn
from portal.embedded.stack import ROOT, Service, Stack

STARTS_ALLOWED = 3  # a service that ends this often before the stack is ready stops everything
READY_SECONDS = 90.0
SETTLED_SECONDS = 30.0  # one that ran this long begins its back-off anew
LONGEST_PAUSE = 10.0
STOP_SECONDS = 7.0  # the broker's poll takes a worker 5 s; Postgres needs the rest of the promised 10
LOG_LIMIT = 20 * 1024 * 1024
NEEDED_BYTES = 200 * 2**20  # a new cluster takes 40 MB and its first log segments as much again
TICK = 0.05
RECORD = "run.json"


class Stopped(BaseException):
    """Somebody asked the supervisor to stop. Not an Exception: nothing on the way may swallow it."""


@dataclass
class Child:
    """A service and its process. `ends` counts unexpected ends since it last ran for a while."""

    service: Service
    process: Process | None = None
    started: float = 0.0
    not_before: float = 0.0
    ends: int = 0
    was_ready: bool = False

    @property
    def pause(self) -> float:
        return min(LONGEST_PAUSE, 0.1 * 4 ** (self.ends - 1))


class Supervisor:
    """Runs services with the stack's environment until it is stopped. Postgres, where embedded, is one more child."""

    def __init__(
        self,
        stack: Stack,
        *,
        say: Callable[[str], None] = print,
        postgres: EmbeddedPostgres | None = None,
        stop_seconds: float = STOP_SECONDS,
    ) -> None:
        self.stack = stack
        self.children: list[Child] = []
        self.postgres = postgres
        self._say = say
        self._stop_seconds = stop_seconds
        self._lock: IO[str] | None = None
        self._began = time.monotonic()

    @property
    def has_started(self) -> bool:
        """Whether there is anything to stop."""
        return bool(self.children) or (self.postgres is not None and self.postgres.process is not None)

    # ---- starting -------------------------------------------------------------------------------------------------

    def take_state(self) -> None:
        """Make the state folder ours alone and end what an earlier supervisor left. Raises StartFailed."""
        state = self.stack.state
        try:
            (state / "logs").mkdir(parents=True, exist_ok=True)
            self._take_lock()
            self._rotate_logs()
            free = shutil.disk_usage(state).free
        except OSError as error:
            raise StartFailed(f"cannot write to {state}: {describe(error)}") from error
        if free < NEEDED_BYTES:
            raise StartFailed(
                f"the disk is full: {free // 2**20} MB left on {state}, {NEEDED_BYTES // 2**20} MB needed"
            )
        for command in end_leftovers(state / RECORD, ROOT):
            self._say(f"ended a process left over from an earlier run: {command}")

    def _take_lock(self) -> None:
        """The kernel frees the lock when its holder dies, however it dies; the children do not inherit it."""
        lock = (self.stack.state / "lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise StartFailed(
                f"Portico already runs on {self.stack.state}{_recorded_run(self.stack.state)}"
            ) from None
        self._lock = lock

    def start_postgres(self) -> None:
        """The embedded database, its URL handed to all children."""
        if self.postgres is not None:
            self.stack.env["DATABASE_URL"] = self.postgres.start()
            self._record()

    def begin_step(self, name: str, command: list[str]) -> Callable[[], None]:
        """Start a program that must end well; returns what waits for that, passing on the lines it prints as progress.

        The waiting raises StartFailed where the program fails.
        """
        log = self.stack.log(name)
        reading, writing = os.pipe()
        process = self._launch(command, name, signal.SIGTERM, forks=True, stdout=writing)
        os.close(writing)

        def finish() -> None:
            with os.fdopen(reading, "rb") as lines:
                for line in lines:
                    self._say(line.decode(errors="replace").rstrip())
            if process.wait() != 0:
                raise StartFailed(f"{name} failed: {last_line(log)} (see {log})")

        return finish

    def start(self, services: list[Service]) -> None:
        """Start these services at once; those that wait for a file start when it is there."""
        started = [Child(service) for service in services]
        self.children += started
        for child in started:
            self._start_when_possible(child)

    def wait_ready(self) -> None:
        """Watch over the children until each that can tell is ready.

        Raises StartFailed where that takes too long or one of them keeps ending: at a start that is a fault to read
        about, later it is one to restore.
        """
        deadline = time.monotonic() + READY_SECONDS
        while late := [child.service.name for child in self.children if not self._is_ready(child)]:
            self.tick()
            for child in self.children:
                if child.ends >= STARTS_ALLOWED:
                    log = self.stack.log(child.service.name)
                    raise StartFailed(f"{child.service.name} does not start: {last_line(log)} (see {log})")
            if time.monotonic() > deadline:
                waited = f"{READY_SECONDS:.0f} s: {', '.join(late)}"
                raise StartFailed(f"not ready after {waited} (see {self.stack.state}/logs)")
            time.sleep(TICK)

    # ---- keeping --------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Keep everything running until Stopped is raised by a signal."""
        while True:
            self.tick()
            time.sleep(TICK)

    def tick(self) -> None:
        """Restore what has ended. Postgres first: most others need it; Envoy does not, and does not wait for it."""
        self._restore_postgres()
        self._restore_children()

    def _restore_children(self) -> None:
        for child in self.children:
            if child.process is not None and (code := child.process.poll()) is not None:
                self._note_end(child, child.process.pid, code)
            if child.process is None and time.monotonic() >= child.not_before:
                self._start_when_possible(child)

    def _restore_postgres(self) -> None:
        postgres = self.postgres
        if postgres is None or postgres.process is None or postgres.process.poll() is None:
            return
        self._say("postgres ended; starting it again")
        try:
            postgres.start(meanwhile=self._restore_children)
        except StartFailed as error:
            self._say(f"{error.message}; trying again")
            time.sleep(1.0)
        self._record()

    def _note_end(self, child: Child, pid: int, code: int) -> None:
        kill_group(pid)  # its workers would keep the port and the database connections
        if time.monotonic() - child.started > SETTLED_SECONDS:
            child.ends = 0
        child.ends += 1
        child.process = None
        child.not_before = time.monotonic() + child.pause
        self._say(f"{child.service.name} ended ({_ending(code)}); starting it again in {child.pause:.1f} s")

    def _start_when_possible(self, child: Child) -> None:
        service = child.service
        if service.after is not None and not service.after.exists():
            return
        child.process = self._launch(service.command, service.name, service.stop_signal, forks=service.forks)
        child.started = time.monotonic()
        self._record()

    def _launch(
        self,
        command: list[str],
        name: str,
        death_signal: signal.Signals,
        *,
        forks: bool,
        stdout: int | None = None,
    ) -> Process:
        log, env = self.stack.log(name), self.stack.env
        if not (forks and can_fork()):
            return spawn(command, log=log, env=env, cwd=ROOT, death_signal=death_signal, stdout=stdout)
        # A child that held the locks would keep them after the supervisor's death.
        held = [file for file in (self._lock, self.postgres and self.postgres.lock) if file]
        return fork(command, log=log, env=env, cwd=ROOT, death_signal=death_signal, stdout=stdout, close=held)

    def _is_ready(self, child: Child) -> bool:
        if child.was_ready or child.process is None:
            return child.was_ready
        probe = child.service.ready
        child.was_ready = probe is None or probe()
        if child.was_ready and probe:
            self._say(f"{child.service.name} ready {time.monotonic() - self._began:.1f} s")
        return child.was_ready

    # ---- stopping -------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Ask every main process to stop, insist after a while, then Postgres. Safe to call at any point.

        Only main pids are asked: a group signal deadlocks Celery's pool.
        """
        running = [(child.service, child.process) for child in self.children if child.process is not None]
        for service, process in running:
            if process.poll() is None:
                process.send_signal(service.stop_signal)
        deadline = time.monotonic() + self._stop_seconds
        while time.monotonic() < deadline and any(process.poll() is None for _, process in running):
            time.sleep(TICK)
        for _, process in running:
            kill_group(process.pid)
            process.wait()
        if self.postgres is not None:
            self.postgres.stop(wait=2.0)
        if self._lock is not None:
            (self.stack.state / RECORD).unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    # ---- records --------------------------------------------------------------------------------------------------

    def _record(self) -> None:
        """Write who runs where to run.json, for people and tests, and for the next start to end what is left."""
        pids = {child.service.name: child.process.pid for child in self.children if child.process is not None}
        if self.postgres is not None and self.postgres.process is not None:
            pids["postgres"] = self.postgres.process.pid
        found = {name: identify(pid) for name, pid in pids.items()}
        started = {name: (identity.pid, identity.started) for name, identity in found.items() if identity}
        run = {
            "supervisor": os.getpid(),
            "portal": self.stack.portal_url,
            "gateways": self.stack.gateway_urls,
        }
        path = self.stack.state / RECORD
        fresh = path.with_suffix(".new")
        with contextlib.suppress(OSError):  # a full disk must not end what still serves
            fresh.write_text(json.dumps({**run, "processes": pids, "started": started}, indent=1))
            fresh.replace(path)

    def _rotate_logs(self) -> None:
        for log in (self.stack.state / "logs").glob("*.log"):
            if log.stat().st_size > LOG_LIMIT:
                log.replace(log.with_suffix(".log.1"))


def last_line(log: Path) -> str:
    """The last line a program wrote that says something."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8192))
            lines = file.read().decode(errors="replace").split("\n")
    except OSError:
        return "it wrote no log"
    return next((line.strip() for line in reversed(lines) if line.strip()), "it wrote nothing")


def _recorded_run(state: Path) -> str:
    try:
        run = json.loads((state / RECORD).read_text())
        return f" (pid {run['supervisor']}, {run['portal']}); stop it first"
    except (OSError, ValueError, KeyError, TypeError):
        return "; stop it first"


def _ending(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit {code}"


@contextlib.contextmanager
def stop_on_signals() -> Iterator[None]:
    """Raise Stopped on the first SIGINT, SIGTERM or SIGHUP; ignore later ones, stopping is already bounded in time."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def stop(number: int, frame: FrameType | None) -> None:
        for later in numbers:
            signal.signal(later, signal.SIG_IGN)
        raise Stopped

    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
