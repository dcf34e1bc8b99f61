"""Services in protocol buffers."""

import contextlib

import pytest

from apis.definitions import Operation, parse
from portal.errors import Invalid

TEXT = """
syntax = "proto3"; // rpc No(A) returns (B);
package shop.v1;
/* service None { rpc No(A) returns (B); } */
message Item { string name = 1; message Inner { int32 a = 1; } }
enum Kind { NONE = 0; }
service Shop {
  option (x) = "service {";
  rpc Get (Item) returns (Item) { option (google.api.http) = { get: "/v1/items" }; }
  rpc Watch (Item) returns (stream Item);
  rpc Watch (Item) returns (Item);
}
"""


def test_methods_of_services_are_operations():
    found = parse(TEXT)
    assert (found.format, found.title) == ("protobuf-3", "Shop")
    assert found.operations == (
        Operation("RPC", "/shop.v1.Shop/Get", "Shop.Get"),
        Operation("RPC", "/shop.v1.Shop/Watch", "Shop.Watch", "Streams answers"),
    )
    assert found.schemas == ("Item", "Kind")
    assert [(finding.code, finding.line) for finding in found.findings] == [("duplicate-operation", 11)]


@pytest.mark.parametrize(("text", "line"), [("package a;\n}", 2), ("package a;\nservice A {\n", 2)])
def test_unmatched_braces_are_refused_with_line(text, line):
    with pytest.raises(Invalid) as caught:
        parse(text)
    assert caught.value.line == line


@pytest.mark.parametrize("part", ["\n", "/*", '"\\', "/", "service ", "{;}"])
def test_repetition_is_read_in_one_pass(part):
    with contextlib.suppress(Invalid):
        parse("package a;\n" + part * (200_000 // len(part)))
