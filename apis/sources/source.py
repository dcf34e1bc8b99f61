"""What a source is: the one way in which a kind of Kubernetes object becomes part of the catalog."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from apis.sources.published import Reading
from portal.kube import Kind, KubeObject

CONFIG_MAP = Kind(group="", version="v1", kind="ConfigMap", plural="configmaps", namespaced=True)

# (kind, namespace, name) -> the object, None if there is none. Objects without a namespace have "".
LookUp: TypeAlias = Callable[[Kind, str, str], KubeObject | None]


@dataclass(frozen=True, slots=True)
class Source:
    """How objects of one kind and generation are read.

    `read(obj, look_up)` never raises for what an object holds: everything wrong becomes a Problem. Whatever it looks up,
    found or not, is what makes the object worth reading again when it changes; `depends_on` are the kinds of that.
    """

    kind: Kind
    depends_on: tuple[Kind, ...]
    read: Callable[[KubeObject, LookUp], Reading]
