"""Follow every kind of every cluster, and note each object that changed.

A thread per kind watches, and only puts notes into a queue; a thread per cluster looks which kinds are installed. The
main thread alone speaks to the database: it holds the leader's lock, gathers what comes within a moment, writes it down
and wakes the workers. Whatever is missed (a lost connection, an expired version, a change of leaders) ends in a new
start from now, and that in a full sync.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from django.db import connection
from django.utils import timezone

from portal.errors import PorticoError
from portal.kube import Cluster, EventType, Kind, KindNotInstalled, VersionExpired, backoff
from portal.locks import advisory_lock

from . import sync, tasks
from .models import SyncRun, WatchState
from .sources import kinds, served
from .sync import Key, changes

logger = logging.getLogger(__name__)

# Seconds of one watch request, and so the longest that a thread outlives the leadership it worked for.
WATCH_SECONDS = 60.0
# Changes of one object within this many seconds are one task.
GATHER_SECONDS = 0.03
# Lists that come within this many seconds of each other (a start, a cluster that is back) are one full sync.
SETTLE_SECONDS = 0.3
# How often the leader looks whether it still is one, and whether something waits that nobody works on.
LEADER_SECONDS = 1.0
# How often a cluster is asked which kinds it serves.
INSTALL_SECONDS = 2.0
# A watch that lived this long begins its back-off anew.
STEADY_SECONDS = 10.0
# Seconds until a full sync that failed is tried again: doubled with each failure, up to this.
REPEAT_SECONDS = 1.0
LONGEST_REPEAT = 60.0
# The longest wait: a cluster that is back is followed again this soon.
LONGEST_WAIT = 5.0


@dataclass(frozen=True, slots=True)
class Place:
    """What one thread follows: a kind of a cluster, in one namespace or ("") in all."""

    cluster: str
    kind: Kind
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Changed:
    """One object is different, in this resource version, or ("") gone."""

    place: Place
    namespace: str
    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A kind is watched from now on; what happened before is for a full sync."""

    place: Place


@dataclass(frozen=True, slots=True)
class Lost:
    """A kind is not watched now. `installed` False: the cluster does not know it."""

    place: Place
    message: str
    installed: bool = True


Note = Changed | Listed | Lost


class KindWatcher(threading.Thread):
    """Watches one kind until it is stopped. A daemon: a request under way does not hold up the end."""

    def __init__(
        self, cluster: Cluster, place: Place, put: Callable[[Note], None], stop: threading.Event
    ) -> None:
        super().__init__(name=f"watch {cluster.name} {place.kind.resource} {place.namespace}", daemon=True)
        self._cluster = cluster
        self._place = place
        self._put = put
        self._stop_asked = stop
        # The kind went, or is read as another version now.
        self.dropped = threading.Event()

    def run(self) -> None:
        """Until stopped: start from now, watch, and after every trouble wait a little longer."""
        delays = backoff(most=LONGEST_WAIT)
        while not self._ends():
            began, delay = time.monotonic(), 0.0
            try:
                self._follow()
            except VersionExpired:
                pass  # what is older than the cluster's history comes with the full sync
            except KindNotInstalled as error:
                self._put(Lost(self._place, error.message, installed=False))
                delay = INSTALL_SECONDS
            except PorticoError as error:
                self._put(Lost(self._place, error.message))
                delays = backoff(most=LONGEST_WAIT) if time.monotonic() - began > STEADY_SECONDS else delays
                delay = next(delays)
            except Exception as error:
                logger.exception("the watch of %s failed", self._place)
                self._put(Lost(self._place, f"{type(error).__name__}: {error}"))
                delay = next(delays)
            self._stop_asked.wait(delay)

    def _ends(self) -> bool:
        return self._stop_asked.is_set() or self.dropped.is_set()

    def _follow(self) -> None:
        """Start from the version of now, then one watch after the other from the last version seen."""
        kind, namespace = self._place.kind, self._place.namespace or None
        since = self._cluster.version(kind, namespace=namespace)
        self._put(Listed(self._place))
        while not self._ends():
            for event in self._cluster.watch(
                kind, since=since, timeout=WATCH_SECONDS, namespace=namespace, metadata_only=True
            ):
                if self._ends():
                    return
                since = event.resource_version or since
                if event.type is not EventType.BOOKMARK:
                    version = "" if event.type is EventType.DELETED else event.resource_version
                    self._put(Changed(self._place, event.namespace, event.name, version))


class ClusterWatcher(threading.Thread):
    """Keeps one KindWatcher for each kind that the cluster serves, and for each namespace that is read."""

    def __init__(self, cluster: Cluster, put: Callable[[Note], None], stop: threading.Event) -> None:
        super().__init__(name=f"watch {cluster.name}", daemon=True)
        self._cluster = cluster
        self._put = put
        self._stop_asked = stop
        self._watchers: dict[Place, KindWatcher] = {}
        self._absent: set[Kind] = set()

    def run(self) -> None:
        """Until stopped. A cluster that does not answer keeps its watchers: they say themselves what is wrong."""
        while not self._stop_asked.is_set():
            try:
                self._keep(served(self._cluster))
            except PorticoError as error:
                if not self._watchers:
                    for kind in kinds():
                        self._put(Lost(Place(self._cluster.name, kind), error.message))
            except Exception:
                logger.exception("nobody knows which kinds %s serves", self._cluster.name)
            self._stop_asked.wait(INSTALL_SECONDS)

    def _keep(self, wanted: frozenset[Kind]) -> None:
        places = {place for kind in wanted for place in self._places(kind)}
        for place in self._watchers.keys() - places:
            self._watchers.pop(place).dropped.set()
            self._put(Lost(place, "The cluster does not serve this kind.", installed=False))
        for place in places - self._watchers.keys():
            self._watchers[place] = KindWatcher(self._cluster, place, self._put, self._stop_asked)
            self._watchers[place].start()
        absent = set(kinds()) - wanted
        for kind in absent - self._absent:
            if self._cluster.wants(kind):
                self._put(
                    Lost(Place(self._cluster.name, kind), "The cluster does not serve this kind.", False)
                )
        self._absent = absent

    def _places(self, kind: Kind) -> list[Place]:
        namespaces = (self._cluster.namespaces if kind.namespaced else ()) or ("",)
        return [Place(self._cluster.name, kind, namespace) for namespace in namespaces]


@dataclass
class Pending:
    """What has to be written down; kept until the database has taken it."""

    changed: dict[str, dict[Key, str]] = field(default_factory=dict)
    full_syncs: set[str] = field(default_factory=set)
    full_sync_at: float = 0.0
    states: dict[Place, dict[str, object]] = field(default_factory=dict)

    def take(self, note: Note) -> None:
        """File one note. A full sync waits a moment for the starts of other kinds."""
        place = note.place
        state = self.states.setdefault(place, {})
        if isinstance(note, Changed):
            key = Key(str(place.kind), note.namespace, note.name)
            self.changed.setdefault(place.cluster, {})[key] = note.version
            state["last_event_at"] = timezone.now()
        elif isinstance(note, Listed):
            self._ask_full_sync(place.cluster)
            state |= {"connected_since": timezone.now(), "installed": True, "message": ""}
        else:
            if not note.installed:
                self._ask_full_sync(place.cluster)
            state |= {"connected_since": None, "installed": note.installed, "message": note.message[:2000]}

    def _ask_full_sync(self, cluster: str) -> None:
        self.full_syncs.add(cluster)
        self.full_sync_at = time.monotonic() + SETTLE_SECONDS


@dataclass
class Repeat:
    """When the full sync of a cluster that failed last comes again; `run` is the pass that failed."""

    delays: Iterator[float]
    run: int = 0
    at: float = 0.0
    asked: bool = False


class Leader:
    """Turns notes into rows and wakes the workers. Database errors leave it, and end its leadership."""

    def __init__(self, clusters: Iterable[Cluster]) -> None:
        self._clusters = tuple(clusters)
        self._notes: queue.SimpleQueue[Note] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._pending = Pending()
        self._looked = 0.0
        self._repeats: dict[str, Repeat] = {}

    def lead(self, check: Callable[[], None]) -> None:
        """Watch until `check`, called at least every LEADER_SECONDS, raises."""
        WatchState.objects.exclude(cluster__in=[cluster.name for cluster in self._clusters]).delete()
        for cluster in self._clusters:
            ClusterWatcher(cluster, self._notes.put, self._stop).start()
        try:
            while True:
                check()
                self._gather()
                self._write_changes()
                self._ask_full_syncs()
                self._write_states()
                self._heal()
        finally:
            self._stop.set()

    def _gather(self) -> None:
        """Wait for a note, then a moment more for those that come with it."""
        patience = LEADER_SECONDS
        if self._pending.full_syncs:
            patience = min(patience, max(0.0, self._pending.full_sync_at - time.monotonic()))
        until = time.monotonic() + patience
        while (left := until - time.monotonic()) > 0:
            try:
                self._pending.take(self._notes.get(timeout=left))
            except queue.Empty:
                return
            if self._pending.changed:
                until = min(until, time.monotonic() + GATHER_SECONDS)

    def _write_changes(self) -> None:
        for cluster in list(self._pending.changed):
            versions = self._pending.changed[cluster]
            keys = sync.concerns(cluster, versions)
            if keys:
                changes.note(cluster, keys, gone={key for key in keys if not versions[key]})
                tasks.wake_carriers()
            del self._pending.changed[cluster]

    def _ask_full_syncs(self) -> None:
        if time.monotonic() >= self._pending.full_sync_at:
            for name in sorted(self._pending.full_syncs):
                tasks.full_sync.delay(name)
            self._pending.full_syncs.clear()

    def _write_states(self) -> None:
        for place, values in self._pending.states.items():
            WatchState.objects.update_or_create(
                cluster=place.cluster, kind=str(place.kind), namespace=place.namespace, defaults=values
            )
        self._pending.states.clear()

    def _heal(self) -> None:
        """Changes that a killed worker left, and full syncs that died in the middle."""
        if time.monotonic() - self._looked < LEADER_SECONDS:
            return
        self._looked = time.monotonic()
        changes.free_of_the_dead()
        tasks.wake_carriers()
        for run in SyncRun.objects.filter(outcome=SyncRun.Outcome.RUNNING):
            with advisory_lock(f"full sync {run.cluster}") as acquired:
                if not acquired:
                    continue
                message = "Its worker ended in the middle. Another pass follows."
                dead = SyncRun.objects.filter(pk=run.pk, outcome=SyncRun.Outcome.RUNNING)
                dead.update(outcome=SyncRun.Outcome.FAILED, message=message, finished_at=timezone.now())
        for cluster in self._clusters:
            self._repeat_failed(cluster.name)

    def _repeat_failed(self, cluster: str) -> None:
        """A list that broke tells the watch nothing, so that nobody else would ask for what it left out."""
        last = SyncRun.objects.filter(cluster=cluster).order_by("-pk").first()
        if last is None or last.outcome == SyncRun.Outcome.COMPLETE:
            self._repeats.pop(cluster, None)
            return
        if last.outcome == SyncRun.Outcome.RUNNING:
            return
        repeat = self._repeats.setdefault(cluster, Repeat(backoff(first=REPEAT_SECONDS, most=LONGEST_REPEAT)))
        if repeat.run != last.pk:
            repeat.run, repeat.asked = last.pk, False
            repeat.at = time.monotonic() + next(repeat.delays)
        if not repeat.asked and time.monotonic() >= repeat.at:
            tasks.full_sync.delay(cluster)
            repeat.asked = True


def check_connection() -> None:
    """Raises a database error once the session, and with it the leader's lock, is lost."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
