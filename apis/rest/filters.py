"""The catalog's filters over REST: the same words, facets and order as the page."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request

from apis import search
from apis.filters import FACETS, SORTS, CatalogQuery
from apis.models import Api
from portal.rest.paging import CursorPage

PARAMETERS = [
    OpenApiParameter(
        "q",
        str,
        description="Words, or their beginnings; where nothing has them, names that are spelt alike.",
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
    OpenApiParameter("sort", str, enum=list(SORTS), description="`name` unless given."),
]


class CatalogFilter(BaseFilterBackend):
    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        query = CatalogQuery.read(request.query_params)
        matching, _ = search.matching(Api.objects.visible_to(request.user), query.text)
        return queryset.filter(pk__in=query.narrow(matching).order_by().values("pk"))


class CatalogPage(CursorPage):
    """In the order that `sort` names. A cursor cannot follow how well words match, so that order is the page's alone."""

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> tuple[str, ...]:
        return CatalogQuery.read(request.query_params).order
