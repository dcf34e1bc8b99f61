"""GraphQL schema definition language (https://spec.graphql.org): the fields of the root types are the operations."""

import re
from collections.abc import Iterator
from itertools import islice

from graphql import DocumentNode, GraphQLSyntaxError, OperationType, parse
from graphql.language import (
    ConstDirectiveNode,
    FieldDefinitionNode,
    ObjectTypeDefinitionNode,
    ObjectTypeExtensionNode,
    SchemaDefinitionNode,
    SchemaExtensionNode,
)

from apis.definitions.graphql_parts import NAMELESS, TOKEN, parts_of, without_other_types
from apis.definitions.parsed import Definition, Finding, Operation
from apis.definitions.reader import (
    LONGEST_LINE,
    LONGEST_NAME,
    LONGEST_TEXT,
    MOST_FINDINGS,
    MOST_OPERATIONS,
    MOST_SCHEMAS,
)
from portal.safeyaml import UNSTORABLE, BadYaml

# graphql-core reads some 130,000 tokens a second (measured). Longer schemas are read by their root types.
FREE_TOKENS = 60_000
TOKEN_CHARACTERS = 40

ROOTS = {
    OperationType.QUERY: "Query",
    OperationType.MUTATION: "Mutation",
    OperationType.SUBSCRIPTION: "Subscription",
}


def parse_graphql(text: str) -> Definition:
    """The definition. Raises Invalid with the line where the text is not SDL at all."""
    parts, tokens = parts_of(text)
    most = most_tokens(text)
    document = syntax_tree(text if tokens <= most else without_other_types(text, parts), most)
    stated = tuple(stated_operations(document))
    operations = tuple(operation for operation in stated if fits(operation))
    too_long = [operation for operation in stated if not fits(operation)][:MOST_FINDINGS]
    names = dict.fromkeys(
        part.name[:LONGEST_NAME] for part in parts if part.name and part.keyword not in NAMELESS
    )
    schemas = tuple(islice(names, MOST_SCHEMAS))
    return Definition(
        format="graphql",
        operations=operations[:MOST_OPERATIONS],
        findings=(*findings_of(text, operations), *too_long_names(text, too_long)),
        schemas=schemas,
    )


def findings_of(text: str, operations: tuple[Operation, ...]) -> Iterator[Finding]:
    """Too few operations, or too many."""
    if not operations:
        yield Finding("no-operations", "The schema has no query, mutation or subscription", 1)
    if len(operations) > MOST_OPERATIONS:
        message = f"The schema has more than {MOST_OPERATIONS:,} operations; the others are left out"
        stated = re.search(rf"\b{operations[MOST_OPERATIONS].path}\b", text)
        line = text.count("\n", 0, stated.start()) + 1 if stated else None
        yield Finding("too-many-operations", message, line)


def too_long_names(text: str, left_out: list[Operation]) -> Iterator[Finding]:
    """One finding for each field that is left out for its name, where that stands first."""
    places = {operation.path: 0 for operation in left_out}
    for word in TOKEN.finditer(text) if places else ():
        if not places.get(word.group(), 1):
            places[word.group()] = text.count("\n", 0, word.start()) + 1
    for operation in left_out:
        message = f"The name of the field {operation.path[:20]}… has more than {LONGEST_NAME} characters, so it is left out"
        yield Finding("name-too-long", message, places[operation.path] or None)


def most_tokens(text: str) -> int:
    """How many tokens of a text of this length graphql-core is given."""
    return FREE_TOKENS + len(text) // TOKEN_CHARACTERS


def syntax_tree(text: str, most: int | None = None) -> DocumentNode:
    """The document as graphql-core reads it, without places. Raises Invalid for more than `most` tokens."""
    try:
        return parse(text, max_tokens=most or most_tokens(text), no_location=True)
    except GraphQLSyntaxError as error:
        line = error.locations[0].line if error.locations else 0
        message = UNSTORABLE.sub("", error.message[:300])
        raise BadYaml(message, line=line, remedy="Mend the GraphQL schema.") from error
    except RecursionError:
        raise BadYaml("The GraphQL schema is nested too deeply") from None


def all_operations(document: DocumentNode) -> Iterator[Operation]:
    """The fields of the root types without those that are left out for their names."""
    return filter(fits, stated_operations(document))


def fits(operation: Operation) -> bool:
    """Whether the name of a field is short enough to be kept."""
    return len(operation.path) <= LONGEST_NAME


def stated_operations(document: DocumentNode) -> Iterator[Operation]:
    """The fields of the root types in the order of the document, those of `extend type` included."""
    methods = {name: operation.name for operation, name in root_types(document).items()}
    seen = set()
    for node in document.definitions:
        if (
            isinstance(node, ObjectTypeDefinitionNode | ObjectTypeExtensionNode)
            and node.name.value in methods
        ):
            for stated in node.fields or ():
                operation = made(methods[node.name.value], stated)
                if (operation.method, operation.path) not in seen:
                    seen.add((operation.method, operation.path))
                    yield operation


def root_types(document: DocumentNode) -> dict[OperationType, str]:
    """The names of the root types: those of `schema { … }`, or the usual ones."""
    stated = {
        entry.operation: entry.type.name.value
        for node in document.definitions
        if isinstance(node, SchemaDefinitionNode | SchemaExtensionNode)
        for entry in node.operation_types or ()
    }
    return (
        stated
        if any(isinstance(node, SchemaDefinitionNode) for node in document.definitions)
        else ROOTS | stated
    )


def made(method: str, stated: FieldDefinitionNode) -> Operation:
    """One field as an operation."""
    description = UNSTORABLE.sub("", stated.description.value) if stated.description else ""
    return Operation(
        method=method,
        path=stated.name.value,
        operation_id=stated.name.value,
        summary=description.strip().split("\n", 1)[0][:LONGEST_LINE],
        description=description[:LONGEST_TEXT],
        deprecated=any(is_deprecated(directive) for directive in stated.directives or ()),
    )


def is_deprecated(directive: ConstDirectiveNode) -> bool:
    """Whether this is `@deprecated`."""
    return directive.name.value == "deprecated"
