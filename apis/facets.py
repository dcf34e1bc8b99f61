# ruff: noqa: S608  the statement is put together from our own names; every value is a parameter
"""How many APIs each filter would leave. One statement reads the visible APIs once and counts every facet from that."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import BooleanField, ExpressionWrapper, F, Q, Value

from portal.accounts.models import Team

from .filters import FACETS, CatalogQuery, Facet
from .models import ApiVersion, Environment, Plan, Publication
from .querysets import ApiQuerySet

# More values of one facet than a person reads; what is chosen is kept whatever its count.
MOST_OPTIONS = 60
SHOWN_OPTIONS = 8
NOTHING_YET = Publication.DISCOVERED.value


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    label: str
    count: int
    checked: bool


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    label: str
    options: list[Option]

    @property
    def first(self) -> list[Option]:
        """What is open from the start: the most common values, and what is chosen."""
        return [option for n, option in enumerate(self.options) if n < SHOWN_OPTIONS or option.checked]

    @property
    def rest(self) -> list[Option]:
        return [option for n, option in enumerate(self.options) if n >= SHOWN_OPTIONS and not option.checked]


@dataclass(frozen=True, slots=True)
class Counts:
    """`found` match words and filters, `total` the words alone; `teams` own one of those."""

    found: int
    total: int
    teams: int
    groups: list[Group] = field(default_factory=list)


def count(apis: ApiQuerySet, query: CatalogQuery) -> Counts:
    """Count `apis`, which are visible and match the words; each facet's counts ignore what is chosen in it."""
    conditions = query.conditions()
    try:
        base, params = _base(apis, conditions)
    except EmptyResultSet:  # Django knows without asking that nothing can match
        rows: list[tuple[str, str, str, int]] = []
    else:
        with connection.cursor() as cursor:
            cursor.execute(_statement(base, set(conditions)), params)
            rows = cursor.fetchall()
    single = {facet: number for facet, value, label, number in rows if not value}
    groups = [Group(facet.name, facet.label, list(_options(facet, query, rows))) for facet in FACETS]
    return Counts(single.get("found", 0), single.get("total", 0), single.get("teams", 0), groups)


def _base(apis: ApiQuerySet, conditions: dict[str, Q]) -> tuple[str, tuple[Any, ...]]:
    """The statement that gives what is counted, and for each facet with a choice whether the row satisfies it."""
    satisfied = {
        f"in_{name}": ExpressionWrapper(condition, output_field=BooleanField())
        for name, condition in conditions.items()
    }
    rows = (
        apis.order_by()
        .values_list("type", "tags", "team_id", "current_version_id")
        .annotate(
            version_status=F("current_version__status"),
            upstreams=F("current_version__upstreams"),
            one=Value(1),
            **satisfied,
        )
    )
    sql, params = rows.query.sql_with_params()
    return sql, params


def _statement(base: str, chosen: set[str]) -> str:
    """Every part is our own text; values are parameters of `base`."""
    columns = ["type", "tags", "team_id", "version_id", "status", "upstreams", "one"]
    columns += [f"in_{facet.name}" for facet in FACETS if facet.name in chosen]

    def others(name: str) -> str:
        return " AND ".join(f"in_{other}" for other in sorted(chosen - {name})) or "TRUE"

    plans, offers, teams = (model._meta.db_table for model in (Plan, ApiVersion.plans.through, Team))
    parts = [
        f"SELECT 'found', '', '', count(*) FROM base WHERE {others('')}",
        "SELECT 'total', '', '', count(*) FROM base",
        "SELECT 'teams', '', '', count(DISTINCT team_id) FROM base",
        f"SELECT 'type', type, '', count(*) FROM base WHERE {others('type')} GROUP BY type",
        f"SELECT 'status', coalesce(status, '{NOTHING_YET}'), '', count(*) FROM base WHERE {others('status')} GROUP BY 2",
        f"SELECT 'tag', tag, tag, count(*) FROM base, unnest(tags) AS tag WHERE {others('tag')} GROUP BY tag",
        f"""
        SELECT 'team', slug, name, n
        FROM (SELECT team_id, count(*) AS n FROM base WHERE {others("team")} GROUP BY team_id) AS counted
        JOIN {teams} AS team ON team.id = team_id
        """,
        f"""
        SELECT 'plan', slug, name, n
        FROM (
            SELECT plan_id, count(*) AS n FROM base JOIN {offers} AS offer ON offer.apiversion_id = base.version_id
            WHERE {others("plan")} GROUP BY plan_id
        ) AS counted
        JOIN {plans} AS plan ON plan.id = plan_id AND plan.withdrawn_at IS NULL
        """,
        *(
            f"SELECT 'environment', '{name}', '', count(*) FROM base WHERE upstreams ? '{name}' AND {others('environment')}"
            for name in Environment.values
        ),
    ]
    return f"WITH base ({', '.join(columns)}) AS MATERIALIZED ({base}) {' UNION ALL '.join(parts)}"


def _options(facet: Facet, query: CatalogQuery, rows: list[tuple[str, str, str, int]]) -> Iterator[Option]:
    """Values with a fixed choice keep its order, others come by their count."""
    counted = {value: (label, number) for name, value, label, number in rows if name == facet.name and value}
    chosen = query.chosen.get(facet.name, ())
    values = list(facet.choices) or sorted(
        counted, key=lambda value: (-counted[value][1], counted[value][0].lower())
    )
    for value in [*values[:MOST_OPTIONS], *(extra for extra in chosen if extra not in values[:MOST_OPTIONS])]:
        label, number = counted.get(value, ("", 0))
        if number or value in chosen:
            yield Option(value, facet.choices.get(value) or label or value, number, value in chosen)
