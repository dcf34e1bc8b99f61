"""What may be asked of the catalog, by the browser and by REST alike: words, facets, order.

Values of one facet widen the answer (either of two tags), facets narrow each other (this type and that team).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Self

from django.http import QueryDict
from django.utils.translation import gettext

from portal.errors import Invalid
from portal.lazily import gettext_lazy as _

from .index import Index
from .models import ApiType, Environment, Publication

LONGEST_TEXT = 200
MOST_VALUES = 50
VIEWS = ("cards", "list")
SORT_LABELS = {"name": _("Name"), "newest": _("Newest"), "updated": _("Recently changed")}


@dataclass(frozen=True, slots=True)
class Facet:
    """One group of filters, named as the index names it. `choices` is empty where any value is possible, as for tags."""

    name: str
    label: str
    choices: Mapping[str, str] = field(default_factory=dict)

    def keys(self, index: Index, values: tuple[str, ...]) -> tuple[str, ...]:
        """What the index knows these values by: plans, by their primary keys, while they are on offer."""
        if self.name != "plan":
            return values
        return tuple(pk for pk, plan in index.plans.items() if plan.live and plan.slug in values)

    def labels(self, index: Index) -> Mapping[str, str]:
        """value -> what the reader sees; empty where they are the same."""
        if self.name == "team":
            return index.team_names
        if self.name == "plan":
            return {plan.slug: plan.name for plan in index.plans.values()}
        return self.choices


FACETS: tuple[Facet, ...] = (
    Facet("type", _("Type"), dict(ApiType.choices)),
    Facet("status", _("Status"), dict(Publication.choices)),
    Facet("plan", _("Plan")),
    Facet("environment", _("Environment"), dict(Environment.choices)),
    Facet("team", _("Owner team")),
    Facet("tag", _("Tag")),
)


@dataclass(frozen=True, slots=True)
class CatalogQuery:
    """What was asked, as it stands in the address."""

    text: str = ""
    chosen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    changed_since: datetime | None = None
    sort: str = ""
    view: str = VIEWS[0]

    @classmethod
    def read(cls, params: QueryDict) -> Self:
        """Raises Invalid for a value that cannot be."""
        chosen = {facet.name: _values(facet, params) for facet in FACETS}
        return cls(
            text=" ".join(params.get("q", "").replace("\0", "").split())[:LONGEST_TEXT],
            chosen={name: values for name, values in chosen.items() if values},
            changed_since=_moment(params, "changed_since"),
            sort=_one_of(params, "sort", tuple(SORT_LABELS)),
            view=_one_of(params, "view", VIEWS) or VIEWS[0],
        )


def _values(facet: Facet, params: QueryDict) -> tuple[str, ...]:
    values = tuple(dict.fromkeys(value.replace("\0", "") for value in params.getlist(facet.name) if value))
    if len(values) > MOST_VALUES:
        raise Invalid(
            gettext("More than {most_values} values of {name}.").format(
                most_values=MOST_VALUES, name=facet.name
            ),
            field=facet.name,
        )
    for value in values:
        if facet.choices and value not in facet.choices:
            raise Invalid(
                gettext("There is no {name} {value!r}.").format(name=facet.name, value=value[:40]),
                remedy=gettext("Use one of {names}.").format(names=", ".join(facet.choices)),
                field=facet.name,
            )
    return values


def _moment(params: QueryDict, name: str) -> datetime | None:
    text = params.get(name, "")
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError:
        raise Invalid(
            gettext("{text!r} is no moment.").format(text=text[:40]),
            remedy=gettext("Write it as 2026-11-23 or 2026-11-23T14:00:00Z."),
            field=name,
        ) from None
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found


def _one_of(params: QueryDict, name: str, choices: tuple[str, ...]) -> str:
    value = params.get(name, "")
    if value and value not in choices:
        raise Invalid(
            gettext("There is no {name} {value!r}.").format(name=name, value=value[:40]),
            remedy=gettext("Use one of {names}.").format(names=", ".join(choices)),
            field=name,
        )
    return value
