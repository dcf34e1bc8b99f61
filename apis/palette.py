"""APIs and their operations, found by the catalog's own search."""

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import or_

from django.contrib.postgres.fields import ArrayField
from django.db.models import BigIntegerField, F, Func, IntegerField, OuterRef, Q, QuerySet, Subquery, Value
from django.urls import reverse
from django.utils.http import urlencode

from portal import palette
from portal.accounts.models import Viewer
from portal.palette import Group, Hit, Place

from . import answers, permissions
from .filters import CatalogQuery
from .models import Api, DescribedOperation, Operation

# Operations are looked for in the APIs that fit best.
LOOKED_AT = 30
METHODS = frozenset({"get", "put", "post", "patch", "delete", "head", "options"})


def connect() -> None:
    palette.offers(
        Place("Catalog", "apis:catalog", "cube", "apis home start", seen=palette.anybody),
        Place("Sync", "apis:sync", "refresh", "cluster system state", seen=permissions.can_view_sync),
        Place("What waits to be published", "apis:waiting", "clock", "publish", seen=permissions.publishes),
    )
    palette.finds(find)


def find(user: Viewer, text: str) -> Iterable[Group]:
    """The best APIs, and the operations of those that have the words. `GET /orders` asks for operations of that method."""
    first, _, rest = text.partition(" ")
    method = first.lower() if first.lower() in METHODS and rest else ""
    answer = answers.answer(CatalogQuery(text=rest if method else text), user)
    pks = answer.pks(0, min(LOOKED_AT, answer.narrowed.count))
    apis = Api.objects.visible_to(user).select_related("current_version").in_bulk(pks)
    best = [apis[pk] for pk in pks if pk in apis]
    yield Group("APIs", [_api(api) for api in best[: palette.SHOWN]])
    forms = answer.match.meant if answer.match else []
    yield Group("Operations", [_operation(row) for row in _operations(best, forms, method)] if forms else [])


def _api(api: Api) -> Hit:
    version = f" · {api.current_version.version}" if api.current_version else ""
    return Hit(api.name, api.get_absolute_url(), f"{api.get_type_display()}{version}", "cube")


def _operations(apis: Sequence[Api], forms: Sequence[Sequence[str]], method: str) -> QuerySet[Operation]:
    """Each word is in the operation or its API's name, one of them in the operation; the best API's come first."""
    own = [reduce(or_, (_says(form) for form in each)) for each in forms]
    of_api = [reduce(or_, (Q(version__api__name__icontains=form) for form in each)) for each in forms]
    versions = [api.current_version_id for api in apis]
    rows = Operation.objects.filter(reduce(or_, own), version__in=versions)
    for mine, its in zip(own, of_api, strict=True):
        rows = rows.filter(mine | its)
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
