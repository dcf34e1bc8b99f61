"""`manage.py watch`: follow the clusters. Run as many as you like: one watches, the others stand by to take over."""

import contextlib
import logging
import os
import signal
import time
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand
from django.db import InterfaceError, OperationalError, connection
from kombu.exceptions import OperationalError as BrokerError

from apis.watch import LEADER_SECONDS, Leader, check_connection
from portal.commits import unflushed
from portal.kube import backoff, get_clusters
from portal.locks import advisory_lock

logger = logging.getLogger(__name__)


class Stopped(BaseException):
    """Somebody asked for the end. Not an Exception: no retry on the way may swallow it."""


class Command(BaseCommand):
    help = "Follow the clusters and ask for a task per changed object. One process leads, others take over."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or SIGINT."""
        self._stopping = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        with contextlib.suppress(Stopped):
            self._run()
        logger.info("watch stops")
        logging.shutdown()
        # Threads may be in the middle of a request to a cluster; nothing they hold needs an end in order.
        os._exit(0)

    def _run(self) -> None:
        delays = backoff(first=0.2, most=5.0)
        while not self._stopping:
            try:
                with advisory_lock("watch") as leader:
                    if leader:
                        logger.info("watch leads")
                        delays = backoff(first=0.2, most=5.0)
                        with unflushed():
                            Leader(get_clusters()).lead(check_connection)
                time.sleep(LEADER_SECONDS)
            except (OperationalError, InterfaceError, BrokerError, OSError) as error:
                logger.warning(
                    "watch lost the database: %s", str(error).splitlines()[0] if str(error) else error
                )
                connection.close()
                time.sleep(next(delays))

    def _stop(self, number: int, frame: FrameType | None) -> None:
        """Noted as well as raised: giving back the lock of a lost session raises another error in its place."""
        self._stopping = True
        raise Stopped
