"""Lists on pages: sorted and paged on the server, everything in the address."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest


@dataclass(frozen=True, slots=True)
class Sort:
    """One order of a list: what the reader sees, and the model's fields. The last field is unique."""

    label: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of a list: `page` and `pages` for the pager, `sort` and `sorts` for the menu."""

    page: Page[Any]
    pages: Iterable[int | str]
    sort: str
    sorts: Mapping[str, Sort]

    @property
    def order(self) -> str:
        return self.sorts[self.sort].label.lower()


def page_of(
    request: HttpRequest,
    rows: QuerySet[Any] | Sequence[Any],
    *,
    size: int = settings.PAGE_SIZE,
    known: int | None = None,
    name: str = "page",
) -> Page[Any]:
    """The page that `?page=` names, or the nearest there is. `known`: how many rows there are, if that was counted.

    A page with several lists gives each another `name`.
    """
    paginator = Paginator(rows, size)
    if known is not None:
        paginator.count = known
    return paginator.get_page(request.GET.get(name))


def pager(page: Page[Any], name: str = "page") -> dict[str, Any]:
    """Context of _components/pager.html. `name` is what the address calls the page's number."""
    pages = page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1)
    return {"page": page, "pages": list(pages), "page_name": name}


def listing_of(request: HttpRequest, rows: QuerySet[Any], sorts: Mapping[str, Sort]) -> Listing:
    """The page that `?page=` asks for, in the order of `?sort=`; nonsense gives the first of each."""
    sort = request.GET.get("sort", "")
    if sort not in sorts:
        sort = next(iter(sorts))
    page = page_of(request, rows.order_by(*sorts[sort].fields))
    return Listing(page=page, pages=pager(page)["pages"], sort=sort, sorts=sorts)
