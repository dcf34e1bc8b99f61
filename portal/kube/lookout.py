"""Look at a folder of manifests: whether it changed, at next to no cost while it does not, and what it says then.

Nothing tells of a change on every file system (network mounts, containers), so times are compared. Folders' own times
tell of files that come, go or are replaced, as Git and most editors write; there are few, and they are looked at often.
A file that is written in place is seen by its own time; those are looked at as often as SHARE lets them.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path

from portal.kube.manifests import Folder
from portal.kube.objects import Kind, KubeObject
from portal.kube.records import Records
from portal.kube.snapshot import Snapshot, compile_snapshot

# Seconds between looks, and the most of it where looking takes long: each look is followed by 300 times its own length.
POLL = 0.25
_LONGEST = 5.0
_SHARE = 300
_HISTORY = 16
_ATTEMPTS = 3


class Lookout:
    """The moments of one folder. Any number of threads may ask and wait; one of those that wait looks for all."""

    def __init__(self, cluster: str, *, path: Path, state: Path) -> None:
        self._cluster = cluster
        self.folder = Folder(path)
        self.records = Records(state)
        self.lock = threading.RLock()
        self._seen: Snapshot | None = None
        self._stamp = 0
        self._history: OrderedDict[str, Snapshot] = OrderedDict()
        self._turn = threading.Condition()
        self._looking = False
        self._files_due = 0.0

    def now(self, *, files: Iterable[str] | None = None) -> Snapshot:
        """The folder as it is, as far as its folders and these files (None: all) tell. Raises ClusterUnavailable."""
        with self.lock:
            if self._seen is None or self.records.stamp() != self._stamp or not self.folder.unchanged(files):
                self._seen = self._read()
                self._history[self._seen.version] = self._seen
                self._history.move_to_end(self._seen.version)
                while len(self._history) > _HISTORY:
                    self._history.popitem(last=False)
            return self._seen

    def now_for(self, kind: Kind, namespace: str, name: str) -> Snapshot:
        """The folder as it is, as far as it matters to one object: an object that is known costs a look at its file."""
        with self.lock:
            read = self._seen.of_kind(kind).get((namespace, name)) if self._seen is not None else None
            if read is None:
                return self.now()
            return self.now(
                files=(read.origin.rpartition(":")[0] if isinstance(read, KubeObject) else read.file,)
            )

    def at(self, version: str) -> Snapshot | None:
        """The folder as it was at a version, if that is not too long ago."""
        with self.lock:
            return self._history.get(version)

    def wait(self, version: str, *, deadline: float) -> Snapshot:
        """The folder as soon as it has another version, or at the deadline (by time.monotonic) as it is."""
        while True:
            with self._turn:
                while self._looking and self._same(version) and time.monotonic() < deadline:
                    self._turn.wait(max(0.0, deadline - time.monotonic()))
                if self._seen is not None and (not self._same(version) or time.monotonic() >= deadline):
                    return self._seen
                self._looking = True
            try:
                self._look(version, deadline)
            finally:
                with self._turn:
                    self._looking = False
                    self._turn.notify_all()

    def _same(self, version: str) -> bool:
        return self._seen is not None and self._seen.version == version

    def _look(self, version: str, deadline: float) -> None:
        """Look until there is another version, at least once."""
        while True:
            pause = self._look_once()
            left = deadline - time.monotonic()
            if not self._same(version) or left <= 0:
                return
            time.sleep(min(pause, left))

    def _look_once(self) -> float:
        """Look at the folders, and at the files when they are due; return the seconds until the next look."""
        began = time.thread_time()
        due = time.monotonic() >= self._files_due
        self.now(files=None if due else ())
        pause = min(_LONGEST, max(POLL, (time.thread_time() - began) * _SHARE))
        if not due:
            return pause
        self._files_due = time.monotonic() + pause
        return POLL

    def _read(self) -> Snapshot:
        for _ in range(_ATTEMPTS):
            signatures = self.folder.signatures()
            documents = self.folder.documents(signatures)
            if self.folder.unchanged(()):
                break  # else a checkout swapped the folder meanwhile
        with self.records.changing() as records:
            snapshot = compile_snapshot(self._cluster, documents, records, before=self._seen)
        self._stamp = self.records.stamp()
        return snapshot
