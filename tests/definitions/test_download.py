"""The same definition in the other syntax."""

import json

import pytest
import yaml

from apis.definitions import parse, to_json, to_yaml
from portal.errors import Invalid

TEXT = """\
openapi: 3.0.0
info: {title: Größe, version: '1.0'}
paths:
  /b: &again
    get: {responses: {200: {description: NO}, default: {description: 2019-02-31}}}
  /a: *again
"""


def test_yaml_as_json_keeps_order_and_text():
    data = json.loads(to_json(TEXT))
    assert list(data["paths"]) == ["/b", "/a"]
    assert data["info"] == {"title": "Größe", "version": "1.0"}
    assert data["paths"]["/a"]["get"]["responses"] == {
        "200": {"description": "NO"},
        "default": {"description": "2019-02-31"},
    }


def test_yaml_written_anew_has_no_aliases_and_text_keys():
    written = to_yaml(to_json(TEXT))
    assert "*" not in written
    assert parse(written).operations == parse(TEXT).operations
    assert yaml.safe_load(written)["paths"]["/a"]["get"]["responses"]["200"] == {"description": "NO"}


def test_graphql_has_no_other_form():
    with pytest.raises(Invalid):
        to_json("type Query { a: Int }")
    with pytest.raises(Invalid):
        to_yaml("type Query { a: Int }")
