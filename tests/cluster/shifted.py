"""`python -m tests.cluster.shifted worker ...`: celery with a clock that is SHIFTED_SECONDS off."""

import os
import runpy
import sys
import time
from datetime import datetime, timedelta

from django.utils import timezone

OFF = float(os.environ["SHIFTED_SECONDS"])
_time, _now = time.time, timezone.now


def shifted_time() -> float:
    return _time() + OFF


def shifted_now() -> datetime:
    return _now() + timedelta(seconds=OFF)


if __name__ == "__main__":
    time.time = shifted_time
    timezone.now = shifted_now
    from celery import Celery

    celery_now = Celery.now
    # What a countdown is counted from.
    Celery.now = lambda self: celery_now(self) + timedelta(seconds=OFF)
    sys.argv[0] = "celery"
    runpy.run_module("celery", run_name="__main__")
