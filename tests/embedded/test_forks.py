"""Children forked from a loaded parent behave as if they had been executed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from portal.embedded import forks
from portal.embedded.processes import command_line, identify

ROOT = Path(__file__).parents[2]

# Forking from pytest itself would copy its threads and its database, so a plain parent forks.
PARENT = """
import os, sys, json
from pathlib import Path
from portal.embedded import forks
folder = Path(sys.argv[1])
env = {**os.environ, "GIVEN": "by the parent"}
lock = (folder / "lock").open("a")
child = forks.fork([sys.executable, str(folder / "child.py"), "one", "two"], log=folder / "child.log", env=env, cwd=folder, close=[lock])
print(child.pid, flush=True)
if sys.argv[2] == "die":
    (folder / "started").exists() or __import__("time").sleep(0.5)
    os.kill(os.getpid(), 9)
print(child.wait())
"""


def run_parent(folder, child, mode="wait"):
    (folder / "child.py").write_text(child)
    command = [sys.executable, "-c", PARENT, str(folder), mode]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done, (folder / "child.log").read_text()


def test_fork_gives_arguments_environment_folder_and_session(tmp_path):
    child = (
        "import json, os, sys\n"
        "print(json.dumps([sys.argv[1:], os.environ['GIVEN'], os.getcwd(), os.getsid(0) == os.getpid(), __name__]))\n"
    )
    done, log = run_parent(tmp_path, child)
    assert json.loads(log) == [["one", "two"], "by the parent", str(tmp_path), True, "__main__"]
    assert done.stdout.split()[1] == "0"


def test_fork_returns_the_exit_status(tmp_path):
    done, log = run_parent(tmp_path, "import sys; sys.exit('the reason')")
    assert done.stdout.split()[1] == "1"
    assert log == "the reason\n"


def test_fork_reports_a_signal_as_popen_does(tmp_path):
    done, _ = run_parent(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert done.stdout.split()[1] == str(-signal.SIGKILL)


def test_fork_writes_a_traceback_to_the_log(tmp_path):
    done, log = run_parent(tmp_path, "1 / 0")
    assert done.stdout.split()[1] == "1"
    assert "ZeroDivisionError" in log
    assert done.stderr == ""


def test_fork_shows_the_child_own_command_line(tmp_path):
    child = "import os; print(open(f'/proc/{os.getpid()}/cmdline').read().replace(chr(0), ' '))"
    _, log = run_parent(tmp_path, child)
    assert log.split() == [sys.executable, str(tmp_path / "child.py"), "one", "two"]


def test_fork_holds_none_of_the_parent_locks(tmp_path):
    child = "import os; print([os.path.basename(os.readlink(f'/proc/self/fd/{n}')) for n in os.listdir('/proc/self/fd') if os.path.exists(f'/proc/self/fd/{n}')])"
    _, log = run_parent(tmp_path, child)
    assert "'lock'" not in log


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's death signal is Linux's")
def test_fork_ends_with_its_parent(tmp_path):
    done, _ = run_parent(tmp_path, "import time; time.sleep(600)", "die")
    pid = int(done.stdout.split()[0])
    deadline = time.monotonic() + 10
    while identify(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert identify(pid) is None, command_line(pid)


def test_preload_says_in_one_line_what_is_wrong():
    script = (
        "from portal.embedded import forks\n"
        "from portal.embedded.processes import StartFailed\n"
        "try:\n    forks.preload({'PORTICO_DEMO': '1', 'DATABASE_URL': 'mysql://x'})\n"
        "except StartFailed as error:\n    print(error.message)\n"
    )
    env = {name: value for name, value in os.environ.items() if not name.startswith("PORTICO_")}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert done.stdout.count("\n") == 1
    assert "DATABASE_URL must begin with postgresql://" in done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="forks are used on Linux only")
def test_can_fork_only_when_loaded_and_without_threads(monkeypatch):
    assert not forks.can_fork()
    monkeypatch.setattr(forks, "_loaded", True)
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    assert forks.can_fork()
    monkeypatch.setattr(threading, "active_count", lambda: 2)
    assert not forks.can_fork()
