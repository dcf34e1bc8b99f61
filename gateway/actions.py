"""Every write about receipts that a person or a change asks for. The agent fills the rest in."""

from django.db import connection, models, transaction

from keymanager.models import Credential
from portal.accounts.audit import record
from portal.accounts.models import User
from subscriptions.models import Subscription

from .models import Receipt, ReceiptStatus
from .querysets import subject_field

# The agent LISTENs to it; Postgres delivers when the transaction commits.
CHANNEL = "portico_gateway"
# What a notice about one application begins with; its public id follows.
APPLICATION = "application "


def open_receipt(*, subject: models.Model, event: str, by: User | None) -> Receipt:
    """Begin the record of a change. Call it inside the change's transaction: both are saved, or neither.

    Earlier receipts of the same subject that still run are superseded: what they waited for is no longer wanted.
    """
    field = subject_field(subject)
    Receipt.objects.filter(
        **{field: subject}, status__in=[ReceiptStatus.RUNNING, ReceiptStatus.STUCK]
    ).update(status=ReceiptStatus.SUPERSEDED)
    receipt = Receipt.objects.create(**{field: subject}, event=event, by=by)
    if isinstance(subject, Subscription) or (isinstance(subject, Credential) and not subject.issuer_id):
        notify_application(subject.application.public_id)
    else:
        notify()
    return receipt


@transaction.atomic
def probe_again(*, receipt: Receipt, by: User) -> Receipt:
    """Ask the gateway once more about the receipt's subject; the answer is a receipt of its own.

    Whoever may see the receipt may do it.
    """
    again = open_receipt(subject=receipt.subject, event="probed_again", by=by)
    record("receipt_probed_again", again, by=by, team=again.team)
    return again


def notify_application(public_id: str) -> None:
    """As `notify`, where a change touches nothing but one application's subscriptions and keys: that is soon read."""
    notify(f"{APPLICATION}{public_id}")


def notify(kind: str = "change") -> None:
    """Wake the agent when the transaction commits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, kind])
