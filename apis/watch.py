"""Follow every kind of every cluster, and ask for one task per changed object.

A thread per kind lists and watches, and only puts notes into a queue. The main thread alone speaks to the database: it
holds the leader's lock, gathers what comes within a moment, and enqueues. Whatever is missed (a lost connection, an
expired version, a change of leaders) ends in a new list, and that in a full sync.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from django.db import connection
from django.utils import timezone

from portal.errors import PorticoError
from portal.kube import Cluster, EventType, Kind, KindNotInstalled, VersionExpired, backoff

from . import tasks
from .models import Dependency, WatchState
from .sources import kinds, source_of

logger = logging.getLogger(__name__)

# Seconds of one watch request, and so the longest that a thread outlives the leadership it worked for.
WATCH_SECONDS = 60.0
# Changes of one object within this many seconds are one task.
GATHER_SECONDS = 0.03
# Lists that come within this many seconds of each other (a start, a cluster that is back) are one full sync.
SETTLE_SECONDS = 0.3
# How often the leader looks whether it still is one, and until when an uninstalled kind is looked for again.
LEADER_SECONDS = 1.0
INSTALL_SECONDS = 5.0
# A watch that lived this long begins its back-off anew.
STEADY_SECONDS = 10.0
# The longest wait: a cluster that is back is followed again this soon.
LONGEST_WAIT = 5.0


@dataclass(frozen=True, slots=True)
class Changed:
    """One object is different, or gone."""

    cluster: str
    kind: Kind
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A kind was listed; it is watched from there, and what happened before is for a full sync."""

    cluster: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Lost:
    """A kind is not watched now. `installed` False: the cluster does not know it."""

    cluster: str
    kind: Kind
    message: str
    installed: bool = True


Note = Changed | Listed | Lost


class KindWatcher(threading.Thread):
    """Lists and watches one kind of one cluster for ever. A daemon: a request under way does not hold up the end."""

    def __init__(
        self, cluster: Cluster, kind: Kind, put: Callable[[Note], None], stop: threading.Event
    ) -> None:
        super().__init__(name=f"watch {cluster.name} {kind.resource}", daemon=True)
        self._cluster = cluster
        self._kind = kind
        self._put = put
        self._stop_asked = stop

    def run(self) -> None:
        """Until stopped: list, watch, and after every trouble wait a little longer."""
        delays = backoff(most=LONGEST_WAIT)
        while not self._stop_asked.is_set():
            began, delay = time.monotonic(), 0.0
            try:
                self._follow()
            except VersionExpired:
                pass  # what is older than the cluster's history comes with the new list
            except KindNotInstalled as error:
                self._put(Lost(self._cluster.name, self._kind, error.message, installed=False))
                delay = INSTALL_SECONDS
            except PorticoError as error:
                self._put(Lost(self._cluster.name, self._kind, error.message))
                delays = backoff(most=LONGEST_WAIT) if time.monotonic() - began > STEADY_SECONDS else delays
                delay = next(delays)
            except Exception as error:
                logger.exception("the watch of %s failed", self._kind)
                self._put(Lost(self._cluster.name, self._kind, f"{type(error).__name__}: {error}"))
                delay = next(delays)
            self._stop_asked.wait(delay)

    def _follow(self) -> None:
        """List once, then one watch after the other from the last version seen. Raises what ends that."""
        since = self._cluster.list(self._kind).resource_version
        self._put(Listed(self._cluster.name, self._kind))
        while not self._stop_asked.is_set():
            for event in self._cluster.watch(self._kind, since=since, timeout=WATCH_SECONDS):
                if self._stop_asked.is_set():
                    return
                since = event.resource_version or since
                if event.type is not EventType.BOOKMARK:
                    self._put(Changed(self._cluster.name, self._kind, event.namespace, event.name))


@dataclass
class Pending:
    """What has to be enqueued; kept until the queue has taken it."""

    changed: dict[Changed, None] = field(default_factory=dict)
    full_syncs: set[str] = field(default_factory=set)
    full_sync_at: float = 0.0
    states: dict[tuple[str, str], dict[str, object]] = field(default_factory=dict)

    def take(self, note: Note) -> None:
        """File one note. A full sync waits a moment for the lists of other kinds."""
        state = self.states.setdefault((note.cluster, str(note.kind)), {})
        if isinstance(note, Changed):
            self.changed[note] = None
            state["last_event_at"] = timezone.now()
        elif isinstance(note, Listed):
            self.full_syncs.add(note.cluster)
            self.full_sync_at = time.monotonic() + SETTLE_SECONDS
            state |= {"connected_since": timezone.now(), "installed": True, "message": ""}
        else:
            state |= {"connected_since": None, "installed": note.installed, "message": note.message[:2000]}


class Leader:
    """Turns notes into tasks and WatchState rows. Database errors leave it, and end its leadership."""

    def __init__(self, clusters: Iterable[Cluster]) -> None:
        self._clusters = tuple(clusters)
        self._notes: queue.SimpleQueue[Note] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._pending = Pending()

    def lead(self, check: Callable[[], None]) -> None:
        """Watch until `check`, called at least every LEADER_SECONDS, raises."""
        WatchState.objects.exclude(cluster__in=[cluster.name for cluster in self._clusters]).delete()
        for cluster in self._clusters:
            for kind in kinds():
                KindWatcher(cluster, kind, self._notes.put, self._stop).start()
        try:
            while True:
                check()
                self._gather()
                self._enqueue()
                self._write_states()
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

    def _enqueue(self) -> None:
        for change in list(self._pending.changed):
            if source_of(change.kind) or _is_needed(change):
                tasks.sync_object.delay(change.cluster, str(change.kind), change.namespace, change.name)
            del self._pending.changed[change]
        if time.monotonic() >= self._pending.full_sync_at:
            for name in sorted(self._pending.full_syncs):
                tasks.full_sync.delay(name)
            self._pending.full_syncs.clear()

    def _write_states(self) -> None:
        for (cluster, kind), values in self._pending.states.items():
            WatchState.objects.update_or_create(cluster=cluster, kind=kind, defaults=values)
        self._pending.states.clear()


def _is_needed(change: Changed) -> bool:
    """Most ConfigMaps of a cluster are nobody's definition: they cost one look here, and no task."""
    return Dependency.objects.filter(
        cluster=change.cluster, kind=str(change.kind), namespace=change.namespace, name=change.name
    ).exists()


def check_connection() -> None:
    """Raises a database error once the session, and with it the leader's lock, is lost."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
