"""Which APIs have what, and in which order they stand."""

import gc
import logging
import time
from bisect import bisect_left, bisect_right, insort
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence, Set as AbstractSet
from contextlib import contextmanager
from itertools import chain, islice, product, takewhile
from threading import RLock
from typing import Any, NamedTuple, TypeVar

from django.db import DatabaseError, connection

from apis.models import Visibility
from portal.accounts.models import Viewer
from portal.accounts.roles import Permission, teams_with

from . import changes
from .bits import Mask, Postings, bits_of
from .changes import VALUED, Entry, Offer

logger = logging.getLogger(__name__)

# Fewer APIs than this are counted one by one; more, value by value.
FEW = 3000
# How many names are searched for a word.
LOOKED_AT = 1000
# How many ways to put the forms of the words together are tried.
MOST_FORMS = 20
# More changes at once than this, and the orders are sorted anew.
BURST = 1000
# How many changes are remembered for whoever keeps something that was found earlier.
REMEMBERED = 2000
# How many answers are kept until something changes.
MOST_REMEMBERED = 100

T = TypeVar("T")
Key = tuple[str | float, ...]
SORT_KEYS: Mapping[str, Callable[[Entry], Key]] = {
    "name": lambda entry: (entry.name.lower(), entry.slug),
    "newest": lambda entry: (-entry.created, -entry.pk),
    "updated": lambda entry: (-entry.updated, -entry.pk),
}


class Found(NamedTuple):
    """What a term of a search matches. `stop`: it is a word that English texts have anyway."""

    edition: int
    bits: int
    stop: bool


class Index:
    """Not for two threads at once: hold `lock` while asking.

    Between two questions the index may follow the database. What was found stays true of all that did not change: an API
    keeps its position for good, and what is gone or new since is left out.
    """

    def __init__(self) -> None:
        self.lock = RLock()
        # Counts changes; whoever keeps what was found asks for those after the number it keeps.
        self.edition = 0
        # term -> what apis.search found for it, in which edition
        self.found: OrderedDict[str, Found] = OrderedDict()
        self._database = ""
        self._looked = 0.0
        self._snapshot: str | None = None
        self._entries: list[Entry | None] = []
        self._positions: dict[int, int] = {}
        self._postings: dict[str, dict[str, Postings]] = {name: {} for name in VALUED}
        self._visible: dict[str, Postings] = {name: Postings() for name in Visibility.values}
        self._orders: dict[str, list[int]] = {name: [] for name in SORT_KEYS}
        self._recent: list[int] = []
        self._all = Postings()
        self._teams: dict[int, str] = {}
        self.team_names: dict[str, str] = {}
        self.plans: dict[str, Offer] = {}
        self._remembered: dict[Hashable, Any] = {}

    @property
    def size(self) -> int:
        return len(self._entries)

    # ---- following the database ------------------------------------------------------------------------------------
    def refresh(self) -> bool:
        """Read what changed: one statement where nothing did. False where another index has to begin from nothing."""
        with self.lock:
            look = changes.look(self._snapshot)
            if self._snapshot and (look.database != self._database or self._is_spent()):
                return False
            if look.plans or look.pks:
                self._remembered.clear()
            if look.plans:
                self.plans = changes.plans()
            if self._snapshot is None:
                with _nothing_collected():
                    self._load(changes.everything())
            elif look.pks:
                self._apply(changes.of(look.pks))
            self._database, self._snapshot, self._looked = look.database, look.snapshot, time.monotonic()
            return True

    def _is_spent(self) -> bool:
        """Mostly empty positions, or so long unasked that deletions may have been forgotten."""
        idle = time.monotonic() - self._looked
        return self.size > 2 * self._all.count + BURST or idle > changes.REMEMBERED_SECONDS / 2

    def changed_since(self, edition: int) -> list[int] | None:
        """Primary keys of what changed after that edition; None when that is too long ago to tell."""
        behind = self.edition - edition
        if behind > len(self._recent):
            return None
        return self._recent[len(self._recent) - behind :]

    def _note(self, read: changes.Changes) -> None:
        self._teams |= {pk: slug for pk, (slug, _) in read.teams.items()}
        self.team_names |= dict(read.teams.values())

    def _load(self, read: changes.Changes) -> None:
        self._note(read)
        self._entries = list(read.entries)
        self._positions = {entry.pk: n for n, entry in enumerate(self._entries) if entry}
        gathered: dict[tuple[str, str], list[int]] = defaultdict(list)
        for position, entry in enumerate(self._entries):
            if entry is not None:
                for name, values in zip(VALUED, entry.values, strict=True):
                    for value in values:
                        gathered[name, value].append(position)
                if entry.on_sale:
                    gathered["", entry.visibility].append(position)
        self._all.fill(list(range(self.size)), self.size)
        for (name, value), positions in gathered.items():
            postings = self._postings[name].setdefault(value, Postings()) if name else self._visible[value]
            postings.fill(positions, self.size)
        self._sort()
        self.edition += 1

    def _apply(self, read: changes.Changes) -> None:
        self._note(read)
        touched = [*read.gone, *(entry.pk for entry in read.entries)]
        burst = len(touched) > BURST
        for pk in touched:
            self._remove(pk, keep_order=burst)
        for entry in read.entries:
            self._add(entry, keep_order=burst)
        if burst:
            self._sort()
        self.edition += len(touched)
        self._recent = [*self._recent, *touched][-REMEMBERED:]

    def _sort(self) -> None:
        for name, key in SORT_KEYS.items():
            keyed = [(key(entry), position) for position, entry in enumerate(self._entries) if entry]
            self._orders[name] = [position for _, position in sorted(keyed)]

    def _remove(self, pk: int, *, keep_order: bool) -> None:
        position = self._positions.get(pk)
        entry = self._entries[position] if position is not None else None
        if position is None or entry is None:
            return
        if not keep_order:
            for name, key in SORT_KEYS.items():
                order = self._orders[name]
                del order[bisect_left(order, key(entry), key=self._key(key))]
        for postings in self._postings_of(entry):
            postings.discard(position)
        self._entries[position] = None

    def _add(self, entry: Entry, *, keep_order: bool) -> None:
        # An API keeps its position for good: what was found earlier stays true of all that did not change.
        position = self._positions.setdefault(entry.pk, len(self._entries))
        if position == len(self._entries):
            self._entries.append(None)
        self._entries[position] = entry
        for postings in self._postings_of(entry):
            postings.add(position)
        if not keep_order:
            for name, key in SORT_KEYS.items():
                insort(self._orders[name], position, key=self._key(key))

    def _key(self, key: Callable[[Entry], Key]) -> Callable[[int], Key]:
        return lambda position: key(self._entry(position))

    def _entry(self, position: int) -> Entry:
        """What stands in an order is there."""
        entry = self._entries[position]
        if entry is None:
            raise LookupError(f"position {position} is empty")
        return entry

    def _postings_of(self, entry: Entry) -> Iterator[Postings]:
        for name, values in zip(VALUED, entry.values, strict=True):
            for value in values:
                yield self._postings[name].setdefault(value, Postings())
        yield self._all
        if entry.on_sale:
            yield self._visible[entry.visibility]

    # ---- asking ----------------------------------------------------------------------------------------------------
    def visible_to(self, user: Viewer) -> Mask:
        """What `Api.objects.visible_to(user)` gives; a test holds the two together."""
        if user.is_authenticated and user.is_admin:
            return Mask(self._all.bits)
        bits = self._visible[Visibility.PUBLIC].bits
        if user.is_authenticated:
            bits |= self._visible[Visibility.INTERNAL].bits
            own = teams_with(user, Permission.VIEW_SOURCE)
            bits |= self.having("team", (self._teams[pk] for pk in own if pk in self._teams))
        return Mask(bits)

    def bits(self, pks: Iterable[int]) -> int:
        """The APIs of these primary keys; what the index does not know is left out."""
        positions = (self._positions.get(pk) for pk in pks)
        return bits_of((position for position in positions if position is not None), self.size)

    def having(self, facet: str, values: Iterable[str]) -> int:
        """The APIs with any of these values, as bits."""
        bits = 0
        known = self._postings[facet]
        for value in values:
            if value in known:
                bits |= known[value].bits
        return bits

    def updated_after(self, moment: float) -> int:
        """The APIs that changed after so many seconds since 1970, as bits."""
        order = self._orders["updated"]
        newer = bisect_left(order, -moment, key=lambda position: -self._entry(position).updated)
        return self.remembered(("newest", newer), lambda: bits_of(order[:newer], self.size))

    def remembered(self, about: Hashable, find: Callable[[], T]) -> T:
        """What was found until something changes. `about` names all that the answer depends on beside the index."""
        if about not in self._remembered:
            if len(self._remembered) >= MOST_REMEMBERED:
                self._remembered.clear()
            self._remembered[about] = find()
        found: T = self._remembered[about]
        return found

    def values(self, facet: str) -> Iterable[str]:
        """Every value that some API has or had."""
        return self._postings[facet].keys()

    def ordered(
        self, mask: Mask, sort: str, start: int, stop: int | None, skip: AbstractSet[int] = frozenset()
    ) -> list[int]:
        """Primary keys of `mask` in that order, those of `skip` left out, from the `start`-th up to the `stop`-th."""
        positions = filter(mask.flags(self.size).__getitem__, self._orders[sort])
        if skip:
            skipped = {self._positions[pk] for pk in skip}
            positions = filter(lambda position: position not in skipped, positions)
        return [self._entry(position).pk for position in islice(positions, start, stop)]

    def beside(
        self, mask: Mask, sort: str, at: Key | None, limit: int, *, before: bool = False
    ) -> list[tuple[int, Key]]:
        """(primary key, sort key) of the next `limit` after the key `at`, or the last ones before it, in that order."""
        order, key = self._orders[sort], self._key(SORT_KEYS[sort])
        if before:
            end = bisect_left(order, at, key=key) if at else len(order)
            walk: Iterable[int] = (order[n] for n in range(end - 1, -1, -1))
        else:
            walk = islice(order, bisect_right(order, at, key=key) if at else 0, None)
        within = filter(mask.flags(self.size).__getitem__, walk)
        found = [(self._entry(n).pk, key(n)) for n in islice(within, limit)]
        return found[::-1] if before else found

    def named(self, mask: Mask, words: Sequence[Sequence[str]], most: int) -> list[int]:
        """Primary keys of up to `most` whose names have one of each word's forms, in lower case.

        First those that begin with the words, then others by name; of a large mask only so many are looked at as takes no time.
        """
        order, flags = self._orders["name"], mask.flags(self.size)
        first = islice(filter(flags.__getitem__, order), LOOKED_AT)
        names = ((n, self._entry(n).name.lower()) for n in first)
        having = (n for n, name in names if all(any(form in name for form in forms) for forms in words))
        beginnings = (self._beginning(" ".join(forms)) for forms in islice(product(*words), MOST_FORMS))
        found = islice(chain(filter(flags.__getitem__, chain.from_iterable(beginnings)), having), most)
        return [self._entry(n).pk for n in dict.fromkeys(found)]

    def _beginning(self, text: str) -> Iterator[int]:
        """Positions of the names that begin so, in lower case."""
        order = self._orders["name"]
        at: Key = (text,)
        begin = bisect_left(order, at, key=self._key(SORT_KEYS["name"]))
        return takewhile(lambda n: self._entry(n).name.lower().startswith(text), islice(order, begin, None))

    def by_name(self, pks: Iterable[int]) -> list[int]:
        """Those that are there, in the order of their names."""
        entries = (self._entries[self._positions[pk]] for pk in pks)
        return [entry.pk for entry in sorted(filter(None, entries), key=SORT_KEYS["name"])]

    def pks(self, mask: Mask) -> list[int]:
        return [entry.pk for entry in self._in(mask)]

    def counts(self, facet: str, mask: Mask, *, most: int, chosen: Iterable[str]) -> dict[str, int]:
        known = self._postings[facet]
        if mask.count <= FEW:
            found = self._one_by_one(facet, mask)
            kept = dict(found.most_common(most))
            return kept | {value: found[value] for value in chosen}
        counted: Counter[str] = Counter()
        least = 0
        # The values that most APIs have come first: none after one that has fewer than the least listed can be listed.
        for value, postings in sorted(known.items(), key=lambda item: -item[1].count):
            if postings.count <= least:
                break
            counted[value] = postings.within(mask, self.size)
            if len(counted) >= most and len(counted) % most == 0:
                least = counted.most_common(most)[-1][1]
        kept = {value: number for value, number in counted.most_common(most) if number}
        return kept | {
            value: known[value].within(mask, self.size) if value in known else 0 for value in chosen
        }

    def _one_by_one(self, facet: str, mask: Mask) -> Counter[str]:
        at = VALUED.index(facet)
        return Counter(value for entry in self._in(mask) for value in entry.values[at])

    def _in(self, mask: Mask) -> Iterator[Entry]:
        """What stands at the positions of `mask`, in no order; a position may have been emptied since."""
        flags = mask.flags(self.size)
        position = flags.find(1)
        while position >= 0:
            entry = self._entries[position]
            if entry is not None:
                yield entry
            position = flags.find(1, position + 1)

    def distinct(self, facet: str, mask: Mask) -> int:
        if mask.count <= FEW:
            return len(self._one_by_one(facet, mask))
        return sum(postings.touches(mask, self.size) for postings in self._postings[facet].values())


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Looking for garbage among what is only ever added takes as long as adding it."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


_index = Index()
_replacing = RLock()


def current() -> Index:
    """The catalog as it is now: this process's index, brought up to date.

    Inside a transaction it is one of its own, from nothing: it may see what is never committed, or not yet.
    """
    global _index  # noqa: PLW0603  a process has one
    if connection.in_atomic_block:
        own = Index()
        own.refresh()
        return own
    with _replacing:
        if not _index.refresh():
            _index = Index()
            _index.refresh()
        return _index


def warm() -> None:
    """Read the catalog before the first request needs it, in a thread of its own."""
    try:
        current()
    except DatabaseError:
        logger.info("The catalog is read with the first request: the database cannot be reached now.")
    finally:
        connection.close()
