"""What crosses the cluster's boundary: kinds, objects, listings and events. Plain values, no client library."""

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from portal import safeyaml
from portal.errors import Invalid

NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9:._-]{0,251}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object in one generation. The core group is ""."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """As in a manifest: "portico.dev/v1alpha1", "v1"."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """As kubectl and RBAC name it: "apis.portico.dev", "configmaps"."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def __str__(self) -> str:
        """The text by which the database knows the kind: "portico.dev/v1alpha1/Api", "v1/ConfigMap"."""
        return f"{self.api_version}/{self.kind}"


@dataclass(frozen=True, slots=True)
class KubeObject:
    """One object as it was read. `body` is the whole of it and belongs to nobody: do not change it.

    `namespace` is "" for kinds without namespaces. `generation` counts changes of the wish (not of the status), 0 where
    the kind has none. `origin` is file:line for objects out of a folder, else "".
    """

    cluster: str
    kind: Kind
    namespace: str
    name: str
    uid: str
    generation: int
    resource_version: str
    labels: Mapping[str, str] = field(repr=False)
    annotations: Mapping[str, str] = field(repr=False)
    body: Mapping[str, Any] = field(repr=False)
    deleting: bool = False
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An object that is there and cannot be read. Its last good form, if somebody has one, still counts.

    `name` is "" where it is not even known which object it is (a file that is not YAML); then `kind` may be None.
    `line` counts from 1, 0 where none is to blame; `field` is a path such as metadata.annotations, or "".
    """

    cluster: str
    kind: Kind | None
    namespace: str
    name: str
    message: str
    remedy: str = ""
    field: str = ""
    file: str = ""
    line: int = 0

    @property
    def origin(self) -> str:
        """file:line, as KubeObject.origin."""
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything of one kind at one moment. There is no partial listing; `watch` goes on from `resource_version`."""

    kind: Kind
    resource_version: str
    objects: tuple[KubeObject, ...]
    unreadable: tuple[Unreadable, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether what is missing here is gone for certain. False if something has no name: it could be anything."""
        return all(problem.name for problem in self.unreadable)


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a listing. `resource_version` is that of the whole, the same on every page."""

    kind: Kind
    resource_version: str
    objects: tuple[KubeObject, ...]
    unreadable: tuple[Unreadable, ...] = ()

    @property
    def complete(self) -> bool:
        """As Listing.complete, for this page: a listing is complete if all its pages are."""
        return all(problem.name for problem in self.unreadable)


class EventType(enum.StrEnum):
    """What happened. A BOOKMARK says only that all up to its resource version has been seen."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    BOOKMARK = "BOOKMARK"


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """A change of one object. Watching again from `resource_version` repeats nothing that was complete before it.

    Exactly one of `object` and `problem` is there, except in a BOOKMARK, which has neither and no name. After
    DELETED `object` is the last known form.
    """

    type: EventType
    kind: Kind
    resource_version: str
    namespace: str = ""
    name: str = ""
    object: KubeObject | None = None
    problem: Unreadable | None = None


def wanted(kind: Kind, patterns: tuple[str, ...]) -> bool:
    """Whether one of the patterns ("portico.dev/v1alpha1/Api", "dp.wso2.com/*", "v1/ConfigMap") is of this kind.

    No patterns mean every kind; `*` stands for any text.
    """
    return not patterns or any(fnmatchcase(str(kind), pattern) for pattern in patterns)


def metadata_of(body: Any) -> Any:
    """The body cut down to apiVersion, kind and metadata."""
    if not isinstance(body, dict):
        return body
    return {part: body[part] for part in ("apiVersion", "kind", "metadata") if part in body}


def keeps_limits(bodies: list[Any]) -> bool:
    """Whether all of them together are within what one may have; else each has to be looked at by itself."""
    try:
        safeyaml.check(bodies)
    except Invalid:
        return False
    return True


def read_object(
    body: Any,
    *,
    cluster: str,
    kind: Kind,
    file: str = "",
    line: int = 0,
    default_namespace: str = "",
    checked: bool = False,
) -> KubeObject | Unreadable:
    """Make an object of what the cluster or a file says; whatever is wrong with it comes back as Unreadable.

    `checked`: `keeps_limits` said yes.
    """
    meta = body.get("metadata") if isinstance(body, dict) else None
    meta = meta if isinstance(meta, dict) else {}
    name, namespace = meta.get("name"), meta.get("namespace") or default_namespace
    namespace = (
        namespace if kind.namespaced and isinstance(namespace, str) and NAME.fullmatch(namespace) else ""
    )
    try:
        if not checked:
            safeyaml.check(body)
        _check_metadata(meta, kind=kind, namespace=namespace)
    except Invalid as error:
        return Unreadable(
            cluster=cluster,
            kind=kind,
            namespace=namespace,
            name=name if isinstance(name, str) and NAME.fullmatch(name) else "",
            message=error.message,
            remedy=error.remedy,
            field=error.field,
            file=file,
            line=line,
        )
    return KubeObject(
        cluster=cluster,
        kind=kind,
        namespace=namespace,
        name=meta["name"],
        uid=str(meta.get("uid") or ""),
        generation=meta.get("generation") or 0,
        resource_version=str(meta.get("resourceVersion") or ""),
        labels=meta.get("labels") or {},
        annotations=meta.get("annotations") or {},
        body=body,
        deleting=bool(meta.get("deletionTimestamp")),
        origin=f"{file}:{line}" if file else "",
    )


def _check_metadata(meta: dict[str, Any], *, kind: Kind, namespace: str) -> None:
    name = meta.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise Invalid(
            "metadata.name is missing or not a name",
            field="metadata.name",
            remedy="Use letters, digits, hyphens and dots, at most 253.",
        )
    if kind.namespaced and not namespace:
        raise Invalid(
            "metadata.namespace is not a name", field="metadata.namespace", remedy="Write it as text."
        )
    for part in ("labels", "annotations"):
        values = meta.get(part)
        if not values:
            continue
        if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
            raise Invalid(
                f"metadata.{part} has a value that is not text",
                field=f"metadata.{part}",
                remedy='Put numbers and true or false in quotes: "1.0".',
            )
    if not isinstance(meta.get("generation") or 0, int):
        raise Invalid(
            "metadata.generation is not a number", field="metadata.generation", remedy="Leave it out."
        )
