"""A definition as the comparisons read it: in which language, and what of it."""

import contextlib
from dataclasses import dataclass
from typing import Any

from graphql import DocumentNode

from apis.definitions import check_size, is_graphql, load, parse, release_of, text_keys
from apis.definitions.graphql_sdl import all_operations, syntax_tree
from apis.definitions.parsed import Definition
from apis.definitions.reader import Reader
from portal.errors import Invalid


@dataclass(slots=True)
class Source:
    """A text, and the one form of it that its language has. `language` is openapi, asyncapi, graphql, wsdl and so on."""

    text: str
    language: str
    reader: Reader | None = None
    tree: DocumentNode | None = None
    definition: Definition | None = None

    @property
    def release(self) -> str:
        """Major and minor version of the language, empty where nothing depends on it."""
        return release_of(self.reader.data) if self.reader else ""

    def described(self) -> Definition:
        """The operations, however they are written."""
        if self.definition is not None:
            return self.definition
        if self.tree is not None:
            return Definition(format="graphql", operations=tuple(all_operations(self.tree)))
        return parse(self.text)


def source_of(text: str) -> Source:
    """The text read. Raises Invalid for text that is no definition."""
    check_size(text)
    with contextlib.suppress(Invalid):
        return source_of_document(load(text), text)
    if is_graphql(text):
        with contextlib.suppress(Invalid):
            return Source(text, "graphql", tree=syntax_tree(text))
    definition = parse(text)
    return Source(text, definition.format.split("-", 1)[0], definition=definition)


def source_of_document(data: dict[Any, Any], text: str = "") -> Source:
    """A loaded document, with text for every key, so that YAML's `200` and JSON's `"200"` are one."""
    release_of(data)
    language = "asyncapi" if "asyncapi" in data else "openapi"
    return Source(text, language, reader=Reader(text_keys(data), text))
