"""The web's worker takes no more connections than it has threads: what waits, waits for whichever process is free."""

import os
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from portal.embedded.processes import free_port
from tests.stack import until

APPLICATION = """
import os, time

def application(environ, start_response):
    time.sleep(float(environ["QUERY_STRING"] or 0))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""
PROCESSES, THREADS = 2, 2


def ask(port: int, seconds: float) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/?{seconds}", timeout=30) as answer:
        return answer.read().decode()


def answers(port: int) -> bool:
    try:
        return bool(ask(port, 0))
    except OSError:
        return False


def test_worker_leaves_to_the_next_process_what_it_has_no_thread_for(tmp_path: Path):
    (tmp_path / "app.py").write_text(APPLICATION)
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "app", "--bind", f"127.0.0.1:{port}", "--no-control-socket"]
    command += [
        "--worker-class",
        "portal.worker.Worker",
        "--workers",
        str(PROCESSES),
        "--threads",
        str(THREADS),
    ]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    web = subprocess.Popen(
        command, cwd=tmp_path, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until(lambda: answers(port), "gunicorn answers", seconds=60)
        time.sleep(1)  # the second process is there, too
        at_once = PROCESSES * THREADS
        with ThreadPoolExecutor(at_once) as readers:
            for _ in range(3):
                found = Counter(readers.map(lambda _: ask(port, 0.5), range(at_once)))
                assert set(found.values()) == {THREADS}
    finally:
        web.terminate()
        web.wait(20)
