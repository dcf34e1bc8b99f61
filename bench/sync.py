"""Sync of 10,000 APIs on a real kube-apiserver: the first full sync, one without changes, and twenty changes a second.

Each Api has 3 KB and names a ConfigMap with a definition of 10 KB; forty namespaces are granted to ten teams. The first
sync stands beside the least that it needs: both kinds listed by the same client, decoded, and copied into a table
without an index (`bench.sync_steps`), twice before and once after it; the ratio is to the median. Passes without a change
follow. Then the processes of `manage.py up` (watch, and a worker of two) parse the definitions, stand idle, and follow
the changes.

An apply's time runs from the answer of the API server until a query, asked every 10 ms, finds what the change says.

BENCH_SYNC_APIS: another number of APIs; the changes then last as long as there are objects for them.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from bench.harness import ROOT, Recorder, percentile
from bench.sync_objects import Edit, Server, edits, name, namespace, new_objects
from portal.embedded import stack
from portal.embedded.postgres import EmbeddedPostgres
from tests.cluster.controlplane import ControlPlane, folder

APIS = int(os.environ.get("BENCH_SYNC_APIS", "10000"))
CHANGES_A_SECOND = 20
SECONDS = min(60, APIS // 50)
IDLE_SECONDS = 60
# A session without work tells the statistics after ten seconds what it wrote.
STATISTICS_SECONDS = 11
POLL_SECONDS = 0.01
# The planner would rather read all versions than look up those that are asked for: every 10 ms that is most of a core.
BY_INDEX = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off"
PATIENCE = 900.0
APPLIERS = 4
CRDS = ROOT / "deploy" / "crds"

WRITTEN = """
SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables WHERE relname <> 'apis_syncrun'
"""
VISIBLE = """
SELECT asked.position FROM unnest(%s::int[], %s::text[], %s::text[], %s::text[], %s::text[])
    AS asked (position, what, namespace, name, text)
WHERE EXISTS (
    SELECT FROM apis_apiversion version
    WHERE version.cluster = 'bench' AND version.kind = 'portico.dev/v1alpha1/Api'
        AND version.namespace = asked.namespace AND version.object_name = asked.name
        AND CASE asked.what
            WHEN 'spec' THEN version.presentation ->> 'summary' = asked.text
            WHEN 'definition' THEN (
                SELECT count(*) FROM apis_document document
                WHERE document.version_id = version.id AND document.sha256 = asked.text) > 0
            WHEN 'new' THEN version.withdrawn_at IS NULL
            ELSE version.withdrawn_at IS NOT NULL
        END
)
"""


def run(recorder: Recorder) -> None:
    with ExitStack() as exits:
        place = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="portico-sync-")))
        plane = ControlPlane(programs=folder(), folder=place / "plane")
        plane.start()
        exits.callback(plane.stop)
        plane.install(CRDS)
        postgres = EmbeddedPostgres(place / "postgres")
        env = _environment(place, plane, postgres.start())
        exits.callback(postgres.stop)
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=env, check=True)
        server = Server(plane.kubeconfig)
        server.fill(APIS)
        _step(env, "grants")
        connection = exits.enter_context(psycopg.connect(env["DATABASE_URL"], autocommit=True))
        _unchanged(recorder, env, connection, _first(recorder, env))
        with _following(env, place) as pids:
            _parsed(recorder, connection)
            _idle(recorder, connection, pids)
            print(f"   after the parsing: {_pass(env, connection)}", flush=True)
            _changes(recorder, connection, server)
            recorder.add("watch_rss_mb", _rss(pids["watch"]), "MB", goal="<= 200")


def _environment(place: Path, plane: ControlPlane, url: str) -> dict[str, str]:
    inherited = {key: value for key, value in os.environ.items() if key != "CELERY_BROKER_URL"}
    return {
        **inherited,
        "DATABASE_URL": url,
        "PORTICO_DEMO": "1",
        "PORTICO_CLUSTER": f"kubeconfig:{plane.kubeconfig}",
        "PORTICO_CLUSTER_NAME": "bench",
        "PORTICO_STATE": str(place / "state"),
        "PORTICO_LOG_LEVEL": "WARNING",
    }


def _step(env: Mapping[str, str], step: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.sync_steps", step]
    done = subprocess.run(command, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if found.get("outcome", "complete") != "complete":
        raise RuntimeError(f"{step}: {found}")
    return found


def _first(recorder: Recorder, env: Mapping[str, str]) -> float:
    bare = [_step(env, "reference")["seconds"] for _ in range(2)]
    first = _step(env, "full")
    bare.append(_step(env, "reference")["seconds"])
    print(f"   first full sync: {first['counts']}; load {os.getloadavg()[0]:.1f}", flush=True)
    recorder.add("full_sync_s", first["seconds"], "s")
    recorder.add("full_sync_reference_s", median(bare), "s", n=len(bare))
    recorder.add("full_sync_ratio", first["seconds"] / median(bare), "", goal="<= 1.5")
    return float(first["seconds"])


def _unchanged(
    recorder: Recorder, env: Mapping[str, str], connection: psycopg.Connection, first: float
) -> None:
    passes = [_pass(env, connection) for _ in range(3)]
    took = [each["seconds"] for each in passes]
    print(f"   unchanged: {passes[0]}; load {os.getloadavg()[0]:.1f}", flush=True)
    recorder.add("unchanged_sync_s", median(took), "s", n=len(took))
    recorder.add("unchanged_sync_ratio", median(took) / first, "", goal="<= 0.3")
    recorder.add(
        "unchanged_rows_written", max(sum(each["wrote"].values()) for each in passes), "rows", goal="<= 0"
    )


def _pass(env: Mapping[str, str], connection: psycopg.Connection) -> dict[str, Any]:
    """Another full sync, with the rows that were written meanwhile by table."""
    before = _written(connection)
    found = _step(env, "full")
    time.sleep(1)
    return {**found, "wrote": _difference(before, _written(connection))}


def _parsed(recorder: Recorder, connection: psycopg.Connection) -> None:
    """How fast the queue that the first sync left is carried: read, parsed, indexed, and the conditions written."""
    waiting, began = _count(connection, "apis_change WHERE listed_at IS NULL"), time.monotonic()
    while left := _count(connection, "apis_change WHERE listed_at IS NULL"):
        if time.monotonic() > began + PATIENCE:
            raise RuntimeError(f"{left} of {waiting} objects still wait after {PATIENCE:.0f} s")
        time.sleep(0.2)
    pending = _count(connection, "apis_apiversion WHERE definition_pending")
    print(f"   {waiting} carried, {pending} definitions still pending", flush=True)
    recorder.add("definitions_parsed_per_s", waiting / (time.monotonic() - began), "per s", n=waiting)


def _idle(recorder: Recorder, connection: psycopg.Connection, pids: Mapping[str, int]) -> None:
    """What watch and worker use while nothing happens; tasks that the parsing left in the queue are run off before."""
    tasks, began = _count(connection, "pgmq.q_celery"), time.monotonic()
    while _count(connection, "pgmq.q_celery") and time.monotonic() < began + PATIENCE:
        time.sleep(0.5)
    print(f"   {tasks} tasks were left, {time.monotonic() - began:.0f} s", flush=True)
    time.sleep(STATISTICS_SECONDS)
    before, began = _written(connection), sum(_cpu_seconds(pid) for pid in pids.values())
    time.sleep(IDLE_SECONDS)
    used = sum(_cpu_seconds(pid) for pid in pids.values()) - began
    wrote = _difference(before, _written(connection))
    if wrote:
        print(f"   while idle: {wrote}", flush=True)
    recorder.add("idle_cpu_percent", 100 * used / IDLE_SECONDS, "%", goal="<= 1")
    recorder.add("idle_writes", sum(wrote.values()), "rows", goal="<= 0")


def _changes(recorder: Recorder, connection: psycopg.Connection, server: Server) -> None:
    count = SECONDS * CHANGES_A_SECOND
    for number in new_objects(APIS, count):
        server.create_definition(number)
    time.sleep(1)
    connection.execute(BY_INDEX)
    seen = Seen(connection)
    watching = threading.Thread(target=seen.watch, daemon=True)
    watching.start()
    began = time.monotonic()
    plan = enumerate(edits(APIS, count))
    lock = threading.Lock()

    def apply() -> None:
        while True:
            with lock:
                position, edit = next(plan, (0, None))
            if edit is None:
                return
            time.sleep(max(0.0, began + position / CHANGES_A_SECOND - time.monotonic()))
            edit.apply(server)
            seen.applied(position, edit)

    appliers = [threading.Thread(target=apply) for _ in range(APPLIERS)]
    for applier in appliers:
        applier.start()
    for applier in appliers:
        applier.join()
    rate = count / (time.monotonic() - began)
    took = seen.finish(count)
    watching.join()
    for what in ("spec", "definition", "new", "delete"):
        of_kind = [ms for kind, ms in took if kind == what]
        p50, p99 = percentile(of_kind, 50), percentile(of_kind, 99)
        print(f"   {what}: p50 {p50:.0f} ms, p99 {p99:.0f} ms, n {len(of_kind)}", flush=True)
    print(f"   {rate:.1f} changes a second; load {os.getloadavg()[0]:.1f}", flush=True)
    every = [ms for _, ms in took]
    recorder.add("apply_to_catalog_p50_ms", percentile(every, 50), "ms", n=len(every))
    recorder.add("apply_to_catalog_p99_ms", percentile(every, 99), "ms", goal="<= 1000", n=len(every))


class Seen:
    """Looks every 10 ms which of the changes that were applied the catalog says."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._waiting: dict[int, tuple[Edit, float]] = {}
        self._took: list[tuple[str, float]] = []
        self._over = threading.Event()

    def applied(self, position: int, edit: Edit) -> None:
        self._waiting[position] = edit, time.monotonic()

    def watch(self) -> None:
        while not self._over.is_set():
            if asked := list(self._waiting.items()):
                columns = zip(
                    *(
                        (position, edit.what, namespace(edit.number), name(edit.number), edit.text)
                        for position, (edit, _) in asked
                    ),
                    strict=True,
                )
                found = self._connection.execute(VISIBLE, [list(column) for column in columns]).fetchall()
                now = time.monotonic()
                for (position,) in found:
                    edit, since = self._waiting.pop(position)
                    self._took.append((edit.what, 1000 * (now - since)))
            time.sleep(POLL_SECONDS)

    def finish(self, count: int, patience: float = 60.0) -> list[tuple[str, float]]:
        """(kind of change, milliseconds) of each. Raises RuntimeError if one is never seen."""
        until = time.monotonic() + patience
        while len(self._took) < count and time.monotonic() < until:
            time.sleep(0.1)
        self._over.set()
        if len(self._took) < count:
            raise RuntimeError(f"never seen: {[edit for edit, _ in list(self._waiting.values())[:5]]}")
        return self._took


@contextmanager
def _following(env: Mapping[str, str], place: Path) -> Iterator[dict[str, int]]:
    """The worker and the watch with the commands of `manage.py up`."""
    found = stack.load(env)
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for service in stack.services(found):
            if service.name in ("worker", "watch"):
                with (place / f"{service.name}.log").open("wb") as log:
                    processes[service.name] = subprocess.Popen(
                        service.command, cwd=ROOT, env=found.env, stdout=log, stderr=log
                    )
        yield {name: process.pid for name, process in processes.items()}
    except RuntimeError:
        for name in processes:
            print(f"==> {name}\n{(place / f'{name}.log').read_text()[-3000:]}", flush=True)
        raise
    finally:
        for process in processes.values():
            process.terminate()
        for process in processes.values():
            process.wait(30)


def _written(connection: psycopg.Connection) -> dict[str, int]:
    """Rows inserted, updated and deleted so far, by table; what a pass notes of itself is left out."""
    connection.execute("SELECT pg_stat_clear_snapshot()")
    return {table: int(rows) for table, rows in connection.execute(WRITTEN).fetchall()}


def _difference(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    return {
        table: rows - before.get(table, 0) for table, rows in after.items() if rows != before.get(table, 0)
    }


def _count(connection: psycopg.Connection, rows: str) -> int:
    found = connection.execute(f"SELECT count(*) FROM {rows}").fetchone()  # type: ignore[arg-type]
    return int(found[0]) if found else 0


def _tree(pid: int) -> list[int]:
    """The process and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(below for child in children for below in _tree(int(child)))]


def _cpu_seconds(pid: int) -> float:
    ticks = 0
    for process in _tree(pid):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _rss(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
