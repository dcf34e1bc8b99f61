"""One moment of a folder of manifests: its objects with their records, and what could not be read."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from portal.kube.manifests import Document, Identity
from portal.kube.objects import Kind, KubeObject, Unreadable, read_object
from portal.kube.records import Record, digest_of, observe

DEFAULT_NAMESPACE = "default"
Reads = Mapping[tuple[str, str], KubeObject | Unreadable]


@dataclass(frozen=True, slots=True)
class Entry:
    """One object of the folder. `version` changes with its body, its status and its incarnation.

    `reads` keeps what it was read as; an entry that did not change is the same one in the next moment.
    """

    document: Document
    record: Record
    version: str
    reads: dict[Kind, KubeObject | Unreadable] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The folder at one moment. `version` is a digest of the content: equal folders have equal versions."""

    cluster: str
    version: str
    entries: Mapping[Identity, Entry]
    problems: tuple[Document, ...]
    _by_kind: dict[Kind, Reads] = field(default_factory=dict, repr=False, compare=False)
    _nameless: dict[Kind, tuple[Unreadable, ...]] = field(default_factory=dict, repr=False, compare=False)

    def of_kind(self, kind: Kind) -> Reads:
        """By namespace ("" without namespaces) and name: the objects of a kind, and those that cannot be read."""
        if kind not in self._by_kind:
            self._by_kind[kind] = self._read_kind(kind)
        return self._by_kind[kind]

    def _read_kind(self, kind: Kind) -> Reads:
        found: dict[tuple[str, str], KubeObject | Unreadable] = {}
        for identity, entry in self.entries.items():
            if is_of(kind, identity):
                read = self._read(kind, entry)
                if read.name:
                    found[read.namespace, read.name] = read
        for problem in self.problems:
            if is_of(kind, problem.identity) and problem.identity.name:
                broken = self._unreadable(kind, problem)
                found[broken.namespace, broken.name] = broken
        return found

    def nameless(self, kind: Kind) -> tuple[Unreadable, ...]:
        """What is wrong with no object in particular, and may be one of this kind."""
        if kind not in self._nameless:
            self._nameless[kind] = self._read_nameless(kind)
        return self._nameless[kind]

    def _read_nameless(self, kind: Kind) -> tuple[Unreadable, ...]:
        broken = [
            self._unreadable(kind if is_of(kind, problem.identity) else None, problem)
            for problem in self.problems
            if not problem.identity.name and _may_be(kind, problem.identity)
        ]
        reads = [self._read(kind, entry) for identity, entry in self.entries.items() if is_of(kind, identity)]
        return (*broken, *(read for read in reads if isinstance(read, Unreadable) and not read.name))

    def _read(self, kind: Kind, entry: Entry) -> KubeObject | Unreadable:
        if kind not in entry.reads:
            entry.reads[kind] = read_object(
                _body(entry),
                cluster=self.cluster,
                kind=kind,
                file=entry.document.file,
                line=entry.document.line,
                default_namespace=DEFAULT_NAMESPACE,
            )
        return entry.reads[kind]

    def _unreadable(self, kind: Kind | None, document: Document) -> Unreadable:
        namespaced = kind is not None and kind.namespaced
        return Unreadable(
            cluster=self.cluster,
            kind=kind,
            namespace=(document.identity.namespace or DEFAULT_NAMESPACE) if namespaced else "",
            name=document.identity.name,
            message=document.message,
            remedy=document.remedy,
            file=document.file,
            line=document.line,
        )


def is_of(kind: Kind, identity: Identity) -> bool:
    """Whether a document is of this kind and generation. A folder converts between generations as little as Git does."""
    return (identity.api_version, identity.kind) == (kind.api_version, kind.kind)


def _may_be(kind: Kind, identity: Identity) -> bool:
    return identity.api_version in ("", kind.api_version) and identity.kind in ("", kind.kind)


def compile_snapshot(
    cluster: str, documents: list[Document], records: dict[str, Record], *, before: Snapshot | None = None
) -> Snapshot:
    """Join documents and records, bringing the records up to date. A record goes when its object is surely gone.

    What is as it was in the moment `before` is taken from there.
    """
    single, problems = _without_doubles(documents)
    entries = {}
    for identity, document in single.items():
        known = before.entries.get(identity) if before is not None else None
        if known and known.document is document and known.record == records.get(_key(identity)):
            entries[identity] = known
            continue
        body = document.body or {}
        record = observe(records, _key(identity), body)
        version = digest_of([body, record.uid, record.status])
        entries[identity] = Entry(document, record, version)
    if all(problem.identity.name for problem in problems):
        kept = {_key(identity) for identity in entries} | {
            _key(_whole(problem.identity)) for problem in problems
        }
        for key in records.keys() - kept:
            del records[key]
    told = [(*problem.identity, problem.file, problem.line, problem.message) for problem in problems]
    version = digest_of(
        [sorted((*identity, entry.version) for identity, entry in entries.items()), sorted(told)]
    )
    return Snapshot(cluster, version, entries, tuple(problems))


def _without_doubles(documents: list[Document]) -> tuple[dict[Identity, Document], list[Document]]:
    """An object that is written down twice is in doubt: neither text counts, and both are told."""
    single: dict[Identity, Document] = {}
    doubles: dict[Identity, Document] = {}
    problems = []
    for document in documents:
        identity = _whole(document.identity)
        if document.body is None:
            problems.append(document)
        elif not identity.name:
            single[identity._replace(name=f"\n{document.file}:{document.line}:{document.chunk}")] = document
        elif identity in single:
            doubles[identity] = document
        else:
            single[identity] = document
    for identity, second in doubles.items():
        first = single.pop(identity)
        problems.append(
            Document(
                file=second.file,
                line=second.line,
                chunk=-1,
                identity=second.identity,
                body=None,
                message=f"{identity.kind} {identity.name} stands in {first.file}:{first.line} too",
                remedy="Keep it in one place.",
            )
        )
    return single, problems


def _whole(identity: Identity) -> Identity:
    return identity._replace(namespace=identity.namespace or DEFAULT_NAMESPACE)


def _key(identity: Identity) -> str:
    return " ".join(identity)


def _body(entry: Entry) -> dict[str, object]:
    """The body as an API server would give it: its own metadata added, the status from the record alone."""
    body = {part: value for part, value in (entry.document.body or {}).items() if part != "status"}
    meta = body.get("metadata")
    record = entry.record
    own = {
        "uid": record.uid,
        "generation": record.generation,
        "resourceVersion": entry.version,
        "creationTimestamp": record.created,
    }
    body["metadata"] = {**meta, **own} if isinstance(meta, dict) else own
    if record.status:
        body["status"] = record.status
    return body
