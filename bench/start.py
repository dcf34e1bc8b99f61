"""From nothing to a portal that serves: a fresh clone of HEAD, `make run`, and the same again on its data."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from bench.harness import ROOT, Recorder, Running, free_ports
from portal.embedded.leftovers import leftovers

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
        starts = [_start(clone, env) for _ in range(1 + AGAIN)]
        recorder.add("first_ready_s", starts[0].ready, "s", goal="<= 60")
        recorder.add("second_ready_s", max(start.ready for start in starts[1:]), "s", goal="<= 8", n=AGAIN)
        recorder.add("stop_s", max(start.stop for start in starts), "s", goal="<= 10", n=len(starts))
        recorder.add(
            "left_running", sum(start.left for start in starts), "processes", goal="<= 0", n=len(starts)
        )
        recorder.add("pip_install_s", _bare_install(Path(folder)), "s")


class Start(NamedTuple):
    """Seconds until ready and until stopped, and how many processes were left after that."""

    ready: float
    stop: float
    left: int


def _start(clone: Path, env: dict[str, str]) -> Start:
    running = Running(["make", "run"], cwd=clone, env=env)
    record = shutil.copy(clone / "var" / "run.json", clone.parent / "run.json")
    stop = running.stop()
    left = (
        len(leftovers(Path(record), clone))
        + (clone / "var" / "postgres" / "data" / "postmaster.pid").exists()
    )
    return Start(running.ready_s or 0.0, stop, left)


def _bare_install(folder: Path) -> float:
    """The reference: an empty virtual environment and the locked install, nothing else."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "venv", str(folder / "bare")], check=True)
    command = [str(folder / "bare" / "bin" / "pip"), "install", "-q", "--disable-pip-version-check"]
    env = {**os.environ, "PIP_CACHE_DIR": str(folder / "bare-cache")}
    subprocess.run([*command, "--require-hashes", "-r", str(ROOT / "requirements.txt")], check=True, env=env)
    return time.monotonic() - began
