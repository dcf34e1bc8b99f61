"""What changed in the definitions of an Api: kept by version, and compared once by a worker or by the first who asks."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from django.db.models import F, Func, IntegerField, JSONField, QuerySet, Sum, Value
from django.utils import timezone

from portal.errors import Invalid, PorticoError
from portal.locks import one_at_a_time

from .definitions import sandbox
from .definitions.diff import Level
from .models import ApiVersion, Comparison, Document

logger = logging.getLogger(__name__)

# Raised when the rules learn, so that everything is compared anew.
EDITION = 1
# Bytes of both texts together that are compared by the first who asks, in a few hundredths of a second; more in a worker.
AT_ONCE_BYTES = 200_000
# A worker that has not answered after this is asked again, by the next one who looks.
ASK_AGAIN = timedelta(seconds=90)
# Changes shown of each entry in the list; its own page has all of them.
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the changelog, for a page or a script. `state` is compared, waiting or failed."""

    comparison: Comparison
    state: str
    changes: Sequence[dict[str, Any]]

    @property
    def more(self) -> int:
        return self.comparison.total - len(self.changes)


def note(version: ApiVersion, before: int | None) -> None:
    """Write into the changelog that the version has another Document than `before`. Called in the transaction of that."""
    from .tasks import compare  # noqa: PLC0415  the task ends here again

    if not before or not version.document_id or before == version.document_id:
        return
    now, new = timezone.now(), version.document_id
    row = Comparison.objects.create(version=version, old_id=before, new_id=new, took_at=now, tried_at=now)
    compare.delay_on_commit(row.pk)


def entries_of(version: ApiVersion) -> QuerySet[Comparison]:
    """When the version took other definitions, the latest first, with the first changes of each as `first`."""
    rows = Comparison.objects.filter(version=version, took_at__isnull=False)
    return with_first(rows).order_by("-took_at", "-id")


def with_first(rows: QuerySet[Comparison]) -> QuerySet[Comparison]:
    """Without the long lists: of each only what the list shows."""
    first = Func(
        F("changes"),
        Value(f"$[0 to {SHOWN - 1}]"),
        function="jsonb_path_query_array",
        template="%(function)s(%(expressions)s::jsonpath)",
        output_field=JSONField(),
    )
    texts = ("old__text", "new__text", "old__findings", "new__findings", "old__scopes", "new__scopes")
    return rows.select_related("old", "new").defer("changes", *texts).annotate(first=first)


def between(old: ApiVersion, new: ApiVersion) -> Comparison | None:
    """The comparison of what two versions of one Api say now, None where one of them has no definition."""
    if old.document_id is None or new.document_id is None:
        return None
    row, _ = Comparison.objects.defer("changes").get_or_create(
        old_id=old.document_id, new_id=new.document_id, took_at=None, defaults={"version": new}
    )
    return row


def entry_of(row: Comparison) -> Entry:
    """What can be said of it now. Compares short texts; has a worker compare long ones, and says that it is waited for."""
    if row.edition != EDITION:
        row = _compared_or_asked(row)
    if row.edition != EDITION:
        return Entry(row, "waiting", [])
    if row.failure:
        return Entry(row, "failed", [])
    first = getattr(row, "first", None)
    return Entry(row, "compared", row.changes if first is None else first)


def _compared_or_asked(row: Comparison) -> Comparison:
    from .tasks import compare  # noqa: PLC0415

    size = Func(F("text"), function="octet_length", output_field=IntegerField())
    found = Document.objects.filter(pk__in=[row.old_id, row.new_id]).aggregate(bytes=Sum(size))
    if (found["bytes"] or 0) <= AT_ONCE_BYTES:
        done = ensure(row.pk)
        if done is not None and hasattr(row, "first"):
            done.first = done.changes[:SHOWN]  # type: ignore[attr-defined]
        return done or row
    now = timezone.now()
    if row.tried_at is None or row.tried_at < now - ASK_AGAIN:
        Comparison.objects.filter(pk=row.pk).update(tried_at=now)
        compare.delay_on_commit(row.pk)
    return row


def ensure(pk: int) -> Comparison | None:
    """The comparison, made now if nobody did. None where it is gone with its documents."""
    rows = Comparison.objects.filter(pk=pk).select_related("old", "new")
    with one_at_a_time(f"comparison {pk}"):
        row = rows.first()
        if row is not None and row.edition != EDITION:
            _compare(row)
    return row


def _compare(row: Comparison) -> None:
    try:
        changes, failure = sandbox.diff(row.old.text, row.new.text), ""
    except Invalid as error:
        changes, failure = (), error.message
    except PorticoError as error:
        # Not the texts' fault: the next one who asks tries again.
        logger.warning("%s is not compared: %s", row.public_id, error.message)
        return
    row.edition, row.failure = EDITION, failure
    row.changes = [asdict(change) for change in changes]
    levels = [change.level for change in changes]
    row.breaking, row.risky, row.safe = (levels.count(level) for level in Level)
    row.save(update_fields=["edition", "failure", "changes", "breaking", "risky", "safe"])
