"""The catalog's filters over REST: the same words, facets and order as the page."""

import base64
import json
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import NotFound
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from apis.answers import answer
from apis.filters import FACETS, SORT_LABELS, CatalogQuery
from apis.index import Key
from portal.rest.paging import CursorPage

PARAMETERS = [
    OpenApiParameter(
        "q",
        str,
        description="Words, or their beginnings; where nothing has them, names that are spelt alike. Among them "
        '`tag:money`, `type:`, `status:`, `team:"Web shop"`, `plan:` and `env:` narrow what is found.',
    ),
    *(
        OpenApiParameter(
            facet.name,
            {
                "type": "array",
                "items": {"type": "string", **({"enum": list(facet.choices)} if facet.choices else {})},
            },
            description=f"{facet.label}; repeat it to widen the answer.",
            explode=True,
        )
        for facet in FACETS
    ),
    OpenApiParameter("changed_since", datetime, description="Only what is new or changed after that moment."),
    OpenApiParameter("sort", str, enum=list(SORT_LABELS), description="`name` unless given."),
]


class CatalogFilter(BaseFilterBackend):
    """Says nothing by itself: which rows and in which order is one question, which the page below answers."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        return queryset


class CatalogPage(CursorPage):
    """In the order that `sort` names. A cursor cannot follow how well words match, so that order is the page's alone."""

    def paginate_queryset(  # type: ignore[override]  # the cursor needs rows by primary key
        self, queryset: QuerySet[Any], request: Request, view: Any = None
    ) -> list[Any]:
        query = CatalogQuery.read(request.query_params)
        sort, limit = query.sort or "name", self.get_page_size(request) or self.page_size
        self.base_url = request.build_absolute_uri()
        at, before = _cursor(request, sort)
        found = answer(query, request.user)
        with found.index.lock:
            rows = found.index.beside(found.narrowed, sort, at, limit + 1, before=before)
        more, rows = len(rows) > limit, rows[1:] if before and len(rows) > limit else rows[:limit]
        self.next_at = rows[-1][1] if rows and (before or more) else None
        self.previous_at = rows[0][1] if rows and (more if before else at is not None) else None
        loaded = queryset.in_bulk([pk for pk, _ in rows])
        return [loaded[pk] for pk, _ in rows if pk in loaded]

    def get_next_link(self) -> str | None:
        return self._link(self.next_at, "next")

    def get_previous_link(self) -> str | None:
        return self._link(self.previous_at, "previous")

    def _link(self, at: Key | None, way: str) -> str | None:
        if at is None:
            return None
        text = base64.urlsafe_b64encode(json.dumps([way, *at]).encode()).decode()
        return str(replace_query_param(str(self.base_url), str(self.cursor_query_param), text))


def _cursor(request: Request, sort: str) -> tuple[Key | None, bool]:
    """(sort key, whether the page before it is meant). Raises NotFound for a cursor that is none, or of another order."""
    text = request.query_params.get(CatalogPage.cursor_query_param)
    if not text:
        return None, False
    shape = (str, str) if sort == "name" else (int | float, int)
    try:
        way, *at = json.loads(base64.urlsafe_b64decode(text))
        if way in {"next", "previous"} and len(at) == len(shape) and all(map(isinstance, at, shape)):
            return tuple(at), way == "previous"
    except ValueError:
        pass
    raise NotFound("Invalid cursor")
