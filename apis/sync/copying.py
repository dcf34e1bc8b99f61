"""Rows of a page, written with COPY: a tenth of what the ORM's inserts cost."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import msgspec
from django.db import connection, models
from django.utils import timezone
from django.utils.text import slugify

from apis import catalog
from apis.models import Api, ApiVersion, Dependency, Document, SeenObject, SyncProblem
from apis.sources import DefinitionText, ObjectRef, PublishedApi
from portal.accounts.audit import SYSTEM
from portal.accounts.models import AuditEvent

from . import problems, versions
from .compare import Key, fingerprint
from .dependencies import Needed
from .said import JSON_COLUMNS
from .surroundings import Surroundings

# Who has the row: its object, or that which needs another one.
PLACE = ("cluster", "kind", "namespace", "object_name")
PLAIN_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
OWNER = ("cluster", "owner_kind", "owner_namespace", "owner_name")

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
        [cluster, _array([key.name for key in wanted])],
    )
    return {Key(*row) for row in rows} & wanted


def taken_keys(cluster: str, wanted: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of the (namespace, key) that have an Api already."""
    keys = _array([key for _, key in wanted])
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
    """One new version of a new Api, ready to be written but for its numbers and its slug."""

    published: PublishedApi
    columns: dict[str, Any]
    shown: list[Any]
    event: str
    slug: str
    team: int | None
    plans: set[int]

    @classmethod
    def of(cls, published: PublishedApi, around: Surroundings) -> Self:
        """Raises ValueError where it holds what no text can."""
        columns, event = versions.columns(published, around, fingerprint(published, (), around))
        shown = {**columns["presentation"], "tags": _array(columns["presentation"]["tags"])}
        for name in JSON_COLUMNS & columns.keys():
            columns[name] = _json(columns[name])
        columns["stated_only"] = _array(columns["stated_only"])
        grant = around.grants.get(published.ref.namespace)
        plans = {around.plan(published.ref.namespace, name) for name in published.plans}
        return cls(
            published,
            columns,
            [shown[name] for name in catalog.PRESENTED],
            event,
            _slug(published.key),
            grant.team_id if grant else None,
            {plan.pk for plan in plans if plan is not None},
        )


@dataclass(slots=True)
class New:
    """What is written of one object: its versions, what it was read with, what is wrong with it, its mark."""

    ref: ObjectRef
    versions: list[Version]
    needed: Iterable[Needed]
    problems: dict[str, dict[str, str]]
    mark: str
    resource_version: str


@dataclass
class Batch:
    """The objects of one page; `write` brings them into the transaction that is open."""

    cluster: str
    objects: list[New] = field(default_factory=list)

    def write(self) -> int:
        """How many versions there are now that were not there before."""
        found = [version for new in self.objects for version in new.versions]
        if not found:
            return 0
        numbers = _numbers(len(found))
        slugs = self._slugs(found)
        self._forget_former()
        self._write_versions(found, numbers, slugs)
        self._write_objects()
        catalog.index_names([api for api, _ in numbers])
        return len(found)

    def _write_versions(
        self, found: Sequence[Version], numbers: Sequence[tuple[int, int]], slugs: Sequence[str]
    ) -> None:
        rows = list(zip(found, numbers, slugs, strict=True))
        now = timezone.now()
        _copy(
            Api,
            ("id", "current_version", "slug", "cluster", "namespace", "key", "team", *catalog.PRESENTED),
            (
                (
                    *(
                        api,
                        number,
                        slug,
                        self.cluster,
                        version.published.ref.namespace,
                        version.published.key,
                    ),
                    *(version.team, *version.shown),
                )
                for version, (api, number), slug in rows
            ),
        )
        _copy(
            ApiVersion,
            ("id", "api", "version", "definition_pending", *found[0].columns),
            (
                (number, api, version.published.version, True, *version.columns.values())
                for version, (api, number), _ in rows
            ),
        )
        _copy(
            Document,
            ("version", "sha256", "text", "created_at", "findings", "scopes", "format", "schemas"),
            (
                (number, hashlib.sha256(text.encode()).hexdigest(), text, now, [], {}, "", [])
                for version, (_, number), _ in rows
                if (text := _text(version.published)) is not None
            ),
            types=("int8", "text", "text", "timestamptz", "jsonb", "jsonb", "text", "varchar[]"),
        )
        _copy(
            ApiVersion.plans.through,
            ("apiversion", "plan"),
            ((number, plan) for version, (_, number), _ in rows for plan in version.plans),
        )
        _copy(
            AuditEvent,
            ("event", "by_name", "team", "target_type", "target_id", "target_name", "data"),
            (
                (
                    f"version_{version.event}",
                    SYSTEM,
                    version.team,
                    ApiVersion._meta.label,
                    f"{slug}/{version.published.version}",
                    f"{version.published.display_name[:120]} {version.published.version}"[:254],
                    _json(_told(version.published.ref)),
                )
                for version, _, slug in rows
            ),
        )

    def _write_objects(self) -> None:
        seen = ("uid", "generation")
        _copy(
            SeenObject,
            (*PLACE, *seen, "mark", "resource_version"),
            (
                (*_place(new.ref), new.ref.uid, new.ref.generation, new.mark, new.resource_version)
                for new in self.objects
            ),
        )
        _copy(
            Dependency,
            (*OWNER, "kind", "namespace", "name"),
            ((*_place(new.ref), *other) for new in self.objects for other in new.needed),
        )
        _copy(
            SyncProblem,
            (*PLACE, *seen, "field", *problems.SHOWN),
            (
                (*_place(new.ref), new.ref.uid, new.ref.generation, name, *(said[part] for part in problems.SHOWN))
                for new in self.objects
                for name, said in new.problems.items()
            ),
        )  # fmt: skip

    def _slugs(self, found: Sequence[Version]) -> list[str]:
        """As `catalog.free_slug` chooses them, for all at once."""
        taken = _taken_slugs(version.slug for version in found)
        seconds = {
            position: _slug(f"{version.published.key}-{version.published.ref.namespace}")
            for position, version in enumerate(found)
            if version.slug in taken
        }
        taken |= _taken_slugs(seconds.values())
        chosen = []
        for version in found:
            slug, published = version.slug, version.published
            if slug in taken:
                slug = _slug(f"{published.key}-{published.ref.namespace}")
            if slug in taken:
                digest = hashlib.sha256(str(published.ref).encode()).hexdigest()[:8]
                slug = catalog.free_slug(Api, f"{slug[:40]}-{digest}")
            taken.add(slug)
            chosen.append(slug)
        return chosen

    def _forget_former(self) -> None:
        """Rows that an interrupted pass, or the object's former life, left."""
        places = [
            _array(column) for column in zip(*(_place(new.ref)[1:] for new in self.objects), strict=True)
        ]
        with connection.cursor() as cursor:
            cursor.execute(FORGET, [*places, self.cluster])


def _place(ref: ObjectRef) -> tuple[str, str, str, str]:
    return ref.cluster, ref.kind, ref.namespace, ref.name


def _told(ref: ObjectRef) -> dict[str, str]:
    """What the trail says of the object."""
    path = f"{ref.namespace}/{ref.name}" if ref.namespace else ref.name
    return {"object": f"{ref.kind} {path}", "uid": ref.uid}


def _text(published: PublishedApi) -> str | None:
    return published.definition.text if isinstance(published.definition, DefinitionText) else None


def _slug(wish: str) -> str:
    if len(wish) <= catalog.SLUG_LENGTH and PLAIN_SLUG.fullmatch(wish):
        return wish
    return slugify(wish)[: catalog.SLUG_LENGTH].strip("-") or "api"


def _taken_slugs(wishes: Iterable[str]) -> set[str]:
    wanted = _array(list(wishes))
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


def _copy(
    model: type[models.Model],
    names: Sequence[str],
    rows: Iterable[tuple[Any, ...]],
    *,
    types: Sequence[str] = (),
) -> None:
    """Write rows of the named fields. The model says what the others are, and the table numbers what has no number.

    With the database's `types` of all fields it is written in binary: long texts cost half, as nothing in them is escaped.
    """
    defaults = _defaults(model, names)
    fields = [model._meta.get_field(name) for name in (*names, *defaults)]
    columns = ", ".join(f'"{field.column}"' for field in fields)  # type: ignore[union-attr]
    rest = tuple(defaults.values())
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.copy(
            f'COPY "{model._meta.db_table}" ({columns}) FROM STDIN{" (FORMAT BINARY)" if types else ""}'
        ) as copy,
    ):
        if types:
            copy.set_types(types)
        for row in rows:
            copy.write_row((*row, *rest))


def _defaults(model: type[models.Model], names: Sequence[str]) -> dict[str, Any]:
    """What the model gives to the fields that are not named."""
    others = [each for each in model._meta.local_concrete_fields if each.name not in names]
    return {each.name: _default(each) for each in others if not isinstance(each, models.AutoField)}


def _default(column: "models.Field[Any, Any]") -> Any:
    if getattr(column, "auto_now", False):
        return timezone.now()
    value = column.get_default()
    if isinstance(column, models.JSONField):
        return _json(value)
    if isinstance(value, list):
        return _array(value)
    return str(value) if isinstance(value, str) else value


def _array(texts: Sequence[str]) -> str:
    """A list of texts as Postgres reads it."""
    quoted = (text.replace("\\", r"\\").replace('"', r"\"") for text in texts)
    return "{" + ",".join(f'"{text}"' for text in quoted) + "}"


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
