"""Everything of a cluster compared with the catalog. What a watch missed heals here."""

import gc
import itertools
import logging
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from apis.models import Dependency, SyncProblem, SyncRun
from apis.sources import SOURCES, ObjectRef, Problem, Source, served, source_of
from portal.errors import PorticoError
from portal.kube import Cluster, Kind, KindNotInstalled, Page, Unreadable

from . import bulk, changes, marks, problems
from .ahead import Ahead
from .compare import Difference, Key, differing
from .dependencies import EVERY, Needed, of_many
from .listed import pages
from .recorded import known, knows, waiting
from .refresh import KINDS, drop, kind_is_gone, settle
from .surroundings import Surroundings

logger = logging.getLogger(__name__)

KEPT_DAYS = 7
# So many objects are carried at once; more go into the queue, and new ones into the catalog page by page.
AT_ONCE = 200
# Objects of Python after which it looks for cycles; there are a hundred to an API.
NEW_OBJECTS = 200_000
TURN_SECONDS = 0.0005
TELL_SECONDS = 1.0


@dataclass
class Observed:
    """What the lists said. Of a kind in `unknown` they said nothing; of one in `partial` not what is missing.

    Kinds in `dropped` are not read here any more: by configuration, or because a newer version of them is.
    """

    record: SyncRun
    dropped: set[str] = field(default_factory=set)
    marks: dict[Key, str] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    partial: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)
    nameless: dict[str, Unreadable] = field(default_factory=dict)
    told_at: float = field(default_factory=time.monotonic)

    def learnt(self) -> tuple[set[str], list[str], dict[str, Unreadable]]:
        """What the lists said beside their objects."""
        return self.unknown, self.failures, self.nameless

    def learn(self, part: bulk.Part) -> None:
        """What was listed in another process."""
        self.marks.update(dict.fromkeys(part.keys, ""))
        self.unknown, self.failures, self.nameless = part.learnt
        self.tell()

    def tell(self) -> None:
        """Say how far the pass has come, to who looks at it meanwhile."""
        now = time.monotonic()
        if now - self.told_at > TELL_SECONDS:
            self.told_at = now
            SyncRun.objects.filter(pk=self.record.pk).update(counts={"seen": len(self.marks)})


def run(cluster: Cluster) -> SyncRun:
    """One pass. It never raises for what the cluster does: a failure stands in the SyncRun, and withdraws nothing."""
    record = SyncRun.objects.create(cluster=cluster.name)
    counts: Counter[str] = Counter()
    began = _database_now()
    observed = Observed(record)
    try:
        with _many_objects():
            wanted = served(cluster)
            carry = _compare if knows(cluster.name) else _load
            counts = carry(cluster, wanted, observed, began)
    except PorticoError as error:
        observed.failures.append(error.message)
    counts["seen"] = len(observed.marks)
    counts["problems"] = SyncProblem.objects.filter(cluster=cluster.name).count()
    _finish(record, counts, observed.failures)
    return record


@contextmanager
def _many_objects() -> Iterator[None]:
    """Tens of thousands of objects are live and none of them in a cycle: looking for cycles costs a third of a pass.

    Threads take turns ten times as often as usual: the one that asks the database has little to do between two answers,
    and waited for its turn half of the time while others read.
    """
    collecting, turn = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(NEW_OBJECTS, *collecting[1:])
    sys.setswitchinterval(TURN_SECONDS)
    try:
        yield
    finally:
        gc.set_threshold(*collecting)
        sys.setswitchinterval(turn)


def _compare(cluster: Cluster, wanted: frozenset[Kind], observed: Observed, began: datetime) -> Counter[str]:
    """Read again what stands in another state of the world than the catalog remembers."""
    with Ahead(_listing(cluster, wanted, observed, metadata_only=True)) as listing:
        around, remembered = Surroundings(cluster.name), known(cluster.name)
        needed, versions = _needed(cluster, wanted, observed)
        for page in listing:
            _observe_page(observed, page, needed, versions, around)
    _without_list(cluster, wanted, observed, {key.kind for key in (*remembered.marks, *remembered.objects)})
    # What waits was read after the lists, or will be.
    remembered = remembered._replace(waiting=waiting(cluster.name))
    found = differing(observed.marks, remembered, unknown=observed.unknown, partial=observed.partial)
    _keep_nameless(cluster.name, observed)
    counts = _carry(cluster, found, began, observed.dropped)
    counts["unchanged"] = len(observed.marks.keys() - set(found.changed) - remembered.waiting)
    return counts


def _load(cluster: Cluster, wanted: frozenset[Kind], observed: Observed, began: datetime) -> Counter[str]:
    """Nothing is known of the cluster: its objects are read at once, few of them one by one and many by the page."""
    # What the catalog no longer knows, nothing was read with.
    Dependency.objects.filter(cluster=cluster.name).delete()
    listing = _listing(cluster, wanted, observed, metadata_only=False)
    begun: list[Page] = []
    while sum(len(page.objects) for page in begun) <= AT_ONCE and (page := next(listing, None)):
        begun.append(page)
    few = sum(len(page.objects) for page in begun) <= AT_ONCE
    counts, rest = Counter[str](), _noting(observed, itertools.chain(begun, listing))
    for page in rest:
        source = source_of(page.kind)
        if few or source is None or not source.depends_on:
            counts += settle(cluster, _keys(page))
            observed.tell()
        else:  # those that others are read with have come before
            pages = itertools.chain([page], rest)
            counts += bulk.store(cluster, pages, began, learnt=observed.learnt, tell=observed.learn)[0]
            break
    _keep_nameless(cluster.name, observed)
    counts["unchanged"] = 0
    return counts


def _listing(
    cluster: Cluster, wanted: frozenset[Kind], observed: Observed, *, metadata_only: bool
) -> Iterator[Page]:
    """All pages of all kinds, those that others are read with first; what could not be listed stands in `observed`."""
    for source in SOURCES:
        if source.kind not in wanted:
            continue
        try:
            yield from pages(cluster, source.kind, metadata_only=metadata_only)
        except KindNotInstalled:
            if not kind_is_gone(cluster, source.kind):
                observed.unknown.add(str(source.kind))
        except PorticoError as error:
            _failed(observed, cluster, source.kind, error)


def _without_list(
    cluster: Cluster, wanted: frozenset[Kind], observed: Observed, known_kinds: set[str]
) -> None:
    """Say of the kinds that are not listed, and of which the catalog has something, what that means."""
    for source in SOURCES:
        kind = str(source.kind)
        if kind not in known_kinds or source.kind in wanted:
            continue
        if _is_dropped(cluster, source, wanted):
            observed.dropped.add(kind)
        elif not kind_is_gone(cluster, source.kind):
            observed.unknown.add(kind)


def _noting(observed: Observed, listing: Iterable[Page]) -> Iterator[Page]:
    """The same pages, of which `observed` knows what came."""
    for page in listing:
        observed.marks.update(dict.fromkeys(_keys(page), ""))
        observed.nameless.update(_nameless(page))
        yield page


def _keys(page: Page) -> list[Key]:
    kind = str(page.kind)
    found = [Key(kind, obj.namespace, obj.name) for obj in page.objects]
    return found + [Key(kind, entry.namespace, entry.name) for entry in page.unreadable if entry.name]


def _nameless(page: Page) -> dict[str, Unreadable]:
    return {(entry.file or entry.message)[:253]: entry for entry in page.unreadable if not entry.name}


def _is_dropped(cluster: Cluster, source: Source, wanted: frozenset[Kind]) -> bool:
    replaced = any((kind.group, kind.kind) == (source.kind.group, source.kind.kind) for kind in wanted)
    return replaced or not cluster.wants(source.kind)


def _needed(
    cluster: Cluster, wanted: frozenset[Kind], observed: Observed
) -> tuple[dict[Key, list[Needed]], dict[Needed, str]]:
    """What each object was read with the last time, and the versions that this has now."""
    owners: dict[Key, list[Needed]] = defaultdict(list)
    rows = Dependency.objects.filter(cluster=cluster.name).values_list(
        "owner_kind", "owner_namespace", "owner_name", "kind", "namespace", "name"
    )
    for *owner, kind, namespace, name in rows:
        owners[Key(*owner)].append(Needed(kind, namespace, name))
    versions: dict[Needed, str] = {}
    for text in sorted({other.kind for others in owners.values() for other in others} & KINDS.keys()):
        if KINDS[text] in wanted:
            try:
                versions |= _versions(cluster, KINDS[text])
            except KindNotInstalled:
                pass
            except PorticoError as error:
                _failed(observed, cluster, KINDS[text], error)
                # Nobody knows whether those that were read with it changed.
                observed.unknown |= {
                    key.kind for key, others in owners.items() if any(o.kind == text for o in others)
                }
    return owners, versions


def _versions(cluster: Cluster, kind: Kind) -> dict[Needed, str]:
    found: dict[Needed, str] = {}
    by_namespace: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for page in pages(cluster, kind, metadata_only=True):
        for obj in page.objects:
            found[Needed(str(kind), obj.namespace, obj.name)] = obj.resource_version
            by_namespace[obj.namespace].add((obj.name, obj.resource_version))
    for namespace, objects in by_namespace.items():
        found[Needed(str(kind), namespace, EVERY)] = of_many(objects)
    return found


def _observe_page(
    observed: Observed,
    page: Page,
    needed: dict[Key, list[Needed]],
    versions: dict[Needed, str],
    around: Surroundings,
) -> None:
    """Say in which state of the world each object of the page stands."""
    kind = str(page.kind)
    for obj in page.objects:
        key = Key(kind, obj.namespace, obj.name)
        others = {other: versions.get(other, "") for other in needed.get(key, ())}
        observed.marks[key] = marks.mark(obj.resource_version, others, key, around)
    for entry in page.unreadable:
        if entry.name:
            observed.marks[Key(kind, entry.namespace, entry.name)] = ""
    observed.nameless.update(_nameless(page))
    if not page.complete:
        observed.partial.add(kind)
    observed.tell()


def _failed(observed: Observed, cluster: Cluster, kind: Kind, error: PorticoError) -> None:
    logger.warning("%s of cluster %s: %s", kind, cluster.name, error.message)
    observed.unknown.add(str(kind))
    observed.failures.append(f"{kind.resource}: {error.message}")


def _carry(cluster: Cluster, found: Difference, began: datetime, dropped: set[str]) -> Counter[str]:
    """Little at once; much page by page, and the rest through the queue."""
    left = [key for key in found.gone if key.kind in dropped or not _is_read(cluster, key)]
    gone = [key for key in found.gone if key not in set(left)]
    if len(found.changed) + len(gone) <= AT_ONCE:
        counts = settle(cluster, _plans_first([*gone, *found.changed]))
    else:
        changes.note(cluster.name, gone, gone=set(gone))
        few, many = bulk.split(found.changed)
        counts = settle(cluster, _plans_first(few)) + bulk.load(cluster, many, began)
    # Last: what is read as another version of its kind by now has moved there.
    for key in left:
        counts += drop(cluster.name, key).counts
    return counts


def _is_read(cluster: Cluster, key: Key) -> bool:
    return not key.namespace or not cluster.namespaces or key.namespace in cluster.namespaces


def _plans_first(keys: list[Key]) -> list[Key]:
    """In the order of the sources, so that most APIs find their plans at once."""
    order = {str(source.kind): position for position, source in enumerate(SOURCES)}
    return sorted(keys, key=lambda key: (order.get(key.kind, len(order)), key))


def _keep_nameless(cluster: str, observed: Observed) -> None:
    """Problems of files in which not even an object could be made out: they stand under the file's name."""
    for name, entry in observed.nameless.items():
        ref = ObjectRef(cluster, "", "", name)
        problems.keep(ref, [Problem(ref, entry.field, entry.message, entry.remedy, entry.origin)])
    if not observed.unknown:
        for mended in SyncProblem.objects.filter(cluster=cluster, kind="").exclude(
            object_name__in=observed.nameless
        ):
            mended.delete()


def _finish(record: SyncRun, counts: Counter[str], failures: list[str]) -> None:
    record.counts = dict(sorted(counts.items()))
    record.outcome = SyncRun.Outcome.FAILED if failures else SyncRun.Outcome.COMPLETE
    record.message = "\n".join(dict.fromkeys(failures))
    record.finished_at = timezone.now()
    record.save(update_fields=["counts", "outcome", "message", "finished_at"])
    SyncRun.objects.filter(
        cluster=record.cluster, started_at__lt=record.started_at - timedelta(days=KEPT_DAYS)
    ).delete()


def _database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row = cursor.fetchone()
    moment: datetime = row[0]
    return moment
