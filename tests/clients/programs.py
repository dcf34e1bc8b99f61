"""Clients that nobody here wrote, each with a small program around it that runs in a process of its own.

A program gets its task as one line of JSON and says one object a line: {"visit": url} for the person's browser, which is
answered by {"arrived": url}, and {"done": {...}} with what it saw. Everything else it does by itself, through its library.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.controlplane.binaries import go_program
from tests.npm import installed

HERE = Path(__file__).parent
# Where npm and Go put what they make: a folder that Git leaves alone.
MADE = HERE.parents[1] / ".clients"
PATIENCE_S = 60.0

BASIC, POST, KEY, NONE = METHODS = ("client_secret_basic", "client_secret_post", "private_key_jwt", "none")


def authlib() -> list[str]:
    return [sys.executable, str(HERE / "python" / "client.py")]


def oauth4webapi() -> list[str]:
    return ["node", str(node_folder() / "oauth4webapi.mjs")]


def openid_client() -> list[str]:
    return ["node", str(node_folder() / "openid-client.mjs")]


@cache
def x_oauth2() -> list[str]:
    return [str(built(HERE / "golang", MADE / "golang"))]


def run(command: list[str], task: dict[str, Any], visit: Callable[..., str]) -> dict[str, Any]:
    """What the program saw. `visit` takes the address, and `decision` where the program names one."""
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, text=True, **pipes) as process:
        watchdog = threading.Timer(PATIENCE_S, process.kill)
        watchdog.start()
        try:
            done = _talk(process, task, visit)
        finally:
            process.stdin.close()
            errors = process.stderr.read()
            watchdog.cancel()
    assert process.returncode == 0 and done is not None, f"{task['story']} of {command}:\n{errors}"
    return done


def built(source: Path, program: Path) -> Path:
    """The program of that Go module. Its packages are fetched once, by their sums, and kept by Go."""
    go = go_program()
    if go is None:
        pytest.skip("left out: the client of golang.org/x/oauth2 (no Go)")
    command = [go, "build", "-trimpath", "-o", str(program), "."]
    subprocess.run(command, cwd=source, env={**os.environ, "CGO_ENABLED": "0"}, check=True)
    return program


@cache
def node_folder() -> Path:
    """Where the clients of npm are installed, and their scripts beside them."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("left out: the clients of npm (no Node)")
    return installed(HERE / "node", MADE / "node")


def _talk(
    process: subprocess.Popen[str], task: dict[str, Any], visit: Callable[..., str]
) -> dict[str, Any] | None:
    answer: dict[str, Any] = task
    while True:
        process.stdin.write(f"{json.dumps(answer)}\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            return None
        said = json.loads(line)
        if "done" in said:
            return said["done"]
        answer = {"arrived": visit(said["visit"], decision=said.get("decision", "allow"))}
