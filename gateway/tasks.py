"""Sweeps of what the gateway agent leaves behind."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from .models import Receipt, ReceiptStatus, Revision

KEPT_DAYS = 90


@shared_task
def prune() -> None:
    """Forget finished receipts after 90 days, and revisions that no receipt names any more."""
    before = timezone.now() - timedelta(days=KEPT_DAYS)
    Receipt.objects.filter(saved_at__lt=before).exclude(status=ReceiptStatus.RUNNING).delete()
    Revision.objects.filter(written_at__lt=before, receipts__isnull=True).delete()
