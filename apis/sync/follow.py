"""A changed object of any watched kind: which objects have to be read again because of it."""

from collections.abc import Iterable, Iterator

from apis.models import Dependency
from apis.sources import SOURCES, Target, attachment_of, source_of
from portal.errors import Invalid, NotFound
from portal.kube import Cluster

from .compare import Key
from .dependencies import Needed, dependants
from .refresh import KINDS, settle


def carry(cluster: Cluster, key: Key) -> bool:
    """Read it again, those that were read with it, and those it points at. Whether the catalog changed.

    Raises:
        ClusterUnavailable: what was done until then stays done, and doing all of it again does no harm.
    """
    return bool(settle(cluster, dict.fromkeys(_affected(cluster, key))).total())


def _affected(cluster: Cluster, key: Key) -> Iterator[Key]:
    kind = KINDS.get(key.kind)
    if kind is None:
        return
    if source_of(kind):
        yield key
    yield from dependants(cluster.name, Needed(*key))
    attachment = attachment_of(kind)
    if attachment:
        try:
            targets = tuple(attachment.targets(cluster.get(kind, namespace=key.namespace, name=key.name)))
        except (NotFound, Invalid):  # it is gone; those that were read with it are known
            targets = ()
        for target in targets:
            yield from _aimed_at(cluster, target)


def _aimed_at(cluster: Cluster, target: Target) -> Iterator[Key]:
    """The target itself, where it publishes, and those that were read with it."""
    for text, kind in KINDS.items():
        if (kind.group, kind.kind) == (target.group, target.kind):
            if any(source.kind == kind for source in SOURCES):
                yield Key(text, target.namespace, target.name)
            yield from dependants(cluster.name, Needed(text, target.namespace, target.name))


def concerns(cluster: str, keys: Iterable[Key]) -> list[Key]:
    """Those of the keys that matter to the catalog. Most ConfigMaps of a cluster are nobody's definition."""
    found: list[Key] = []
    asked: list[Key] = []
    for key in keys:
        kind = KINDS[key.kind]
        (found if source_of(kind) or attachment_of(kind) else asked).append(key)
    rows = Dependency.objects.filter(cluster=cluster, name__in=[key.name for key in asked])
    needed = set(rows.values_list("kind", "namespace", "name")) if asked else set()
    return found + [key for key in asked if tuple(key) in needed]
