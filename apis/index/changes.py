# ruff: noqa: S608  the statement is put together from our own names; every value is a parameter
"""What changed in the catalog since it was last read.

Triggers stamp each row with the transaction that wrote it (`changed_in`, migration 0005). A row is new to a reader
whose last snapshot does not see that transaction: this misses no late commit, whatever the order of commits was.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from sys import intern
from typing import Any, NamedTuple

from django.db import connection

from apis.models import Api, ApiVersion, Plan, Publication
from portal.accounts.models import Team


class Entry(NamedTuple):
    """What is asked of an API, and by what it is sorted. `values` stand in the order of VALUED."""

    pk: int
    name: str
    slug: str
    created: float
    updated: float
    visibility: str
    on_sale: bool
    values: tuple[tuple[str, ...], ...]


class Offer(NamedTuple):
    """A plan, as a facet shows it."""

    slug: str
    name: str
    live: bool


VALUED = ("type", "status", "plan", "environment", "team", "tag")


@dataclass(frozen=True, slots=True)
class Changes:
    """`gone` are primary keys of APIs that are no more, `teams` primary key -> slug and name; `snapshot` is None where nothing changed."""

    entries: Sequence[Entry]
    gone: Sequence[int]
    teams: dict[int, tuple[str, str]]
    snapshot: str | None


_SINCE = """
    {table}.changed_in >= pg_snapshot_xmin(%(last)s::pg_snapshot)
    AND {table}.changed_in <= pg_snapshot_xmax(pg_current_snapshot())
    AND (
        NOT pg_visible_in_snapshot({table}.changed_in, %(last)s::pg_snapshot)
        OR {table}.changed_in = pg_current_xact_id_if_assigned()
    )
"""
_API, _VERSION, _PLAN, _TEAM, _OFFER = (
    model._meta.db_table for model in (Api, ApiVersion, Plan, Team, ApiVersion.plans.through)
)
_CHANGED = f"""
    SELECT id FROM {_API} WHERE {_SINCE.format(table=_API)}
    UNION SELECT api_id FROM {_VERSION} WHERE {_SINCE.format(table=_VERSION)}
    UNION SELECT api_id FROM apis_removed WHERE {_SINCE.format(table="apis_removed")}
"""
_ENTRIES = f"""
    SELECT changed.id, api.id, api.name, api.slug, extract(epoch FROM api.created_at)::float8,
        extract(epoch FROM api.updated_at)::float8, api.visibility,
        EXISTS (
            SELECT 1 FROM {_VERSION} sold
            WHERE sold.api_id = api.id AND sold.withdrawn_at IS NULL AND sold.status = ANY(%(visible)s)
        ),
        api.type, coalesce(version.status, '{Publication.DISCOVERED.value}'),
        ARRAY(SELECT plan_id::text FROM {_OFFER} offer WHERE offer.apiversion_id = version.id),
        ARRAY(SELECT jsonb_object_keys(version.upstreams)), team.id, team.slug, team.name, api.tags,
        pg_current_snapshot()::text
    FROM ({{changed}}) AS changed
    LEFT JOIN {_API} api ON api.id = changed.id
    LEFT JOIN {_VERSION} version ON version.id = api.current_version_id
    LEFT JOIN {_TEAM} team ON team.id = api.team_id
"""


def since(last: str | None) -> Changes:
    """Every API when `last` is None, else those that the snapshot `last` does not show as they are now."""
    changed = _CHANGED if last else f"SELECT id FROM {_API}"
    with connection.cursor() as cursor:
        cursor.execute(
            _ENTRIES.format(changed=changed), {"last": last, "visible": sorted(ApiVersion.VISIBLE)}
        )
        return _read(cursor)


def _read(rows: Iterable[tuple[Any, ...]]) -> Changes:
    entries, gone, teams, snapshot = [], [], {}, None
    # Most APIs have what others have, too: one tuple serves them all.
    shared: dict[tuple[tuple[str, ...], ...], tuple[tuple[str, ...], ...]] = {}
    for changed_pk, pk, name, slug, created, updated, seen, on_sale, *valued, tags, current in rows:
        snapshot = current
        if pk is None:
            gone.append(changed_pk)
            continue
        kind, status, plans, environments, team_pk, team, team_name = valued
        if team:
            teams[team_pk] = team, team_name
        values: tuple[tuple[str, ...], ...] = (
            (intern(kind),),
            (intern(status),),
            tuple(plans),
            tuple(environments),
            (team,) if team else (),
            tuple({*tags}),
        )
        values = shared.setdefault(values, values)
        entries.append(Entry(pk, name, slug, created, updated, intern(seen), on_sale, values))
    return Changes(entries, gone, teams, snapshot)


def plans_since(last: str | None) -> tuple[dict[str, Offer], str | None]:
    """Primary key, as text, -> plan, of those that changed."""
    where = f"WHERE {_SINCE.format(table=_PLAN)}" if last else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id::text, slug, name, withdrawn_at IS NULL, pg_current_snapshot()::text FROM {_PLAN} {where}",
            {"last": last},
        )
        rows = cursor.fetchall()
    return {pk: Offer(slug, name, live) for pk, slug, name, live, _ in rows}, rows[0][-1] if rows else None
