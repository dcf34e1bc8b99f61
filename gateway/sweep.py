"""Looking again, all day: does the gateway still do what was agreed?

A few subjects at a time, at a rate that nobody notices: subscriptions and credentials by chance, versions one after the
other, of which the catalog shows what was seen. One whose probe is not answered as it must be
gets a receipt, as a change does: the agent writes anew what is enforced, and its owners see what was found and when it
was mended, or why it was not.
"""

import logging
import random
from collections.abc import Iterator

from django.db.models import Max
from django.utils import timezone

from apis.models import ApiVersion
from keymanager.models import Credential
from subscriptions.models import Subscription, SubscriptionStatus

from . import actions
from .compile import deny_horizon
from .models import Receipt, ReceiptStatus, VersionHealth
from .probe import probes_for, send

logger = logging.getLogger(__name__)

EVERY_S = 10.0
SUBSCRIPTIONS, CREDENTIALS, VERSIONS = 4, 1, 10
EVENT = "found_differing"


def sweep(secret: str) -> int:
    """Probe a few subjects; how many were not enforced as agreed. Ends at once where the gateway does not answer."""
    found = 0
    for receipt in _picked():
        differs = _differs(receipt, secret)
        if differs is None:
            break
        if differs:
            _mend(receipt)
            found += 1
    return found


def _mend(receipt: Receipt) -> None:
    logger.warning("%s is not enforced as agreed", receipt.subject)
    actions.open_receipt(subject=receipt.subject, event=EVENT, by=None)


def look_at_versions(secret: str, after: int) -> int:
    """Ask the next few versions what they answer a stranger, and note it.

    Returns the primary key to go on after, 0 at the end. One with a change on its way is left to its receipt; one that is
    stuck is looked at, and has a receipt already.
    """
    offered = ApiVersion.objects.on_sale().filter(definition_pending=False).exclude(upstreams={})
    versions = list(offered.filter(pk__gt=after).select_related("api__team").order_by("pk")[:VERSIONS])
    seen = []
    for version in versions:
        receipt = Receipt(version=version, event=EVENT)
        if _under_way(version, ReceiptStatus.RUNNING):
            continue
        differs = _differs(receipt, secret)
        seen.append(VersionHealth(version=version, answering=differs is False, at=timezone.now()))
        if differs and not _under_way(version):
            _mend(receipt)
    VersionHealth.objects.bulk_create(
        seen, update_conflicts=True, unique_fields=["version"], update_fields=["answering", "at"]
    )
    return versions[-1].pk if len(versions) == VERSIONS else 0


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


def _under_way(
    subject: ApiVersion | Subscription | Credential,
    *statuses: ReceiptStatus,
) -> bool:
    open_ones = statuses or (ReceiptStatus.RUNNING, ReceiptStatus.STUCK)
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
