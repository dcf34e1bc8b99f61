"""The Reference: a definition cut into parts, of which a page needs only few, however large the whole is."""

from apis.definitions import KNOWN_KEY, check_size, is_graphql, is_xml, load, release_of, text_keys
from apis.definitions.protobuf import is_protobuf
from apis.definitions.reader import Reader
from apis.definitions.reference.asyncapi import asyncapi_reference
from apis.definitions.reference.graphql import graphql_reference
from apis.definitions.reference.openapi import openapi_reference
from apis.definitions.reference.parts import EDITION, OperationPart, Reference, SchemaPart
from apis.definitions.reference.protobuf import protobuf_reference
from apis.definitions.reference.wsdl import wsdl_reference

__all__ = ["EDITION", "OperationPart", "Reference", "SchemaPart", "reference_of"]


def reference_of(text: str) -> Reference:
    """The parts of the definition. Raises Invalid for text that is no definition, as `apis.definitions.parse` does."""
    check_size(text)
    if is_xml(text):
        return wsdl_reference(text)
    if not KNOWN_KEY.search(text) and is_protobuf(text):
        return protobuf_reference(text)
    if is_graphql(text):
        return graphql_reference(text)
    data = load(text)
    release = release_of(data)
    reader = Reader(text_keys(data), text)
    return asyncapi_reference(reader, release) if "asyncapi" in data else openapi_reference(reader)
