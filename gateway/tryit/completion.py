"""Names of a GraphQL schema for the editor: the fields of each type, and the type that each leads to."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import msgspec

from apis.models import DescribedOperation, DescribedSchema, Document

MOST_TYPES = 400
MOST_OPERATIONS = 500
Fields = dict[str, list[Any]]


def words_of(document: Document) -> dict[str, Fields]:
    """type -> {field: [the type's name, the names of its arguments]}; the root types are query, mutation, subscription."""
    return _words(document.sha256, document.pk)


@lru_cache(maxsize=16)
def _words(sha256: str, document_id: int) -> dict[str, Fields]:
    rows = DescribedSchema.objects.filter(document_id=document_id)[:MOST_TYPES]
    schemas = {row.slug: (row.name, msgspec.json.decode(row.body).get("schema", {})) for row in rows}
    names = {slug: name for slug, (name, _) in schemas.items()}
    found: dict[str, Fields] = {
        name: {field: [_type(node, names), []] for field, node in schema.get("properties", {}).items()}
        for name, schema in schemas.values()
    }
    for method, path, fields in _roots(document_id, names):
        found.setdefault(method, {})[path] = fields
    return found


def _roots(document_id: int, names: dict[str, str]) -> Iterator[tuple[str, str, list[Any]]]:
    for row in DescribedOperation.objects.filter(document_id=document_id)[:MOST_OPERATIONS]:
        body = msgspec.json.decode(row.body)
        media: dict[str, Any] = next(
            (each for part in body.get("responses", ()) for each in part["media"]), {}
        )
        arguments = [each["name"] for each in body.get("parameters", ())]
        yield row.method.lower(), row.path, [_type(media.get("schema", {}), names), arguments]


def _type(node: dict[str, Any], names: dict[str, str]) -> str:
    """The type inside lists."""
    for _ in range(5):
        if not isinstance(node.get("items"), dict):
            break
        node = node["items"]
    slug = node.get("$ref")
    return names.get(slug, "") if slug else str(node.get("shown", ""))
