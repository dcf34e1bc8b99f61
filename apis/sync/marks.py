"""The state of the world in which an object was read, as one hash: the same mark means nothing to read, nothing to write."""

import hashlib
from collections.abc import Mapping

from django.db import connection

from apis.models import SeenObject
from apis.sources import ObjectRef

from .compare import READER, Key
from .dependencies import PLAN, Needed
from .surroundings import Surroundings

# What an object was read with -> the resource version that it had, "" if it was not there.
Versions = Mapping[Needed, str]


def mark(version: str, needed: Versions, key: Key, around: Surroundings) -> str:
    """Hash of the object's resource version, those of what it was read with, and what the database says around it."""
    grant = around.grants.get(key.namespace)
    parts = [str(READER), version, repr(grant and (grant.team_id, grant.team.slug, grant.auto_publish))]
    for other in sorted(needed):
        if other.kind == PLAN:
            plan = around.plan(key.namespace, other.name)
            state = str(plan.pk) if plan else ""
        else:
            state = needed[other]
        parts.append(" ".join((*other, state)))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def remember(ref: ObjectRef, value: str, version: str) -> None:
    """Keep the mark and the resource version; nothing is written where they are the same."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO apis_seenobject (cluster, kind, namespace, object_name, uid, generation, mark, "
            "resource_version) VALUES (%s, %s, %s, %s, %s, %s, %s, %s) "
            "ON CONFLICT (cluster, kind, namespace, object_name) DO UPDATE "
            "SET uid = excluded.uid, generation = excluded.generation, mark = excluded.mark, "
            "resource_version = excluded.resource_version "
            "WHERE (apis_seenobject.mark, apis_seenobject.resource_version) "
            "<> (excluded.mark, excluded.resource_version)",
            [ref.cluster, ref.kind, ref.namespace, ref.name, ref.uid, ref.generation, value, version],
        )


def forget(ref: ObjectRef) -> None:
    """The object is gone."""
    SeenObject.objects.filter(
        cluster=ref.cluster, kind=ref.kind, namespace=ref.namespace, object_name=ref.name
    ).delete()
