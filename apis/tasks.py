"""Background work of the catalog: follow the cluster. Tasks take names, and do no harm when they run twice."""

import logging
import time
from contextlib import suppress
from typing import Any

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from portal import broker
from portal.commits import unflushed
from portal.errors import Conflict, PorticoError
from portal.kube import get_cluster
from portal.locks import advisory_lock

from . import actions, changelog, index, sync
from .models import ApiVersion, Change
from .reference.tasks import describe  # noqa: F401  here Celery finds it
from .sync import Key, changes

logger = logging.getLogger(__name__)

# Seconds until a pass that found another one at work looks again: it may be wanted for what that one came too early for.
BUSY_SECONDS = 1
BUSY_ATTEMPTS = 120
# A full sync of a very large cluster may take minutes; one that runs longer is stuck.
FULL_SYNC_SECONDS = 900
# Seconds after which a worker lets other tasks have a turn: a full sync waits for so much, not for a long queue.
TURN_SECONDS = 1.0


@shared_task(
    bind=True,
    max_retries=BUSY_ATTEMPTS,
    soft_time_limit=FULL_SYNC_SECONDS,
    time_limit=FULL_SYNC_SECONDS + 5,
)
def full_sync(self: Any, cluster_name: str | None = None) -> None:
    """Compare a cluster with the catalog, one pass at a time; None: each cluster, in a task of its own."""
    if cluster_name is None:
        for name in settings.CLUSTERS:
            full_sync.delay(name)
        return
    with advisory_lock(f"full sync {cluster_name}") as acquired, unflushed():
        if acquired:
            sync.run(get_cluster(cluster_name))
    if not acquired:
        raise self.retry(countdown=BUSY_SECONDS)
    changes.forget_old()
    index.forget_removed()
    wake_carriers()


def wake_carriers() -> None:
    """Have as many workers look at the queue of changes as that is worth."""
    for _ in range(changes.workers_missing(broker.waiting().get(carry_changes.name, 0))):
        carry_changes.delay()


@shared_task
@unflushed()
def carry_changes() -> None:
    """Carry what waits in the queue into the catalog, until nothing is due."""
    until = time.monotonic() + TURN_SECONDS
    while taken := changes.take():
        if len(taken) > 1 and all(change.gone for change in taken):
            taken += changes.take_gone(taken[0])
            taken = _withdraw(taken)
        for change in taken:
            _carry(change)
        if time.monotonic() > until:
            wake_carriers()
            return


@shared_task
def retire_due() -> None:
    """Retire the versions whose sunset has come."""
    with advisory_lock("retire versions") as acquired:
        for version in ApiVersion.objects.due_to_retire(timezone.now()) if acquired else ():
            # Whoever was quicker to retire or republish it is right.
            with suppress(Conflict):
                actions.retire(
                    version=version, by=None, note=f"Its sunset was {version.sunset_on:%-d %B %Y}."
                )


@shared_task
def compare(comparison_id: int) -> None:
    """Compare two definitions for the changelog, before somebody waits for it."""
    changelog.ensure(comparison_id)


def _withdraw(taken: list[Change]) -> list[Change]:
    """Withdraw deleted objects of one kind together. Returns those that are left to be looked at one by one."""
    first = taken[0]
    alike = {
        Key(change.kind, change.namespace, change.name): change
        for change in taken
        if (change.cluster, change.kind) == (first.cluster, first.kind)
    }
    if first.cluster not in settings.CLUSTERS:
        return taken
    try:
        withdrawn = sync.withdraw(get_cluster(first.cluster), list(alike))
    except PorticoError as error:
        logger.warning("%d deleted objects of %s wait: %s", len(alike), first.kind, error.message)
        return taken
    for key in withdrawn:
        changes.done(alike[key], carried=True)
    return [change for change in taken if Key(change.kind, change.namespace, change.name) not in withdrawn]


def _carry(change: Change) -> None:
    if change.cluster not in settings.CLUSTERS:
        changes.done(change, carried=False)
        return
    try:
        carried = sync.carry(get_cluster(change.cluster), Key(change.kind, change.namespace, change.name))
    except PorticoError as error:
        logger.warning("%s waits: %s", change, error.message)
        changes.postpone(change)
    else:
        changes.done(change, carried=carried)
