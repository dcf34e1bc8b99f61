# ruff: noqa: S608  the statement is put together from our own names; every value is a parameter
"""What changed in the catalog since it was last read.

Triggers stamp each row with the transaction that wrote it (`changed_in`, migrations 0005 and 0007). A row is new to a
reader whose last snapshot does not see that transaction: this misses no late commit, whatever the order of commits was.
What has no stamp is read with what has: a version's plans change in the transaction that saves the version, and a
team's name is that of the last change of its APIs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
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
REMEMBERED_SECONDS = 86400
# Rows that are read at once.
PART = 2000


@dataclass(frozen=True, slots=True)
class Changes:
    """`gone` are primary keys of APIs that are no more, `teams` primary key -> slug and name."""

    entries: Sequence[Entry]
    gone: Sequence[int]
    teams: dict[int, tuple[str, str]]


class Look(NamedTuple):
    """What a reader has to read: APIs by primary key, and whether any plan.

    `snapshot` is what to ask by the next time, `database` tells this database from another that takes its place.
    """

    database: str
    snapshot: str
    pks: list[int]
    plans: bool


_SINCE = """
    {table}.changed_in >= pg_snapshot_xmin(%(last)s::pg_snapshot)
    AND {table}.changed_in < pg_snapshot_xmax(pg_current_snapshot())
    AND NOT pg_visible_in_snapshot({table}.changed_in, %(last)s::pg_snapshot)
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
        ARRAY(SELECT jsonb_object_keys(version.upstreams)), team.id, team.slug, team.name, api.tags
    FROM ({{changed}}) AS changed
    LEFT JOIN {_API} api ON api.id = changed.id
    LEFT JOIN {_VERSION} version ON version.id = api.current_version_id
    LEFT JOIN {_TEAM} team ON team.id = api.team_id
"""


# A restored, emptied or rebuilt table has another file, a server that takes over another start.
_LOOK = f"""
    SELECT concat_ws(' ', pg_postmaster_start_time(), pg_relation_filenode('{_API}'::regclass)),
        pg_current_snapshot()::text, {{changed}}
"""
_LOOK_AGAIN = _LOOK.format(
    changed=f"ARRAY({_CHANGED}), EXISTS (SELECT 1 FROM {_PLAN} WHERE {_SINCE.format(table=_PLAN)})"
)
_LOOK_FIRST = _LOOK.format(changed="'{}'::bigint[], true")


def look(last: str | None) -> Look:
    """What the snapshot `last` does not show as it is now; None for a reader that knows nothing."""
    with connection.cursor() as cursor:
        cursor.execute(_LOOK_AGAIN if last else _LOOK_FIRST, {"last": last})
        return Look(*cursor.fetchone())


def of(pks: list[int]) -> Changes:
    """These APIs as they are now."""
    with connection.cursor() as cursor:
        cursor.execute(
            _ENTRIES.format(changed="SELECT unnest(%(pks)s::bigint[]) AS id"),
            {"pks": pks, "visible": sorted(ApiVersion.VISIBLE)},
        )
        return _read(cursor)


def everything() -> Changes:
    """Every API; read in parts, since all their rows at once would take far more memory than what is kept of them."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(
            _ENTRIES.format(changed=f"SELECT id FROM {_API}"), {"visible": sorted(ApiVersion.VISIBLE)}
        )
        return _read(chain.from_iterable(iter(lambda: cursor.fetchmany(PART), [])))


def _read(rows: Iterable[tuple[Any, ...]]) -> Changes:
    entries, gone, teams = [], [], {}
    # Most APIs have what others have, too: one tuple serves them all.
    shared: dict[tuple[Any, ...], tuple[Any, ...]] = {}

    def share(values: Iterable[Any]) -> tuple[Any, ...]:
        kept = tuple(values)
        return shared.setdefault(kept, kept)

    for changed_pk, pk, name, slug, created, updated, seen, on_sale, *valued, tags in rows:
        if pk is None:
            gone.append(changed_pk)
            continue
        kind, status, plans, environments, team_pk, team, team_name = valued
        if team:
            teams[team_pk] = team, team_name
        values = (
            share((intern(kind),)),
            share((intern(status),)),
            share(map(intern, sorted(plans))),
            share(map(intern, sorted(environments))),
            share((intern(team),) if team else ()),
            share(map(intern, sorted({*tags}))),
        )
        entries.append(Entry(pk, name, slug, created, updated, intern(seen), on_sale, share(values)))
    return Changes(entries, gone, teams)


def plans() -> dict[str, Offer]:
    """Primary key, as text, -> plan."""
    rows = Plan.objects.values_list("pk", "slug", "name", "withdrawn_at")
    return {str(pk): Offer(slug, name, withdrawn is None) for pk, slug, name, withdrawn in rows}


def forget_removed() -> None:
    """Take away the notes of deletions that no index still needs: one that has not looked for so long begins anew."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM apis_removed WHERE removed_at < now() - make_interval(secs => %s)",
            [REMEMBERED_SECONDS],
        )
