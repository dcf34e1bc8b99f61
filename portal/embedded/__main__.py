"""`python -m portal.embedded <command>`: run a command with a Postgres that lives as long as it does.

For tools that want a database to look at, on a machine without one. `DATABASE_URL` set: that one is used.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from portal.embedded.postgres import EmbeddedPostgres


def main(command: list[str]) -> int:
    """Returns the command's exit status."""
    if os.environ.get("DATABASE_URL"):
        return subprocess.run(command, check=False).returncode
    with tempfile.TemporaryDirectory(prefix="portico-", ignore_cleanup_errors=True) as folder:
        postgres = EmbeddedPostgres(Path(folder), fsync=False)
        try:
            env = {**os.environ, "DATABASE_URL": postgres.start()}
            return subprocess.run(command, env=env, check=False).returncode
        finally:
            postgres.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
