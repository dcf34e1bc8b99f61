"""What the catalog says by now, in the form that a listing of the cluster is compared with."""

from django.db.models import Q

from apis.models import ApiVersion, Plan, Publication, SyncProblem

from .compare import UNREADABLE, Key, Prints

# Marks of rows that are not what their object says, whatever its hash: the object is read again.
STALE = "stale"
TO_DEPRECATE = "to deprecate"


def recorded(cluster: str, only: Key | None = None) -> dict[Key, Prints]:
    """Every object that the catalog knows in this cluster, or the one asked for, with the hashes of what it published."""
    found: dict[Key, set[str]] = {}
    for kind, namespace, name, content_hash, stale, status, deprecated in (
        ApiVersion.objects.filter(_where(cluster, only), withdrawn_at__isnull=True)
        .order_by()
        .values_list(
            "kind", "namespace", "object_name", "content_hash", "stale", "status", "deprecated_in_object"
        )
    ):
        # Published by hand although the object says deprecated: the object is the truth.
        late = deprecated and status == Publication.PUBLISHED
        mark = STALE if stale else TO_DEPRECATE if late else content_hash
        found.setdefault(Key(kind, namespace, name), set()).add(mark)
    for kind, namespace, name, content_hash in (
        Plan.objects.live().filter(_where(cluster, only)).order_by()
        .values_list("kind", "namespace", "object_name", "content_hash")
    ):  # fmt: skip
        found.setdefault(Key(kind, namespace, name), set()).add(content_hash)
    problems = SyncProblem.objects.filter(_where(cluster, only)).order_by()
    for kind, namespace, name in problems.values_list("kind", "namespace", "object_name").distinct():
        found.setdefault(Key(kind, namespace, name), {UNREADABLE})
    return {key: frozenset(prints) for key, prints in found.items()}


def _where(cluster: str, only: Key | None) -> Q:
    if only is None:
        return Q(cluster=cluster)
    return Q(cluster=cluster, kind=only.kind, namespace=only.namespace, object_name=only.name)
