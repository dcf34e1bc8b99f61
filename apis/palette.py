"""APIs, their operations and their documentation, found by the catalog's own search."""

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from operator import or_
from typing import TypeVar

from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    BigIntegerField,
    F,
    Func,
    IntegerField,
    Model,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.urls import reverse
from django.utils.http import urlencode

from portal import palette
from portal.accounts.models import Viewer
from portal.lazily import gettext_lazy as _
from portal.palette import Group, Hit, Place

from . import answers, permissions
from .filters import CatalogQuery
from .models import Api, DescribedOperation, DocsPage, Operation

# Each word as it may have been meant, as `search.Match.meant`.
Forms = Sequence[Sequence[str]]
# Operations are looked for in the APIs that fit best.
LOOKED_AT = 30
Row = TypeVar("Row", bound=Model)
METHODS = frozenset({"get", "put", "post", "patch", "delete", "head", "options"})


def connect() -> None:
    palette.offers(
        Place(_("Catalog"), "apis:catalog", "cube", "apis home start", seen=palette.anybody),
        Place(_("Sync"), "apis:sync", "refresh", "cluster system state", seen=permissions.can_view_sync),
        Place(
            _("What waits to be published"), "apis:waiting", "clock", "publish", seen=permissions.publishes
        ),
    )
    palette.finds(find)


def find(user: Viewer, text: str) -> Iterable[Group]:
    """The best APIs, and of those the operations and pages that have the words. `GET /orders` asks for operations of that method."""
    first, _space, rest = text.partition(" ")
    method = first.lower() if first.lower() in METHODS and rest else ""
    answer = answers.answer(CatalogQuery(text=rest if method else text), user)
    pks = answer.pks(0, min(LOOKED_AT, answer.narrowed.count))
    apis = Api.objects.visible_to(user).select_related("current_version").in_bulk(pks)
    best = [apis[pk] for pk in pks if pk in apis]
    yield Group(_("APIs"), [_api(api) for api in best[: palette.SHOWN]])
    if best and answer.match and answer.match.meant:
        forms = answer.match.meant
        yield Group(_("Operations"), [_operation(row) for row in _operations(best, forms, method)])
        yield Group(_("Documentation"), [_page(row) for row in _pages(best, forms)])


def _api(api: Api) -> Hit:
    version = f" · {api.current_version.version}" if api.current_version else ""
    return Hit(api.name, api.get_absolute_url(), f"{api.get_type_display()}{version}", "cube")


def _having(rows: QuerySet[Row], forms: Forms, says: Callable[[str], Q], of_api: str) -> QuerySet[Row]:
    """Rows of which each word is in what they say or in their API's name, and one of the words in what they say."""
    own = [reduce(or_, (says(form) for form in each)) for each in forms]
    rows = rows.filter(reduce(or_, own))
    for mine, each in zip(own, forms, strict=True):
        rows = rows.filter(mine | reduce(or_, (Q(**{f"{of_api}__name__icontains": form}) for form in each)))
    return rows


def _operations(apis: Sequence[Api], forms: Forms, method: str) -> QuerySet[Operation]:
    """The best API's come first."""
    versions = [api.current_version_id for api in apis]
    rows = _having(Operation.objects.filter(version__in=versions), forms, _says, "version__api")
    if method:
        rows = rows.filter(method__iexact=method)
    described = DescribedOperation.objects.filter(
        document_id=OuterRef("version__document_id"), method=OuterRef("method"), path=OuterRef("path")
    )
    place = Func(
        Value(versions, output_field=ArrayField(BigIntegerField())),
        F("version_id"),
        function="array_position",
        output_field=IntegerField(),
    )
    return (
        rows.select_related("version__api")
        .annotate(slug=Subquery(described.values("slug")[:1]), place=place)
        .order_by("place", "position")[: palette.SHOWN]
    )


def _says(form: str) -> Q:
    return Q(path__icontains=form) | Q(operation_id__icontains=form) | Q(summary__icontains=form)


def _operation(row: Operation) -> Hit:
    """Deep into the Reference; before anybody opened that, to the operation in its list."""
    version = [row.version.api.slug, row.version.version]
    slug = row.slug  # type: ignore[attr-defined]
    if slug:
        url = reverse("apis:operation", args=[*version, slug])
    else:
        url = f"{reverse('apis:reference', args=version)}?{urlencode({'q': row.path})}"
    return Hit(row.path, url, row.version.api.name, method=row.method)


def _pages(apis: Sequence[Api], forms: Forms) -> QuerySet[DocsPage]:
    shown = Q(version=None) | Q(version=F("api__current_version"))
    rows = DocsPage.objects.filter(shown, api__in=apis, api__current_version__isnull=False)
    rows = _having(rows, forms, lambda form: Q(title__icontains=form) | Q(text__icontains=form), "api")
    return rows.select_related("api__current_version", "version").defer("text")[: palette.SHOWN]


def _page(row: DocsPage) -> Hit:
    return Hit(row.title, row.get_absolute_url(), row.api.name, "list")
