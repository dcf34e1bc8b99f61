"""The order of a start, and what a person reads while and after it."""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from portal.embedded import assets
from portal.embedded.forks import preload
from portal.embedded.ports import http_status
from portal.embedded.postgres import EmbeddedPostgres
from portal.embedded.processes import describe
from portal.embedded.stack import ROOT, Stack, check_public_ports, ensure_secret, load, services
from portal.embedded.supervisor import Stopped, Supervisor, stop_on_signals
from portal.errors import PorticoError

DEMO_SECONDS = 30.0
NOT_SERVED = (None, 404, 500, 502, 503, 504)


def main() -> int:
    """Run until stopped. Returns the exit status: 0 after a wanted stop, 1 with one line on stderr otherwise."""
    if not (3, 11) <= sys.version_info[:2] < (3, 14):
        return _fail(f"Portico needs Python 3.11 to 3.13; this is {sys.version.split()[0]}")
    with stop_on_signals():
        try:
            stack = load(os.environ)
            supervisor = Supervisor(stack, say=say, postgres=_postgres(stack))
        except (PorticoError, OSError) as error:
            return _fail(_one_line(error))
        try:
            _start(stack, supervisor)
            supervisor.run()
        except Stopped:
            return 0
        except (PorticoError, OSError) as error:
            return _fail(_one_line(error))
        finally:
            _stop(supervisor)
    return 0


def say(line: str) -> None:
    """One line of progress, at once."""
    print(f"  {line}", flush=True)


def _fail(line: str) -> int:
    print(f"portico: {line}", file=sys.stderr, flush=True)
    return 1


def _one_line(error: PorticoError | OSError) -> str:
    if isinstance(error, OSError):
        return describe(error)
    return f"{error.message} {error.remedy}".strip()


def _postgres(stack: Stack) -> EmbeddedPostgres | None:
    if not stack.runs_postgres:
        return None
    return EmbeddedPostgres(stack.state / "postgres", log=say, log_file=stack.log("postgres"))


def _start(stack: Stack, supervisor: Supervisor) -> None:
    began = time.monotonic()
    print("Starting Portico (Ctrl-C stops it)", flush=True)
    supervisor.take_state()
    check_public_ports(stack)
    ensure_secret(stack)
    planned = services(stack)
    for service in planned:
        # The agent writes it once its files are complete; Envoy must not start on those for an earlier run's ports.
        if service.after is not None:
            service.after.unlink(missing_ok=True)
    # What needs neither code nor database starts first, while the port that was found free for it still is.
    supervisor.start([service for service in planned if not service.forks and service.after is None])
    supervisor.start_postgres()
    loading = time.monotonic()
    preload(stack.env)
    say(f"portal loaded {time.monotonic() - loading:.1f} s")
    collected = _collect_static(stack, supervisor)
    supervisor.begin_step("prepare", [sys.executable, str(ROOT / "manage.py"), "prepare"])()
    collected()
    supervisor.start([service for service in planned if service.forks or service.after is not None])
    supervisor.wait_ready()
    _wait_for_demo(stack, supervisor)
    print(_welcome(stack, time.monotonic() - began), flush=True)


def _wait_for_demo(stack: Stack, supervisor: Supervisor) -> None:
    """What the last lines tell people to try works when they read it: the first sync has reached the gateway."""
    gateway = stack.gateway_urls["production"] + "/"
    words = (word for command in _demo(stack)["try"] for word in command.split())
    addresses = [word for word in words if word.startswith(gateway) and word != gateway]
    deadline = time.monotonic() + DEMO_SECONDS
    while any(http_status(address) in NOT_SERVED for address in addresses):
        supervisor.tick()
        if time.monotonic() > deadline:
            say(f"the demo APIs are not served yet (see {stack.state}/logs)")
            return
        time.sleep(0.1)


def _collect_static(stack: Stack, supervisor: Supervisor) -> Callable[[], None]:
    """Gather the static files beside the database's start, where they changed since the last time."""
    target = Path(stack.env["PORTICO_STATIC_ROOT"])
    mark = assets.fingerprint(ROOT)
    if assets.collected(target) == mark:
        return lambda: None
    command = [
        sys.executable,
        str(ROOT / "manage.py"),
        "collectstatic",
        "--noinput",
        "--clear",
        "--verbosity=0",
    ]
    finish = supervisor.begin_step("collectstatic", command)

    def finish_and_note() -> None:
        finish()
        assets.note(target, mark)

    return finish_and_note


def _stop(supervisor: Supervisor) -> None:
    if not supervisor.has_started:
        supervisor.stop()
        return
    began = time.monotonic()
    print("\nStopping Portico", flush=True)
    supervisor.stop()
    print(f"Stopped in {time.monotonic() - began:.1f} s", flush=True)


def _welcome(stack: Stack, seconds: float) -> str:
    gateways = stack.gateway_urls
    lines = ["", f"ready in {seconds:.1f} s", "", f"  portal              {stack.portal_url}"]
    if stack.runs_envoy:
        lines += [
            f"  production gateway  {gateways['production']}",
            f"  sandbox gateway     {gateways['sandbox']}",
        ]
    demo = _demo(stack)
    if demo["people"]:
        lines += ["", "People:"]
        lines += [
            f"  {person['email']:<26}{person['password']:<28}{person['role']}" for person in demo["people"]
        ]
    if demo["try"]:
        lines += ["", "Try:"]
        lines += [f"  {command}" for command in demo["try"]]
    return "\n".join([*lines, "", f"Logs and data: {stack.state}", ""])


def _demo(stack: Stack) -> dict[str, list]:
    """What `manage.py demo` wrote for people to read."""
    empty: dict[str, list] = {"people": [], "try": []}
    try:
        return empty | json.loads((stack.state / "demo.json").read_text())
    except (OSError, ValueError):
        return empty
