"""One object's versions into the catalog. Everything here runs in the transaction that `refresh` opened."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q
from django.utils import timezone

from apis import catalog, changelog
from apis.docs import cluster as docs
from apis.models import Api, ApiVersion, Operation, Publication
from apis.querysets import ApiVersionQuerySet
from apis.signals import version_changed
from apis.sources import SOURCES, ObjectRef, Problem, PublishedApi, Reading
from portal.accounts.audit import record

from . import conflicts, definitions
from .compare import fingerprint
from .definitions import Parsed
from .said import said, say
from .surroundings import Surroundings

# (key, version) of a PublishedApi -> its parsed definition
Definitions = Mapping[tuple[str, str], Parsed]
# kind -> the same kind in its other versions, where there are any: what a cluster serves as both is one object.
GENERATIONS = {
    str(source.kind): others
    for source in SOURCES
    if (
        others := [
            str(other.kind)
            for other in SOURCES
            if (other.kind.group, other.kind.kind) == (source.kind.group, source.kind.kind)
            and other.kind.version != source.kind.version
        ]
    )
}


@dataclass
class Applied:
    """What one object did to the catalog.

    `freed`: a version or path that another object may have waited for. `plan_keys`: plans that came or went. `refused`:
    something of the object is not in the catalog, and may be another time. `news`: problems that were not said before.
    """

    counts: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    freed: bool = False
    refused: bool = False
    news: list[str] = field(default_factory=list)
    plan_keys: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Parts:
    """What belongs to a version beside its row: the ids of its plans, and its operations in order."""

    plans: frozenset[int] = frozenset()
    operations: Sequence[Operation] = ()

    @classmethod
    def of(cls, row: ApiVersion) -> "Parts":
        """As the database has them."""
        if row.pk is None:
            return cls()
        return cls(frozenset(row.plans.values_list("pk", flat=True)), list(row.operations.all()))


def live_rows(ref: ObjectRef) -> list[ApiVersion]:
    """The versions that stand in the catalog because of this object."""
    return list(_rows_of(ref))


def _rows_of(ref: ObjectRef) -> ApiVersionQuerySet:
    rows = ApiVersion.objects.filter(
        cluster=ref.cluster,
        kind=ref.kind,
        namespace=ref.namespace,
        object_name=ref.name,
        withdrawn_at__isnull=True,
    )
    return rows.select_related("api__team", "document").defer("document__text").order_by("pk")


def _locked(rows: ApiVersionQuerySet) -> ApiVersionQuerySet:
    """Versions are locked before their Api, as `apis.actions` does."""
    return rows.select_for_update(of=("self",))


def apply(ref: ObjectRef, reading: Reading, parsed: Definitions, around: Surroundings) -> Applied:
    """Make the catalog say what the object says: withdraw what it no longer has, then add and change the rest."""
    done = Applied()
    if ref.uid and ref.kind in GENERATIONS:
        _take_over(ref)
    live = {(row.api.key, row.version): row for row in _locked(_rows_of(ref))}
    published = [entry for entry in reading.published if isinstance(entry, PublishedApi)]
    accepted: list[PublishedApi] = []
    for entry in published:
        if _is_acceptable(entry, parsed[key_of(entry)], live.get(key_of(entry)), accepted, around, done):
            accepted.append(entry)
    done.refused = len(accepted) < len(published)
    # A version may be missing because of what is wrong with the object: then its last good state stays.
    kept = bool(reading.problems or len(accepted) < len(published)) and len(accepted) < len(live)
    wanted = {key_of(entry) for entry in accepted}
    for name, row in live.items():
        if name not in wanted:
            if kept:
                _mark_stale(row)
            else:
                _withdraw(row, done)
    for entry in accepted:
        content_hash = fingerprint(entry, reading.problems, around)
        held = live.get(key_of(entry))
        # A definition that still cannot be read is no news.
        if not (parsed[key_of(entry)].unreadable and held and held.content_hash == content_hash):
            _apply_one(held or _row_for(entry), entry, parsed[key_of(entry)], around, content_hash, done)
    return done


def _take_over(ref: ObjectRef) -> None:
    """The same object read as another version of its kind, since its cluster serves that: its rows move."""
    same = ApiVersion.objects.filter(
        cluster=ref.cluster, namespace=ref.namespace, object_name=ref.name, uid=ref.uid
    )
    same.filter(kind__in=GENERATIONS[ref.kind]).update(kind=ref.kind)


def key_of(published: PublishedApi) -> tuple[str, str]:
    """What tells the versions that one object publishes apart."""
    return published.key, published.version


def _is_acceptable(
    published: PublishedApi,
    parsed: Parsed,
    held: ApiVersion | None,
    beside: list[PublishedApi],
    around: Surroundings,
    done: Applied,
) -> bool:
    """Notes everything wrong with it. A missing grant or plan is said and is no reason to leave the API out.

    With a definition that nobody can read, what is `held` stays as it was when it could be read last; a new API is
    listed, and is not served.
    """
    # What stays where it is was accepted there, and nobody else since.
    stays = held is not None and held.base_path == published.base_path
    refusal = conflicts.within(published, beside) or ([] if stays else conflicts.refusal(published))
    done.problems += [*refusal, *parsed.problems, *around.problems(published)]
    return not refusal and not (parsed.unreadable and held and not held.definition_pending)


def _row_for(published: PublishedApi) -> ApiVersion:
    """A withdrawn row of this version, or a new one."""
    ref = published.ref
    api = Api.objects.filter(cluster=ref.cluster, namespace=ref.namespace, key=published.key).first()
    api = api or _create_api(published)
    row = _locked(api.versions.filter(version=published.version)).first()
    row = row or ApiVersion(api=api, version=published.version)
    row.api = api
    return row


def _apply_one(
    row: ApiVersion,
    published: PublishedApi,
    parsed: Parsed,
    around: Surroundings,
    content_hash: str,
    done: Applied,
) -> None:
    _set_team(row.api, published, around)
    recorded = Parts.of(row)
    before = _gateway_view(row, recorded)
    event = _move(row, published, around)
    done.counts["updated" if before else "created"] += 1
    done.freed |= before is not None and before.base_path != published.base_path
    wanted = _write(row, published, parsed, around, content_hash, recorded)
    _audit(row, event)
    after = _gateway_view(row, wanted)
    served = row.served or (before is not None and before.served)
    _tell(row, event or "updated", served and after != before)


def _create_api(published: PublishedApi) -> Api:
    ref = published.ref
    slug = catalog.free_slug(Api, published.key, f"{published.key}-{ref.namespace}")
    return Api.objects.create(
        slug=slug,
        cluster=ref.cluster,
        namespace=ref.namespace,
        key=published.key,
        name=published.display_name[:120],
    )


def _set_team(api: Api, published: PublishedApi, around: Surroundings) -> None:
    """The grant for the namespace says whose it is, whatever the object says."""
    grant = around.grants.get(published.ref.namespace)
    team = grant.team if grant else None
    if api.team_id != (team and team.pk):
        api.team = team
        api.save(update_fields=["team"])


def _move(row: ApiVersion, published: PublishedApi, around: Surroundings) -> str:
    """Take the steps of the status that the object asks for. Returns what happened in one word, "" for nothing of note."""
    event = "discovered" if row.pk is None else "returned" if row.withdrawn_at else ""
    if not event and row.uid and published.ref.uid and row.uid != published.ref.uid:
        event = "recreated"
    if _publishes_itself(published, around) and row.status == Publication.DISCOVERED:
        row.move_to(Publication.PUBLISHED)
        row.published_at = timezone.now()
        event = "published"
    if published.deprecated:
        event = _deprecate(row, published) or event
    elif row.deprecated_in_object:
        event = _take_deprecation_back(row) or event
    return event


def _publishes_itself(published: PublishedApi, around: Surroundings) -> bool:
    """The object asks for it, and the grant allows it."""
    grant = around.grants.get(published.ref.namespace)
    return published.approval == "automatic" and grant is not None and grant.auto_publish


def _deprecate(row: ApiVersion, published: PublishedApi) -> str:
    row.sunset_on, row.successor, row.deprecated_in_object = published.sunset, published.successor, True
    if row.status != Publication.PUBLISHED:
        return ""
    row.move_to(Publication.DEPRECATED)
    row.deprecated_at = timezone.now()
    return "deprecated"


def _take_deprecation_back(row: ApiVersion) -> str:
    """The object said deprecated and says so no longer. What a publisher deprecated by hand stays so."""
    row.sunset_on, row.successor, row.deprecated_in_object = None, "", False
    if row.status != Publication.DEPRECATED:
        return ""
    row.move_to(Publication.PUBLISHED)
    row.deprecated_at = None
    return "published"


def _write(
    row: ApiVersion,
    published: PublishedApi,
    parsed: Parsed,
    around: Surroundings,
    content_hash: str,
    recorded: Parts,
) -> Parts:
    """The row with its plans and operations, of which only what is different is written."""
    say(row, published, content_hash, parsed.definition.description if parsed.definition else "")
    row.definition_pending = parsed.unreadable
    if row.pk is None:
        row.save()
    before, row.document = row.document_id, definitions.document_of(row, published, parsed)
    row.save()
    changelog.note(row, before)
    docs.write(row, published.docs)
    plans = {around.plan(published.ref.namespace, name) for name in published.plans}
    ids = frozenset(plan.pk for plan in plans if plan is not None)
    if ids != recorded.plans:
        row.plans.set(ids)
    operations = definitions.operations_of(row, published, parsed)
    definitions.replace(row, recorded.operations, operations)
    return Parts(ids, operations)


def columns(published: PublishedApi, around: Surroundings, content_hash: str) -> tuple[dict[str, Any], str]:
    """What the row of a version says that is new, and what happened to it in one word.

    The columns of JSON_COLUMNS hold what JSON can be made of.
    """
    row, event = _beginning(published, around)
    now = timezone.now()
    steps = {
        "status": str(row.status),
        "published_at": now if row.published_at else None,
        "deprecated_at": now if row.deprecated_at else None,
        "deprecated_in_object": row.deprecated_in_object,
        "sunset_on": published.sunset if row.deprecated_in_object else None,
        "successor": published.successor if row.deprecated_in_object else "",
    }
    return {**said(published, content_hash, ""), **steps}, event


# Whether it publishes itself, and whether it is deprecated -> a version that took its first steps, and the event.
_beginnings: dict[tuple[bool, bool], tuple[ApiVersion, str]] = {}


def _beginning(published: PublishedApi, around: Surroundings) -> tuple[ApiVersion, str]:
    """Instances of models are dear, and a first load has few ways to begin."""
    kept = (_publishes_itself(published, around), published.deprecated)
    if kept not in _beginnings:
        row = ApiVersion()
        _beginnings[kept] = (row, _move(row, published, around))
    return _beginnings[kept]


def withdraw(cluster: str, places: Q, done: Applied) -> None:
    """Withdraw all versions of objects that are gone."""
    rows = ApiVersion.objects.filter(places, cluster=cluster, withdrawn_at__isnull=True)
    for row in _locked(rows.select_related("api__team").order_by("pk")):
        _withdraw(row, done)


def _withdraw(row: ApiVersion, done: Applied) -> None:
    """A tombstone: no longer on sale or served, and nothing of its subscribers is deleted."""
    served = row.served
    row.withdrawn_at, row.stale = timezone.now(), False
    row.save(update_fields=["withdrawn_at", "stale"])
    done.counts["withdrawn"] += 1
    done.freed = True
    _audit(row, "withdrawn")
    _tell(row, "withdrawn", served)


def _mark_stale(row: ApiVersion) -> None:
    if not row.stale:
        row.stale = True
        row.save(update_fields=["stale"])


def _audit(row: ApiVersion, event: str) -> None:
    if event:
        record(
            f"version_{event}",
            row,
            by=None,
            team=row.api.team,
            object=f"{row.kind} {row.object_path}",
            uid=row.uid,
        )


@dataclass(frozen=True)
class GatewayView:
    """What the gateway enforces of a version."""

    served: bool
    status: str
    base_path: str
    upstreams: dict[str, object]
    security: dict[str, object]
    mediation: dict[str, object]
    plans: frozenset[int]
    operations: tuple[object, ...]


def _gateway_view(row: ApiVersion, parts: Parts) -> GatewayView | None:
    if row.pk is None:
        return None
    return GatewayView(
        served=row.served,
        status=row.status,
        base_path=row.base_path,
        upstreams=row.upstreams,
        security=row.security,
        mediation=row.mediation,
        plans=parts.plans,
        operations=tuple((each.method, each.path, each.scopes) for each in parts.operations),
    )


def _tell(row: ApiVersion, event: str, concerns_gateway: bool) -> None:
    """Notice for those above, where the gateway has something to do; the catalog follows in any case."""
    if concerns_gateway:
        version_changed.send(sender=ApiVersion, instance=row, event=event, by=None)
    else:
        catalog.refresh(row.api)
