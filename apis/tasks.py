"""Background work of the catalog: follow the cluster. Tasks take names, and do no harm when they run twice."""

from typing import Any

from celery import shared_task
from django.conf import settings
from django.db import InterfaceError, OperationalError

from portal.errors import ClusterUnavailable
from portal.kube import get_cluster
from portal.locks import advisory_lock

from . import sync
from .sync import Key, Needed

# Seconds until a pass that found another one at work looks again: it may be wanted for what that one came too early for.
BUSY_SECONDS = 1
BUSY_ATTEMPTS = 120
PASSING = (ClusterUnavailable, OperationalError, InterfaceError)


@shared_task(bind=True, max_retries=BUSY_ATTEMPTS)
def full_sync(self: Any, cluster_name: str | None = None) -> None:
    """Compare a cluster with the catalog, one pass at a time; None: each cluster, in a task of its own."""
    if cluster_name is None:
        for name in settings.CLUSTERS:
            full_sync.delay(name)
        return
    with advisory_lock(f"full sync {cluster_name}") as acquired:
        if acquired:
            sync.run(get_cluster(cluster_name))
    if not acquired:
        raise self.retry(countdown=BUSY_SECONDS)


@shared_task(autoretry_for=PASSING, retry_backoff=True, retry_backoff_max=30, max_retries=6)
def sync_object(cluster_name: str, kind: str, namespace: str, name: str) -> None:
    """Read one object again, and those that were read with it."""
    needing = sync.dependants(cluster_name, Needed(kind, namespace, name))
    sync.settle(get_cluster(cluster_name), [Key(kind, namespace, name), *needing])
