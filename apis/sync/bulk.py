"""New objects by the page: what a first load of ten thousand costs is close to reading and storing their bytes.

A version gets its row, its text and its words at once. The definition is parsed afterwards, by the queue; until then the
version is `definition_pending`, and the gateway does not serve it. Whatever is not plainly new goes through the queue
alone, where one object at a time is compared, refused and explained.
"""

import logging
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import DataError, IntegrityError, connection, transaction

from apis.sources import PublishedApi, Reading, Source, source_of
from portal.errors import PorticoError
from portal.kube import Cluster, KubeObject, Page
from portal.locks import transaction_lock

from . import changes, copying, marks, problems
from .ahead import Ahead
from .beside import beside
from .compare import Key
from .dependencies import PLAN, Needed
from .listed import Listed, pages
from .refresh import KINDS, read
from .surroundings import Surroundings
from .texts import Texts

logger = logging.getLogger(__name__)

# What is read, sent and stored at once: a page of small definitions, or some large ones.
PART_BYTES = 16 * 1024 * 1024


@dataclass(slots=True)
class Found:
    """One object of a page, read. `new` is what is written of it, None where the queue has to decide."""

    key: Key
    new: copying.New | None

    @property
    def size(self) -> int:
        """Bytes of its definitions, which can be much more than all else."""
        return sum(len(version.document or b"") for version in self.new.versions) if self.new else 0


@dataclass(slots=True)
class Part:
    """The objects of a page that are wanted (or some of many large ones), read, and what was said around them then.

    `learnt` is what the listing knows by now, for whoever began it.
    """

    around: object
    found: list[Found]
    unreadable: list[Key]
    learnt: Any = None

    @property
    def keys(self) -> list[Key]:
        return [*(one.key for one in self.found), *self.unreadable]


@dataclass
class Room:
    """Base paths that are taken, and all paths above them: where a new version would be in the way."""

    paths: set[str] = field(default_factory=set)
    above: set[str] = field(default_factory=set)
    looked: str = "0"

    def look(self) -> None:
        """Learn what was written since the last look: rows carry the transaction that wrote them.

        The transaction that looks does not wait for the disk: a page that is lost with the machine comes again.
        """
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_snapshot_xmin(pg_current_snapshot())::text, set_config('synchronous_commit', 'off', true)"
            )
            now = str(cursor.fetchall()[0][0])
            cursor.execute(
                "SELECT base_path FROM apis_apiversion WHERE withdrawn_at IS NULL AND changed_in >= %s::xid8",
                [self.looked],
            )
            for (path,) in cursor.fetchall():
                self.take(path)
        self.looked = now

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
    wanted = set(keys)
    kinds = sorted({KINDS[key.kind] for key in keys}, key=str)
    counts, came = store(cluster, (page for kind in kinds for page in pages(cluster, kind)), began, wanted)
    # Gone again, or without a name: the queue finds out.
    changes.note(cluster.name, sorted(wanted - came), background=True)
    return counts


def store(
    cluster: Cluster,
    listing: Iterable[Page],
    began: datetime,
    wanted: Container[Key] | None = None,
    *,
    learnt: Callable[[], Any] = bool,
    tell: Callable[[Part], object] = bool,
) -> tuple[Counter[str], set[Key]]:
    """Bring the objects of the pages in, those that are wanted or (None: nothing is known of the cluster) all.

    Four things go on at once: a page is fetched, the one before is read, that before stored, and the definitions of the
    one before that. Another process fetches and reads; what `learnt` says there stands in each Part, with which `tell` is
    called here when it is stored. Returns what was done, and which objects came.
    """
    counts, came = Counter[str](), set[Key]()
    around, room = Surroundings(cluster.name), Room()
    with beside(_parts(cluster, listing, around, wanted, learnt)) as parts, Texts() as texts:
        for part in parts:
            keys = part.keys
            came.update(keys)
            try:
                batch = _store(cluster.name, part, room, began, known=wanted is not None)
                counts["created"] += batch.created
                texts.store(batch.texts)
            except (DataError, IntegrityError) as error:
                # One of them holds what cannot be stored: the queue finds out which, and says why.
                logger.warning("cluster %s, a page for the queue: %s", cluster.name, error)
                changes.note(cluster.name, keys, background=True)
            tell(part)
    return +counts, came


def _parts(
    cluster: Cluster,
    listing: Iterable[Page],
    around: Surroundings,
    wanted: Container[Key] | None,
    learnt: Callable[[], Any],
) -> Iterator[Part]:
    """One for each page, more where definitions are large, and an empty one at the end."""
    with closing(Listed(cluster)) as look_up, Ahead(listing) as coming:
        for page in coming:
            kind, source = str(page.kind), source_of(page.kind)
            unreadable = [Key(kind, entry.namespace, entry.name) for entry in page.unreadable if entry.name]
            found, size = [], 0
            for obj in page.objects:
                key = Key(kind, obj.namespace, obj.name)
                if wanted is None or key in wanted:
                    found.append(one := _read(key, obj, source, look_up, around))
                    size += one.size
                if size > PART_BYTES:
                    yield Part(around.said, found, [], learnt())
                    found, size = [], 0
            rest = [key for key in unreadable if wanted is None or key in wanted]
            yield Part(around.said, found, rest, learnt())
    yield Part(around.said, [], [], learnt())


def _read(key: Key, obj: KubeObject, source: Source | None, look_up: Listed, around: Surroundings) -> Found:
    noting = look_up.noting()
    try:
        reading = read(source, obj, noting) if source else Reading()
    except PorticoError:
        reading = Reading()  # what it needs cannot be read now: the queue tries again
    return Found(key, _new(key, obj, reading, noting.versions, around))


def _new(
    key: Key, obj: KubeObject, reading: Reading, needed: dict[Needed, str], around: Surroundings
) -> copying.New | None:
    """What is written of an object that publishes APIs and nothing else, and of which nothing is wrong.

    Few objects bring docs pages; the queue writes those.
    """
    entries = [entry for entry in reading.published if isinstance(entry, PublishedApi)]
    if not entries or reading.problems or len(entries) < len(reading.published) or not _fit(entries):
        return None
    if any(entry.docs for entry in entries):
        return None
    needed = needed | {Needed(PLAN, "", name): "" for entry in entries for name in entry.plans}
    try:
        return copying.New.of(
            entries[0].ref,
            [copying.Version.of(entry, around) for entry in entries],
            mark=marks.mark(obj.resource_version, needed, key, around),
            resource_version=obj.resource_version,
            needed=needed,
            problems=problems.by_field(said for entry in entries for said in around.problems(entry)),
        )
    except ValueError:  # it holds what no text can
        return None


def _fit(entries: Sequence[PublishedApi]) -> bool:
    """Whether none of the object's own base paths is in the way of another one."""
    room = Room()
    for entry in entries if len(entries) > 1 else ():
        if not room.has(entry.base_path):
            return False
        room.take(entry.base_path)
    return True


@transaction.atomic
def _store(cluster: str, part: Part, room: Room, began: datetime, *, known: bool) -> copying.Batch:
    """The page's new objects into the catalog, but for their texts, and all of them into the queue."""
    # What two objects cannot both have is decided by one at a time.
    transaction_lock("apis.sync")
    room.look()
    keys = [one.key for one in part.found]
    # What changed since the lists were made is the queue's: its object may be gone again.
    late = changes.noticed_since(cluster, began, keys) | copying.held(cluster, keys)
    batch = copying.Batch(cluster, known)
    # Where somebody granted something meanwhile, all of it is.
    found = part.found if Surroundings(cluster).said == part.around else []
    for new in _without_known(cluster, [one.new for one in found if one.new and one.key not in late]):
        if all(room.has(version.base_path) for version in new.versions):
            for version in new.versions:
                room.take(version.base_path)
            batch.objects.append(new)
    changes.note(cluster, part.keys, background=True)
    batch.write()
    return batch


def _without_known(cluster: str, found: Sequence[copying.New]) -> list[copying.New]:
    """Those of which the catalog has no entry by that key, withdrawn or not."""
    wanted = [[(new.key.namespace, version.key) for version in new.versions] for new in found]
    places = Counter(place for each in wanted for place in each)
    taken = copying.taken_keys(cluster, places)
    return [
        new
        for new, each in zip(found, wanted, strict=True)
        if all(place not in taken and places[place] == 1 for place in each)
    ]
