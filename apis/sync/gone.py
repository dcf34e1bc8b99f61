"""Many objects that went at once: one list shows that they are gone, one transaction withdraws them."""

from collections import defaultdict
from collections.abc import Sequence

from django.db import transaction
from django.db.models import Q

from apis.models import Backend, ClusterAccess, Dependency, Plan, SeenObject, SyncProblem
from apis.sources import source_of
from portal.errors import ClusterUnavailable
from portal.kube import Cluster, KindNotInstalled
from portal.locks import transaction_lock, transaction_locks

from . import versions
from .compare import Key
from .refresh import KINDS, followers, kind_is_gone, lock_of, settle
from .versions import Applied


def withdraw(cluster: Cluster, keys: Sequence[Key]) -> set[Key]:
    """Withdraw those of these objects, all of one kind, that are gone and had nothing but APIs; returns them.

    Raises:
        ClusterUnavailable: nothing was done.
    """
    if keys[0].kind not in KINDS or source_of(KINDS[keys[0].kind]) is None:
        return set()
    done = Applied()
    with transaction.atomic():
        # As for a single object: nobody reads it between the list and what is written because of it.
        transaction_locks([lock_of(cluster.name, key) for key in keys])
        gone = set(keys) - _there(cluster, keys)
        gone -= _with_more_than_apis(cluster.name, gone)
        if not gone:
            return gone
        transaction_lock("apis.sync")
        versions.withdraw(cluster.name, _places(gone), done)
        for model in (SeenObject, SyncProblem):
            model.objects.filter(_places(gone), cluster=cluster.name).delete()
        Dependency.objects.filter(_places(gone, "owner_", "owner_name"), cluster=cluster.name).delete()
    needing = Dependency.objects.filter(_places(gone, "", "name"), cluster=cluster.name)
    owners = {Key(*row) for row in needing.values_list("owner_kind", "owner_namespace", "owner_name")}
    settle(cluster, sorted((owners | followers(cluster.name, done)) - gone))
    return gone


def _there(cluster: Cluster, keys: Sequence[Key]) -> set[Key]:
    """Those of the keys that the cluster may still have."""
    kind = KINDS[keys[0].kind]
    namespaces = {key.namespace for key in keys}
    only = namespaces.pop() if len(namespaces) == 1 else ""
    found: set[Key] = set()
    try:
        for page in cluster.pages(kind, namespace=only or None, metadata_only=True):
            if not page.complete:
                return set(keys)
            found |= {Key(str(kind), obj.namespace, obj.name) for obj in page.objects}
            found |= {Key(str(kind), entry.namespace, entry.name) for entry in page.unreadable}
    except KindNotInstalled as error:
        if not kind_is_gone(cluster, kind):
            raise ClusterUnavailable(error.message, remedy=error.remedy) from error
        return set()
    return found


def _with_more_than_apis(cluster: str, keys: set[Key]) -> set[Key]:
    found: set[Key] = set()
    for rows in (Plan.objects.live(), Backend.objects.all(), ClusterAccess.objects.all()):
        here = rows.filter(_places(keys), cluster=cluster).order_by()
        found |= {Key(*row) for row in here.values_list("kind", "namespace", "object_name")}
    return found


def _places(keys: set[Key], prefix: str = "", name: str = "object_name") -> Q:
    """The objects as a condition on the columns that hold kind, namespace and name."""
    by_place: dict[tuple[str, str], list[str]] = defaultdict(list)
    for key in keys:
        by_place[key.kind, key.namespace].append(key.name)
    found = Q(pk__in=[])
    for (kind, namespace), names in by_place.items():
        found |= Q(**{f"{prefix}kind": kind, f"{prefix}namespace": namespace, f"{name}__in": names})
    return found
