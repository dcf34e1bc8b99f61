"""Rows of a page, written with COPY: a tenth of what the ORM's inserts cost."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from typing import Any, Self

from django.db import connection
from django.utils.text import slugify

from apis import catalog
from apis.models import Api, ApiVersion, Dependency, SeenObject, SyncProblem
from apis.sources import DefinitionText, ObjectRef, PublishedApi
from portal.accounts.audit import SYSTEM
from portal.accounts.models import AuditEvent

from . import versions
from .compare import Key, fingerprint
from .dependencies import Needed
from .problems import SHOWN
from .rows import Documents, Table, array, json, line
from .said import JSON_COLUMNS
from .surroundings import Surroundings

PLAIN_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
# Who has the row: its object, or that which needs another one.
PLACE = ("cluster", "kind", "namespace", "object_name")
OWNER = ("cluster", "owner_kind", "owner_namespace", "owner_name")

APIS = Table(
    Api, ("id", "current_version", "slug"), ("cluster", "namespace", "key", "team", *catalog.PRESENTED)
)
PLANS = Table(ApiVersion.plans.through, ("apiversion", "plan"), ())
AUDIT = Table(AuditEvent, ("target_id",), ("event", "by_name", "team", "target_type", "target_name", "data"))
SEEN = Table(SeenObject, (), (*PLACE, "uid", "generation", "mark", "resource_version"))
DEPENDENCIES = Table(Dependency, (), (*OWNER, "kind", "namespace", "name"))
PROBLEMS = Table(SyncProblem, (), (*PLACE, "uid", "generation", "field", *SHOWN))

FORGET = """
WITH former AS (
    SELECT cluster, kind, namespace, name
    FROM unnest(%s::text[], %s::text[], %s::text[]) AS object (kind, namespace, name), (SELECT %s AS cluster) AS here
), seen AS (
    DELETE FROM apis_seenobject USING former
    WHERE (apis_seenobject.cluster, apis_seenobject.kind, apis_seenobject.namespace, object_name)
        = (former.cluster, former.kind, former.namespace, former.name)
), problems AS (
    DELETE FROM apis_syncproblem USING former
    WHERE (apis_syncproblem.cluster, apis_syncproblem.kind, apis_syncproblem.namespace, object_name)
        = (former.cluster, former.kind, former.namespace, former.name)
)
DELETE FROM apis_dependency USING former
WHERE (apis_dependency.cluster, owner_kind, owner_namespace, owner_name)
    = (former.cluster, former.kind, former.namespace, former.name)
"""


def held(cluster: str, keys: Iterable[Key]) -> set[Key]:
    """Those of the objects that have a live version in the catalog."""
    wanted = set(keys)
    rows = _found(
        "SELECT kind, namespace, object_name FROM apis_apiversion "
        "WHERE cluster = %s AND object_name = ANY(%s::text[]) AND withdrawn_at IS NULL",
        [cluster, array([key.name for key in wanted])],
    )
    return {Key(*row) for row in rows} & wanted


def taken_keys(cluster: str, wanted: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of the (namespace, key) that have an Api already."""
    keys = array([key for _, key in wanted])
    return set(
        _found(
            "SELECT namespace, key FROM apis_api WHERE cluster = %s AND key = ANY(%s::text[])",
            [cluster, keys],
        )
    )


def _found(query: str, values: list[Any]) -> list[Any]:
    """The rows of a query. Lists are texts by `_array`: the ORM would spell them out one by one, psycopg looks at each."""
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()


@dataclass(slots=True)
class Version:
    """One new version of a new Api: its rows but for its numbers and its slug, and what those are chosen by.

    `columns` are the names of what is in `row`.
    """

    key: str
    version: str
    base_path: str
    slug: str
    plans: set[int]
    columns: tuple[str, ...]
    api: bytes
    row: bytes
    document: bytes | None
    audit: bytes

    @classmethod
    def of(cls, published: PublishedApi, around: Surroundings) -> Self:
        """Raises ValueError where it holds what no text can."""
        ref, text = published.ref, published.definition
        columns, event = versions.columns(published, around, fingerprint(published, (), around))
        shown = {**columns["presentation"], "tags": array(columns["presentation"]["tags"])}
        for name in JSON_COLUMNS & columns.keys():
            columns[name] = json(columns[name])
        columns["stated_only"] = array(columns["stated_only"])
        grant = around.grants.get(ref.namespace)
        team = grant.team_id if grant else None
        plans = {around.plan(ref.namespace, name) for name in published.plans}
        named = f"{published.display_name[:120]} {published.version}"[:254]
        audit = (f"version_{event}", SYSTEM, team, ApiVersion._meta.label, named, json(_told(ref)))
        return cls(
            key=published.key,
            version=published.version,
            base_path=published.base_path,
            slug=_slug(published.key),
            plans={plan.pk for plan in plans if plan is not None},
            columns=tuple(columns),
            api=line(
                (
                    ref.cluster,
                    ref.namespace,
                    published.key,
                    team,
                    *(shown[name] for name in catalog.PRESENTED),
                )
            ),
            row=line((published.version, True, *columns.values())),
            document=Documents.row(text) if isinstance(text, DefinitionText) else None,
            audit=line(audit),
        )


@dataclass(slots=True)
class New:
    """What is written of one object: its versions, its mark, what it was read with, and what is wrong with it."""

    key: Key
    versions: list[Version]
    seen: bytes
    needed: list[bytes]
    problems: list[bytes]

    @classmethod
    def of(
        cls,
        ref: ObjectRef,
        versions: list[Version],
        *,
        mark: str,
        resource_version: str,
        needed: Iterable[Needed],
        problems: Mapping[str, Mapping[str, str]],
    ) -> Self:
        """Raises ValueError where it holds what no text can."""
        place = (ref.cluster, ref.kind, ref.namespace, ref.name)
        seen = (*place, ref.uid, ref.generation)
        return cls(
            Key(ref.kind, ref.namespace, ref.name),
            versions,
            line((*seen, mark, resource_version)),
            [line((*place, *other)) for other in needed],
            [line((*seen, field, *(said[part] for part in SHOWN))) for field, said in problems.items()],
        )


@dataclass
class Batch:
    """The objects of one page; `write` brings them into the transaction that is open. `known`: something is of the cluster."""

    cluster: str
    known: bool
    objects: list[New] = field(default_factory=list)
    created: int = 0
    # Of the definitions, which come after the transaction (`Texts`): the version's number, and the row.
    texts: list[tuple[int, bytes]] = field(default_factory=list)

    def write(self) -> None:
        found = [(new.key, version) for new in self.objects for version in new.versions]
        if not found:
            return
        numbers = _numbers(len(found))
        slugs = self._slugs(found)
        if self.known:
            self._forget_former()
        self._write_versions([version for _, version in found], numbers, slugs)
        SEEN.copy(((), new.seen) for new in self.objects)
        DEPENDENCIES.copy(((), row) for new in self.objects for row in new.needed)
        PROBLEMS.copy(((), row) for new in self.objects for row in new.problems)
        catalog.index_names([api for api, _ in numbers])
        self.created = len(found)

    def _write_versions(
        self, found: Sequence[Version], numbers: Sequence[tuple[int, int]], slugs: Sequence[str]
    ) -> None:
        rows = list(zip(found, numbers, slugs, strict=True))
        APIS.copy(((*number, slug), version.api) for version, number, slug in rows)
        for columns, same in groupby(rows, lambda row: row[0].columns):
            _versions(columns).copy(((number, api), version.row) for version, (api, number), _ in same)
        self.texts = [
            (number, version.document) for version, (_, number), _ in rows if version.document is not None
        ]
        PLANS.copy(((number, plan), b"") for version, (_, number), _ in rows for plan in version.plans)
        AUDIT.copy(((f"{slug}/{version.version}",), version.audit) for version, _, slug in rows)

    def _slugs(self, found: Sequence[tuple[Key, Version]]) -> list[str]:
        """As `catalog.free_slug` chooses them, for all at once."""
        taken = _taken_slugs(version.slug for _, version in found)
        taken |= _taken_slugs(_longer(place, version) for place, version in found if version.slug in taken)
        chosen = []
        for place, version in found:
            slug = version.slug
            if slug in taken:
                slug = _longer(place, version)
            if slug in taken:
                digest = hashlib.sha256(repr((self.cluster, *place)).encode()).hexdigest()[:8]
                slug = catalog.free_slug(Api, f"{slug[:40]}-{digest}")
            taken.add(slug)
            chosen.append(slug)
        return chosen

    def _forget_former(self) -> None:
        """Rows that an interrupted pass, or the object's former life, left."""
        places = [array(column) for column in zip(*(new.key for new in self.objects), strict=True)]
        with connection.cursor() as cursor:
            cursor.execute(FORGET, [*places, self.cluster])


@cache
def _versions(columns: tuple[str, ...]) -> Table:
    return Table(ApiVersion, ("id", "api"), ("version", "definition_pending", *columns))


def _told(ref: ObjectRef) -> dict[str, str]:
    """What the trail says of the object."""
    path = f"{ref.namespace}/{ref.name}" if ref.namespace else ref.name
    return {"object": f"{ref.kind} {path}", "uid": ref.uid}


def _slug(wish: str) -> str:
    if len(wish) <= catalog.SLUG_LENGTH and PLAIN_SLUG.fullmatch(wish):
        return wish
    return slugify(wish)[: catalog.SLUG_LENGTH].strip("-") or "api"


def _longer(place: Key, version: Version) -> str:
    return _slug(f"{version.key}-{place.namespace}")


def _taken_slugs(wishes: Iterable[str]) -> set[str]:
    wanted = array(list(wishes))
    return (
        {slug for (slug,) in _found("SELECT slug FROM apis_api WHERE slug = ANY(%s::text[])", [wanted])}
        if wanted
        else set()
    )


def _numbers(count: int) -> list[tuple[int, int]]:
    """Primary keys of Apis and of their versions in advance, so that the rows can name each other."""
    return _found(
        "WITH sequence AS MATERIALIZED (SELECT pg_get_serial_sequence(%s, 'id')::regclass AS api, "
        "pg_get_serial_sequence(%s, 'id')::regclass AS version) "
        "SELECT nextval(api), nextval(version) FROM sequence, generate_series(1, %s)",
        [Api._meta.db_table, ApiVersion._meta.db_table, count],
    )
