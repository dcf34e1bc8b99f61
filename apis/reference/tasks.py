"""Background work of the Reference. Takes a key, and does no harm when it runs twice."""

from celery import shared_task

from apis.models import Document

from . import parts

# Shorter texts are cut into parts by the first who asks, in a few hundredths of a second.
AHEAD_CHARACTERS = 200_000


@shared_task
def describe(document_id: int) -> None:
    """Cut a Document into the parts of its Reference, before somebody waits for them."""
    if document := Document.objects.filter(pk=document_id).first():
        parts.ensure(document)


def describe_ahead(document_id: int, text: str) -> None:
    """Have a Document with a large text described once the transaction that wrote it is through."""
    if len(text) > AHEAD_CHARACTERS:
        describe.delay_on_commit(document_id)
