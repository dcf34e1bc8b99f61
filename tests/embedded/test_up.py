"""The whole stack from one command: every process is killed under traffic, restored, and nothing stays at the end."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

import psycopg
import pytest

from portal.embedded.leftovers import leftovers
from portal.embedded.postgres import EmbeddedPostgres
from portal.embedded.processes import free_port, identify
from portal.embedded.stack import PUBLIC_PORTS

ROOT = Path(__file__).parents[2]
OPEN_PATH = "/stores/1.0/stores"  # of the demo API that needs no credential
pytestmark = pytest.mark.gateway


class Up:
    """A `manage.py up` on free ports with its own state folder and its own copy of the demo manifests."""

    def __init__(self, folder):
        self.state = folder / "var"
        self.manifests = folder / "manifests"
        if not self.manifests.exists():
            shutil.copytree(ROOT / "deploy" / "demo" / "manifests", self.manifests)
        # What the test run sets for itself must not reach the stack.
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith(("PORTICO_", "DATABASE_URL", "DJANGO_"))
        }
        self.ports = {name: free_port() for name in PUBLIC_PORTS}
        self.env = {**kept, **{name: str(port) for name, port in self.ports.items()}}
        self.env |= {"PORTICO_STATE": str(self.state), "PORTICO_CLUSTER": f"directory:{self.manifests}"}
        self.portal = f"http://127.0.0.1:{self.ports['PORTICO_PORT']}"
        self.gateway = f"http://127.0.0.1:{self.ports['PORTICO_GATEWAY_PORT']}"
        self.output = folder / "output"
        self.process = None

    def start(self):
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=ROOT,
                env=self.env,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.until(lambda: "\nready in " in self.output.read_text() or self.process.poll() is not None, 150)
        assert "\nready in " in self.output.read_text(), self.output.read_text()
        # `up` waits for the demo only where the demo's own folder is the cluster, not a copy.
        self.until(lambda: status(f"{self.gateway}/stores/1.0/stores") == 200)

    def until(self, condition, seconds=60):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.05)

    def pids(self):
        return json.loads((self.state / "run.json").read_text())["processes"]

    def kill(self, name):
        """SIGKILL one process and wait for its successor."""
        killed = self.pids()[name]
        os.kill(killed, signal.SIGKILL)
        self.until(lambda: self.pids().get(name) not in {None, killed})

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)


@pytest.fixture(scope="module")
def up(tmp_path_factory):
    up = Up(tmp_path_factory.mktemp("up"))
    up.start()
    yield up
    up.stop()


def status(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


class Traffic:
    """Calls an address over and over in a thread and counts the answers."""

    def __init__(self, url):
        self.url = url
        self.seen = Counter()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        while not self._stop.is_set():
            self.seen[status(self.url)] += 1
            time.sleep(0.02)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()


def test_up_serves_what_it_says(up):
    text = up.output.read_text()
    shown = json.loads((up.state / "demo.json").read_text())
    assert up.portal in text
    assert up.gateway in text
    assert all(person["email"] in text and person["password"] in text for person in shown["people"])
    assert len(shown["try"]) == 3
    assert status(f"{up.portal}/") == 200
    assert status(up.gateway + OPEN_PATH) == 200


def test_up_serves_its_static_files_on_the_first_start(up):
    with urllib.request.urlopen(up.portal, timeout=10) as response:
        page = response.read().decode()
    sheet = next(part for part in page.split('"') if part.startswith("/static/") and part.endswith(".css"))
    assert status(up.portal + sheet) == 200


@pytest.mark.parametrize("name", ["web", "worker", "beat", "watch", "gateway", "usage", "postgres"])
def test_killed_process_is_restored_while_the_gateway_goes_on(up, name):
    with Traffic(up.gateway + OPEN_PATH) as traffic:
        up.kill(name)
        up.until(lambda: status(f"{up.portal}/readyz") == 200)
        time.sleep(0.5)
    assert set(traffic.seen) == {200}


@pytest.mark.parametrize("name", ["envoy", "backend"])
def test_killed_gateway_or_backend_is_restored(up, name):
    up.kill(name)
    up.until(lambda: status(up.gateway + OPEN_PATH) == 200)


def test_postgres_killed_loses_no_accepted_write(up):
    postgres = EmbeddedPostgres(up.state / "postgres", port=int((up.state / "postgres" / "port").read_text()))
    accepted = []
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE accepted (id int PRIMARY KEY)")
        killer = threading.Timer(0.3, up.kill, ["postgres"])
        killer.start()
        with pytest.raises(psycopg.OperationalError):
            write_until_refused(connection, accepted)
    killer.join()
    up.until(lambda: status(f"{up.portal}/readyz") == 200)
    with psycopg.connect(postgres.url) as connection:
        kept = {row[0] for row in connection.execute("SELECT id FROM accepted")}
    assert accepted
    assert set(accepted) <= kept


def write_until_refused(connection, accepted):
    for number in itertools.count():
        connection.execute("INSERT INTO accepted VALUES (%s)", [number])
        accepted.append(number)


def test_change_made_while_watch_and_worker_are_down_arrives(up):
    manifest = up.manifests / "storefront" / "store-locator.yaml"
    os.kill(up.pids()["watch"], signal.SIGKILL)
    os.kill(up.pids()["worker"], signal.SIGKILL)
    text = manifest.read_text()
    manifest.write_text(text.replace("  displayName: ", "  displayName: Changed ", 1))
    assert text != manifest.read_text()
    up.until(lambda: any("Changed" in name for name in names(up)))


def names(up):
    with urllib.request.urlopen(f"{up.portal}/api/v1/apis/", timeout=10) as response:
        return [row["name"] for row in json.load(response)["results"]]


def test_second_up_on_the_same_state_is_refused_in_one_line(up):
    second = subprocess.run(
        [sys.executable, "manage.py", "up"], cwd=ROOT, env=up.env, capture_output=True, text=True, check=False
    )
    assert second.returncode == 1
    assert second.stderr.count("\n") == 1
    assert f"already runs on {up.state} (pid {up.process.pid}, {up.portal})" in second.stderr
    assert status(f"{up.portal}/readyz") == 200


def test_supervisor_killed_then_started_then_stopped_leaves_nothing(up):
    """Last in this module: it ends the stack."""
    up.process.kill()
    up.process.wait()
    up.start()
    assert status(up.gateway + OPEN_PATH) == 200
    record = shutil.copy(up.state / "run.json", up.state.parent / "run.json")
    pids = up.pids()
    assert up.stop() == 0
    assert leftovers(record, ROOT) == []
    assert [name for name, pid in pids.items() if identify(pid)] == []
    assert not (up.state / "postgres" / "data" / "postmaster.pid").exists()
