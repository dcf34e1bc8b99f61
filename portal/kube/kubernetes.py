"""A Kubernetes API server. lightkube gives kubeconfig, credentials and TLS; the requests are our own.

They are few, and lightkube's would not do: its watch reconnects for ever, offers no bookmarks and hides an expired
version, each of which loses deletions.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from portal.errors import ClusterUnavailable, Conflict, Invalid, NotFound
from portal.kube.cluster import FIELD_MANAGER
from portal.kube.connection import Connection, TooMuch, decoded
from portal.kube.discovery import Discovery
from portal.kube.edits import FieldPath, edited
from portal.kube.errors import VersionExpired
from portal.kube.events import EVENT, event, repeated
from portal.kube.objects import (
    NAME,
    EventType,
    Kind,
    KubeObject,
    Listing,
    Page,
    Unreadable,
    WatchEvent,
    keeps_limits,
    metadata_of,
    read_object,
    wanted,
)

_APPLY = {"Content-Type": "application/apply-patch+yaml"}
_MERGE = {"Content-Type": "application/merge-patch+json"}
# A server that cannot leave out the rest answers with whole objects; what is not metadata is dropped here then.
_JSON = "application/json"
_METADATA_LIST = f"application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,{_JSON}"
_METADATA = f"application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,{_JSON}"
_LIST_ATTEMPTS = 3
# Pages shrink and grow by this factor around objects so large that a page of them is too much.
_STEP = 4
# What tools keep for themselves in the metadata, often larger than the object.
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class KubernetesCluster:
    """The cluster of a kubeconfig file, or (without one) the cluster that Portico runs in.

    Metadata comes without managedFields and without kubectl's copy of the last applied manifest.
    """

    def __init__(
        self,
        name: str,
        *,
        kubeconfig: str = "",
        context: str = "",
        namespaces: tuple[str, ...] = (),
        kinds: tuple[str, ...] = (),
    ) -> None:
        self._namespaces = namespaces
        self._kinds = kinds
        self._connection = Connection(name, kubeconfig=kubeconfig, context=context)
        self._discovery = Discovery(self._connection)

    @property
    def name(self) -> str:
        return self._connection.name

    @property
    def namespaces(self) -> tuple[str, ...]:
        return self._namespaces

    @property
    def converts(self) -> bool:
        return True

    def wants(self, kind: Kind) -> bool:
        return wanted(kind, self._kinds)

    def installed(self, kinds: Iterable[Kind]) -> frozenset[Kind]:
        try:
            return self._discovery.installed(kinds)
        except TooMuch as error:
            raise ClusterUnavailable(f"Cluster {self.name}, to discover kinds: {error}.") from None

    def list(self, kind: Kind, *, namespace: str | None = None, page_size: int = 500) -> Listing:
        for _ in range(_LIST_ATTEMPTS - 1):
            try:
                return self._list_once(kind, namespace, page_size)
            except VersionExpired:
                continue  # a continue token lives five minutes; start again rather than join two moments
        return self._list_once(kind, namespace, page_size)

    def _list_once(self, kind: Kind, namespace: str | None, page_size: int) -> Listing:
        pages = tuple(self.pages(kind, namespace=namespace, page_size=page_size))
        return Listing(
            kind,
            pages[-1].resource_version,
            tuple(read for page in pages for read in page.objects),
            tuple(read for page in pages for read in page.unreadable),
        )

    def pages(
        self,
        kind: Kind,
        *,
        namespace: str | None = None,
        page_size: int = 500,
        metadata_only: bool = False,
    ) -> Iterator[Page]:
        path, size, rest = _path(kind, namespace), page_size, ""
        while True:
            try:
                page, rest = self._page(kind, path, size, rest, metadata_only=metadata_only)
            except TooMuch as error:
                if size > 1:
                    size = max(1, size // _STEP)
                    continue
                page, rest = self._too_much(kind, path, rest, str(error))
            size = min(page_size, size * _STEP)
            yield page
            if not rest:
                return

    def _page(self, kind: Kind, path: str, size: int, rest: str, *, metadata_only: bool) -> tuple[Page, str]:
        """One page, and what continues the list after it. Raises TooMuch."""
        parameters = {"limit": str(size), **({"continue": rest} if rest else {})}
        accept = _METADATA_LIST if metadata_only else _JSON
        answer = self._connection.request(
            "GET", path, kind=kind, parameters=parameters, headers={"Accept": accept}
        )
        meta = answer.get("metadata") or {}
        items = [_trimmed(kind, item, metadata_only=metadata_only) for item in answer.get("items") or []]
        checked = keeps_limits(items)
        reads = [read_object(item, cluster=self.name, kind=kind, checked=checked) for item in items]
        page = Page(
            kind,
            str(meta.get("resourceVersion", "")),
            tuple(read for read in reads if isinstance(read, KubeObject)),
            tuple(read for read in reads if isinstance(read, Unreadable)),
        )
        return page, str(meta.get("continue") or "")

    def _too_much(self, kind: Kind, path: str, rest: str, said: str) -> tuple[Page, str]:
        """A page of one object that cannot be read for its size: it is told of, and harms no other."""
        try:
            page, rest = self._page(kind, path, 1, rest, metadata_only=True)
        except TooMuch as error:
            message = f"Cluster {self.name}, to list {kind.resource}: {error}."
            raise ClusterUnavailable(message, remedy="Find the object that is so large.") from None
        told = tuple(
            Unreadable(
                self.name, kind, read.namespace, read.name, message=said, remedy="Make the object smaller."
            )
            for read in page.objects
        )
        return Page(kind, page.resource_version, (), (*told, *page.unreadable)), rest

    def version(self, kind: Kind, *, namespace: str | None = None) -> str:
        try:
            page, _ = self._page(kind, _path(kind, namespace), 1, "", metadata_only=True)
        except TooMuch as error:
            raise ClusterUnavailable(f"Cluster {self.name}, to list {kind.resource}: {error}.") from None
        return page.resource_version

    def watch(
        self,
        kind: Kind,
        *,
        since: str,
        timeout: float,
        namespace: str | None = None,
        metadata_only: bool = False,
    ) -> Iterator[WatchEvent]:
        seconds = max(1, round(timeout))
        parameters = {
            "watch": "1",
            "resourceVersion": since,
            "timeoutSeconds": str(seconds),
            "allowWatchBookmarks": "true",
        }
        lines = self._connection.lines(
            _path(kind, namespace),
            kind=kind,
            parameters=parameters,
            seconds=seconds + 10,
            accept=_METADATA if metadata_only else _JSON,
        )
        try:
            with self._connection.answering(f"watch {kind.resource}"):
                for line in lines:
                    yield self._event(kind, line, metadata_only=metadata_only)
        except TooMuch as error:
            message = f"Cluster {self.name}: a change of {kind.resource} cannot be read by itself: {error}."
            raise VersionExpired(message, remedy="List again.") from None
        finally:
            lines.close()

    def _event(self, kind: Kind, line: bytes, *, metadata_only: bool) -> WatchEvent:
        said = decoded(line)
        body = said.get("object") or {}
        if said.get("type") == "ERROR":
            raise self._connection.error(body.get("code", 0), body, kind, f"watch {kind.resource}")
        version = str((body.get("metadata") or {}).get("resourceVersion", ""))
        kind_of_event = EventType(said["type"])
        if kind_of_event is EventType.BOOKMARK:
            return WatchEvent(kind_of_event, kind, version)
        read = self._read(kind, body, metadata_only=metadata_only)
        found = {"object": read} if isinstance(read, KubeObject) else {"problem": read}
        return WatchEvent(kind_of_event, kind, version, read.namespace, read.name, **found)

    def get(self, kind: Kind, *, namespace: str, name: str) -> KubeObject:
        return self._one("GET", _path(kind, namespace, name), kind, name)

    def apply(self, kind: Kind, manifest: Mapping[str, Any], *, force: bool = False) -> KubeObject:
        meta = manifest.get("metadata") or {}
        name, namespace = meta.get("name", ""), meta.get("namespace") or "default"
        body = {**manifest, "apiVersion": kind.api_version, "kind": kind.kind}
        return self._patch(kind, _path(kind, namespace, name), name, body, force=force)

    @property
    def edits(self) -> bool:
        return True

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
        path = _path(kind, namespace, name)
        try:
            held = self._connection.request("GET", path, kind=kind, name=name)
        except TooMuch as error:
            raise Invalid(f"{kind.kind} {name}: {error}", remedy="Make the object smaller.") from None
        if (held.get("metadata") or {}).get("uid") != uid:
            raise Conflict(f"{kind.kind} {name} is another one by now.", remedy="Read it again, then decide.")
        manifest = edited(held, fields, manager=FIELD_MANAGER, uid=uid)
        body = {**manifest, "apiVersion": kind.api_version, "kind": kind.kind}
        return self._patch(kind, path, name, body, force=force, rehearse=rehearse)

    def patch_status(self, kind: Kind, *, namespace: str, name: str, status: Mapping[str, Any]) -> KubeObject:
        meta = {"name": name, "namespace": namespace} if kind.namespaced else {"name": name}
        body = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta, "status": status}
        return self._patch(kind, f"{_path(kind, namespace, name)}/status", name, body, force=True)

    def record_event(self, obj: KubeObject, *, reason: str, message: str, warning: bool) -> None:
        new = event(obj, reason=reason, message=message, warning=warning)
        name, namespace = new["metadata"]["name"], new["metadata"]["namespace"]
        try:
            self._connection.request("POST", _path(EVENT, namespace), kind=EVENT, name=name, body=new)
        except Conflict:
            self._repeat_event(namespace, name)

    def _repeat_event(self, namespace: str, name: str) -> None:
        path = _path(EVENT, namespace, name)
        try:
            known = self._connection.request("GET", path, kind=EVENT, name=name)
            self._connection.request(
                "PATCH", path, kind=EVENT, name=name, body=repeated(known), headers=_MERGE
            )
        except NotFound:
            return  # it expired just now: it was told an hour ago, and is told anew the next time

    def delete(self, kind: Kind, *, namespace: str, name: str, uid: str = "") -> None:
        options: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
        }
        if uid:
            options["preconditions"] = {"uid": uid}
        self._connection.request("DELETE", _path(kind, namespace, name), kind=kind, name=name, body=options)

    def close(self) -> None:
        """Close idle connections; the next call opens new ones and reads the kubeconfig again."""
        self._connection.close()

    def _patch(
        self,
        kind: Kind,
        path: str,
        name: str,
        body: Mapping[str, Any],
        *,
        force: bool,
        rehearse: bool = False,
    ) -> KubeObject:
        parameters = {"fieldManager": FIELD_MANAGER, "force": "true" if force else "false"}
        if rehearse:
            parameters["dryRun"] = "All"
        return self._one("PATCH", path, kind, name, body=body, parameters=parameters, headers=_APPLY)

    def _one(self, method: str, path: str, kind: Kind, name: str, **options: Any) -> KubeObject:
        """The object that the server answers with. Raises Invalid if it cannot be read."""
        try:
            body = self._connection.request(method, path, kind=kind, name=name, **options)
        except TooMuch as error:
            raise Invalid(f"{kind.kind} {name}: {error}", remedy="Make the object smaller.") from None
        read = self._read(kind, body)
        if isinstance(read, Unreadable):
            raise Invalid(f"{kind.kind} {read.name}: {read.message}", remedy=read.remedy, field=read.field)
        return read

    def _read(self, kind: Kind, item: Any, *, metadata_only: bool = False) -> KubeObject | Unreadable:
        return read_object(_trimmed(kind, item, metadata_only=metadata_only), cluster=self.name, kind=kind)


def _trimmed(kind: Kind, item: Any, *, metadata_only: bool) -> Any:
    """Without what tools keep for themselves. Lists of built-in kinds, and metadata alone, differ in apiVersion and kind."""
    if isinstance(item, dict):
        item = metadata_of(item) if metadata_only else item
        item["apiVersion"], item["kind"] = kind.api_version, kind.kind
        _drop_bookkeeping(item.get("metadata"))
    return item


def _drop_bookkeeping(meta: Any) -> None:
    if not isinstance(meta, dict):
        return
    meta.pop("managedFields", None)
    if isinstance(annotations := meta.get("annotations"), dict):
        annotations.pop(_LAST_APPLIED, None)


def _path(kind: Kind, namespace: str | None, name: str | None = None) -> str:
    """The resource's address. Names come from strangers, so that nothing but a name may become part of it."""
    base = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    parts = [base]
    if kind.namespaced and (namespace is not None or name is not None):
        parts += ["namespaces", _segment(namespace or "", "namespace")]
    parts.append(kind.plural)
    if name is not None:
        parts.append(_segment(name, "name"))
    return "/".join(parts)


def _segment(text: str, field: str) -> str:
    if not isinstance(text, str) or not NAME.fullmatch(text):
        raise Invalid(f"{text!r:.80} is not a {field} in a cluster.", field=f"metadata.{field}")
    return quote(text, safe="")
