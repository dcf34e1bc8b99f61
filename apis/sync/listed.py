"""A look-up for many objects at once: each kind is listed once, in place of asking for its objects one by one."""

from collections import defaultdict, deque
from collections.abc import Iterator

from apis.sources import LookUp, attachment_of
from apis.sources.source import Target
from portal.errors import Invalid, NotFound, PorticoError
from portal.kube import Cluster, Kind, KubeObject, Page, VersionExpired

from .ahead import Ahead
from .dependencies import EVERY, Needed, of_many

ATTEMPTS = 3
# Objects on a page. An API server answers the first page out of its memory and goes to etcd for each later one, where
# an object of a CRD costs it ten times as much: metadata, of 1 or 2 KB, comes in one page where that can be.
PAGE = 500
METADATA_PAGE = 10_000
# Characters of objects that are kept for those who may ask for them, and what an object has beside its texts.
KEPT_CHARACTERS = 64 * 1024 * 1024
OBJECT_CHARACTERS = 1_000


def pages(cluster: Cluster, kind: Kind, *, metadata_only: bool = False) -> Iterator[Page]:
    """All pages of a kind in the namespaces that are read. Objects come twice when a list had to begin again."""
    size = METADATA_PAGE if metadata_only else PAGE
    namespaces: tuple[str | None, ...] = (cluster.namespaces if kind.namespaced else ()) or (None,)
    for namespace in sorted(namespaces, key=lambda name: f"{name}/"):
        for attempt in range(1, ATTEMPTS + 1):
            try:
                yield from cluster.pages(
                    kind, namespace=namespace, page_size=size, metadata_only=metadata_only
                )
                break
            except VersionExpired:
                if attempt == ATTEMPTS:
                    raise


class Listed:
    """The objects of a cluster, listed as they are asked for. `close` it when the load is over."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._passing: dict[Kind, Passing] = {}
        self._objects: dict[Kind, dict[tuple[str, str], KubeObject]] = {}
        self._attached: dict[Kind, dict[Target, list[KubeObject]]] = {}

    def close(self) -> None:
        for listing in self._passing.values():
            listing.close()

    def noting(self) -> "ListedNoting":
        """For one object: a look-up that remembers what it was asked for."""
        return ListedNoting(self)

    def get(self, kind: Kind, namespace: str, name: str) -> KubeObject | None:
        if kind in self._objects:
            return self._objects[kind].get((namespace, name))
        if kind not in self._passing:
            self._passing[kind] = Passing(self._cluster, kind)
        return self._passing[kind].get(namespace, name)

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
        """Kinds that are attached to others are few enough to be kept whole."""
        if kind not in self._objects:
            try:
                listed = [obj for page in pages(self._cluster, kind) for obj in page.objects]
            except NotFound:  # the kind is not installed
                listed = []
            self._objects[kind] = {(obj.namespace, obj.name): obj for obj in listed}
        return self._objects[kind]


class Passing:
    """A listing that is read as far as it is asked for, of which the last part is kept.

    Lists come in the order of their objects' names, and so do the objects that ask. What has passed, or did not come
    where it should have, is asked for by itself: so the order saves requests, and decides nothing.
    """

    def __init__(self, cluster: Cluster, kind: Kind) -> None:
        self._cluster = cluster
        self._kind = kind
        self._pages = Ahead(pages(cluster, kind))
        self._kept: dict[str, KubeObject] = {}
        self._sizes: deque[tuple[str, int]] = deque()
        self._size = 0
        self._reached = ""
        self._over = self._passed = False
        self._failed: PorticoError | None = None

    def close(self) -> None:
        self._pages.close()

    def get(self, namespace: str, name: str) -> KubeObject | None:
        place = f"{namespace}/{name}"
        while place not in self._kept and place > self._reached and not self._over:
            self._read_on()
        if self._failed:
            raise type(self._failed)(self._failed.message, remedy=self._failed.remedy)
        if place in self._kept:
            return self._kept[place]
        return None if self._over and not self._passed else self._ask(namespace, name)

    def _read_on(self) -> None:
        page = None
        try:
            page = next(self._pages, None)
        except NotFound:  # the kind is not installed
            pass
        except PorticoError as error:
            self._failed = error
        if page is None:
            self._over = True
            return
        for obj in page.objects:
            place = f"{obj.namespace}/{obj.name}"
            size = OBJECT_CHARACTERS + characters(obj)
            self._kept[place] = obj
            self._sizes.append((place, size))
            self._size += size
            self._reached = max(self._reached, place)
        while self._size > KEPT_CHARACTERS and len(self._sizes) > len(page.objects):
            place, size = self._sizes.popleft()
            self._kept.pop(place, None)
            self._size -= size
            self._passed = True

    def _ask(self, namespace: str, name: str) -> KubeObject | None:
        try:
            return self._cluster.get(self._kind, namespace=namespace, name=name)
        except (NotFound, Invalid):  # NotFound also where the kind is not installed
            return None


def characters(obj: KubeObject) -> int:
    """The texts one level below the top, where ConfigMaps and Secrets have nearly all they hold."""
    parts = (part for part in obj.body.values() if isinstance(part, dict))
    return sum(len(text) for part in parts for text in part.values() if isinstance(text, str))


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
