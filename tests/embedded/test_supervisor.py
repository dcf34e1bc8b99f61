"""The supervisor with small services of its own: what it restores, what it reports, and that it leaves nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from portal.embedded.leftovers import leftovers
from portal.embedded.processes import StartFailed, identify
from portal.embedded.stack import Service, Stack
from portal.embedded.supervisor import Supervisor

ROOT = Path(__file__).parents[2]
SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def stack(tmp_path):
    env = {**os.environ, "PORTICO_URL": "http://127.0.0.1:1"}
    env |= {"PORTICO_GATEWAY_PRODUCTION_URL": "", "PORTICO_GATEWAY_SANDBOX_URL": ""}
    return Stack(state=tmp_path, ports={}, env=env)


@pytest.fixture
def said():
    return []


@pytest.fixture
def supervisor(stack, said):
    supervisor = Supervisor(stack, say=said.append)
    yield supervisor
    supervisor.stop()


def until(condition, supervisor=None, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        if supervisor:
            supervisor.tick()
        time.sleep(0.02)


def pid_of(supervisor, name):
    return json.loads((supervisor.stack.state / "run.json").read_text())["processes"][name]


def test_child_killed_is_restored(supervisor, said):
    supervisor.take_state()
    supervisor.start([Service("sleeper", SLEEPER)])
    supervisor.wait_ready()
    first = pid_of(supervisor, "sleeper")
    os.kill(first, signal.SIGKILL)
    until(lambda: pid_of(supervisor, "sleeper") != first, supervisor)
    assert identify(pid_of(supervisor, "sleeper")) is not None
    assert any("sleeper ended (SIGKILL)" in line for line in said)


def test_child_killed_takes_its_workers_along(supervisor, stack):
    """A gunicorn master's workers hold the port that its successor needs."""
    forks = f"import os, time\nchild = os.fork()\nchild or open({str(stack.state / 'worker')!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)"
    supervisor.take_state()
    supervisor.start([Service("master", [sys.executable, "-c", forks])])
    worker = stack.state / "worker"
    until(lambda: worker.exists() and worker.read_text(), supervisor)
    orphan = int(worker.read_text())
    worker.unlink()
    os.kill(pid_of(supervisor, "master"), signal.SIGKILL)
    until(lambda: worker.exists() and worker.read_text(), supervisor)
    assert identify(orphan) is None


def test_child_that_never_gets_ready_stops_the_start_with_its_log(supervisor):
    command = [sys.executable, "-c", "import sys; sys.exit('the reason is here')"]
    supervisor.take_state()
    supervisor.start([Service("broken", command, ready=lambda: False)])
    with pytest.raises(StartFailed) as failure:
        supervisor.wait_ready()
    assert "broken does not start: the reason is here" in failure.value.message
    assert str(supervisor.stack.log("broken")) in failure.value.message


def test_child_waits_for_its_file(supervisor, stack):
    supervisor.take_state()
    supervisor.start([Service("waiter", SLEEPER, after=stack.state / "written")])
    supervisor.tick()
    assert supervisor.children[0].process is None
    (stack.state / "written").touch()
    supervisor.tick()
    assert supervisor.children[0].process is not None


def test_program_that_is_missing_is_named(supervisor):
    supervisor.take_state()
    with pytest.raises(StartFailed, match="cannot start no-such-program"):
        supervisor.start([Service("missing", ["/nowhere/no-such-program"])])


def test_step_passes_on_progress_and_names_the_log_when_it_fails(supervisor, said):
    supervisor.take_state()
    supervisor.begin_step("good", [sys.executable, "-c", "print('half done'); print('done')"])()
    assert said == ["half done", "done"]
    with pytest.raises(StartFailed, match=r"bad failed: it went wrong \(see .*bad.log\)"):
        supervisor.begin_step("bad", [sys.executable, "-c", "import sys; sys.exit('it went wrong')"])()


def test_stop_insists_and_leaves_nothing(stack):
    stubborn = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('deaf', flush=True)\ntime.sleep(600)"
    supervisor = Supervisor(stack, say=lambda line: None, stop_seconds=0.5)
    supervisor.take_state()
    supervisor.start([Service("sleeper", SLEEPER), Service("stubborn", [sys.executable, "-c", stubborn])])
    until(lambda: "deaf" in stack.log("stubborn").read_text())
    pids = [pid_of(supervisor, name) for name in ("sleeper", "stubborn")]
    supervisor.stop()
    assert [identify(pid) for pid in pids] == [None, None]
    assert not (stack.state / "run.json").exists()


def test_second_supervisor_is_refused_by_name(supervisor, stack):
    supervisor.take_state()
    supervisor.start([Service("sleeper", SLEEPER)])
    with pytest.raises(StartFailed, match=f"already runs on .*pid {os.getpid()}"):
        Supervisor(stack, say=lambda line: None).take_state()


def test_killed_supervisor_leaves_nothing_that_stops_the_next(supervisor, stack, said):
    """Its child is deaf to the death signal here, and its child's child has none; the next start finds and ends both."""
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from portal.embedded.stack import Service, Stack\n"
        "from portal.embedded.supervisor import Supervisor\n"
        f"stack = Stack(state=Path({str(stack.state)!r}), ports={{}}, env={{**os.environ, "
        "'PORTICO_URL': '', 'PORTICO_GATEWAY_PRODUCTION_URL': '', "
        "'PORTICO_GATEWAY_SANDBOX_URL': ''})\n"
        "deaf = 'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); "
        "import os; os.fork(); time.sleep(600)'\n"
        "supervisor = Supervisor(stack, say=lambda line: None)\n"
        "supervisor.take_state()\n"
        "supervisor.start([Service('deaf', [sys.executable, '-c', deaf])])\n"
        "while not stack.log('deaf').read_text(): pass\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    record = stack.state / "run.json"
    assert len(leftovers(record, ROOT)) == 2
    supervisor.take_state()
    assert leftovers(record, ROOT) == []
    assert any("left over" in line for line in said)


def test_leftovers_spares_a_stranger_with_a_recorded_number(supervisor, stack):
    (stack.state / "run.json").write_text(json.dumps({"started": {"web": [os.getpid(), "another time"]}}))
    assert leftovers(stack.state / "run.json", ROOT) == []
