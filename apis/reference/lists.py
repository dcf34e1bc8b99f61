"""The operations of a version beside its pages: in groups, few at a time however many there are."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Min, Q, QuerySet

from apis.models import DescribedOperation

# So many stand in the list together; of a larger version only the group of the page, near its operation.
MOST_LISTED = 80
LISTED_BEFORE = 5
MOST_GROUPS = 60


@dataclass(frozen=True, slots=True)
class Entry:
    """An operation in the list."""

    slug: str
    method: str
    title: str
    deprecated: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Operations of one group: `shown` of `count` are listed."""

    name: str
    count: int
    shown: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """What stands beside a page. `more_groups` are not named."""

    total: int
    groups: tuple[Group, ...]
    more_groups: int

    @property
    def cut(self) -> bool:
        """Whether a group is listed in part, near the page's operation: another operation has another list beside it."""
        return any(0 < len(group.shown) < group.count for group in self.groups)


def beside(document_id: int, current: DescribedOperation | None = None) -> Listed:
    """The list for the page of an operation, in two queries."""
    rows = DescribedOperation.objects.filter(document_id=document_id)
    counted = list(
        rows.values_list("group").annotate(count=Count("pk"), first=Min("position")).order_by("first")
    )
    total = sum(count for _, count, _ in counted)
    if total > MOST_LISTED:
        name = current.group if current else next((name for name, _, _ in counted), "")
        rows = rows.filter(group=name)
        if current and next((count for group, count, _ in counted if group == name), 0) > MOST_LISTED:
            rows = rows.filter(position__gte=current.position - LISTED_BEFORE)
    shown: dict[str, list[Entry]] = {}
    said = rows.values_list("group", "slug", "method", "title", "deprecated")[:MOST_LISTED]
    for group, slug, method, title, deprecated in said:
        shown.setdefault(group, []).append(Entry(slug, method, title, deprecated))
    kept = counted[:MOST_GROUPS]
    if current and all(name != current.group for name, _, _ in kept):
        kept += [each for each in counted if each[0] == current.group]
    groups = tuple(Group(name, count, tuple(shown.get(name, ()))) for name, count, _ in kept)
    return Listed(total, groups, len(counted) - len(kept))


def matching(document_id: int, text: str, group: str = "") -> "QuerySet[DescribedOperation, Any]":
    """The operations with every word of `text` in method, path, id, title or group."""
    found = DescribedOperation.objects.filter(document_id=document_id).defer("body")
    if group:
        found = found.filter(group=group)
    for word in text.split()[:8]:
        found = found.filter(
            Q(method__iexact=word)
            | Q(path__icontains=word)
            | Q(operation_id__icontains=word)
            | Q(title__icontains=word)
            | Q(group__icontains=word)
        )
    return found
