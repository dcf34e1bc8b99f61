"""The Reference of a GraphQL schema: the fields of the root types, and every type."""

from collections.abc import Iterator, Sequence
from typing import Any

from graphql import DocumentNode
from graphql.language import (
    EnumTypeDefinitionNode,
    EnumTypeExtensionNode,
    FieldDefinitionNode,
    InputObjectTypeDefinitionNode,
    InputObjectTypeExtensionNode,
    InputValueDefinitionNode,
    InterfaceTypeDefinitionNode,
    InterfaceTypeExtensionNode,
    ListTypeNode,
    NamedTypeNode,
    NonNullTypeNode,
    ObjectTypeDefinitionNode,
    ObjectTypeExtensionNode,
    ScalarTypeDefinitionNode,
    TypeNode,
    UnionTypeDefinitionNode,
    UnionTypeExtensionNode,
    print_ast,
)

from apis.definitions.graphql_parts import parts_of, without_other_types
from apis.definitions.graphql_sdl import all_operations, is_deprecated, most_tokens, root_types, syntax_tree
from apis.definitions.reader import LONGEST_NAME, LONGEST_TEXT, MOST_OPERATIONS, MOST_SCHEMAS, Reader
from apis.definitions.reference.parts import OperationPart, Reference, Slugs, encoded, titled
from apis.definitions.reference.schemas import Node, Schemas
from portal.safeyaml import UNSTORABLE

SCALARS = {"String": "string", "ID": "string", "Int": "integer", "Float": "number", "Boolean": "boolean"}
GROUPS = {"QUERY": "Queries", "MUTATION": "Mutations", "SUBSCRIPTION": "Subscriptions"}
WITH_FIELDS = (
    ObjectTypeDefinitionNode,
    ObjectTypeExtensionNode,
    InterfaceTypeDefinitionNode,
    InterfaceTypeExtensionNode,
    InputObjectTypeDefinitionNode,
    InputObjectTypeExtensionNode,
)
ENUMS = (EnumTypeDefinitionNode, EnumTypeExtensionNode)
UNIONS = (UnionTypeDefinitionNode, UnionTypeExtensionNode)
MOST_VALUES = 500


def graphql_reference(text: str) -> Reference:
    """Every operation and type. Of a very large schema only the root types, as `parse` reads it."""
    parts, tokens = parts_of(text)
    most = most_tokens(text)
    document = syntax_tree(text if tokens <= most else without_other_types(text, parts), most)
    return _GraphQL(document, text).reference()


class _GraphQL:
    def __init__(self, document: DocumentNode, text: str) -> None:
        self.document = document
        self.reader = Reader({}, text)
        self.schemas = Schemas(self.reader)
        self.slugs = Slugs()
        self.types: dict[str, Node] = {}
        self.leads_to: dict[str, dict[str, None]] = {}
        self.roots = {name: operation.name for operation, name in root_types(document).items()}
        self.known = {
            node.name.value[:LONGEST_NAME]
            for node in document.definitions
            if isinstance(node, (*WITH_FIELDS, *ENUMS, *UNIONS, ScalarTypeDefinitionNode))
        } - self.roots.keys()

    def reference(self) -> Reference:
        for node in self.document.definitions:
            self._type(node)
        for name, schema in self.types.items():
            self.schemas.put(name, schema, list(self.leads_to[name]))
        schemas = self.schemas.parts()
        return Reference(tuple(self._operations()), schemas)

    def _type(self, node: Any) -> None:
        """Add what one definition or extension says of a type."""
        if not isinstance(node, (*WITH_FIELDS, *ENUMS, *UNIONS, ScalarTypeDefinitionNode)):
            return
        name = node.name.value[:LONGEST_NAME]
        if name in self.roots or (name not in self.types and len(self.types) >= MOST_SCHEMAS):
            return
        made = self.types.setdefault(name, {})
        met = self.leads_to.setdefault(name, {})
        if text := described(node):
            made["description"] = text
        if isinstance(node, WITH_FIELDS):
            made["type"] = ["object"]
            for stated in node.fields or ():
                made.setdefault("properties", {})[stated.name.value[:LONGEST_NAME]] = self._field(stated, met)
                if isinstance(node, InputObjectTypeDefinitionNode) and must_be_given(stated):
                    made.setdefault("required", []).append(stated.name.value[:LONGEST_NAME])
        elif isinstance(node, ENUMS):
            made["type"] = ["string"]
            made.setdefault("enum", []).extend(each.name.value for each in (node.values or ())[:MOST_VALUES])
            made["description"] = "\n".join([text, *_of_values(node)]).strip()
        elif isinstance(node, UNIONS):
            made.setdefault("oneOf", []).extend(self._named(each, met) for each in node.types or ())
        else:
            made["type"] = ["string"]

    def _field(self, stated: Any, met: dict[str, None]) -> Node:
        made = self._typed(stated.type, met)
        if text := described(stated):
            made["description"] = text
        if any(is_deprecated(directive) for directive in stated.directives or ()):
            made["deprecated"] = True
        if getattr(stated, "default_value", None) is not None:
            made["default"] = clean(print_ast(stated.default_value))[:1000]
        if arguments := getattr(stated, "arguments", None):
            made["arguments"] = True
            made["shown"] = f"({', '.join(each.name.value for each in arguments)}): {made['shown']}"[
                :LONGEST_NAME
            ]
        return made

    def _typed(self, stated: TypeNode, met: dict[str, None]) -> Node:
        """A type with how GraphQL writes it."""
        made = self._inner(stated, met)
        made["shown"] = print_ast(stated)[:LONGEST_NAME]
        return made

    def _inner(self, stated: TypeNode, met: dict[str, None]) -> Node:
        self.reader.spend(1)
        if isinstance(stated, NonNullTypeNode):
            return self._inner(stated.type, met)
        if isinstance(stated, ListTypeNode):
            return {"type": ["array"], "items": self._inner(stated.type, met)}
        return self._named(stated, met) if isinstance(stated, NamedTypeNode) else {}

    def _named(self, stated: NamedTypeNode, met: dict[str, None]) -> Node:
        name = stated.name.value[:LONGEST_NAME]
        if name in self.known:
            slug = self.schemas.slug_of(name)
            met[slug] = None
            return {"$ref": slug}
        return {"type": [SCALARS.get(name, "string")], "shown": name}

    def _operations(self) -> Iterator[OperationPart]:
        fields = self._root_fields()
        for operation in list(all_operations(self.document))[:MOST_OPERATIONS]:
            stated = fields[operation.method, operation.path]
            met: dict[str, None] = {}
            answer = self._typed(stated.type, met)
            wrapped = {"wrapped": ["data", operation.path]}
            body = {
                "description": operation.description,
                "parameters": [self._argument(each, met) for each in stated.arguments or ()],
                "responses": [
                    {"code": "", "media": [{"type": "application/json", "schema": answer, **wrapped}]}
                ],
            }
            text = encoded({**body, "needs": self.schemas.needs(list(met))})
            self.reader.spend(1, len(text))
            yield OperationPart(
                slug=self.slugs.of(operation.path),
                method=operation.method,
                path=operation.path,
                operation_id=operation.operation_id,
                title=operation.path,
                group=GROUPS[operation.method],
                deprecated=operation.deprecated,
                body=text,
            )

    def _root_fields(self) -> dict[tuple[str, str], FieldDefinitionNode]:
        found: dict[tuple[str, str], FieldDefinitionNode] = {}
        for node in self.document.definitions:
            if (
                isinstance(node, ObjectTypeDefinitionNode | ObjectTypeExtensionNode)
                and node.name.value in self.roots
            ):
                for stated in node.fields or ():
                    found.setdefault((self.roots[node.name.value], stated.name.value), stated)
        return found

    def _argument(self, stated: InputValueDefinitionNode, met: dict[str, None]) -> dict[str, Any]:
        return {
            "name": stated.name.value[:LONGEST_NAME],
            "in": "argument",
            "required": must_be_given(stated),
            "description": described(stated),
            "schema": self._field(stated, met),
        }


def must_be_given(stated: Any) -> bool:
    """Whether an argument or input field has no null and no default."""
    return isinstance(stated.type, NonNullTypeNode) and getattr(stated, "default_value", None) is None


def described(node: Any) -> str:
    """A description, as it can be stored."""
    stated = getattr(node, "description", None)
    return clean(stated.value)[:LONGEST_TEXT] if stated else ""


def clean(text: str) -> str:
    """The text without what no database holds."""
    return UNSTORABLE.sub("", text)


def _of_values(node: Any) -> Sequence[str]:
    """The descriptions of an enum's values, as a list in Markdown."""
    stated = [(each.name.value, titled(described(each))) for each in (node.values or ())[:MOST_VALUES]]
    return [f"- `{name}`: {text}" for name, text in stated if text]
