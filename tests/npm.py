"""Packages of npm for tests and benches, exactly as their lock file pins them."""

import fcntl
import shutil
import subprocess
from pathlib import Path

LOCK = "package-lock.json"


def installed(source: Path, folder: Path) -> Path:
    """`folder` with the scripts of `source` and the packages that its lock file names; nothing of these runs at install.

    The folder has to be one that Git leaves alone. What is there already needs no network.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder / "node_modules" / ".installed"
        wanted = (source / LOCK).read_text()
        for script in source.glob("*.mjs"):
            shutil.copy(script, folder)
        if not done.exists() or done.read_text() != wanted:
            for name in ("package.json", LOCK):
                shutil.copy(source / name, folder)
            command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]
            subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
            done.write_text(wanted)
    return folder
