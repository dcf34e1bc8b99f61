"""What Portico says on our own kinds about what it made of them: the conditions Accepted and Published."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from django.utils import timezone

from apis.models import ApiVersion, Publication, SyncProblem
from apis.sources import ObjectRef
from apis.sources.fields import conditions_of as observed
from portal.errors import PorticoError
from portal.kube import Cluster, KubeObject

from . import problems
from .compare import OUR_CONDITIONS, OUR_GROUP
from .versions import live_rows

logger = logging.getLogger(__name__)

LONGEST_MESSAGE = 2000
PUBLISHED = {
    Publication.DISCOVERED: (
        "False",
        "WaitingForPublisher",
        "A publisher of the owning team has to publish it.",
    ),
    Publication.PUBLISHED: ("True", "Published", "It stands in the catalog."),
    Publication.DEPRECATED: ("True", "Deprecated", "It stands in the catalog as deprecated."),
    Publication.BLOCKED: ("False", "Blocked", "A publisher blocked it."),
    Publication.REJECTED: ("False", "Rejected", "A publisher rejected it."),
    Publication.RETIRED: ("False", "Retired", "A publisher retired it."),
}


def write(cluster: Cluster, obj: KubeObject, ref: ObjectRef) -> KubeObject:
    """Patch the object's status if it says anything else. A cluster that refuses costs a line in the log, no more.

    Returns the object as it is then, unless somebody changed more of it meanwhile, which is still to be read.
    """
    if not ref.kind.startswith(OUR_GROUP):
        return obj
    rows = live_rows(ref)
    wanted = conditions_of(ref, list(problems.of_object(ref)), rows)
    status = obj.body.get("status")
    recorded = status.get("conditions") if isinstance(status, dict) else None
    merged = merge(recorded if isinstance(recorded, list) else [], wanted, ref.generation)
    if merged is None:
        return obj
    try:
        status = {"observedGeneration": ref.generation, "conditions": merged}
        patched = cluster.patch_status(obj.kind, namespace=obj.namespace, name=obj.name, status=status)
    except PorticoError as error:
        logger.warning(
            "the status of %s %s/%s is not written: %s", ref.kind, ref.namespace, ref.name, error.message
        )
        return obj
    seen = [asdict(condition) for condition in observed(patched)]
    ApiVersion.objects.filter(pk__in=[row.pk for row in rows]).update(conditions=seen)
    return patched if _wish(patched) == _wish(obj) else obj


def _wish(obj: KubeObject) -> tuple[object, ...]:
    """All that a source may read of an object of our own kinds."""
    return obj.uid, obj.body.get("spec"), obj.labels, obj.annotations


def conditions_of(
    ref: ObjectRef, found: Sequence[SyncProblem], rows: Sequence[ApiVersion]
) -> dict[str, tuple[str, str, str]]:
    """type -> status, reason, message."""
    said = " ".join(f"{problem.field}: {problem.message} {problem.remedy}".strip() for problem in found)
    is_api = ref.kind.endswith("/Api")
    read = bool(rows) and not any(row.stale for row in rows) if is_api else not found
    if not read:
        conditions = {"Accepted": ("False", "Invalid", said)}
    elif found:
        conditions = {"Accepted": ("True", "AcceptedWithProblems", said)}
    else:
        conditions = {"Accepted": ("True", "Accepted", "It was read.")}
    if is_api:
        conditions["Published"] = _published(rows)
    return conditions


def _published(rows: Sequence[ApiVersion]) -> tuple[str, str, str]:
    if not rows:
        return "False", "NotAccepted", "It is not in the catalog: see Accepted."
    status, reason, message = PUBLISHED[Publication(rows[0].status)]
    return status, reason, f"{message} {rows[0].status_note}".strip()


def merge(
    recorded: Sequence[Any], wanted: Mapping[str, tuple[str, str, str]], generation: int
) -> list[dict[str, Any]] | None:
    """All of Portico's conditions as they are to be; None where nothing would change.

    One field manager stands for all of them: what a patch leaves out is taken away.
    """
    ours = (entry for entry in recorded if isinstance(entry, dict) and entry.get("type") in OUR_CONDITIONS)
    held = {entry["type"]: entry for entry in ours}
    changed = False
    for name, (status, reason, message) in wanted.items():
        before = held.get(name, {})
        condition = {
            "type": name,
            "status": status,
            "observedGeneration": generation,
            "lastTransitionTime": before.get("lastTransitionTime"),
            "reason": reason,
            "message": message[:LONGEST_MESSAGE],
        }
        if condition == before:
            continue
        if before.get("status") != status or not condition["lastTransitionTime"]:
            condition["lastTransitionTime"] = timezone.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        held[name], changed = condition, True
    return list(held.values()) if changed else None
