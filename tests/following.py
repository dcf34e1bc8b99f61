"""The real watch and a real worker on the test database, as `manage.py up` runs them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.db import connection
from pgmq import install_pgmq_from_sql

from apis.models import SyncRun

ROOT = Path(__file__).parents[1]
PATIENCE = 60.0
WORKER = [
    "-m",
    "celery",
    "-A",
    "portal",
    "worker",
    "-P",
    "solo",
    "-l",
    "INFO",
    "--without-gossip",
    "--without-mingle",
    "--without-heartbeat",
]
WATCH = ["manage.py", "watch"]


@dataclass
class Following:
    """The processes that follow a cluster; each can be ended and started again."""

    env: Mapping[str, str]
    logs: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, command: list[str]) -> subprocess.Popen[bytes]:
        log = (self.logs / f"{command[-1] if command is WATCH else 'worker'}-{len(self.processes)}.log").open(
            "wb"
        )
        with log:
            process = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env=self.env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """kill -9, as the machine's memory killer does."""
        process.send_signal(signal.SIGKILL)
        process.wait()

    def said(self) -> str:
        runs = [f"{run.outcome}: {run.message}" for run in SyncRun.objects.order_by("-pk")[:3]]
        logs = [f"==> {log.name}\n{log.read_text()[-3000:]}" for log in sorted(self.logs.glob("*.log"))]
        return "\n".join(["==> the last syncs", *runs, *logs])


@contextmanager
def following(folder: Path, **env: str) -> Iterator[Following]:
    """A worker and a watch with these further settings. They are gone, and their queue is empty, afterwards."""
    url = urlunsplit(urlsplit(settings.DATABASE_URL)._replace(path=f"/{connection.settings_dict['NAME']}"))
    prepare_queue(url)
    logs = folder / "logs"
    logs.mkdir()
    inherited = {name: value for name, value in os.environ.items() if name != "CELERY_BROKER_URL"}
    found = Following(
        {
            **inherited,
            "DATABASE_URL": url,
            "PORTICO_STATE": str(folder / "state"),
            "PYTHONUNBUFFERED": "1",
            "PGAPPNAME": "following",
            **env,
        },
        logs,
    )
    try:
        found.start(WORKER)
        found.start(WATCH)
        yield found
    finally:
        for process in found.processes:
            process.send_signal(signal.SIGKILL)
            process.wait()


def prepare_queue(url: str) -> None:
    """Install the broker's tables once, and forget tasks that an earlier test left."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('pgmq.meta'), to_regclass('pgmq.q_celery')")
        installed, used = cursor.fetchone()
        if used:
            cursor.execute("SELECT pgmq.purge_queue('celery')")
    if not installed:
        install_pgmq_from_sql(dsn=url)


def until(condition: Callable[[], Any], found: Following | None = None, *, patience: float = PATIENCE) -> Any:
    """Wait for something true and return it; what the processes said explains a wait in vain."""
    deadline = time.monotonic() + patience
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"in vain: {condition}\n{found.said() if found else ''}")
        time.sleep(0.02)
    return value
