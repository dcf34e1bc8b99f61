"""From nothing to a portal that serves: a fresh clone of HEAD, `make run`, and the same again on its data."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.harness import ROOT, Recorder, Running, free_ports
from portal.embedded.leftovers import marked
from portal.embedded.stack import MARKER

AGAIN = 3


def run(recorder: Recorder) -> None:
    """First start with the install, then starts on the same data; beside them what pip alone takes here and now."""
    with tempfile.TemporaryDirectory(prefix="portico-start-") as folder:
        clone = Path(folder) / "portico"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        # An empty cache: a stranger's machine has none. Nothing of this environment's Python or settings either.
        env = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("PORTICO_", "VIRTUAL_ENV", "DJANGO_"))
        }
        env |= {**free_ports(), "PIP_CACHE_DIR": f"{folder}/cache"}
        env.pop("DATABASE_URL", None)
        recorder.add("first_ready_s", _ready(clone, env, stops := []), "s", goal="<= 60")
        again = [_ready(clone, env, stops) for _ in range(AGAIN)]
        recorder.add("second_ready_s", max(again), "s", goal="<= 8", n=AGAIN)
        recorder.add("stop_s", max(stops), "s", goal="<= 10", n=len(stops))
        left = len(marked(f"{MARKER}={clone / 'var'}"))
        left += (clone / "var" / "postgres" / "data" / "postmaster.pid").exists()
        recorder.add("left_running", left, "processes", goal="<= 0", n=len(stops))
        recorder.add("pip_install_s", _bare_install(Path(folder)), "s")


def _ready(clone: Path, env: dict[str, str], stops: list[float]) -> float:
    running = Running(["make", "run"], cwd=clone, env=env)
    stops.append(running.stop())
    return running.ready_s or 0.0


def _bare_install(folder: Path) -> float:
    """The reference: an empty virtual environment and the locked install, nothing else."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "venv", str(folder / "bare")], check=True)
    command = [str(folder / "bare" / "bin" / "pip"), "install", "-q", "--disable-pip-version-check"]
    env = {**os.environ, "PIP_CACHE_DIR": str(folder / "bare-cache")}
    subprocess.run([*command, "--require-hashes", "-r", str(ROOT / "requirements.txt")], check=True, env=env)
    return time.monotonic() - began
