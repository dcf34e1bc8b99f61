"""One real Portico for the browser tests and the journeys: `manage.py up` on free ports, with the demo.

A pytest plugin: the `stack` fixture, its logs beside a failure, and its tests last, so that it does not run beside the others.
"""

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from portal.embedded.processes import free_port

ROOT = Path(__file__).parents[1]
MANIFESTS = ROOT / "deploy" / "demo" / "manifests"
PORTS = ("PORTICO_PORT", "PORTICO_GATEWAY_PORT", "PORTICO_SANDBOX_PORT")
START_SECONDS = 150.0
STOP_SECONDS = 20.0
PATIENCE = 30.0
CONSUMER, PUBLISHER, ADMIN = "consumer@demo.portico", "publisher@demo.portico", "admin@demo.portico"


@dataclass(frozen=True)
class Answer:
    """What a server said. `body` is text; a header that came more than once has a line for each."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def reason(self) -> str:
        """The machine-readable reason of a refusal; a refusal without one is a failure of the test."""
        assert self.headers["content-type"].startswith("application/problem+json"), self
        return self.json["reason"]


def call(
    url: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, body: str | None = None
) -> Answer:
    """One request on a connection of its own, following nothing."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    with contextlib.closing(connection):
        target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        connection.request(method, target, body=body, headers=dict(headers or {}))
        with connection.getresponse() as response:
            found: dict[str, str] = {}
            for name, value in response.getheaders():
                found[name.lower()] = f"{found[name.lower()]}\n{value}" if name.lower() in found else value
            return Answer(response.status, found, response.read().decode(errors="replace"))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def until(condition: Callable[[], Any], what: str = "", seconds: float = PATIENCE) -> Any:
    """Wait for something true and return it."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"in vain for {seconds:.0f} s: {what or condition}"
        time.sleep(0.05)
    return value


@dataclass
class Stack:
    """The running Portico: its addresses, its people and its folders. Test what it does, not how it is made."""

    folder: Path
    process: subprocess.Popen[bytes]
    portal: str
    gateways: dict[str, str]
    _people: dict[str, str] = field(default_factory=dict)

    @property
    def manifests(self) -> Path:
        """The folder that is its cluster: a copy of the demo's."""
        return self.folder / "manifests"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def password(self, email: str) -> str:
        self._people = self._people or json.loads((self.state / "demo-passwords.json").read_text())
        return self._people[email]

    def pids(self) -> dict[str, int]:
        """Each service's process, from what the supervisor records."""
        return json.loads((self.state / "run.json").read_text())["processes"]

    def said(self) -> str:
        """The end of each log."""
        logs = [self.folder / "up.log", *sorted((self.state / "logs").glob("*.log"))]
        return "\n".join(
            f"==> {log.name}\n{log.read_text(errors='replace')[-3000:]}" for log in logs if log.exists()
        )

    def wait_ready(self) -> None:
        log = self.folder / "up.log"
        deadline = time.monotonic() + START_SECONDS
        while "\nready in " not in log.read_text():
            assert self.process.poll() is None, f"manage.py up ended\n{self.said()}"
            assert time.monotonic() < deadline, f"manage.py up is not ready\n{self.said()}"
            time.sleep(0.1)
        # `up` waits for the demo only where the demo's own folder is the cluster, not a copy.
        until(
            lambda: call(f"{self.gateways['production']}/stores/1.0/stores").status == 200, "the demo's APIs"
        )

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Started once for the whole run. What a test makes in it stays: use names of your own."""
    with started() as found:
        yield found


@contextlib.contextmanager
def started(**own: str) -> Iterator[Stack]:
    """One more, with environment variables of its own."""
    with tempfile.TemporaryDirectory(prefix="portico-stack-", ignore_cleanup_errors=True) as folder:
        found = _start(Path(folder), **own)
        try:
            found.wait_ready()
            yield found
        finally:
            found.stop()


def _start(folder: Path, **further: str) -> Stack:
    folder.chmod(0o755)  # as root where namespaces are refused, the database runs as another account
    shutil.copytree(MANIFESTS, folder / "manifests")
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PORTICO_", "DJANGO_", "CELERY_", "DATABASE_"))
        and "proxy" not in name.lower()
    }
    ports = {name: str(free_port()) for name in PORTS}
    own = {
        "PORTICO_STATE": str(folder / "state"),
        "PORTICO_CLUSTER": f"directory:{folder / 'manifests'}",
        "PORTICO_CLUSTER_NAME": "demo",
        # Small, so that it is rotated while tests run.
        "PORTICO_ACCESS_LOG_MB": "1",
    }
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up"],
            cwd=ROOT,
            env={**inherited, **ports, **own, **further},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    portal, production, sandbox = (f"http://127.0.0.1:{ports[name]}" for name in PORTS)
    return Stack(folder, process, portal, {"production": production, "sandbox": sandbox})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests that use the stack come last, and those that kill its parts after all others."""
    items.sort(key=lambda item: ("stack" in _fixtures(item), "faults" in item.nodeid))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    running = getattr(item, "funcargs", {}).get("stack")
    if report.failed and isinstance(running, Stack):
        report.sections.append(("The stack's logs", running.said()))
    return report


def _fixtures(item: pytest.Item) -> list[str]:
    return getattr(item, "fixturenames", [])
