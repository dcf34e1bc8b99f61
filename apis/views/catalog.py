"""The catalog: the portal's first page."""

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.http import urlencode
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from apis import facets, permissions, search
from apis.filters import SORT_LABELS, VIEWS, CatalogQuery
from apis.models import Api
from apis.querysets import ApiQuerySet
from portal.htmx import wants_part
from portal.listing import page_of, pager


@require_safe
@vary_on_headers("HX-Request")
def catalog(request: HttpRequest) -> HttpResponse:
    """Everything that is asked stands in the address; htmx gets only the regions that change."""
    query = CatalogQuery.read(request.GET)
    visible = Api.objects.visible_to(request.user)
    matching, alike = search.matching(visible, query.text)
    counts = facets.count(matching, query)
    page = page_of(request, rows(matching, query), known=counts.found)
    context = {
        "query": query,
        "alike": alike,
        "counts": counts,
        "chips": list(chips(counts, query)),
        "sorts": sorts(query),
        "filtered": bool(query.chosen or query.text),
        "nearest": search.nearest(visible, query.text) if query.text and not counts.total else None,
        "publishes": not counts.total and not query.text and permissions.publishes(request.user),
        **pager(page),
    }
    if not wants_part(request):
        return render(request, "apis/catalog.html", context)
    response = render(request, "apis/catalog.html#answer", context)
    response["HX-Push-Url"] = address(request.path, request.GET)
    return response


def rows(apis: ApiQuerySet, query: CatalogQuery) -> ApiQuerySet:
    """One page costs two statements: the APIs with their version and team, and the plans of those versions."""
    narrowed = query.narrow(apis)
    if query.sort or not query.text:
        narrowed = narrowed.order_by(*query.order)
    return (
        narrowed.select_related("team", "current_version")
        .defer(
            "search",
            "search_text",
            "description",
            "current_version__mediation",
            "current_version__conditions",
        )
        .prefetch_related("current_version__plans")
    )


def sorts(query: CatalogQuery) -> list[tuple[str, str, bool]]:
    """(value, label, chosen). The first is what nobody has to ask for: the best match, or without words the name."""
    if query.text:
        options = [("", "Best match"), *SORT_LABELS.items()]
    else:
        options = [("" if value == "name" else value, label) for value, label in SORT_LABELS.items()]
    chosen = query.sort if query.text or query.sort != "name" else ""
    return [(value, label, value == chosen) for value, label in options]


def chips(counts: facets.Counts, query: CatalogQuery) -> Iterator[tuple[str, str, str]]:
    """(facet, value, label) of everything chosen, for the links that take it back."""
    for group in counts.groups:
        yield from ((group.name, option.value, option.label) for option in group.options if option.checked)


def address(path: str, params: QueryDict) -> str:
    """The address without what is empty or the default, so that it can be read and shared."""
    usual = {("view", VIEWS[0])} | (set() if params.get("q") else {("sort", "name")})
    kept = [
        (key, value)
        for key, values in params.lists()
        for value in values
        if value and (key, value) not in usual
    ]
    return f"{path}?{urlencode(kept)}" if kept else path
