"""Brings the database to this version: migrations, the broker's queues and, in demo mode, the demo people.

One process for all of it, since loading Django costs more than any of the steps. Safe to run again and at every start.
"""

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection
from pgmq import install_pgmq_from_sql


class Command(BaseCommand):
    help = "Migrate the database, install the broker's tables and, in demo mode, create the demo people."

    def handle(self, *args: Any, **options: Any) -> None:
        """Do every step in order. Prints one line of progress each."""
        self._timed("database migrated", lambda: call_command("migrate", interactive=False, verbosity=0))
        if settings.CELERY_BROKER_URL.startswith("pgmq"):
            self._timed("broker ready", self._install_pgmq)
        if settings.DEMO:
            self._timed("demo people ready", lambda: call_command("demo", verbosity=0))

    def _timed(self, what: str, step: Callable[[], object]) -> None:
        began = time.monotonic()
        step()
        self.stdout.write(f"{what} {time.monotonic() - began:.1f} s")
        self.stdout.flush()

    def _install_pgmq(self) -> None:
        """kombu's transport needs the pgmq functions; their SQL must run once only and has no upgrade of its own."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('pgmq.meta')")
            if cursor.fetchone() == (None,):
                install_pgmq_from_sql(dsn=settings.DATABASE_URL)
