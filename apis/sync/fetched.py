"""Definitions that stand at an address: asked for each time the object is read, and given back as their text."""

import hashlib
from dataclasses import replace

from django.utils.text import Truncator

from apis.models import ApiVersion, Document
from apis.sources import DefinitionAddress, DefinitionText, ObjectRef, Problem, PublishedApi, Reading
from portal.errors import PorticoError

from .fetch import Fetched, fetch
from .surroundings import field_of


def fetched(ref: ObjectRef, reading: Reading) -> Reading:
    """The reading with texts in place of addresses. What cannot be fetched keeps its last text, and is a problem."""
    problems: list[Problem] = []
    published = tuple(
        _with_text(ref, entry, problems)
        if isinstance(entry, PublishedApi) and isinstance(entry.definition, DefinitionAddress)
        else entry
        for entry in reading.published
    )
    return Reading(published, (*reading.problems, *problems)) if published else reading


def _with_text(ref: ObjectRef, published: PublishedApi, problems: list[Problem]) -> PublishedApi:
    address = published.definition
    if not isinstance(address, DefinitionAddress):
        return published
    row = _row(ref, published)
    held = row.document if row and row.definition_url in {"", address.url} else None
    text = held.text if held else None
    try:
        answer = fetch(address, etag=_tag(row, held))
    except PorticoError as error:
        message = Truncator(error.message).chars(500)
        problems.append(Problem(ref, field_of(ref, "definition"), message, error.remedy, address.origin))
    else:
        if isinstance(answer, Fetched):
            text = answer.text
            _remember(row, address.url, answer)
    return replace(published, definition=None if text is None else DefinitionText(text, address.origin))


def _row(ref: ObjectRef, published: PublishedApi) -> ApiVersion | None:
    rows = ApiVersion.objects.filter(
        cluster=ref.cluster,
        kind=ref.kind,
        namespace=ref.namespace,
        object_name=ref.name,
        version=published.version,
        withdrawn_at__isnull=True,
    )
    return rows.select_related("document").first()


def _tag(row: ApiVersion | None, held: Document | None) -> str:
    """The tag of the text that is held. A tag of any other text, of an answer that was never stored, does not count."""
    text, _, tag = (row.definition_etag if row else "").partition(" ")
    return tag if held and text == held.sha256 else ""


def _remember(row: ApiVersion | None, url: str, answer: Fetched) -> None:
    """The tag, beside the hash of the text it belongs to. A version that is not in the catalog yet is asked once more."""
    etag = f"{hashlib.sha256(answer.text.encode()).hexdigest()} {answer.etag}"
    if row and (row.definition_url, row.definition_etag) != (url, etag):
        ApiVersion.objects.filter(pk=row.pk).update(definition_url=url, definition_etag=etag)
