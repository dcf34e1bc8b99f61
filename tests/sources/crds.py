"""The real CRDs of other publishers, where they are at hand, to hold the tests' own objects against."""

import os
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from portal import safeyaml
from portal.kube import KubeObject

SAMPLES = Path(os.environ.get("PORTICO_SAMPLES", Path(__file__).parents[2].parent / "shared" / "samples"))


def sample(path: str) -> Path:
    """A file of the samples; the test is left out where they are not at hand."""
    if not (SAMPLES / path).is_file():
        pytest.skip("left out: the samples of real clusters are not there (PORTICO_SAMPLES)")
    return SAMPLES / path


def schema_errors(obj: KubeObject, path: str) -> list[str]:
    """What the CRD in this file says against an object, unknown fields included, as the API server would prune them."""
    crd = safeyaml.load(sample(path).read_text())
    (schema,) = (
        version["schema"]["openAPIV3Schema"]
        for version in crd["spec"]["versions"]
        if version["name"] == obj.kind.version
    )
    validator = Draft202012Validator(closed(schema))
    body = {name: value for name, value in obj.body.items() if name in ("spec", "status")}
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(body)]


def closed(schema: Any) -> Any:
    """The schema with every object closed that has properties and does not ask to keep unknown fields."""
    if isinstance(schema, list):
        return [closed(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: closed(value) for name, value in schema.items()}
    open_ended = schema.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object" and not open_ended:
        found["additionalProperties"] = False
    return found
