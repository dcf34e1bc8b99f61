"""What a version's row says of its object: in one way, whether one row is written or many."""

from typing import Any

import msgspec
from django.db import models
from django.utils import timezone

from apis.models import ApiVersion
from apis.sources import PublishedApi

JSON_COLUMNS = frozenset(
    field.name for field in ApiVersion._meta.local_concrete_fields if isinstance(field, models.JSONField)
)


def say(row: ApiVersion, published: PublishedApi, content_hash: str, described: str) -> None:
    """Make the row say it. `described`: what the definition describes."""
    for name, value in said(published, content_hash, described).items():
        # As the database gives it back, so that it compares: tuples become lists.
        plain = msgspec.json.decode(msgspec.json.encode(value)) if name in JSON_COLUMNS else value
        setattr(row, name, plain)


def said(published: PublishedApi, content_hash: str, described: str) -> dict[str, Any]:
    """The columns that follow the object. Those of JSON_COLUMNS hold what JSON can be made of."""
    ref, security = published.ref, published.security
    return {
        "cluster": ref.cluster,
        "kind": ref.kind,
        "namespace": ref.namespace,
        "object_name": ref.name,
        "uid": ref.uid,
        "generation": ref.generation,
        "base_path": published.base_path,
        "upstreams": published.upstreams,
        "security": {
            "oauth2": security.oauth2,
            "api_key": security.api_key,
            "public": security.public,
        },
        "mediation": published.mediation,
        "stated_only": list(published.stated_only),
        "conditions": published.conditions,
        "wants_approval": published.approval,
        "presentation": _presentation(published, described),
        "content_hash": content_hash,
        "stale": False,
        "withdrawn_at": None,
        "seen_at": timezone.now(),
    }


def _presentation(published: PublishedApi, described: str) -> dict[str, Any]:
    """What the Api shows; what the definition describes where the object says nothing."""
    description = published.description or described
    first_line = next((line.strip(" #*") for line in description.splitlines() if line.strip(" #*")), "")
    return {
        "name": published.display_name[:120],
        "summary": (published.summary or first_line)[:300],
        "description": description,
        "type": published.type,
        "contact": published.contact[:254],
        "visibility": published.visibility,
        "tags": [tag[:40] for tag in published.tags],
    }
