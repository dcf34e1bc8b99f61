"""A changed object of any watched kind: which objects have to be read again because of it."""

from collections.abc import Iterator, Mapping

from apis.models import Dependency, SeenObject
from apis.sources import SOURCES, Target, attachment_of, source_of
from portal.errors import Invalid, NotFound
from portal.kube import Cluster

from .compare import OUR_GROUP, Key
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


def concerns(cluster: str, changed: Mapping[Key, str]) -> list[Key]:
    """Those of the changed objects that matter to the catalog, given with their resource versions, "" for deleted ones.

    Most ConfigMaps of a cluster are nobody's definition, and most changes of our own kinds are our own to their status.
    """
    ours = [key for key in changed if key.kind.startswith(OUR_GROUP)]
    others = [key for key in changed if not key.kind.startswith(OUR_GROUP)]
    asked = [key for key in others if not _speaks(key)]
    left_out = _written_by_us(cluster, ours, changed) | _needed_by_none(cluster, asked)
    return [key for key in changed if key not in left_out]


def _speaks(key: Key) -> bool:
    """Whether objects of the kind say something of themselves, and not only where another one names them."""
    kind = KINDS[key.kind]
    return bool(source_of(kind) or attachment_of(kind))


def _written_by_us(cluster: str, keys: list[Key], versions: Mapping[Key, str]) -> set[Key]:
    """Those that were read in this very version, or got it from Portico when they had been read."""
    rows = SeenObject.objects.filter(
        cluster=cluster,
        kind__in={key.kind for key in keys},
        namespace__in={key.namespace for key in keys},
        object_name__in=[key.name for key in keys],
    ).exclude(resource_version="")
    seen = rows.values_list("kind", "namespace", "object_name", "resource_version") if keys else ()
    return {Key(*place) for *place, version in seen if versions.get(Key(*place)) == version}


def _needed_by_none(cluster: str, keys: list[Key]) -> set[Key]:
    rows = Dependency.objects.filter(
        cluster=cluster,
        kind__in={key.kind for key in keys},
        namespace__in={key.namespace for key in keys},
        name__in=[key.name for key in keys],
    )
    needed = {Key(*row) for row in rows.values_list("kind", "namespace", "name")} if keys else set()
    return set(keys) - needed
