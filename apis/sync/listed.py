"""A look-up for many objects at once: each kind is listed once, in place of asking for its objects one by one."""

from collections import defaultdict
from collections.abc import Iterator

from apis.sources import LookUp, attachment_of
from apis.sources.source import Target
from portal.errors import NotFound
from portal.kube import Cluster, Kind, KubeObject, Page, VersionExpired

from .dependencies import EVERY, Needed, of_many

ATTEMPTS = 3


def pages(cluster: Cluster, kind: Kind, *, metadata_only: bool = False) -> Iterator[Page]:
    """All pages of a kind in the namespaces that are read. Objects come twice when a list had to begin again."""
    namespaces: tuple[str | None, ...] = (cluster.namespaces if kind.namespaced else ()) or (None,)
    for namespace in namespaces:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                yield from cluster.pages(kind, namespace=namespace, metadata_only=metadata_only)
                break
            except VersionExpired:
                if attempt == ATTEMPTS:
                    raise


class Listed:
    """The objects of a cluster, listed when they are first asked for and kept until the load is over."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._objects: dict[Kind, dict[tuple[str, str], KubeObject]] = {}
        self._attached: dict[Kind, dict[Target, list[KubeObject]]] = {}

    def noting(self) -> "ListedNoting":
        """For one object: a look-up that remembers what it was asked for."""
        return ListedNoting(self)

    def get(self, kind: Kind, namespace: str, name: str) -> KubeObject | None:
        return self._of_kind(kind).get((namespace, name))

    def attached(self, kind: Kind, to: KubeObject) -> tuple[KubeObject, ...]:
        if kind not in self._attached:
            by_target: dict[Target, list[KubeObject]] = defaultdict(list)
            attachment = attachment_of(kind)
            for obj in self._of_kind(kind).values():
                for target in dict.fromkeys(attachment.targets(obj) if attachment else ()):
                    by_target[target].append(obj)
            self._attached[kind] = by_target
        target = Target(to.kind.group, to.kind.kind, to.namespace, to.name)
        found = self._attached[kind].get(target, [])
        return tuple(
            sorted((obj for obj in found if obj.namespace == to.namespace), key=lambda obj: obj.name)
        )

    def version_of_all(self, kind: Kind, namespace: str) -> str:
        found = self._of_kind(kind).items()
        return of_many((name, obj.resource_version) for (place, name), obj in found if place == namespace)

    def _of_kind(self, kind: Kind) -> dict[tuple[str, str], KubeObject]:
        if kind not in self._objects:
            try:
                listed = [obj for page in pages(self._cluster, kind) for obj in page.objects]
            except NotFound:  # the kind is not installed
                listed = []
            self._objects[kind] = {(obj.namespace, obj.name): obj for obj in listed}
        return self._objects[kind]


class ListedNoting(LookUp):
    """As Noting, without a database: `versions` says what was asked for and which versions came."""

    def __init__(self, listed: Listed) -> None:
        self._listed = listed
        self.versions: dict[Needed, str] = {}

    def __call__(self, kind: Kind, namespace: str, name: str) -> KubeObject | None:
        found = self._listed.get(kind, namespace, name)
        self.versions[Needed(str(kind), namespace, name)] = found.resource_version if found else ""
        return found

    def attached(self, kind: Kind, to: KubeObject) -> tuple[KubeObject, ...]:
        found = self._listed.attached(kind, to)
        self.versions[Needed(str(kind), to.namespace, EVERY)] = self._listed.version_of_all(
            kind, to.namespace
        )
        self.versions |= {Needed(str(kind), obj.namespace, obj.name): obj.resource_version for obj in found}
        return found
