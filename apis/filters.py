"""What may be asked of the catalog, by the browser and by REST alike: words, facets, order.

Values of one facet widen the answer (either of two tags), facets narrow each other (this type and that team).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

from django.db.models import Exists, OuterRef, Q
from django.http import QueryDict

from portal.errors import Invalid

from .models import ApiType, ApiVersion, Environment, Publication
from .querysets import ApiQuerySet

LONGEST_TEXT = 200
MOST_VALUES = 50
VIEWS = ("cards", "list")
SORTS: Mapping[str, tuple[str, ...]] = {
    "name": ("name", "slug"),
    "newest": ("-created_at", "-id"),
    "updated": ("-updated_at", "-id"),
}
SORT_LABELS = {"name": "Name", "newest": "Newest", "updated": "Recently changed"}


def _on_plan(values: tuple[str, ...]) -> Q:
    offers = ApiVersion.plans.through.objects.filter(
        apiversion_id=OuterRef("current_version_id"), plan__slug__in=values, plan__withdrawn_at__isnull=True
    )
    return Q(Exists(offers))


def _in_environment(values: tuple[str, ...]) -> Q:
    return Q(current_version__upstreams__has_any_keys=list(values))


def _with_status(values: tuple[str, ...]) -> Q:
    # An API of which nothing was ever published has no current version; its team sees it as discovered.
    none_yet = Q(current_version__isnull=True) if Publication.DISCOVERED in values else Q()
    return Q(current_version__status__in=values) | none_yet


@dataclass(frozen=True, slots=True)
class Facet:
    """One group of filters. `choices` is empty where any value is possible, as for tags."""

    name: str
    label: str
    condition: Callable[[tuple[str, ...]], Q]
    choices: Mapping[str, str] = field(default_factory=dict)


FACETS: tuple[Facet, ...] = (
    Facet("type", "Type", lambda values: Q(type__in=values), dict(ApiType.choices)),
    Facet("status", "Status", _with_status, dict(Publication.choices)),
    Facet("plan", "Plan", _on_plan),
    Facet("environment", "Environment", _in_environment, dict(Environment.choices)),
    Facet("team", "Owner team", lambda values: Q(team__slug__in=values)),
    Facet("tag", "Tag", lambda values: Q(tags__overlap=list(values))),
)


@dataclass(frozen=True, slots=True)
class CatalogQuery:
    """What was asked, as it stands in the address."""

    text: str = ""
    chosen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sort: str = ""
    view: str = VIEWS[0]

    @classmethod
    def read(cls, params: QueryDict) -> Self:
        """Raises Invalid for a value that cannot be."""
        chosen = {facet.name: _values(facet, params) for facet in FACETS}
        return cls(
            text=" ".join(params.get("q", "").replace("\0", "").split())[:LONGEST_TEXT],
            chosen={name: values for name, values in chosen.items() if values},
            sort=_one_of(params, "sort", tuple(SORTS)),
            view=_one_of(params, "view", VIEWS) or VIEWS[0],
        )

    @property
    def order(self) -> tuple[str, ...]:
        return SORTS[self.sort or "name"]

    def conditions(self) -> dict[str, Q]:
        """facet name -> what it asks for, for the facets in which something is chosen."""
        return {
            facet.name: facet.condition(self.chosen[facet.name])
            for facet in FACETS
            if facet.name in self.chosen
        }

    def narrow(self, apis: ApiQuerySet) -> ApiQuerySet:
        return apis.filter(*self.conditions().values())


def _values(facet: Facet, params: QueryDict) -> tuple[str, ...]:
    values = tuple(dict.fromkeys(value.replace("\0", "") for value in params.getlist(facet.name) if value))
    if len(values) > MOST_VALUES:
        raise Invalid(f"More than {MOST_VALUES} values of {facet.name}.", field=facet.name)
    for value in values:
        if facet.choices and value not in facet.choices:
            raise Invalid(
                f"There is no {facet.name} {value[:40]!r}.",
                remedy=f"Use one of {', '.join(facet.choices)}.",
                field=facet.name,
            )
    return values


def _one_of(params: QueryDict, name: str, choices: tuple[str, ...]) -> str:
    value = params.get(name, "")
    if value and value not in choices:
        raise Invalid(
            f"There is no {name} {value[:40]!r}.", remedy=f"Use one of {', '.join(choices)}.", field=name
        )
    return value
