"""What the catalog says by now, in the form that a listing of the cluster is compared with."""

from django.db.models import Case, F, Q, Value, When

from apis.models import ApiVersion, Backend, ClusterAccess, Plan, Publication, SeenObject, SyncProblem

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
    marks = {
        Key(kind, namespace, name): mark
        for kind, namespace, name, mark in SeenObject.objects.filter(cluster=cluster).values_list(
            *PLACE, "mark"
        )
    }
    versions = ApiVersion.objects.filter(cluster=cluster, withdrawn_at__isnull=True).order_by()
    objects = {Key(*row) for row in versions.values_list(*PLACE)}
    doubtful = {Key(*row) for row in versions.filter(DOUBTFUL).values_list(*PLACE)}
    others = (
        Plan.objects.live(),
        Backend.objects.all(),
        ClusterAccess.objects.all(),
        SyncProblem.objects.exclude(kind=""),
    )
    for rows in others:
        objects |= {Key(*row) for row in rows.filter(cluster=cluster).order_by().values_list(*PLACE)}
    return Known(marks, objects, doubtful)


def recorded(cluster: str, key: Key) -> Prints:
    """The hashes of what the object published, as the catalog has it."""
    where = {
        "cluster": cluster,
        "kind": key.kind,
        "namespace": key.namespace,
        "object_name": key.name,
    }
    versions = ApiVersion.objects.filter(**where, withdrawn_at__isnull=True).order_by()
    marked = versions.annotate(print=Case(When(DOUBTFUL, then=Value(DOUBT)), default=F("content_hash")))
    found = set(marked.values_list("print", flat=True))
    found |= set(Plan.objects.live().filter(**where).order_by().values_list("content_hash", flat=True))
    for rows in (Backend.objects.filter(**where), ClusterAccess.objects.filter(**where)):
        found |= set(rows.order_by().values_list("content_hash", flat=True))
    if not found and SyncProblem.objects.filter(**where).exists():
        return frozenset({UNREADABLE})
    return frozenset(found)
