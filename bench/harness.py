"""What every group needs: a portal of its own on free ports, percentiles, rows and their table."""

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from portal.embedded.processes import free_port

ROOT = Path(__file__).resolve().parents[1]
PORT_VARIABLES = ("PORTICO_PORT", "PORTICO_GATEWAY_PORT", "PORTICO_SANDBOX_PORT")


@dataclass
class Recorder:
    """Collects one group's rows."""

    group: str
    rows: list[dict[str, object]] = field(default_factory=list)

    def add(self, name: str, value: float, unit: str, *, goal: str | None = None, n: int = 1) -> None:
        """Add a figure. `goal` reads `<= 60` or `>= 500`; `n` is how many measurements are behind the value."""
        row = {
            "group": self.group,
            "name": name,
            "value": round(value, 3),
            "unit": unit,
            "goal": goal,
            "n": n,
        }
        self.rows.append(row)
        print(f"   {name} = {row['value']} {unit}", flush=True)


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: a value that was measured, never one between two."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def meets(value: float, goal: str | None) -> bool | None:
    """Whether a value keeps its goal; None where there is none."""
    if goal is None:
        return None
    sign, _, limit = goal.partition(" ")
    return value <= float(limit) if sign == "<=" else value >= float(limit)


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """The rows as aligned text."""
    cells = [("group", "name", "value", "unit", "goal", "n", "")]
    for row in rows:
        kept = {True: "", False: "MISSED", None: ""}[meets(float(str(row["value"])), row["goal"])]  # type: ignore[arg-type]
        cells.append((*(str(row[key] if row[key] is not None else "") for key in cells[0][:6]), kept))
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in cells
    )


def free_ports() -> dict[str, str]:
    """Ports for a portal beside whatever else runs here."""
    return {name: str(free_port()) for name in PORT_VARIABLES}


class Running:
    """A started portal: the process that `command` became, its output, and how long it took to say `ready`."""

    def __init__(
        self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str], patience: float = 180.0
    ) -> None:
        self.began = time.monotonic()
        self.lines: list[str] = []
        self.ready_s: float | None = None
        self._ready = threading.Event()
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._ready.wait(patience) or self.ready_s is None:
            self.stop()
            raise RuntimeError("the portal did not get ready:\n" + "\n".join(self.lines[-20:]))

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.lines.append(line.rstrip())
            if line.startswith("ready in "):
                self.ready_s = time.monotonic() - self.began
                self._ready.set()
        self._ready.set()

    def stop(self) -> float:
        """Press Ctrl-C, as a terminal does to its whole foreground group; seconds until it has ended."""
        began = time.monotonic()
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(30)
        self._reader.join()
        return time.monotonic() - began


@dataclass
class Portal:
    """A running portal as a group sees it."""

    url: str
    gateways: dict[str, str]
    state: Path
    processes: dict[str, int]
    demo: dict[str, list]


@contextlib.contextmanager
def portal(**settings: str) -> Iterator[Portal]:
    """`manage.py up` on free ports and an empty state folder, with these environment variables; stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="portico-bench-") as folder:
        state = Path(folder) / "var"
        env = {**os.environ, **free_ports(), "PORTICO_STATE": str(state), **settings}
        running = Running([sys.executable, "manage.py", "up"], cwd=ROOT, env=env)
        try:
            run = json.loads((state / "run.json").read_text())
            demo_file = state / "demo.json"
            demo = json.loads(demo_file.read_text()) if demo_file.exists() else {}
            yield Portal(run["portal"], run["gateways"], state, run["processes"], demo)
        finally:
            running.stop()
