"""A pytest plugin that starts the run's own Postgres before Django reads its settings. `DATABASE_URL` set: that one is used."""

import atexit
import os
import tempfile
from pathlib import Path

from portal.embedded.postgres import EmbeddedPostgres

os.environ.update(PORTICO_DEMO="1", PORTICO_SECRET_KEY="tests-only", PORTICO_ENCRYPTION_KEY="tests-only")

if "DATABASE_URL" not in os.environ:
    _folder = tempfile.TemporaryDirectory(prefix="portico-tests-", ignore_cleanup_errors=True)
    _server = EmbeddedPostgres(Path(_folder.name), fsync=False)
    os.environ["DATABASE_URL"] = _server.start()
    os.environ["PORTICO_STATE"] = _folder.name
    atexit.register(_folder.cleanup)
    atexit.register(_server.stop)
