"""What a definition says, whatever language it is written in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class Finding:
    """Something imperfect in a definition. `code` is stable and machine-readable; `line` counts from 1."""

    code: str
    message: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing a consumer can call.

    OpenAPI: an HTTP method and a path. GraphQL: QUERY, MUTATION or SUBSCRIPTION and a field name, all served by POST on
    the base path. AsyncAPI: SEND or RECEIVE as AsyncAPI 3 means them, from the provider's side, and the channel's
    address; AsyncAPI 2's `subscribe` is SEND, because there it is the consumer who subscribes, and `publish` is RECEIVE.
    WSDL: SOAP and the operation's name, with its soapAction as id. Protobuf: RPC and `/package.Service/Method`.
    `examples` are the names of what shows a request or an answer.
    """

    method: str
    path: str
    operation_id: str = ""
    summary: str = ""
    description: str = ""
    scopes: tuple[str, ...] = ()
    deprecated: bool = False
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Server:
    """A server that the definition names. The gateway's addresses take its place for consumers."""

    url: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Definition:
    """A parsed definition.

    `format` is openapi-2.0, openapi-3.0, openapi-3.1, asyncapi-2.6, asyncapi-3.0, graphql, wsdl-1.1, protobuf-3 and so
    on. `schemas` are the names of the types, messages or schemas, in order.
    """

    format: str
    title: str = ""
    version: str = ""
    description: str = ""
    servers: tuple[Server, ...] = ()
    operations: tuple[Operation, ...] = ()
    scopes: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    schemas: tuple[str, ...] = ()


def as_plain(definition: Definition) -> dict[str, Any]:
    """The definition as what JSON holds."""
    plain: dict[str, Any] = msgspec.to_builtins(definition)
    return plain


def from_plain(plain: dict[str, Any]) -> Definition:
    """The definition that `as_plain` made this of, after its way through JSON."""
    return msgspec.convert(plain, Definition)
