"""Sweeps of what the gateway agent leaves behind, and what follows from the counts of calls."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from portal.locks import advisory_lock

from .models import Receipt, ReceiptStatus, Revision
from .usage import quota_mails, rollups

KEPT_DAYS = 90


@shared_task
def prune() -> None:
    """Forget finished receipts after 90 days, and revisions that no receipt names any more."""
    before = timezone.now() - timedelta(days=KEPT_DAYS)
    Receipt.objects.filter(saved_at__lt=before).exclude(status=ReceiptStatus.RUNNING).delete()
    Revision.objects.filter(written_at__lt=before, receipts__isnull=True).delete()


@shared_task
def roll_up_usage() -> None:
    """Sum up minutes into hours and hours into days."""
    with advisory_lock("roll_up_usage") as acquired:
        if acquired:
            rollups.roll_up()


@shared_task
def prune_usage() -> None:
    """Forget counts and single calls that are older than the settings say."""
    rollups.prune()


@shared_task
def tell_quotas() -> None:
    """Mail teams whose applications have used 80 % or all of a quota, once in a period for each."""
    with advisory_lock("tell_quotas") as acquired:
        if acquired:
            quota_mails.tell()
