"""The Celery application: `celery -A portal worker` and `celery -A portal beat`."""

import os
from contextlib import suppress
from typing import Any

from celery import Celery, Task
from celery.fixups.django import DjangoFixup, DjangoWorkerFixup

from portal import broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")


class PooledConnections(DjangoWorkerFixup):
    """A task gives its connection back to the pool of its process.

    Celery closes the pool itself before and after each task, which costs two new connections for each: more than most
    tasks do.
    """

    def on_task_prerun(self, sender: Task, **kwargs: Any) -> None:
        """Nothing is open by then."""

    def on_task_postrun(self, sender: Task, **kwargs: Any) -> None:
        if getattr(sender.request, "is_eager", False):
            return
        errors = (self.DatabaseError, *self.interface_errors)  # the session is dead: the pool finds that out
        for connection in self._db.connections.all(initialized_only=True):
            with suppress(*errors):
                self._forget(connection)
            with suppress(*errors):
                connection.close()
        self.close_cache()

    def _forget(self, connection: Any) -> None:
        """What a task that was broken off may have left in its session."""
        if connection.connection is not None:
            with connection.cursor() as cursor:
                cursor.execute("RESET synchronous_commit; SELECT pg_advisory_unlock_all()")


class Fixup(DjangoFixup):
    _worker_fixup: DjangoWorkerFixup | None

    @property
    def worker_fixup(self) -> DjangoWorkerFixup:
        if self._worker_fixup is None:
            self._worker_fixup = PooledConnections(self.app)
        return self._worker_fixup


def _fixup(app: Celery) -> DjangoFixup:
    return Fixup(app).install()


broker.register()
app = Celery("portal", fixups={_fixup})
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
