"""A folder of YAML as a cluster: the embedded default, and a portal that is fed from Git."""

import json
import logging
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from portal import safeyaml
from portal.errors import Conflict, Invalid, NotFound
from portal.kube.cluster import FIELD_MANAGER
from portal.kube.edits import FieldPath
from portal.kube.errors import AccessDenied, VersionExpired
from portal.kube.lookout import Lookout
from portal.kube.objects import (
    EventType,
    Kind,
    KubeObject,
    Listing,
    Page,
    Unreadable,
    WatchEvent,
    metadata_of,
    read_object,
    wanted,
)
from portal.kube.records import write_whole
from portal.kube.snapshot import DEFAULT_NAMESPACE, Entry, Snapshot, is_of

logger = logging.getLogger(__name__)


class ManifestDirectory:
    """The manifests below `path`. uid, generation and status live in `state`, which must be outside of it.

    Kinds need no installation, and nothing checks an object against its schema: its adapter says what is wrong.
    """

    def __init__(
        self,
        name: str,
        *,
        path: Path,
        state: Path,
        namespaces: tuple[str, ...] = (),
        kinds: tuple[str, ...] = (),
    ) -> None:
        self._name = name
        self._namespaces = namespaces
        self._kinds = kinds
        self._path = path
        self._lookout = Lookout(name, path=path, state=state)

    @property
    def name(self) -> str:
        return self._name

    @property
    def namespaces(self) -> tuple[str, ...]:
        return self._namespaces

    @property
    def converts(self) -> bool:
        return False

    def wants(self, kind: Kind) -> bool:
        return wanted(kind, self._kinds)

    def installed(self, kinds: Iterable[Kind]) -> frozenset[Kind]:
        return frozenset(kinds)

    def list(self, kind: Kind, *, namespace: str | None = None, page_size: int = 500) -> Listing:
        (page,) = self.pages(kind, namespace=namespace, page_size=sys.maxsize)
        return Listing(kind, page.resource_version, page.objects, page.unreadable)

    def pages(
        self,
        kind: Kind,
        *,
        namespace: str | None = None,
        page_size: int = 500,
        metadata_only: bool = False,
    ) -> Iterator[Page]:
        snapshot = self._lookout.now()
        found = [
            read
            for (place, _), read in sorted(snapshot.of_kind(kind).items())
            if namespace is None or not kind.namespaced or place == namespace
        ]
        reads = [*found, *snapshot.nameless(kind)]
        for start in range(0, max(1, len(reads)), page_size):
            part = reads[start : start + page_size]
            yield Page(
                kind,
                snapshot.version,
                tuple(
                    _cut(read, metadata_only=metadata_only) for read in part if isinstance(read, KubeObject)
                ),
                tuple(read for read in part if isinstance(read, Unreadable)),
            )

    def version(self, kind: Kind, *, namespace: str | None = None) -> str:
        return self._lookout.now().version

    def watch(
        self,
        kind: Kind,
        *,
        since: str,
        timeout: float,
        namespace: str | None = None,
        metadata_only: bool = False,
    ) -> Iterator[WatchEvent]:
        for event in self._events(kind, since, timeout, namespace):
            yield (
                event
                if event.object is None
                else replace(event, object=_cut(event.object, metadata_only=metadata_only))
            )

    def _events(self, kind: Kind, since: str, timeout: float, namespace: str | None) -> Iterator[WatchEvent]:
        deadline = time.monotonic() + timeout
        before = self._lookout.at(since)
        if before is None:
            raise VersionExpired(
                f"The folder {self._path} was not seen at {since:.40}.", remedy="List again."
            )
        while True:
            now = self._lookout.wait(before.version, deadline=deadline)
            if now.version == before.version:
                return
            yield from _changes(kind, before, now, namespace)
            before = now

    def get(self, kind: Kind, *, namespace: str, name: str) -> KubeObject:
        place = namespace if kind.namespaced else ""
        snapshot = self._lookout.now_for(kind, place, name)
        read = snapshot.of_kind(kind).get((place, name))
        if read is None and (doubts := snapshot.nameless(kind)):
            raise Invalid(
                f"{kind.kind} {name} may be what cannot be read: {doubts[0].message} ({doubts[0].origin})",
                remedy=doubts[0].remedy,
            )
        if isinstance(read, Unreadable):
            raise Invalid(
                f"{kind.kind} {name}: {read.message} ({read.origin})", remedy=read.remedy, field=read.field
            )
        if read is None:
            raise NotFound(f'{kind.resource} "{name}" not found in {self._path}.')
        return read

    def apply(self, kind: Kind, manifest: Mapping[str, Any], *, force: bool = False) -> KubeObject:
        body = _plain({**manifest, "apiVersion": kind.api_version, "kind": kind.kind})
        body.pop("status", None)
        read = read_object(body, cluster=self._name, kind=kind, default_namespace=DEFAULT_NAMESPACE)
        if isinstance(read, Unreadable):
            raise Invalid(f"{kind.kind} {read.name}: {read.message}", remedy=read.remedy, field=read.field)
        with self._lookout.lock:
            entry = self._entry(kind, read.namespace, read.name)
            if entry is None:
                _write(self._own_file(kind, read), _dumped(body))
            elif entry.document.file == self._own_file(kind, read).relative_to(self._path).as_posix():
                if entry.document.body != body:
                    _write(self._own_file(kind, read), _dumped(body))
            else:
                self._merge(kind, entry, body, force=force)
            return self.get(kind, namespace=read.namespace, name=read.name)

    @property
    def edits(self) -> bool:
        return False

    def edit(
        self,
        kind: Kind,
        *,
        namespace: str,
        name: str,
        uid: str,
        fields: Mapping[FieldPath, Any],
        force: bool = False,
        rehearse: bool = False,
    ) -> KubeObject:
        found = self.get(kind, namespace=namespace, name=name)
        raise AccessDenied(
            f"{kind.kind} {name} is kept in {found.origin}, which Portico leaves to its authors.",
            remedy="Change it there.",
        )

    def patch_status(self, kind: Kind, *, namespace: str, name: str, status: Mapping[str, Any]) -> KubeObject:
        with self._lookout.lock:
            found = self.get(kind, namespace=namespace, name=name)
            with self._lookout.records.changing() as records:
                for key, record in records.items():
                    if record.uid == found.uid:
                        records[key] = replace(record, status=_plain(dict(status)))
            return self.get(kind, namespace=namespace, name=name)

    def record_event(self, obj: KubeObject, *, reason: str, message: str, warning: bool) -> None:
        level = logging.WARNING if warning else logging.INFO
        logger.log(level, "%s %s (%s): %s: %s", obj.kind.kind, obj.name, obj.origin, reason, message[:1000])

    def delete(self, kind: Kind, *, namespace: str, name: str, uid: str = "") -> None:
        with self._lookout.lock:
            found = self.get(kind, namespace=namespace, name=name)
            if uid and found.uid != uid:
                raise Conflict(
                    f"{kind.kind} {name} is another one by now.", remedy="Read it again, then decide."
                )
            entry = self._entry(kind, found.namespace, name)
            if entry is not None:
                self._replace(entry, None)

    def _entry(self, kind: Kind, namespace: str, name: str) -> Entry | None:
        for identity, entry in self._lookout.now().entries.items():
            here = not kind.namespaced or identity.namespace == namespace
            if is_of(kind, identity) and identity.name == name and here:
                return entry
        return None

    def _own_file(self, kind: Kind, read: KubeObject) -> Path:
        """Where objects that Portico made are kept. The name is checked, so it cannot lead elsewhere."""
        name = f"{read.namespace}.{read.name}" if kind.namespaced else read.name
        return self._path / FIELD_MANAGER / kind.resource / f"{name}.yaml"

    def _merge(self, kind: Kind, entry: Entry, wanted: dict[str, Any], *, force: bool) -> None:
        """Add to an object that people keep. Another value in a field of theirs is a conflict, unless forced."""
        document = entry.document
        merged, taken = _merged(document.body or {}, wanted, "")
        if taken and not force:
            raise Conflict(
                f"{kind.kind} {entry.document.identity.name} has another value in {', '.join(taken[:5])}, "
                f"kept in {document.file}:{document.line}.",
                remedy="Change it there.",
            )
        if merged != document.body:
            self._replace(entry, _dumped(merged))

    def _replace(self, entry: Entry, text: str | None) -> None:
        """Put another text, or none, in the place of one document, and leave its file's other documents as they are."""
        document = entry.document
        file = self._path / document.file
        chunks = [chunk.text for chunk in safeyaml.split(self._lookout.folder.text(document.file))]
        if document.chunk < 0 or document.chunk >= len(chunks):
            raise Conflict(
                f"{document.identity.name} is an item of a List in {document.file}.",
                remedy="Change it there.",
            )
        chunks[document.chunk : document.chunk + 1] = [] if text is None else [text]
        if chunks:
            _write(
                file,
                "---\n".join(f"{chunk.strip()}\n" if chunk is text else _lines(chunk) for chunk in chunks),
            )
            return
        try:
            file.unlink()
        except OSError as error:
            raise AccessDenied(f"Portico may not delete {file}: {error.strerror}.") from None


def _cut(read: KubeObject, *, metadata_only: bool) -> KubeObject:
    return replace(read, body=metadata_of(read.body)) if metadata_only else read


def _changes(kind: Kind, before: Snapshot, now: Snapshot, namespace: str | None) -> Iterator[WatchEvent]:
    """The events that lead from one moment to the next; only the last one carries the new version.

    While something nameless is broken, an object that is missing may be what is broken: it counts as unchanged.
    When that mends, or begins, the whole list is in question.
    """
    doubts = now.nameless(kind)
    if {problem.origin for problem in before.nameless(kind)} != {problem.origin for problem in doubts}:
        raise VersionExpired("A file that cannot be read came or went.", remedy="List again.")
    old, new = before.of_kind(kind), now.of_kind(kind)
    events: list[WatchEvent] = []
    for key in sorted(old.keys() | new.keys()):
        if namespace is not None and kind.namespaced and key[0] != namespace:
            continue
        events += _steps(kind, before.version, old.get(key), new.get(key), whole=not doubts)
    yield from events
    yield WatchEvent(EventType.BOOKMARK, kind, now.version)


def _steps(
    kind: Kind,
    version: str,
    old: KubeObject | Unreadable | None,
    new: KubeObject | Unreadable | None,
    *,
    whole: bool,
) -> Iterator[WatchEvent]:
    recreated = isinstance(old, KubeObject) and isinstance(new, KubeObject) and old.uid != new.uid
    if old is not None and (recreated or (new is None and whole)):
        yield _event(EventType.DELETED, kind, version, old)
    if new is not None and (old is None or recreated):
        yield _event(EventType.ADDED, kind, version, new)
    elif new is not None and old is not None and _version(old) != _version(new):
        yield _event(EventType.MODIFIED, kind, version, new)


def _event(type_: EventType, kind: Kind, version: str, read: KubeObject | Unreadable) -> WatchEvent:
    if isinstance(read, KubeObject):
        return WatchEvent(type_, kind, version, read.namespace, read.name, object=read)
    return WatchEvent(type_, kind, version, read.namespace, read.name, problem=read)


def _version(read: KubeObject | Unreadable) -> tuple[str, ...]:
    """What decides whether somebody has to look again; a moved line does not."""
    return (read.resource_version,) if isinstance(read, KubeObject) else (read.message, read.origin)


def _merged(held: Any, wanted: Any, path: str) -> tuple[Any, list[str]]:
    """What `held` becomes with everything of `wanted` in it, and the paths where it said something else."""
    if not isinstance(held, dict) or not isinstance(wanted, dict):
        return wanted, [] if held == wanted else [path.lstrip(".")]
    result, taken = dict(held), []
    for name, value in wanted.items():
        if name in held:
            result[name], more = _merged(held[name], value, f"{path}.{name}")
            taken += more
        else:
            result[name] = value
    return result, taken


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    """A copy that JSON can hold, as a cluster would get it. Raises Invalid."""
    try:
        copy: dict[str, Any] = json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise Invalid(f"The manifest cannot be written as JSON: {str(error)[:200]}.") from None
    safeyaml.check(copy)
    return copy


def _dumped(body: dict[str, Any]) -> str:
    """YAML for people; JSON, which is YAML too, where the YAML would be read as something else."""
    text = yaml.safe_dump(body, sort_keys=False, allow_unicode=True, width=110)
    return text if safeyaml.load(text, kubectl=True) == body else json.dumps(body, indent=2) + "\n"


def _lines(chunk: str) -> str:
    """A document's own text without the separator that became spaces."""
    first, _, rest = chunk.partition("\n")
    return rest if not first.strip() else chunk


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, text)
    except OSError as error:
        raise AccessDenied(
            f"Portico may not write {file}: {error.strerror}.",
            remedy="Let Portico's user write to the folder.",
        ) from None
