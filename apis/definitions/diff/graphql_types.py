"""The types of a GraphQL schema, with what `extend` adds, in a form to compare them by."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from graphql import DocumentNode, Node, print_ast
from graphql.language import (
    DirectiveDefinitionNode,
    EnumTypeDefinitionNode,
    EnumTypeExtensionNode,
    InputObjectTypeDefinitionNode,
    InputObjectTypeExtensionNode,
    InterfaceTypeDefinitionNode,
    InterfaceTypeExtensionNode,
    ListTypeNode,
    NonNullTypeNode,
    ObjectTypeDefinitionNode,
    ObjectTypeExtensionNode,
    ScalarTypeDefinitionNode,
    UnionTypeDefinitionNode,
    UnionTypeExtensionNode,
)

from apis.definitions.graphql_sdl import is_deprecated

KINDS: dict[type[Node], str] = {
    ScalarTypeDefinitionNode: "scalar",
    ObjectTypeDefinitionNode: "type",
    ObjectTypeExtensionNode: "type",
    InterfaceTypeDefinitionNode: "interface",
    InterfaceTypeExtensionNode: "interface",
    InputObjectTypeDefinitionNode: "input",
    InputObjectTypeExtensionNode: "input",
    EnumTypeDefinitionNode: "enum",
    EnumTypeExtensionNode: "enum",
    UnionTypeDefinitionNode: "union",
    UnionTypeExtensionNode: "union",
    DirectiveDefinitionNode: "directive",
}


@dataclass(frozen=True, slots=True)
class Field:
    """A field, an argument or an input field. `default` is as written, empty if there is none."""

    type: Any
    default: str = ""
    deprecated: bool = False
    arguments: dict[str, "Field"] = field(default_factory=dict)

    @property
    def type_text(self) -> str:
        """The type as written."""
        return type_text(self.type)

    @property
    def required(self) -> bool:
        """Whether an argument or input field has to be given."""
        return isinstance(self.type, NonNullTypeNode) and not self.default


@dataclass(slots=True)
class Type:
    """A type or directive. `values`: of an enum, with whether they are deprecated; `members`: of a union, or interfaces."""

    kind: str
    fields: dict[str, Field] = field(default_factory=dict)
    values: dict[str, bool] = field(default_factory=dict)
    members: set[str] = field(default_factory=set)


def types_of(document: DocumentNode) -> dict[str, Type]:
    """Every type by its name; directives as `@name`."""
    found: dict[str, Type] = {}
    for node in document.definitions:
        kind = KINDS.get(type(node))
        if kind is None:
            continue
        name = node.name.value  # type: ignore[attr-defined]
        known = found.setdefault(f"@{name}" if kind == "directive" else name, Type(kind))
        listed = node.arguments if kind == "directive" else getattr(node, "fields", None)  # type: ignore[attr-defined]
        known.fields |= dict(fields_of(listed))
        known.values |= {value.name.value: deprecated(value) for value in getattr(node, "values", None) or ()}
        for keyword in ("types", "interfaces"):
            known.members |= {member.name.value for member in getattr(node, keyword, None) or ()}
    return found


def fields_of(nodes: Iterable[Any] | None) -> Iterator[tuple[str, Field]]:
    """Fields or arguments by name."""
    for node in nodes or ():
        default = getattr(node, "default_value", None)
        yield (
            node.name.value,
            Field(
                node.type,
                print_ast(default) if default else "",
                deprecated(node),
                dict(fields_of(getattr(node, "arguments", None))),
            ),
        )


def deprecated(node: Any) -> bool:
    """Whether a node carries `@deprecated`."""
    return any(is_deprecated(directive) for directive in node.directives or ())


def type_text(node: Any) -> str:
    """A type as written."""
    opening, closing = "", ""
    while isinstance(node, NonNullTypeNode | ListTypeNode):
        if isinstance(node, NonNullTypeNode):
            closing = "!" + closing
        else:
            opening, closing = opening + "[", "]" + closing
        node = node.type
    return f"{opening}{node.name.value}{closing}"


def fits(narrow: Any, wide: Any) -> bool:
    """Whether every value of one type is one of the other: the same, or with less null."""
    while True:
        if isinstance(wide, NonNullTypeNode):
            if not isinstance(narrow, NonNullTypeNode):
                return False
            wide = wide.type
        if isinstance(narrow, NonNullTypeNode):
            narrow = narrow.type
        if isinstance(narrow, ListTypeNode) != isinstance(wide, ListTypeNode):
            return False
        if not isinstance(narrow, ListTypeNode):
            return bool(narrow.name.value == wide.name.value)
        narrow, wide = narrow.type, wide.type
