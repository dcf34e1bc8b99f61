"""The operations of a RestApi, and the OpenAPI document that is made of them: the kind has no definition of its own."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from apis.sources.fields import Fields
from apis.sources.portico_v1alpha1 import METHODS
from apis.sources.published import DefinitionText

MOST = 500
ORIGIN = "synthesised from spec.operations"


@dataclass(frozen=True, slots=True)
class PlatformOperation:
    """One operation. `open_ended`: it takes every path below its own."""

    method: str
    path: str
    open_ended: bool
    by_header: bool
    fields: Fields


def operations_of(spec: Fields) -> tuple[PlatformOperation, ...]:
    """The operations, in their order. `match` goes before method and path where both are given."""
    found = []
    for entry in spec.sections("operations", MOST):
        match = entry.section("match")
        path = match.section("path")
        method = (match if match.values else entry).choice("method", METHODS, "")
        stated = path.text("value", most=500) if match.values else entry.text("path", most=500)
        if not method or not stated.startswith("/"):
            message = f"{entry.path} needs a method, and a path beginning with /"
            entry.report.add(entry.path, message, "Give method and path, or a match with both.")
            continue
        prefix = path.values.get("type") == "PathPrefix" or "*" in stated
        by_header = bool(match.values.get("headers"))
        found.append(PlatformOperation(method, stated, prefix, by_header, entry))
    if not spec.values.get("operations"):
        spec.missing("operations", "List the operations, each with a method and a path.")
    return tuple(found)


def definition_of(operations: Iterable[PlatformOperation], title: str, version: str) -> DefinitionText | None:
    """A minimal OpenAPI 3.1 document, the same text for the same operations.

    None where an operation takes every path below its own, which OpenAPI cannot say: Portico's gateway then serves
    everything below the base path.
    """
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        if operation.open_ended:
            return None
        answer: dict[str, Any] = {"responses": {"default": {"description": "Not described by the cluster."}}}
        if names := parameters_in(operation.path):
            answer = {
                "parameters": [
                    {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                    for name in names
                ]
            } | answer
        paths.setdefault(operation.path, {}).setdefault(operation.method.lower(), answer)
    document = {"openapi": "3.1.0", "info": {"title": title, "version": version}, "paths": paths}
    return DefinitionText(json.dumps(document, indent=2), ORIGIN)


def parameters_in(path: str) -> tuple[str, ...]:
    """The names between braces."""
    parts = (part.partition("}") for part in path.split("{")[1:])
    return tuple(dict.fromkeys(name for name, brace, _ in parts if brace and name))
