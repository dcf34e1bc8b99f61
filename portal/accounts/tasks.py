"""What time does to people's accounts."""

from celery import shared_task

from . import limits


@shared_task
def clear_failed_tries() -> None:
    """Forget failures whose window is over."""
    limits.clear_expired()
