"""What the catalog says by now, in the form that a listing of the cluster is compared with."""

from typing import Any, NamedTuple

from django.db.models import Case, F, Model, Q, QuerySet, Value, When

from apis.models import ApiVersion, Backend, Change, ClusterAccess, Plan, Publication, SeenObject, SyncProblem

from .compare import UNREADABLE, Key, Known, Prints

# Rows that are not what their object says, whatever its hash: the object is read again. Beside those whose newest state
# could not be read, and those of a first load, that is a version published by hand although its object says deprecated.
DOUBTFUL = (
    Q(stale=True)
    | Q(content_hash="")
    | Q(definition_pending=True)
    | Q(deprecated_in_object=True, status=Publication.PUBLISHED)
)
DOUBT = "doubtful"
PLACE = ("kind", "namespace", "object_name")


def known(cluster: str) -> Known:
    """Everything that the catalog knows of this cluster's objects, but for what waits in the queue."""
    seen = SeenObject.objects.filter(cluster=cluster).values_list(*PLACE, "mark")
    marks = {Key(kind, namespace, name): mark for kind, namespace, name, mark in seen}
    versions, *others = (rows.order_by() for rows in _everything(cluster))
    doubts = versions.annotate(
        doubtful=Case(When(DOUBTFUL, then=Value(value=True)), default=Value(value=False))
    )
    objects, doubtful = set(), set()
    for kind, namespace, name, is_doubtful in doubts.values_list(*PLACE, "doubtful"):
        objects.add(key := Key(kind, namespace, name))
        if is_doubtful:
            doubtful.add(key)
    objects.update(Key(*row) for rows in others for row in rows.values_list(*PLACE))
    return Known(marks, objects, doubtful)


def waiting(cluster: str) -> set[Key]:
    """Objects that are in the queue."""
    rows = Change.objects.filter(cluster=cluster, listed_at__isnull=True)
    return {Key(*row) for row in rows.values_list("kind", "namespace", "name")}


def knows(cluster: str) -> bool:
    """Whether the catalog has anything of this cluster's objects."""
    seen = SeenObject.objects.filter(cluster=cluster)
    return seen.exists() or any(rows.exists() for rows in _everything(cluster))


def _everything(cluster: str) -> tuple[QuerySet[Any], ...]:
    """The rows that stand in the catalog because of an object."""
    return (
        ApiVersion.objects.filter(cluster=cluster, withdrawn_at__isnull=True),
        Plan.objects.live().filter(cluster=cluster),
        Backend.objects.filter(cluster=cluster),
        ClusterAccess.objects.filter(cluster=cluster),
        SyncProblem.objects.filter(cluster=cluster).exclude(kind=""),
    )


class Recorded(NamedTuple):
    """What an object has in the catalog: a hash per thing that it published, and the models of which it has rows."""

    prints: Prints
    models: frozenset[type[Model]]


def recorded(cluster: str, key: Key) -> Recorded:
    """What the catalog has of the object, in one query."""
    where = {
        "cluster": cluster,
        "kind": key.kind,
        "namespace": key.namespace,
        "object_name": key.name,
    }
    doubt = Case(When(DOUBTFUL, then=Value(DOUBT)), default=F("content_hash"))
    parts = [
        (ApiVersion, ApiVersion.objects.filter(**where, withdrawn_at__isnull=True), doubt),
        (Plan, Plan.objects.live().filter(**where), F("content_hash")),
        (Backend, Backend.objects.filter(**where), F("content_hash")),
        (ClusterAccess, ClusterAccess.objects.filter(**where), F("content_hash")),
        (SyncProblem, SyncProblem.objects.filter(**where), Value(UNREADABLE)),
    ]
    first, *more = (
        rows.order_by().annotate(model=Value(model.__name__), print=print_).values_list("model", "print")
        for model, rows, print_ in parts
    )
    found = set(first.union(*more, all=True))
    names = {name for name, _ in found}
    published = {print_ for name, print_ in found if name != SyncProblem.__name__}
    return Recorded(
        frozenset(published or {print_ for _, print_ in found}),
        frozenset(model for model, _, _ in parts if model.__name__ in names),
    )
