"""The catalog: the portal's first page."""

from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import overload

from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from apis import answers, evidence, facets, permissions
from apis.cards import card_of
from apis.filters import SORT_LABELS, VIEWS, CatalogQuery
from apis.models import Api, ApiVersion
from portal.accounts import visits
from portal.accounts.models import Viewer
from portal.htmx import wants_part
from portal.listing import page_of, pager


@require_safe
@vary_on_headers("HX-Request")
def catalog(request: HttpRequest) -> HttpResponse:
    """Everything that is asked stands in the address; htmx gets only the regions that change."""
    query = CatalogQuery.read(request.GET)
    answer = answers.answer(query, request.user)
    counts = facets.count(answer)
    page = page_of(request, Cards(answer, request.user), known=counts.found)
    last_visit = visits.last_visit(request.user)
    marks = evidence.Marks(answer.match.meant) if answer.match else None
    found = evidence.of(page.object_list, marks) if marks else {}
    context = {
        "query": query,
        "alike": bool(answer.match and answer.match.alike),
        "counts": counts,
        "since": (query.changed_since or last_visit).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "changed": answer.changed(query.changed_since or last_visit),
        "cards": [card_of(api, last_visit, marks, found.get(api.pk)) for api in page.object_list],
        "chips": list(chips(counts, query)),
        "sorts": sorts(query),
        "filtered": bool(query.chosen or query.text or query.changed_since),
        "nearest": answer.nearest() if query.text and not counts.total else None,
        "publishes": not counts.total and not query.text and permissions.publishes(request.user),
        **pager(page),
    }
    if not wants_part(request):
        return render(request, "apis/catalog.html", context)
    response = render(request, "apis/catalog.html#answer", context)
    response["HX-Push-Url"] = address(request.path, request.GET)
    return response


class Cards(Sequence[Api]):
    """The APIs found, to be cut into pages. One page costs two statements, APIs with version and team, and the plans.

    What was read for one page serves everybody who may see the same of the catalog, until something in it changes.
    """

    def __init__(self, answer: answers.Answer, user: Viewer) -> None:
        self._answer = answer
        self._user = user

    def __len__(self) -> int:
        return self._answer.narrowed.count

    @overload
    def __getitem__(self, at: int) -> Api: ...
    @overload
    def __getitem__(self, at: slice) -> list[Api]: ...
    def __getitem__(self, at: int | slice) -> Api | list[Api]:
        if isinstance(at, int):
            return self[at : at + 1][0]
        answer = self._answer
        pks = answer.pks(at.start or 0, min(at.stop, len(self)))
        with answer.index.lock:
            about = ("page", tuple(pks), permissions.sight(self._user))
            return answer.index.remembered(about, lambda: load(pks, self._user))


def load(pks: list[int], user: Viewer) -> list[Api]:
    """In the order of `pks`. What was hidden from the reader meanwhile is left out."""
    published = (
        ApiVersion.objects.filter(api=OuterRef("pk"), published_at__isnull=False)
        .order_by("published_at")
        .values("published_at")[:1]
    )
    found = (
        Api.objects.visible_to(user)
        .select_related("team", "current_version")
        .annotate(first_published_at=Subquery(published))
        .only(
            *("slug", "name", "summary", "type", "tags", "updated_at", "team__name"),
            *(f"current_version__{name}" for name in ("version", "status", "sunset_on", "withdrawn_at")),
        )
        .prefetch_related("current_version__plans")
        .in_bulk(pks)
    )
    return [found[pk] for pk in pks if pk in found]


def sorts(query: CatalogQuery) -> list[tuple[str, str, bool]]:
    """(value, label, chosen). The first is what nobody has to ask for: the best match, or without words the name."""
    if query.text:
        options = [("", _("Best match")), *SORT_LABELS.items()]
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
