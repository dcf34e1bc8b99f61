"""What else the cluster has: backends that an Api may name, and whom the cluster itself lets call what."""

from collections.abc import Callable
from typing import Any

from apis.models import Backend, ClusterAccess
from apis.sources import ObjectRef, PublishedAccess, PublishedBackend, Reading

from .compare import fingerprint
from .surroundings import Surroundings
from .versions import Applied

MODELS = frozenset({Backend, ClusterAccess})
PUBLISHED = (PublishedBackend, PublishedAccess)


def apply(ref: ObjectRef, reading: Reading, around: Surroundings, done: Applied) -> None:
    """Make the rows what the object says; nothing hangs on them, so what is gone is deleted."""
    _apply(Backend, PublishedBackend, backend_row, ref, reading, around, done)
    _apply(ClusterAccess, PublishedAccess, access_row, ref, reading, around, done)


def _apply(
    model: type[Backend] | type[ClusterAccess],
    published_as: type,
    row_of: Callable[[Any], dict[str, object]],
    ref: ObjectRef,
    reading: Reading,
    around: Surroundings,
    done: Applied,
) -> None:
    where: dict[str, Any] = {
        "cluster": ref.cluster,
        "kind": ref.kind,
        "namespace": ref.namespace,
        "object_name": ref.name,
    }
    published = next((entry for entry in reading.published if isinstance(entry, published_as)), None)
    if published is not None:
        values = row_of(published) | {
            "uid": ref.uid,
            "generation": ref.generation,
            "content_hash": fingerprint(published, reading.problems, around),
        }
        _, created = model.objects.update_or_create(**where, defaults=values)
        done.counts["created" if created else "updated"] += 1
    elif not reading.problems:
        deleted, _ = model.objects.filter(**where).delete()
        if deleted:
            done.counts["withdrawn"] += 1


def backend_row(published: PublishedBackend) -> dict[str, object]:
    return {
        "name": published.name[:253],
        "url": published.url[:500],
        "ready": published.ready,
        "message": published.message[:2000],
    }


def access_row(published: PublishedAccess) -> dict[str, object]:
    return {
        "api_name": published.api[:253],
        "api_version": published.version[:253],
        "application": published.application[:253],
        "owner": published.owner[:253],
        "plan": published.plan[:253],
        "status": published.status[:63],
    }
