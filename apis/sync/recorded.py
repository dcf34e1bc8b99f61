"""What the catalog says by now, in the form that a listing of the cluster is compared with."""

from typing import NamedTuple

from django.db.models import Case, Exists, F, Model, OuterRef, Q, Value, When

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
    """Everything that the catalog knows of this cluster's objects."""
    seen = SeenObject.objects.filter(cluster=cluster).values_list(*PLACE, "mark")
    marks = {Key(kind, namespace, name): mark for kind, namespace, name, mark in seen}
    versions = ApiVersion.objects.filter(cluster=cluster, withdrawn_at__isnull=True)
    # What has a mark is known by it: few others have anything here.
    marked = SeenObject.objects.filter(cluster=cluster, **{name: OuterRef(name) for name in PLACE})
    unmarked = (
        versions,
        Plan.objects.live().filter(cluster=cluster),
        Backend.objects.filter(cluster=cluster),
        ClusterAccess.objects.filter(cluster=cluster),
        SyncProblem.objects.filter(cluster=cluster).exclude(kind=""),
    )
    objects = {
        Key(*row) for rows in unmarked for row in rows.filter(~Exists(marked)).order_by().values_list(*PLACE)
    }
    doubtful = {Key(*row) for row in versions.filter(DOUBTFUL).order_by().values_list(*PLACE)}
    waiting = Change.objects.filter(cluster=cluster, listed_at__isnull=True)
    return Known(
        marks,
        objects,
        doubtful,
        {Key(*row) for row in waiting.values_list("kind", "namespace", "name")},
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
