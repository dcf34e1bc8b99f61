"""Processes that die, stand in for each other, or have another idea of the time: nothing is lost or doubled."""

import subprocess
import time
from collections.abc import Iterator

import pytest
from django.db import connection

from apis.models import Change, SyncRun
from tests.cluster.faults import CLUSTER, World, complete, granted
from tests.following import WATCH, WORKER, following, until

pytestmark = [pytest.mark.cluster, pytest.mark.django_db(transaction=True)]

SHIFTED = ["-m", "tests.cluster.shifted", *WORKER[2:]]


@pytest.fixture
def world(transactional_db, kubernetes, namespace, tmp_path, record_property) -> Iterator[World]:
    granted(namespace)
    where = {"PORTICO_CLUSTER": f"kubeconfig:{kubernetes.kubeconfig}", "PORTICO_CLUSTER_NAME": CLUSTER}
    with following(tmp_path, **where) as found:
        until(complete, found)
        world = World(kubernetes, namespace, found, record_property)
        yield world
        world.empty()


def worker_of(world: World) -> subprocess.Popen[bytes]:
    return world.found.processes[0]


def watch_of(world: World) -> subprocess.Popen[bytes]:
    return world.found.processes[1]


def log_of(world: World, number: int) -> str:
    (log,) = world.found.logs.glob(f"*-{number}.log")
    return log.read_text()


def test_killed_watch_misses_nothing(world) -> None:
    world.apply("kept", "changed", "doomed")
    until(lambda: world.settled(["kept", "changed", "doomed"]), world.found)
    world.found.kill(watch_of(world))
    world.apply("changed", path="/elsewhere")
    world.apply("new")
    world.delete("doomed")
    world.found.start(WATCH)
    world.heals(lambda: world.settled(["kept", "changed", "new"]))
    assert world.paths()["changed"] == "/elsewhere"
    world.nothing_doubled()
    world.apply("later")
    world.heals(lambda: world.version("later"), "followed")


def test_killed_worker_leaves_what_it_had_claimed_to_the_next(world) -> None:
    names = [f"api-{number:02}" for number in range(60)]
    world.apply_many(names)
    claimed = Change.objects.filter(listed_at=None, attempts__gt=0)
    until(lambda: claimed.exists() and Change.objects.filter(listed_at=None).count() > 20, world.found)
    world.found.kill(worker_of(world))
    assert claimed.exists(), "it died with nothing in its hands"
    world.delete("api-00")
    world.found.start(WORKER)
    world.heals(lambda: world.settled(names[1:]))
    world.nothing_doubled()


def test_worker_killed_in_a_full_sync_is_followed_by_another_pass(world) -> None:
    """Each object is a transaction: the next pass goes on where this one ended."""
    world.found.kill(watch_of(world))
    names = [f"api-{number:02}" for number in range(60)]
    world.apply_many(names)
    before = set(SyncRun.objects.values_list("pk", flat=True))
    world.found.start(WATCH)
    running = SyncRun.objects.filter(outcome=SyncRun.Outcome.RUNNING).exclude(pk__in=before)
    run = until(running.first, world.found)
    world.found.kill(worker_of(world))
    run.refresh_from_db()
    assert run.outcome == SyncRun.Outcome.RUNNING, "it was too fast to be killed"
    world.found.start(WORKER)
    world.heals(lambda: world.settled(names))
    run.refresh_from_db()
    assert (run.outcome, "ended in the middle" in run.message) == (SyncRun.Outcome.FAILED, True)
    world.nothing_doubled()


def test_second_watch_takes_over(world) -> None:
    second = len(world.found.processes)
    world.found.start(WATCH)
    world.apply("first")
    until(lambda: world.settled(["first"]), world.found)
    until(lambda: standing_by() >= 1, world.found)
    assert "watch leads" not in log_of(world, second), "one leads"
    world.found.kill(watch_of(world))
    world.apply("meanwhile")
    world.heals(lambda: world.settled(["first", "meanwhile"]))
    assert "watch leads" in log_of(world, second)
    world.delete("first")
    world.heals(lambda: world.settled(["meanwhile"]), "followed")
    world.nothing_doubled()


def standing_by() -> int:
    """Sessions whose last words were a try for the leader's lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'following' "
            "AND state = 'idle' AND query LIKE 'SELECT pg_try_advisory_lock%'"
        )
        return cursor.fetchone()[0]


def test_restarted_api_server_is_followed_again(world) -> None:
    world.apply("kept", "doomed")
    until(lambda: world.settled(["kept", "doomed"]), world.found)
    world.plane.stop()
    world.plane.start()
    world.delete("doomed")
    world.apply("new")
    world.heals(lambda: world.settled(["kept", "new"]))
    world.nothing_doubled()


@pytest.mark.parametrize("hours", [1, -1])
def test_worker_whose_clock_is_an_hour_off(world, hours: int) -> None:
    """Leases and queues go by the database's clock: neither too early nor an hour late."""
    world.found.kill(worker_of(world))
    world.found.env = {**world.found.env, "SHIFTED_SECONDS": str(hours * 3600)}
    world.found.start(SHIFTED)
    world.apply("orders", "doomed")
    world.heals(lambda: world.settled(["orders", "doomed"]))
    seen = world.version("orders").seen_at.timestamp()
    assert abs(seen - time.time() - hours * 3600) < 1800, "the clock is not off"
    world.delete("doomed")
    world.apply("orders", path="/elsewhere")
    world.heals(lambda: world.settled(["orders"]) and world.paths()["orders"] == "/elsewhere", "followed")
    before = SyncRun.objects.filter(outcome=SyncRun.Outcome.COMPLETE).count()
    world.plane.stop()
    world.plane.start()
    world.apply("new")
    world.heals(lambda: world.settled(["orders", "new"]), "restarted")
    assert SyncRun.objects.filter(outcome=SyncRun.Outcome.COMPLETE).count() > before
    world.nothing_doubled()
