"""What a definition says, whatever language it is written in."""

from collections.abc import Mapping
from dataclasses import dataclass, field


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
    """

    method: str
    path: str
    operation_id: str = ""
    summary: str = ""
    description: str = ""
    scopes: tuple[str, ...] = ()
    deprecated: bool = False


@dataclass(frozen=True, slots=True)
class Server:
    """A server that the definition names. The gateway's addresses take its place for consumers."""

    url: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Definition:
    """A parsed definition. `format` is openapi-2.0, openapi-3.0, openapi-3.1, asyncapi-2.6, asyncapi-3.0, graphql and so on."""

    format: str
    title: str = ""
    version: str = ""
    description: str = ""
    servers: tuple[Server, ...] = ()
    operations: tuple[Operation, ...] = ()
    scopes: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
