"""What a source is: the one way in which a kind of Kubernetes object becomes part of the catalog."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from apis.sources.published import Reading
from portal.kube import Kind, KubeObject

CONFIG_MAP = Kind(group="", version="v1", kind="ConfigMap", plural="configmaps", namespaced=True)


class LookUp(Protocol):
    """Other objects of the cluster. Whatever is asked for, found or not, makes the asking object read again later."""

    def __call__(self, kind: Kind, namespace: str, name: str) -> KubeObject | None:
        """The object, None if there is none. Objects without a namespace have ""."""

    def attached(self, kind: Kind, to: KubeObject) -> tuple[KubeObject, ...]:
        """The objects of a kind in ATTACHMENTS, of the namespace of `to`, that name `to` as a target, by their names."""


class Target(NamedTuple):
    """What an attached object points at: `group` and `kind` without the version, which references leave out."""

    group: str
    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A kind whose objects change what others publish by pointing at them, as policies do by `targetRef`.

    `targets(obj)` never raises for what an object holds.
    """

    kind: Kind
    targets: Callable[[KubeObject], Iterable[Target]]


@dataclass(frozen=True, slots=True)
class About:
    """What the reference says of a source: sentences for what is read, what Portico enforces of it, what it only shows."""

    publisher: str
    reads: str
    enforced: str = ""
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """How objects of one kind and generation are read.

    `read(obj, look_up)` never raises for what an object holds: everything wrong becomes a Problem. An object that is
    nobody's API (no annotation asks for it) reads as an empty Reading. `depends_on` are the kinds it looks up, attached
    ones included.
    """

    kind: Kind
    depends_on: tuple[Kind, ...]
    read: Callable[[KubeObject, LookUp], Reading]
    about: About
