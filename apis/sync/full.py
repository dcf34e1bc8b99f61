"""Everything of a cluster compared with the catalog. What a watch missed heals here."""

import logging
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

from django.utils import timezone

from apis.models import SyncProblem, SyncRun
from apis.sources import SOURCES, ObjectRef, Problem, Source
from portal.errors import NotFound, PorticoError
from portal.kube import Cluster, Kind, KindNotInstalled, KubeObject, Listing, Unreadable

from . import problems
from .compare import UNREADABLE, Key, Prints, differing, fingerprints
from .recorded import recorded
from .refresh import kind_is_gone, read, settle
from .surroundings import Surroundings

logger = logging.getLogger(__name__)

KEPT_DAYS = 7


@dataclass
class Observed:
    """What the lists said. Of a kind in `unknown` they said nothing; of one in `partial` not what is missing."""

    prints: dict[Key, Prints] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    partial: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)
    nameless: dict[str, Unreadable] = field(default_factory=dict)


def run(cluster: Cluster) -> SyncRun:
    """One pass. It never raises for what the cluster does: a failure stands in the SyncRun, and withdraws nothing."""
    record = SyncRun.objects.create(cluster=cluster.name)
    counts: Counter[str] = Counter()
    observed = observe(cluster)
    try:
        known = recorded(cluster.name)
        changed = differing(observed.prints, known, unknown=observed.unknown, partial=observed.partial)
        _keep_nameless(cluster.name, observed)
        counts = settle(cluster, _plans_first(changed))
        counts["unchanged"] = len(observed.prints.keys() - set(changed))
    except PorticoError as error:
        observed.failures.append(error.message)
    counts["seen"] = len(observed.prints)
    counts["problems"] = SyncProblem.objects.filter(cluster=cluster.name).count()
    _finish(record, counts, observed.failures)
    return record


def observe(cluster: Cluster) -> Observed:
    """List every kind and read every object, without a write."""
    observed, around, look_up = Observed(), Surroundings(cluster.name), ListedLookUp(cluster)
    for source in SOURCES:
        try:
            _observe_kind(observed, source, cluster.list(source.kind), around, look_up)
        except KindNotInstalled:
            if not kind_is_gone(cluster, source.kind):
                observed.unknown.add(str(source.kind))
        except PorticoError as error:
            logger.warning("%s of cluster %s: %s", source.kind, cluster.name, error.message)
            observed.unknown.add(str(source.kind))
            observed.failures.append(f"{source.kind.resource}: {error.message}")
    return observed


def _observe_kind(
    observed: Observed, source: Source, listing: Listing, around: Surroundings, look_up: "ListedLookUp"
) -> None:
    kind = str(source.kind)
    found = {
        Key(kind, obj.namespace, obj.name): fingerprints(read(source, obj, look_up), around)
        for obj in listing.objects
    }
    for entry in listing.unreadable:
        if entry.name:
            found[Key(kind, entry.namespace, entry.name)] = frozenset({UNREADABLE})
        else:
            observed.nameless[(entry.file or entry.message)[:253]] = entry
    observed.prints |= found
    if not listing.complete:
        observed.partial.add(kind)


class ListedLookUp:
    """A look-up that lists each kind once, in place of asking for its objects one by one."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._listed: dict[Kind, dict[tuple[str, str], KubeObject]] = {}

    def __call__(self, kind: Kind, namespace: str, name: str) -> KubeObject | None:
        if kind not in self._listed:
            try:
                objects = self._cluster.list(kind).objects
            except NotFound:  # the kind is not installed
                objects = ()
            self._listed[kind] = {(obj.namespace, obj.name): obj for obj in objects}
        return self._listed[kind].get((namespace, name))


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
