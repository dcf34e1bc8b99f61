"""The parts of a Document's Reference in the database: made once, read by the page."""

import logging
from typing import Any

from django.db import transaction

from apis.definitions import sandbox
from apis.definitions.reference import EDITION, Reference
from apis.models import DescribedOperation, DescribedSchema, Document, DocumentReference
from portal.errors import Invalid, PorticoError
from portal.locks import one_at_a_time

logger = logging.getLogger(__name__)


def ensure(document: Document) -> DocumentReference:
    """What is known of the Document's parts, which are made now where nobody did before.

    A Document never changes, so they hold for good. They are made by the first who asks, and of large texts ahead
    (`apis.tasks.describe`); catalogs of older releases fill in the same way.
    """
    found = DocumentReference.objects.filter(document=document, edition=EDITION).first()
    if found is not None:
        return found
    with one_at_a_time(f"reference {document.pk}"):
        found = DocumentReference.objects.filter(document=document, edition=EDITION).first()
        return found or _make(document)


def _make(document: Document) -> DocumentReference:
    try:
        reference, failure = sandbox.reference(document.text), ""
    except Invalid as error:
        reference, failure = Reference(), error.message
    except PorticoError as error:
        # Not the text's fault: the next one who asks tries again.
        logger.warning("document %s has no reference: %s", document.pk, error.message)
        return DocumentReference(document=document, edition=EDITION, failure=error.message)
    return _store(document, reference, failure)


@transaction.atomic
def _store(document: Document, reference: Reference, failure: str) -> DocumentReference:
    document.described_operations.all().delete()
    document.described_schemas.all().delete()
    DescribedOperation.objects.bulk_create(
        (
            DescribedOperation(document=document, position=position, **_columns(part))
            for position, part in enumerate(reference.operations)
        ),
        batch_size=500,
    )
    DescribedSchema.objects.bulk_create(
        (
            DescribedSchema(document=document, position=position, **_columns(part))
            for position, part in enumerate(reference.schemas)
        ),
        batch_size=500,
    )
    said = {"edition": EDITION, "failure": failure, "groups": reference.groups}
    found, _ = DocumentReference.objects.update_or_create(document=document, defaults=said)
    return found


def _columns(part: Any) -> dict[str, Any]:
    return {name: getattr(part, name) for name in part.__slots__}
