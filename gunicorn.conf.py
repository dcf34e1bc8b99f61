"""Read by gunicorn wherever it is started here; the rest of its settings stand in its command."""

from threading import Thread
from typing import Any

from portal.accesslog import FORMAT, AccessLog

logger_class = AccessLog
access_log_format = FORMAT


def post_worker_init(worker: Any) -> None:
    """At 100,000 APIs the catalog takes seconds to read: not the first reader's seconds."""
    from apis import index  # noqa: PLC0415  the worker has loaded the project by now

    Thread(target=index.warm, name="catalog", daemon=True).start()
