"""`manage.py usage`: the process that counts the gateway's access log."""

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from gateway.publish import envoy_options
from gateway.usage.access_log import AccessLog
from gateway.usage.tail import Tail


class Command(BaseCommand):
    help = "Count the calls in the gateway's access log, and rotate it. Run it beside Envoy. Ctrl-C stops it; nothing is lost."

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        log = AccessLog(envoy_options(), settings.ACCESS_LOG_BYTES)
        self.stdout.write(f"usage: counts {log.live}")
        Tail(log, stopping=stop.is_set).run()
