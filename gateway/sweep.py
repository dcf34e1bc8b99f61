"""Looking again, all day: does the gateway still do what was agreed?

A few subjects at a time, picked by chance, at a rate that nobody notices. One whose probe is not answered as it must be
gets a receipt, as a change does: the agent writes anew what is enforced, and its owners see what was found and when it
was mended, or why it was not.
"""

import logging
import random
from collections.abc import Iterator

from django.db.models import Max
from django.utils import timezone

from keymanager.models import Credential
from subscriptions.models import Subscription, SubscriptionStatus

from . import actions
from .compile import deny_horizon
from .models import Receipt, ReceiptStatus
from .probe import probes_for, send

logger = logging.getLogger(__name__)

EVERY_S = 10.0
SUBSCRIPTIONS, CREDENTIALS = 4, 1
EVENT = "found_differing"


def sweep(secret: str) -> int:
    """Probe a few subjects; how many were not enforced as agreed. Ends at once where the gateway does not answer."""
    found = 0
    for receipt in _picked():
        differs = _differs(receipt, secret)
        if differs is None:
            break
        if differs:
            logger.warning("%s is not enforced as agreed", receipt.subject)
            actions.open_receipt(subject=receipt.subject, event=EVENT, by=None)
            found += 1
    return found


def _picked() -> Iterator[Receipt]:
    """Each as a receipt that is not saved. What has one under way is left to that."""
    subscriptions = Subscription.objects.filter(
        status__in=[*Subscription.ENFORCED, SubscriptionStatus.SUSPENDED],
        application__deleted_at__isnull=True,
    ).select_related("application__team", "api", "plan")
    last = Subscription.objects.aggregate(last=Max("pk"))["last"] or 0
    first = random.randint(0, last)  # noqa: S311  a sample, not a secret
    for row in subscriptions.filter(pk__gte=first).order_by("pk")[:SUBSCRIPTIONS]:
        if not _under_way(row):
            yield Receipt(subscription=row, event=EVENT)
    revoked = Credential.objects.filter(revoked_at__gt=deny_horizon(timezone.now()))
    for credential in revoked.select_related("application__team", "issuer").order_by("?")[:CREDENTIALS]:
        if not _under_way(credential):
            yield Receipt(credential=credential, event=EVENT)


def _under_way(subject: Subscription | Credential) -> bool:
    open_ones = [ReceiptStatus.RUNNING, ReceiptStatus.STUCK]
    return Receipt.objects.about(subject).filter(status__in=open_ones).exists()


def _differs(receipt: Receipt, secret: str) -> bool | None:
    """Whether it is answered otherwise than it must be, twice: it may have changed meanwhile. None: no answer."""
    for _ in range(2):
        receipt.subject.refresh_from_db()
        answers = [(probe, send(probe, secret=secret)) for probe in probes_for(receipt)]
        if any(answer.status == 0 for _, answer in answers):
            return None
        if all(answer.fits(probe) for probe, answer in answers):
            return False
    return True
