"""Counting under faults, and the overrun of a quota.

200,000 calls through Envoy while the counting process, the worker and Postgres are killed and the log is rotated; then a
plan of 1,000 a day at 100 calls a second: how many more than 1,000 are let through.
"""

import contextlib
import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg

from bench.calls import Calls
from bench.harness import ROOT, Portal, Recorder, portal
from bench.people import Person
from portal.embedded.postgres import EmbeddedPostgres

CALLS = int(os.environ.get("BENCH_USAGE_CALLS", "200000"))
QUOTA, RATE = 1000, 100
KILLED = ["usage", "worker", "postgres"] * 3
PATIENCE_S = 180.0
PLAN = """
apiVersion: portico.dev/v1alpha1
kind: Plan
metadata: {name: bench-daily}
spec:
  rate: {requests: 1000000, per: Second}
  quota: {requests: 1000, per: Day}
  approval: Automatic
"""


def run(recorder: Recorder) -> None:
    with (
        _manifests() as folder,
        portal(
            PORTICO_CLUSTER=f"directory:{folder}", PORTICO_CLUSTER_NAME="demo", PORTICO_ACCESS_LOG_MB="8"
        ) as running,
    ):
        consumer = _consumer(running)
        _count(recorder, running, consumer)
        _overrun(recorder, running, consumer)


@contextlib.contextmanager
def _manifests() -> Iterator[Path]:
    """The demo's, with a plan that has a quota and that the catalogue's API offers."""
    with tempfile.TemporaryDirectory(prefix="portico-bench-") as name:
        folder = Path(name) / "manifests"
        shutil.copytree(ROOT / "deploy" / "demo" / "manifests", folder)
        (folder / "bench-plan.yaml").write_text(PLAN)
        for path in folder.rglob("*.yaml"):
            text = path.read_text()
            path.write_text(
                text.replace("plans: [free, standard, gold]", "plans: [free, standard, gold, bench-daily]")
            )
        yield folder


def _consumer(running: Portal) -> Person:
    # `up` waits for the demo only where the demo's own folder is the cluster.
    passwords = json.loads((running.state / "demo-passwords.json").read_text())
    email = "consumer@demo.portico"
    return Person(running.url, email, passwords[email])


def _application(consumer: Person, name: str, plan: str) -> tuple[str, str]:
    """A new application's id and a key of it, subscribed to the catalogue under the plan."""
    application = consumer.post("/applications/", {"name": name, "team": "web-shop"})["id"]
    issued = consumer.post(
        f"/applications/{application}/credentials/",
        {"kind": "api_key", "environment": "production", "name": "bench"},
    )
    request = {"application": application, "api": "product-catalogue", "plan": plan}
    _until(lambda: _done(lambda: consumer.post("/subscriptions/", request)), "the plan is there")
    return application, issued["api_key"]


def _done(work: Callable[[], object]) -> bool:
    try:
        work()
    except Exception:  # noqa: BLE001  the catalog is being filled
        time.sleep(0.5)
        return False
    return True


def _count(recorder: Recorder, running: Portal, consumer: Person) -> None:
    application, key = _application(consumer, "Bench counted", "standard")
    addresses = [
        f"{running.gateways['production']}{path}" for path in ("/catalogue/v1/products", "/orders/v2/orders")
    ]
    _until(
        lambda: 200 in Calls(addresses[:1], {"x-api-key": key}, 1, threads=1).start().wait(), "the key works"
    )
    before = _counted(running, application, patience=5.0)
    began = time.monotonic()
    calls = Calls(addresses, {"x-api-key": key}, CALLS).start()
    for n, part in enumerate(KILLED):
        _until(
            lambda n=n: calls.errors or calls.done >= CALLS * (n + 1) // (len(KILLED) + 1), "calls are made"
        )
        os.kill(_pids(running)[part], signal.SIGKILL)
    made = calls.wait().total()
    called = time.monotonic()
    _until(lambda: _counted(running, application) - before >= made, "all is counted")
    counted = time.monotonic()
    time.sleep(3.0)
    wrong = _counted(running, application) - before - made
    recorder.add("calls", made, "calls", n=made)
    recorder.add("calls_counted_wrong", abs(wrong), "calls", goal="<= 0", n=made)
    recorder.add("calls_a_second", made / (called - began), "1/s", n=made)
    recorder.add("counted_after_last_call_s", counted - called, "s", n=1)


def _overrun(recorder: Recorder, running: Portal, consumer: Person) -> None:
    """Calls at a steady rate until the first refusal; what was let through over the quota, as seconds of this traffic."""
    _, key = _application(consumer, "Bench quota", "bench-daily")
    address = f"{running.gateways['production']}/catalogue/v1/products"
    passed = 0

    def works() -> bool:
        nonlocal passed
        passed += (found := Calls([address], {"x-api-key": key}, 1, threads=1).start().wait()[200])
        return found == 1

    _until(works, "the key works")
    while True:
        statuses = Calls([address], {"x-api-key": key}, RATE, threads=1, a_second=RATE).start().wait()
        passed += statuses[200]
        if statuses[429]:
            break
        if passed > 3 * QUOTA:
            raise RuntimeError("the quota refuses nobody")
    recorder.add("quota_overrun_calls", passed - QUOTA, "calls", n=passed)
    recorder.add("quota_overrun_s", (passed - QUOTA) / RATE, "s", goal="<= 5", n=passed)


def _pids(running: Portal) -> dict[str, int]:
    return json.loads((running.state / "run.json").read_text())["processes"]


def _counted(running: Portal, application: str, patience: float = 0.0) -> int:
    """Calls of the application in the counts of minutes; -1 while Postgres is away."""
    time.sleep(patience)
    folder = running.state / "postgres"
    try:
        with psycopg.connect(
            EmbeddedPostgres(folder, port=int((folder / "port").read_text())).url
        ) as connection:
            row: Any = connection.execute(
                "SELECT coalesce(sum(calls), 0)::bigint FROM gateway_minutecalls JOIN gateway_callseries AS series"
                " ON series.id = series_id JOIN subscriptions_application AS application"
                " ON application.id = series.application_id WHERE application.public_id = %s",
                [application],
            ).fetchone()
    except psycopg.OperationalError:
        return -1
    return row[0]


def _until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"in vain: {what}")
        time.sleep(0.05)
