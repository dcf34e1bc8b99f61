"""Watch, queue and worker as processes of their own, over a folder of manifests."""

import signal

import pytest
from django.db import connection

from apis.models import ApiVersion, SyncRun, WatchState
from tests.following import WATCH, WORKER, following, until
from tests.kube.sides import API, DirectorySide, api

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def side(tmp_path):
    return DirectorySide(tmp_path)


@pytest.fixture
def found(side, tmp_path):
    with following(
        tmp_path, PORTICO_CLUSTER=f"directory:{side.folder}", PORTICO_CLUSTER_NAME="files"
    ) as processes:
        until(lambda: SyncRun.objects.filter(outcome="complete").exists(), processes)
        yield processes


def version(name):
    return ApiVersion.objects.filter(object_name=name).first()


def test_folder_is_followed(side, found):
    side.write(api("shop", "orders"))
    until(lambda: version("orders"), found)
    side.write(api("shop", "orders", basePath="/elsewhere"))
    until(lambda: version("orders").base_path == "/elsewhere", found)
    side.remove(API, "orders")
    until(lambda: version("orders").withdrawn_at, found)
    state = WatchState.objects.get(kind=str(API))
    assert (state.cluster, state.installed, state.message) == ("files", True, "")
    assert state.connected_since < state.last_event_at

    every_object_of_a_burst_arrives(side, found)
    config_map_that_arrives_after_its_api_is_noticed(side, found)
    loss_of_every_database_session_is_survived(side, found)


def every_object_of_a_burst_arrives(side, found):
    side.write(*(api("shop", f"api-{n}") for n in range(30)))
    until(lambda: ApiVersion.objects.filter(withdrawn_at=None).count() == 30, found)
    for n in range(30):
        side.remove(API, f"api-{n}")
    until(lambda: ApiVersion.objects.filter(withdrawn_at=None).count() == 0, found)
    assert ApiVersion.objects.count() == 31


def config_map_that_arrives_after_its_api_is_noticed(side, found):
    side.write(api("shop", "late", definition={"configMapRef": {"name": "later"}}), api("shop", "other"))
    until(lambda: version("other"), found)
    text = "openapi: 3.0.0\ninfo: {title: T, version: v1}\npaths: {/a: {get: {responses: {}}}}\n"
    meta = {"name": "later", "namespace": "shop"}
    side.write({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"openapi.yaml": text}})
    assert until(lambda: version("late"), found).operations.count() == 1


def loss_of_every_database_session_is_survived(side, found):
    for name in ("once", "twice"):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'following' AND datname = current_database()"
            )
        side.write(api("shop", name))
        until(lambda name=name: version(name), found)
    assert all(process.poll() is None for process in found.processes)


def test_watches_take_turns_and_stop_at_once(side, found):
    second = found.start(WATCH)
    side.write(api("shop", "before"))
    until(lambda: version("before"), found)
    found.processes[1].kill()
    side.write(api("shop", "after"))
    until(lambda: version("after"), found)
    assert ApiVersion.objects.count() == 2
    second.send_signal(signal.SIGTERM)
    assert second.wait(2) == 0


def test_killed_worker_loses_nothing(side, found):
    found.processes[0].kill()
    side.write(api("shop", "orders"))
    until(queued, found)
    found.start(WORKER)
    until(lambda: version("orders"), found)


def queued() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pgmq.q_celery")
        return cursor.fetchone()[0]


def test_worker_keeps_its_database_session(side, found):
    """A session a task is dear: with processes of its own, Celery alone would make two."""
    found.kill(found.processes[0])
    found.env = {**found.env, "PGAPPNAME": "prefork"}
    found.start([*(part for part in WORKER if part not in ("-P", "solo")), "-c", "1"])
    carried_by_one = []
    for name in ("first", "second", "third"):
        side.write(api("shop", name))
        until(lambda name=name: version(name), found)
        carried_by_one.append(sessions("prefork"))
    assert carried_by_one[0]
    assert carried_by_one[0] <= carried_by_one[1] <= carried_by_one[2]


def sessions(name):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE application_name = %s", [name])
        return {pid for (pid,) in cursor.fetchall()}
