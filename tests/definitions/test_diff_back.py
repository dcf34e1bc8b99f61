"""Going back from the new document to the old one undoes every change: each has an opposite, at the same place."""

import json
import re
from typing import Any

import pytest
from hypothesis import given, strategies as st

from apis.definitions.diff import Change, diff
from apis.definitions.diff.rules import BODIES, OPERATIONS, PARAMETERS, SCHEMAS
from tests.definitions import test_diff_openapi, test_diff_schemas
from tests.definitions.test_diff_properties import DOCUMENT, MANY, edited

ADDED = "required-property-added optional-property-added property-added-to-closed defaulted-property-required"
REMOVED = (
    "required-property-removed optional-property-removed property-removed-from-closed "
    "property-became-read-only property-became-write-only"
)
RESTRICTED = "additional-properties-forbidden additional-properties-restricted"
# Any of the first codes one way is any of the second ones the other way.
OPPOSITES = [
    ("operation-removed", "operation-added"),
    ("operation-deprecated", "operation-restored"),
    ("operation-id-changed", "operation-id-changed"),
    ("path-parameter-renamed", "path-parameter-renamed"),
    ("security-required", "security-dropped"),
    ("security-changed", "security-added"),
    ("scope-added", "scope-removed"),
    ("required-parameter-added optional-parameter-added", "parameter-removed"),
    ("parameter-moved", "parameter-moved"),
    ("parameter-became-required", "parameter-became-optional"),
    ("parameter-style-changed", "parameter-style-changed"),
    ("required-body-added optional-body-added", "body-removed"),
    ("body-became-required", "body-became-optional"),
    ("media-type-removed", "media-type-added"),
    ("encoding-changed", "encoding-changed"),
    ("success-status-removed", "success-status-added"),
    ("error-status-removed", "error-status-added"),
    ("required-header-removed optional-header-removed", "header-added"),
    ("header-became-optional", "header-became-required"),
    ("type-changed", "type-changed"),
    ("type-narrowed", "type-widened"),
    ("null-forbidden", "null-allowed"),
    ("enum-value-removed", "enum-value-added"),
    ("enum-introduced", "enum-dropped"),
    (ADDED, REMOVED),
    ("property-became-required defaulted-property-required", "property-became-optional"),
    (RESTRICTED, "additional-properties-allowed"),
    ("additional-properties-forbidden", "additional-properties-allowed"),
    ("limit-tightened", "limit-loosened"),
    ("format-narrowed", "format-widened"),
    ("format-changed", "format-changed"),
    ("pattern-added", "pattern-removed"),
    ("pattern-changed", "pattern-changed"),
    ("alternative-removed", "alternative-added"),
    ("alternatives-introduced", "alternatives-dropped"),
    ("alternatives-kind-changed", "alternatives-kind-changed"),
    ("discriminator-changed", "discriminator-changed"),
    ("discriminator-mapping-changed", "discriminator-mapping-changed"),
    ("default-added", "default-changed"),
    ("default-changed", "default-changed"),
    ("schema-rule-changed", "schema-rule-changed"),
    ("reference-changed", "reference-changed"),
]
# What is no longer deprecated is no news for consumers, except of operations.
ONE_WAY = {"parameter-deprecated", "schema-deprecated"}
# They tell of all ways to be let in, or of the one that is concerned.
WORDED_APART = {"security-changed", "security-added", "security-required", "security-dropped"}

BACK: dict[str, set[str]] = {}
for forth_codes, back_codes in OPPOSITES:
    for one in forth_codes.split():
        for other in back_codes.split():
            BACK.setdefault(one, set()).add(other)
            BACK.setdefault(other, set()).add(one)


def test_every_kind_of_change_has_an_opposite_or_has_none() -> None:
    assert BACK.keys() | ONE_WAY == OPERATIONS.keys() | PARAMETERS.keys() | BODIES.keys() | SCHEMAS.keys()
    assert not BACK.keys() & ONE_WAY


def place_of(change: Change) -> tuple[str, str]:
    """Where something changed, whatever the new document calls that."""
    operation = re.sub(r"\{[^}]*\}", "{}", change.operation)
    path = re.sub(r"/(oneOf|anyOf)(/[^/]*)?", "/of", change.path)
    if change.code == "parameter-moved":
        path = re.sub(r"^/parameters/[^/]+/[^/]+", "/parameters", path)
    path = re.sub(r"^/parameters/path/[^/]+", "/parameters/path", path)
    return operation, path


def values_of(change: Change) -> tuple[Any, Any]:
    return (None, None) if change.code in WORDED_APART else (change.old, change.new)


def check(forth: tuple[Change, ...], back: tuple[Change, ...]) -> None:
    """Each change has one for its opposite, and there are no others."""
    left = [change for change in back if change.code not in ONE_WAY]
    for change in forth:
        if change.code in ONE_WAY:
            continue
        old, new = values_of(change)
        opposite = next(
            (
                other
                for other in left
                if other.code in BACK[change.code]
                and place_of(other) == place_of(change)
                and values_of(other) == (new, old)
            ),
            None,
        )
        assert opposite, (change, left)
        left.remove(opposite)
    assert left == []


def without_ranges(document: Any) -> Any:
    """The document without statuses that stand for others: what they cover depends on which ones are gone."""
    for item in document["paths"].values():
        for operation in item.values():
            for status in ("4XX", "default"):
                operation.get("responses", {}).pop(status, None)
    return document


@MANY
@given(st.tuples(DOCUMENT, DOCUMENT) | edited())
def test_back_is_the_opposite(documents: tuple[Any, Any]) -> None:
    old, new = map(json.dumps, map(without_ranges, documents))
    check(diff(old, new), diff(new, old))


@pytest.mark.parametrize("sent", [True, False])
@pytest.mark.parametrize(
    ("old", "new"), [case[1:3] for case in [*test_diff_schemas.RULES, *test_diff_schemas.BOTH]]
)
def test_back_is_the_opposite_in_every_schema(old: Any, new: Any, sent: bool) -> None:
    check(
        test_diff_schemas.changes(old, new, sent=sent),
        test_diff_schemas.changes(new, old, sent=sent),
    )


def has_ranges(case: tuple[Any, ...]) -> bool:
    """Whether a status or media type stands for others."""
    return any(sign in json.dumps(case) for sign in ("4XX", "/*"))


@pytest.mark.parametrize(
    ("old", "new"), [case[:2] for case in test_diff_openapi.CASES if not has_ranges(case)]
)
def test_back_is_the_opposite_in_every_operation(old: Any, new: Any) -> None:
    before, after = (json.dumps(test_diff_openapi.document(operation)) for operation in (old, new))
    check(diff(before, after), diff(after, before))
