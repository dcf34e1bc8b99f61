"""The definition text of a version: read before the transaction, stored in it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from apis import definitions
from apis.catalog import INDEXED_SCHEMAS
from apis.definitions import sandbox
from apis.models import ApiVersion, Document, Operation
from apis.reference.tasks import describe_ahead
from apis.sources import DefinitionText, Problem, PublishedApi
from portal.errors import PorticoError

from .surroundings import field_of


@dataclass(frozen=True)
class Parsed:
    """What the definition of one version says. `problems` not empty and no `definition`: it could not be read."""

    definition: definitions.Definition | None = None
    problems: list[Problem] = field(default_factory=list)

    @property
    def unreadable(self) -> bool:
        return self.definition is None and bool(self.problems)


def parse(published: PublishedApi) -> Parsed:
    """Parse the text and put the object's own scopes over the definition's. Never raises for what a text holds."""
    if not isinstance(published.definition, DefinitionText):
        return Parsed()
    try:
        definition = sandbox.parse(published.definition.text)
    except PorticoError as error:
        return Parsed(problems=[_problem(published, error.message, error.remedy)])
    return Parsed(definition, _unknown_operations(published, definition))


def _problem(published: PublishedApi, message: str, remedy: str) -> Problem:
    origin = published.definition.origin if published.definition else ""
    return Problem(
        ref=published.ref,
        field=field_of(published.ref, "definition"),
        message=f"{origin}: {message}" if origin else message,
        remedy=remedy or "Mend the text; it is read again at once.",
        origin=origin,
    )


def _unknown_operations(published: PublishedApi, definition: definitions.Definition) -> list[Problem]:
    """Scopes stated for an operation that is not there protect nothing, so their author has to know."""
    known = {(operation.method, operation.path) for operation in definition.operations}
    unknown = [
        f"{o.method} {o.path}" for o in published.security.scopes if (o.method.upper(), o.path) not in known
    ]
    if not unknown:
        return []
    return [
        Problem(
            ref=published.ref,
            field=field_of(published.ref, "security.scopes"),
            message=f"The definition has no operation {', '.join(unknown[:10])}.",
            remedy="Write method and path as the definition does, without the base path.",
        )
    ]


def document_of(version: ApiVersion, published: PublishedApi, parsed: Parsed) -> Document | None:
    """The Document of this text, a new one for a new text; None where there is no text that could be read."""
    if not isinstance(published.definition, DefinitionText) or parsed.definition is None:
        return None
    definition = parsed.definition
    said = {
        "format": definition.format,
        "findings": [{"code": f.code, "message": f.message, "line": f.line} for f in definition.findings],
        "scopes": dict(definition.scopes),
        "schemas": [name[:200] for name in definition.schemas[:INDEXED_SCHEMAS]],
    }
    digest = published.definition.sha256
    document, created, text = version.document, False, published.definition.text
    if document is None or document.sha256 != digest:
        # A first load may be about to store it.
        document, created = Document.objects.defer("text").get_or_create(
            version=version, sha256=digest, defaults={"text": text, **said}
        )
    if created:
        describe_ahead(document.pk, text)
    elif any(getattr(document, name) != value for name, value in said.items()):
        # The text is the same; it was not parsed yet, or the reader has learnt.
        for name, value in said.items():
            setattr(document, name, value)
        document.save(update_fields=list(said))
        describe_ahead(document.pk, text)
    return document


def operations_of(version: ApiVersion, published: PublishedApi, parsed: Parsed) -> list[Operation]:
    """The operations that the definition states, not saved; the object's own scopes count before its."""
    stated = {(entry.method.upper(), entry.path): list(entry.scopes) for entry in published.security.scopes}
    return [
        Operation(
            version=version,
            position=position,
            method=operation.method,
            path=operation.path,
            operation_id=operation.operation_id[:200],
            summary=operation.summary[:300],
            scopes=stated.get((operation.method, operation.path), list(operation.scopes)),
            deprecated=operation.deprecated,
        )
        for position, operation in enumerate(parsed.definition.operations if parsed.definition else ())
    ]


def replace(version: ApiVersion, recorded: Sequence[Operation], wanted: Sequence[Operation]) -> None:
    """Write the wanted operations in place of those recorded, if they say anything else."""
    if [_content(row) for row in recorded] != [_content(row) for row in wanted]:
        if recorded:
            version.operations.all().delete()
        Operation.objects.bulk_create(wanted, batch_size=1000)


def _content(row: Operation) -> tuple[object, ...]:
    return (row.position, row.method, row.path, row.operation_id, row.summary, row.scopes, row.deprecated)
