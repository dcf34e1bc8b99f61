"""`manage.py gateway`: the process that brings every agreed change to the gateway and proves it."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand

from gateway.agent import Agent
from gateway.publish import Publisher, envoy_options


class Command(BaseCommand):
    help = (
        "Run the gateway agent: the single writer of the gateway's files. Ctrl-C stops it; traffic goes on."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        target = envoy_options()
        self.stdout.write(f"gateway agent: writes {target.directory}")
        Agent(Publisher(target), target.probe_secret, stopping=stop.is_set).run()
