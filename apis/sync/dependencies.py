"""What each object was read with, so that a change of one leads to those that need it."""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from django.db.models import QuerySet

from apis.models import Dependency
from apis.sources import LookUp, ObjectRef, PublishedApi, Reading
from portal.kube import Kind, KubeObject

from .compare import Key

# An API names a plan by its key, whatever kind of object defines it.
PLAN = "plan"


class Needed(NamedTuple):
    """Another object: `kind` is "group/version/Kind", or PLAN with a plan's key as the name."""

    kind: str
    namespace: str
    name: str


# In place of a name: all objects of the kind in the namespace, one of which may begin to point at the object.
EVERY = "*"


def of_many(objects: Iterable[tuple[str, str]]) -> str:
    """One version for all objects of a kind in a namespace, from their (name, resource version)."""
    return hashlib.sha256(repr(sorted(objects)).encode()).hexdigest()


class Versioned(LookUp, Protocol):
    """A look-up that can also say whether anything of a kind changed in a namespace."""

    def version_of_all(self, kind: Kind, namespace: str) -> str:
        """`of_many` of what is there."""


class Noting(LookUp):
    """A look-up that writes down what is asked for, before it asks, and remembers the versions of what it got.

    So an object that appears between the question and its answer finds the note, and nobody misses its arrival.
    """

    def __init__(self, owner: ObjectRef, look_up: Versioned) -> None:
        self._owner = owner
        self._look_up = look_up
        self._recorded = {Needed(*row) for row in _of(owner).values_list("kind", "namespace", "name")}
        self.versions: dict[Needed, str] = {}

    def __call__(self, kind: Kind, namespace: str, name: str) -> KubeObject | None:
        needed = Needed(str(kind), namespace, name)
        self._note(needed)
        found = self._look_up(kind, namespace, name)
        self.versions[needed] = found.resource_version if found else ""
        return found

    def attached(self, kind: Kind, to: KubeObject) -> tuple[KubeObject, ...]:
        """As LookUp. A new object that points here is found by its own targets, or by the full sync."""
        everything = Needed(str(kind), to.namespace, EVERY)
        self._note(everything)
        found = self._look_up.attached(kind, to)
        self.versions[everything] = self._look_up.version_of_all(kind, to.namespace)
        for obj in found:
            needed = Needed(str(kind), obj.namespace, obj.name)
            self._note(needed)
            self.versions[needed] = obj.resource_version
        return found

    def finish(self, reading: Reading) -> None:
        """Add the plans it names, and forget what it needs no longer."""
        for published in reading.published:
            for name in published.plans if isinstance(published, PublishedApi) else ():
                self._note(Needed(PLAN, "", name))
        for kind, namespace, name in self._recorded - self.versions.keys():
            _of(self._owner).filter(kind=kind, namespace=namespace, name=name).delete()

    def _note(self, needed: Needed) -> None:
        if needed not in self.versions and needed not in self._recorded:
            Dependency.objects.bulk_create([row_of(self._owner, needed)], ignore_conflicts=True)
        self.versions.setdefault(needed, "")


def row_of(owner: ObjectRef, needed: Needed) -> Dependency:
    """The row, not saved, which says that `owner` was read with `needed`."""
    return Dependency(
        cluster=owner.cluster,
        owner_kind=owner.kind,
        owner_namespace=owner.namespace,
        owner_name=owner.name,
        **needed._asdict(),
    )


def dependants(cluster: str, needed: Needed) -> list[Key]:
    """The objects to read again when that one changes."""
    rows = Dependency.objects.filter(cluster=cluster, **needed._asdict())
    return sorted(Key(*row) for row in rows.values_list("owner_kind", "owner_namespace", "owner_name"))


def _of(owner: ObjectRef) -> QuerySet[Dependency]:
    return Dependency.objects.filter(
        cluster=owner.cluster, owner_kind=owner.kind, owner_namespace=owner.namespace, owner_name=owner.name
    )
