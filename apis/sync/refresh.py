"""One object, read again and carried into the catalog: what full sync and watch both end in."""

import logging
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import replace

from django.db import DataError, IntegrityError, transaction

from apis.models import Plan, SyncProblem
from apis.sources import (
    DefinitionAddress,
    LookUp,
    ObjectRef,
    Problem,
    PublishedApi,
    PublishedPlan,
    Reading,
    Source,
    Target,
    attachment_of,
    kinds,
    source_of,
)
from portal.errors import ClusterUnavailable, Invalid, NotFound, PorticoError
from portal.kube import Cluster, Kind, KindNotInstalled, KubeObject
from portal.locks import one_at_a_time, transaction_lock

from . import conditions, conflicts, definitions, marks, others, plans, problems, versions
from .compare import UNREADABLE, Key, fingerprints
from .dependencies import PLAN, Needed, Noting, Versioned, dependants, of_many
from .fetched import fetched
from .recorded import Recorded, recorded
from .surroundings import Surroundings
from .versions import Applied

logger = logging.getLogger(__name__)

KINDS = {str(kind): kind for kind in kinds()}
CRD = Kind(
    "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False
)
# An object may be read again because of what another one gave up or brought; this often at most in one go.
MOST_READINGS = 3


def settle(cluster: Cluster, keys: Iterable[Key]) -> Counter[str]:
    """Read these objects again, and those that waited for them. Returns how many rows were created, updated, withdrawn.

    Raises:
        ClusterUnavailable: what was done until then stays done, and doing all of it again does no harm.
    """
    waiting, readings, counts = deque(keys), Counter[Key](), Counter[str]()
    while waiting:
        key = waiting.popleft()
        readings[key] += 1
        if readings[key] > MOST_READINGS or key.kind not in KINDS:
            continue
        done = refresh(cluster, key)
        counts += done.counts
        waiting.extend(
            follower
            for follower in followers(cluster.name, done)
            if follower != key and follower not in waiting
        )
    return counts


def refresh(cluster: Cluster, key: Key) -> Applied:
    """Read the object as it is now and make the catalog say the same.

    Readings of one object wait for each other, so the later one never loses to an earlier one that was slower.
    """
    kind = KINDS[key.kind]
    source = source_of(kind)
    if source is None:
        return Applied()
    with one_at_a_time(lock_of(cluster.name, key)):
        obj, reading, needed = _observe(cluster, source, key)
        ref = ref_of(cluster.name, key, obj)
        # Read after the object and what it needs were noted: who changes any of this reads the object again.
        around = Surroundings(ref.cluster, ref.namespace)
        done = _carry(ref, fetched(ref, reading), around)
        if obj is not None:
            _tell(cluster, obj, done.news)
            obj = conditions.write(cluster, obj, ref)
        _remember(ref, obj, reading, needed, done, around)
    return done


def lock_of(cluster: str, key: Key) -> str:
    """The name of the lock that whoever reads or withdraws the object holds."""
    return f"object {cluster} {' '.join(key)}"


def _tell(cluster: Cluster, obj: KubeObject, news: list[str]) -> None:
    """An Event for each problem that arose, beside the object. A cluster that refuses costs a line in the log, no more."""
    for sentence in news:
        try:
            cluster.record_event(obj, reason="NotAsWritten", message=sentence[:1000], warning=True)
        except PorticoError as error:
            logger.warning("no Event about %s %s/%s: %s", obj.kind, obj.namespace, obj.name, error.message)


def drop(cluster: str, key: Key) -> Applied:
    """Withdraw what an object has in the catalog, although it may still be there: Portico is not to read it any more."""
    with one_at_a_time(lock_of(cluster, key)):
        ref = ref_of(cluster, key, None)
        marks.forget(ref)
        return _apply(ref, Reading(), {}, Surroundings(cluster, key.namespace), recorded(cluster, key))


def _observe(
    cluster: Cluster, source: Source, key: Key
) -> tuple[KubeObject | None, Reading, dict[Needed, str]]:
    """The object, what it says, and what it was read with; nothing only where the cluster said that it is gone."""
    ref = ref_of(cluster.name, key, None)
    noting = Noting(ref, Asking(cluster))
    obj, reading = None, Reading()
    try:
        obj = cluster.get(source.kind, namespace=key.namespace, name=key.name)
        reading = read(source, obj, noting)
    except KindNotInstalled as error:
        if not kind_is_gone(cluster, source.kind):
            raise ClusterUnavailable(error.message, remedy=error.remedy) from error
    except NotFound:
        pass
    except Invalid as error:
        reading = Reading(problems=(Problem(ref, error.field, error.message, error.remedy),))
    noting.finish(reading)
    return obj, reading, noting.versions


def _remember(
    ref: ObjectRef,
    obj: KubeObject | None,
    reading: Reading,
    needed: dict[Needed, str],
    done: Applied,
    around: Surroundings,
) -> None:
    """Keep the mark of what was just carried; none where the object has to be looked at again in any case."""
    if obj is None and not reading.problems:
        marks.forget(ref)
        return
    key = Key(ref.kind, ref.namespace, ref.name)
    unread = bool(reading.problems) and not reading.published
    # What stands at an address changes without the object.
    elsewhere = any(
        isinstance(entry, PublishedApi) and isinstance(entry.definition, DefinitionAddress)
        for entry in reading.published
    )
    version = obj.resource_version if obj else ""
    if obj is None or unread or elsewhere or done.refused:
        marks.remember(ref, "", version)
    else:
        marks.remember(ref, marks.mark(version, needed, key, around), version)


class Asking(Versioned):
    """A look-up that asks the cluster, for one object once each time."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._listed: dict[tuple[Kind, str], tuple[KubeObject, ...]] = {}

    def __call__(self, kind: Kind, namespace: str, name: str) -> KubeObject | None:
        try:
            return self._cluster.get(kind, namespace=namespace, name=name)
        except (NotFound, Invalid):  # NotFound also where the kind is not installed
            return None

    def attached(self, kind: Kind, to: KubeObject) -> tuple[KubeObject, ...]:
        attachment = attachment_of(kind)
        target = Target(to.kind.group, to.kind.kind, to.namespace, to.name)
        objects = self._all(kind, to.namespace)
        found = (obj for obj in objects if attachment and target in attachment.targets(obj))
        return tuple(sorted(found, key=lambda obj: obj.name))

    def version_of_all(self, kind: Kind, namespace: str) -> str:
        return of_many((obj.name, obj.resource_version) for obj in self._all(kind, namespace))

    def _all(self, kind: Kind, namespace: str) -> tuple[KubeObject, ...]:
        if (kind, namespace) not in self._listed:
            try:
                self._listed[kind, namespace] = self._cluster.list(kind, namespace=namespace).objects
            except NotFound:  # the kind is not installed
                self._listed[kind, namespace] = ()
        return self._listed[kind, namespace]


def kind_is_gone(cluster: Cluster, kind: Kind) -> bool:
    """Whether the cluster itself says that the kind's CRD is not there.

    A proxy in front of a broken cluster also answers "404 page not found", and must not empty the catalog.
    """
    try:
        cluster.get(CRD, namespace="", name=kind.resource)
    except KindNotInstalled:
        return False
    except NotFound:
        return True
    except PorticoError:
        return False
    return False


def ref_of(cluster: str, key: Key, obj: KubeObject | None) -> ObjectRef:
    uid, generation = (obj.uid, obj.generation) if obj else ("", 0)
    return ObjectRef(cluster, key.kind, key.namespace, key.name, uid, generation)


def read(source: Source, obj: KubeObject, look_up: LookUp) -> Reading:
    """What the object says. Sources raise for nothing that an object holds; should one, this object alone is unreadable.

    Everything published carries the object's own name, even where several versions come of one object.
    """
    ref = ref_of(obj.cluster, Key(str(obj.kind), obj.namespace, obj.name), obj)
    try:
        reading = source.read(obj, look_up)
        if all(entry.ref == ref for entry in reading.published):
            return reading
        return replace(reading, published=tuple(replace(entry, ref=ref) for entry in reading.published))
    except PorticoError:
        raise
    except Exception:
        logger.exception("%s %s/%s cannot be read", obj.kind, obj.namespace, obj.name)
        message = "Portico failed to read this object."
        return Reading(
            problems=(Problem(ref, "", message, "Report it to Portico, with the object.", obj.origin),)
        )


def _carry(ref: ObjectRef, reading: Reading, around: Surroundings) -> Applied:
    """Apply the reading in one small transaction, unless the catalog says it already."""
    held = recorded(ref.cluster, Key(ref.kind, ref.namespace, ref.name))
    try:
        observed = fingerprints(reading, around)
        if observed and UNREADABLE not in observed and observed == held.prints:
            return Applied()
        parsed = {
            versions.key_of(entry): definitions.parse(entry)
            for entry in reading.published
            if isinstance(entry, PublishedApi)
        }
        return _apply(ref, reading, parsed, around, held)
    except (DataError, IntegrityError, ValueError) as error:
        logger.warning("%s %s/%s cannot be stored: %s", ref.kind, ref.namespace, ref.name, error)
        message = f"It holds what Portico cannot store: {str(error).splitlines()[0][:300]}"
        problem = Problem(
            ref, "", message, "Look for texts that are too long and values that are out of range."
        )
        return _apply(ref, Reading(problems=(*reading.problems, problem)), {}, around, held)


@transaction.atomic
def _apply(
    ref: ObjectRef, reading: Reading, parsed: versions.Definitions, around: Surroundings, held: Recorded
) -> Applied:
    # What two objects cannot both have is decided by one at a time.
    transaction_lock("apis.sync")
    done = versions.apply(ref, reading, parsed, around)
    if Plan in held.models or any(isinstance(entry, PublishedPlan) for entry in reading.published):
        plans.apply(ref, reading, around, done)
    if held.models & others.MODELS or any(isinstance(entry, others.PUBLISHED) for entry in reading.published):
        others.apply(ref, reading, around, done)
    done.news = problems.keep(ref, [*reading.problems, *done.problems])
    return done


def followers(cluster: str, done: Applied) -> set[Key]:
    """Objects that name a plan which came or went, and those that want a name or path which is free now."""
    found = {key for plan in done.plan_keys for key in dependants(cluster, Needed(PLAN, "", plan))}
    if done.freed:
        contested = SyncProblem.objects.filter(cluster=cluster, field__in=conflicts.CONTESTED)
        found |= {Key(*row) for row in contested.values_list("kind", "namespace", "object_name")}
    return found
