"""What Portico asks of a cluster. `tests/kube/test_contract.py` holds both implementations to it."""

import random
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from portal.kube.edits import FieldPath
from portal.kube.objects import Kind, KubeObject, Listing, Page, WatchEvent

FIELD_MANAGER = "portico"


class Cluster(Protocol):
    """One source of objects.

    Every method may raise ClusterUnavailable (no usable answer; try later), AccessDenied and KindNotInstalled; those
    about one object also NotFound. Arguments that cannot be names raise Invalid.
    """

    @property
    def name(self) -> str:
        """What the settings call this cluster."""

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces that Portico was told to read here, () for all. Whoever lists or watches goes by them."""

    @property
    def converts(self) -> bool:
        """Whether an object of a kind is served in every version of that kind, as a cluster does and a folder does not."""

    def wants(self, kind: Kind) -> bool:
        """Whether Portico was told to read this kind here."""

    def installed(self, kinds: Iterable[Kind]) -> frozenset[Kind]:
        """Which of these the cluster serves. Cheap enough to be asked every few seconds."""

    def list(self, kind: Kind, *, namespace: str | None = None, page_size: int = 500) -> Listing:
        """Read all objects of a kind, of one namespace or (None) of all, in pages. Whole, or an error."""

    def pages(
        self,
        kind: Kind,
        *,
        namespace: str | None = None,
        page_size: int = 500,
        metadata_only: bool = False,
    ) -> Iterator[Page]:
        """Yield what `list` reads page by page, so that no more than one page need be held. At least one page.

        All pages are of one moment, that of their `resource_version`. Nothing is known to be gone before the last page
        came: any error, VersionExpired among them, makes what was read a part, and the caller starts again.
        With `metadata_only` the bodies have apiVersion, kind and metadata alone.
        """

    def version(self, kind: Kind, *, namespace: str | None = None) -> str:
        """Return the resource version of now, to watch from, without reading the objects."""

    def watch(
        self,
        kind: Kind,
        *,
        since: str,
        timeout: float,
        namespace: str | None = None,
        metadata_only: bool = False,
    ) -> Iterator[WatchEvent]:
        """Yield the changes after a resource version, and end after `timeout` seconds.

        Raises VersionExpired when the caller has to list again. The changes of one object come in order; the same
        change may come twice.
        """

    def get(self, kind: Kind, *, namespace: str, name: str) -> KubeObject:
        """Read one object. Raises NotFound, and Invalid if it is there and cannot be read."""

    def apply(self, kind: Kind, manifest: Mapping[str, Any], *, force: bool = False) -> KubeObject:
        """Create or change an object as field manager `portico`: what the manifest says, and nothing else of it.

        Raises Conflict if somebody else set one of these fields to another value; `force` takes it over and is for
        objects that Portico made. Raises Invalid if the cluster refuses the manifest.
        """

    @property
    def edits(self) -> bool:
        """Whether `edit` is possible here. Not in a folder, whose texts are their authors' with every comment in them."""

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
        """Give fields of an object that others made new values, as field manager `portico`, and keep those given before.

        With `rehearse` the cluster says what it would say and nothing is changed. Raises HeldByOthers if another manager
        set one of the fields to another value, unless `force` takes it over; Conflict if `uid` is gone; Invalid, its
        `field` named, if the cluster refuses a value.
        """

    def patch_status(self, kind: Kind, *, namespace: str, name: str, status: Mapping[str, Any]) -> KubeObject:
        """Set Portico's part of the status; the rest of the object stays untouched whatever `status` holds."""

    def record_event(self, obj: KubeObject, *, reason: str, message: str, warning: bool) -> None:
        """Tell those who look at the object in the cluster what Portico found, as an Event beside it.

        `reason` is one CamelCase word. The same reason and message for the same object is one Event that counts. A
        folder has no Events: there it is one line in the log.
        """

    def delete(self, kind: Kind, *, namespace: str, name: str, uid: str = "") -> None:
        """Delete one object, if `uid` is given only that incarnation of it (else Conflict). Raises NotFound."""


def backoff(*, first: float = 0.5, most: float = 30.0) -> Iterator[float]:
    """Yield seconds to wait before each next attempt: doubling, with jitter so that processes do not march in step."""
    delay = first
    while True:
        yield random.uniform(delay / 2, delay)  # noqa: S311  spread, not secrecy
        delay = min(delay * 2, most)
