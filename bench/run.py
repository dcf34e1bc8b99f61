"""Runs the groups, prints a table and writes .bench/results.json: a list of {group, name, value, unit, goal, n}."""

import importlib
import json
import pkgutil
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import bench
from bench.harness import ROOT, Recorder, table

RESULTS = ROOT / ".bench" / "results.json"
NOT_GROUPS = {"run", "harness", "people"}


def groups() -> dict[str, Callable[[Recorder], None]]:
    """Every module here that has a `run(recorder)`, by name and alphabetically; the others are helpers."""
    names = sorted(module.name for module in pkgutil.iter_modules(bench.__path__) if module.name != "run")
    modules = {name: importlib.import_module(f"bench.{name}") for name in names}
    return {name: module.run for name, module in modules.items() if hasattr(module, "run")}


def main(wanted: list[str]) -> int:
    """Run the wanted groups (all when none is named). Returns 1 when one failed; its rows are then missing."""
    known = groups()
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        print(f"No such group: {', '.join(unknown)}. There are: {', '.join(known)}", file=sys.stderr)
        return 2
    rows, failed = [], []
    for name in wanted or known:
        recorder = Recorder(name)
        print(f"== {name}", flush=True)
        try:
            known[name](recorder)
        except Exception:  # noqa: BLE001  one group's failure must not lose the others' figures
            traceback.print_exc()
            failed.append(name)
        rows += recorder.rows
        save(RESULTS, recorder)
    print(table(rows))
    if failed:
        print(f"Failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def save(path: Path, recorder: Recorder) -> None:
    """Replace the group's rows in the file and keep those of the others."""
    try:
        others = [row for row in json.loads(path.read_text()) if row["group"] != recorder.group]
    except (OSError, ValueError):
        others = []
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps([*others, *recorder.rows], indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
