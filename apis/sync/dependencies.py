"""What each object was read with, so that a change of one leads to those that need it."""

from typing import NamedTuple

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


class Noting:
    """A look-up that writes down what is asked for, before it asks.

    So an object that appears between the question and its answer finds the note, and nobody misses its arrival.
    """

    def __init__(self, owner: ObjectRef, look_up: LookUp) -> None:
        self._owner = owner
        self._look_up = look_up
        self._recorded = set(_of(owner).values_list("kind", "namespace", "name"))
        self._asked: set[tuple[str, str, str]] = set()

    def __call__(self, kind: Kind, namespace: str, name: str) -> KubeObject | None:
        self._note(Needed(str(kind), namespace, name))
        return self._look_up(kind, namespace, name)

    def finish(self, reading: Reading) -> None:
        """Add the plans it names, and forget what it needs no longer."""
        for published in reading.published:
            for name in published.plans if isinstance(published, PublishedApi) else ():
                self._note(Needed(PLAN, "", name))
        for kind, namespace, name in self._recorded - self._asked:
            _of(self._owner).filter(kind=kind, namespace=namespace, name=name).delete()

    def _note(self, needed: Needed) -> None:
        if needed not in self._asked and needed not in self._recorded:
            owner = self._owner
            row = Dependency(
                cluster=owner.cluster, owner_kind=owner.kind, owner_namespace=owner.namespace, owner_name=owner.name,
                **needed._asdict(),
            )  # fmt: skip
            Dependency.objects.bulk_create([row], ignore_conflicts=True)
        self._asked.add(needed)


def dependants(cluster: str, needed: Needed) -> list[Key]:
    """The objects to read again when that one changes."""
    rows = Dependency.objects.filter(cluster=cluster, **needed._asdict())
    return sorted(Key(*row) for row in rows.values_list("owner_kind", "owner_namespace", "owner_name"))


def _of(owner: ObjectRef) -> QuerySet[Dependency]:
    return Dependency.objects.filter(
        cluster=owner.cluster, owner_kind=owner.kind, owner_namespace=owner.namespace, owner_name=owner.name
    )
