"""Read by gunicorn wherever it is started here; the rest of its settings stand in its command."""

import gc
from threading import Thread
from typing import Any

from portal.accesslog import FORMAT, AccessLog

logger_class = AccessLog
access_log_format = FORMAT


def post_worker_init(worker: Any) -> None:
    """At 100,000 APIs the catalog takes seconds to read: not the first reader's seconds."""
    # What is loaded by now stays: looking for garbage in it, as often as Python would, is a tenth of a page's time.
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    from apis import index  # noqa: PLC0415  the worker has loaded the project by now

    Thread(target=index.warm, name="catalog", daemon=True).start()
