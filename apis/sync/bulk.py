"""New objects by the page: what a first load of ten thousand costs is close to reading and storing their bytes.

A version gets its row, its text and its words at once. The definition is parsed afterwards, by the queue; until then the
version is `definition_pending`, and the gateway does not serve it. Whatever is not plainly new goes through the queue
alone, where one object at a time is compared, refused and explained.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from apis.models import ApiVersion
from apis.sources import DefinitionText, PublishedApi, Reading, source_of
from portal.errors import PorticoError
from portal.kube import Cluster, Kind, KubeObject
from portal.locks import transaction_lock

from . import changes, copying, marks, versions
from .compare import Key, fingerprint
from .dependencies import Needed
from .listed import Listed, pages
from .refresh import KINDS, read, ref_of
from .surroundings import Surroundings


@dataclass
class Found:
    """One object of a page, read."""

    key: Key
    obj: KubeObject
    reading: Reading
    needed: dict[Needed, str]


@dataclass
class Room:
    """Base paths that are taken, and all paths above them: where a new version would be in the way."""

    paths: set[str] = field(default_factory=set)
    above: set[str] = field(default_factory=set)
    looked: datetime | None = None

    def look(self) -> None:
        """Learn what was written since the last look."""
        rows = ApiVersion.objects.filter(withdrawn_at__isnull=True).order_by()
        if self.looked:
            rows = rows.filter(seen_at__gte=self.looked)
        for path, seen_at in rows.values_list("base_path", "seen_at"):
            self.take(path)
            self.looked = max(self.looked or seen_at, seen_at)

    def has(self, path: str) -> bool:
        """Whether nobody has this path, one above it or one below it."""
        return path not in self.paths and path not in self.above and self.paths.isdisjoint(ancestors(path))

    def take(self, path: str) -> None:
        self.paths.add(path)
        self.above.update(ancestors(path))


def ancestors(path: str) -> list[str]:
    """The paths above: /a and /a/b for /a/b/c."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(2, len(parts))]


def split(keys: Sequence[Key]) -> tuple[list[Key], list[Key]]:
    """Plans and all that is not an API come first and one by one: they are few, and APIs are read with them."""
    few: list[Key] = []
    many: list[Key] = []
    for key in keys:
        source = source_of(KINDS[key.kind]) if key.kind in KINDS else None
        (many if source and source.depends_on else few).append(key)
    return few, many


def load(cluster: Cluster, keys: Sequence[Key], began: datetime) -> Counter[str]:
    """Bring these objects in, kind by kind and page by page. Each page is a transaction; an interrupted load goes on."""
    counts: Counter[str] = Counter()
    by_kind: dict[Kind, set[Key]] = defaultdict(set)
    for key in keys:
        by_kind[KINDS[key.kind]].add(key)
    look_up, room = Listed(cluster), Room()
    for kind, wanted in sorted(by_kind.items(), key=lambda item: str(item[0])):
        for page in pages(cluster, kind):
            found = [
                _read(obj, look_up)
                for obj in page.objects
                if Key(str(kind), obj.namespace, obj.name) in wanted
            ]
            if found:
                counts += _store(cluster, found, room, began)
                wanted -= {one.key for one in found}
        if wanted:  # gone again, or without a name: the queue finds out
            changes.note(cluster.name, sorted(wanted), background=True)
    return counts


def _read(obj: KubeObject, look_up: Listed) -> Found:
    key = Key(str(obj.kind), obj.namespace, obj.name)
    source = source_of(obj.kind)
    noting = look_up.noting()
    try:
        reading = read(source, obj, noting) if source else Reading()
    except PorticoError:
        reading = Reading()  # what it needs cannot be read now: the queue tries again
    return Found(key, obj, reading, noting.versions)


@transaction.atomic
def _store(cluster: Cluster, found: Sequence[Found], room: Room, began: datetime) -> Counter[str]:
    """The page's new objects into the catalog, and all of them into the queue."""
    # What two objects cannot both have is decided by one at a time.
    transaction_lock("apis.sync")
    room.look()
    around = Surroundings(cluster.name)
    keys = [one.key for one in found]
    # What changed since the lists were made is the queue's: its object may be gone again.
    late = changes.noticed_since(cluster.name, began, keys) | copying.held(cluster.name, keys)
    fresh = [one for one in found if one.key not in late]
    batch = copying.Batch(cluster.name, around)
    for one in _without_known(cluster.name, fresh):
        _add(batch, one, room, around)
    changes.note(cluster.name, keys, background=True)
    return Counter({"created": batch.write()}) if batch else Counter()


def _without_known(cluster: str, found: Iterable[Found]) -> list[Found]:
    """Objects that publish APIs and nothing else, of which the catalog has no entry by that key, withdrawn or not."""
    plain = [
        one
        for one in found
        if one.reading.published
        and not one.reading.problems
        and all(isinstance(entry, PublishedApi) for entry in one.reading.published)
    ]
    wanted = {
        (one.key.namespace, entry.key)
        for one in plain
        for entry in one.reading.published
        if isinstance(entry, PublishedApi)
    }
    taken = copying.taken_keys(cluster, wanted)
    twice = Counter(
        (one.key.namespace, entry.key)
        for one in plain
        for entry in one.reading.published
        if isinstance(entry, PublishedApi)
    )
    return [
        one
        for one in plain
        if all(
            isinstance(entry, PublishedApi)
            and (one.key.namespace, entry.key) not in taken
            and twice[one.key.namespace, entry.key] == 1
            for entry in one.reading.published
        )
    ]


def _add(batch: copying.Batch, one: Found, room: Room, around: Surroundings) -> None:
    entries = [entry for entry in one.reading.published if isinstance(entry, PublishedApi)]
    paths = [entry.base_path for entry in entries]
    if not all(room.has(path) for path in paths) or len(set(paths)) < len(paths):
        return
    ref = ref_of(one.obj.cluster, one.key, one.obj)
    for entry in entries:
        room.take(entry.base_path)
        row = ApiVersion(version=entry.version, definition_pending=True)
        event = versions.fill(row, entry, around, fingerprint(entry, (), around))
        text = entry.definition if isinstance(entry.definition, DefinitionText) else None
        batch.add(entry, row, event, text.text if text else None, around.problems(entry))
    batch.remember(
        ref, one.needed, entries, marks.mark(one.obj.resource_version, one.needed, one.key, around)
    )
