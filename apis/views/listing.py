"""Pages of rows: what every list needs from the address."""

from typing import Any

from django.conf import settings
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest


def page_of(
    request: HttpRequest, rows: QuerySet[Any], *, size: int = settings.PAGE_SIZE, known: int | None = None
) -> Page[Any]:
    """The page that `?page=` names, or the nearest there is. `known`: how many rows there are, if that was counted."""
    paginator = Paginator(rows, size)
    if known is not None:
        paginator.count = known
    return paginator.get_page(request.GET.get("page"))


def pager(page: Page[Any]) -> dict[str, object]:
    """Context of _components/pager.html."""
    return {
        "page": page,
        "pages": list(page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1)),
    }
