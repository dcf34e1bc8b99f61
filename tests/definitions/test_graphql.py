"""GraphQL schema definition language."""

import pytest

from apis.definitions import Operation, parse
from portal.errors import Invalid


def test_fields_of_the_root_types_are_operations():
    found = parse(
        '''
"""The shop."""
type Query {
  "One product.
  " product(sku: ID!): Product
}
'''.replace('"One product.\n  "', '"One product."')
        + """
type Product { sku: ID! name: String }
extend type Query { products: [Product!]! @deprecated(reason: "slow") }
type Mutation { order(sku: ID!): Boolean }
type Subscription { sold: Product }
"""
    )
    assert found.format == "graphql"
    assert found.operations == (
        Operation("QUERY", "product", "product", "One product.", "One product."),
        Operation("QUERY", "products", "products", deprecated=True),
        Operation("MUTATION", "order", "order"),
        Operation("SUBSCRIPTION", "sold", "sold"),
    )
    assert found.findings == ()
    assert found.schemas == ("Query", "Product", "Mutation", "Subscription")


def test_large_schema_is_read_by_its_root_types():
    types = "".join(
        f'"The type" type T{n} implements A & B {{ id: ID!, type(enum: E = ONE): [T0!] }}\n'
        for n in range(9_000)
    )
    text = (
        "schema @a(b: {c: 1}) { query: Root }\nunion type = T0 | enum\nscalar enum\n"
        + types
        + 'directive @type on FIELD | OBJECT\n"""The root \\""" type""" type Root @a {\n "All" a(b: Int = 1): T0 # }\n}\n'
        + "extend type Root { c: T1 }\ntype Query { none: Int }\n"
    )
    found = parse(text)
    assert [(operation.path, operation.summary) for operation in found.operations] == [
        ("a", "All"),
        ("c", ""),
    ]
    assert found.schemas[:3] == ("type", "enum", "T0")
    assert len(found.schemas) == 9_004
    with pytest.raises(Invalid) as caught:
        parse(text + "type Root { a }\n")
    assert caught.value.line == text.count("\n") + 1


def test_character_that_cannot_be_stored_is_left_out():
    found = parse('type Query { "a\\u0000b" a: Int }')
    assert found.operations[0].summary == "ab"


def test_root_types_with_other_names():
    found = parse("schema { query: Root }\ntype Root { a: Int }\ntype Query { b: Int }")
    assert [operation.path for operation in found.operations] == ["a"]


def test_schema_without_operations_is_found():
    assert [finding.code for finding in parse("type A { a: Int }").findings] == ["no-operations"]


def test_field_with_a_name_too_long_is_left_out_and_found():
    name = "a" * 201
    text = f'"{name}"\n# {name}\ntype Query {{\n  b: Int\n  {name}: Int\n}}\nextend type Query {{ {name}: Int {name[1:]}: Int }}'
    found = parse(text)
    assert [operation.path for operation in found.operations] == ["b", name[1:]]
    assert [(finding.code, finding.line) for finding in found.findings] == [("name-too-long", 5)]


def test_only_fields_with_names_too_long_are_found_but_not_without_end():
    fields = "".join(f"a{n:0200}: Int\n" for n in range(150))
    found = parse(f"type Query {{\n{fields}}}")
    assert found.operations == ()
    assert [(finding.code, finding.line) for finding in found.findings] == [
        ("no-operations", 1),
        *(("name-too-long", line) for line in range(2, 102)),
    ]


def test_broken_sdl_raises_with_line():
    with pytest.raises(Invalid) as caught:
        parse("type Query {\n  a: Int\n  b:\n}\n")
    assert caught.value.line == 4


def test_deeply_nested_sdl_is_refused():
    with pytest.raises(Invalid):
        parse("type Query { a: " + "[" * 50_000 + "Int" + "]" * 50_000 + " }")


def test_openapi_that_speaks_of_types_is_not_sdl():
    text = "openapi: 3.0.0\ninfo:\n  title: T\n  version: '1'\n  description: |\n    type Query { a: Int }\npaths: {}\n"
    assert parse(text).format == "openapi-3.0"


def test_sdl_of_endless_length_is_refused():
    with pytest.raises(Invalid, match="tokens"):
        parse("type Query { " + "a: B " * 80_000 + "}")
