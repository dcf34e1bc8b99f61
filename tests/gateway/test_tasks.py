from datetime import timedelta

from django.utils import timezone

from gateway import tasks
from gateway.actions import open_receipt
from gateway.models import Receipt, Revision
from tests import factories


def test_prune_forgets_what_is_old(db):
    subscription = factories.SubscriptionFactory()
    old, new = (open_receipt(subject=subscription, event="approved", by=None) for _ in range(2))
    long_ago = timezone.now() - timedelta(days=tasks.KEPT_DAYS + 1)
    Receipt.objects.filter(pk=old.pk).update(saved_at=long_ago, status="superseded")
    revision = Revision.objects.create(digest="x", written_at=long_ago)
    tasks.prune()
    assert list(Receipt.objects.values_list("pk", flat=True)) == [new.pk]
    assert not Revision.objects.filter(pk=revision.pk).exists()
