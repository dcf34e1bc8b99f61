"""Fields of somebody else's object that Portico was asked to change, as one manifest for server-side apply."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

# The names from the top of an object down to a field: ("spec", "plans").
FieldPath: TypeAlias = tuple[str, ...]
_MANAGER = re.compile(r'conflict with "([^"]*)"')


def edited(
    body: Mapping[str, Any], fields: Mapping[FieldPath, Any], *, manager: str, uid: str
) -> dict[str, Any]:
    """The manifest that gives these fields their values.

    Whatever the manager applied before and leaves out now would be taken away, so that goes in as it stands. The uid makes
    the cluster refuse it for another object of the name, and where there is none any more.
    """
    meta = body.get("metadata") or {}
    manifest: dict[str, Any] = {}
    for path in owned(meta.get("managedFields"), manager):
        value = value_at(body, path)
        if value is not None:
            put(manifest, path, value)
    for path, value in fields.items():
        put(manifest, path, value)
    named = {"name": meta.get("name"), "uid": uid}
    if meta.get("namespace"):
        named["namespace"] = meta["namespace"]
    manifest["metadata"] = {**manifest.get("metadata", {}), **named}
    return manifest


def owned(managed: Any, manager: str) -> Iterator[FieldPath]:
    """The fields that a manager applied, status aside. A list that is merged by its items counts as one field."""
    for entry in managed if isinstance(managed, list) else ():
        if (
            entry.get("manager") == manager
            and entry.get("operation") == "Apply"
            and not entry.get("subresource")
        ):
            yield from _leaves(entry.get("fieldsV1") or {}, ())


def _leaves(node: Mapping[str, Any], path: FieldPath) -> Iterator[FieldPath]:
    below = {name: child for name, child in node.items() if name != "."}
    if path and not (below and all(name.startswith("f:") for name in below)):
        yield path
        return
    for name, child in below.items():
        yield from _leaves(child, (*path, name.removeprefix("f:")))


def value_at(body: Any, path: FieldPath) -> Any:
    """What stands there, None where nothing does."""
    for name in path:
        body = body.get(name) if isinstance(body, Mapping) else None
    return body


def put(body: dict[str, Any], path: FieldPath, value: Any) -> None:
    """Set a field, making the mappings on the way to it."""
    *way, last = path
    for name in way:
        if not isinstance(body.get(name), dict):
            body[name] = {}
        body = body[name]
    body[last] = value


def held_in(causes: Any) -> tuple[tuple[str, str], ...]:
    """Manager and field of every conflict that an API server tells of, as in (("argocd-controller", "spec.plans"), ...)."""
    found = []
    for cause in causes if isinstance(causes, list) else ():
        named = _MANAGER.search(str(cause.get("message", "")))
        if cause.get("reason") == "FieldManagerConflict" and named:
            found.append((named[1], str(cause.get("field", "")).lstrip(".")))
    return tuple(found)
