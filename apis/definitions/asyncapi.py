"""AsyncAPI 2 and 3, as https://www.asyncapi.com/docs/reference describes them."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from apis.definitions.examples import examples_of_messages, last_step
from apis.definitions.openapi import required_text
from apis.definitions.parsed import Definition, Operation, Server
from apis.definitions.reader import LONGEST_NAME, MOST_SERVERS, Path, Reader, name_of
from apis.definitions.refs import check_refs
from apis.definitions.security import (
    Declared,
    Schemes,
    all_scopes,
    asked_scopes,
    declared_scopes,
    required_scopes,
    scopes_of,
)

# AsyncAPI 2 says what consumers may do, AsyncAPI 3 what the provider does.
PROVIDER_SIDE = {"subscribe": "SEND", "publish": "RECEIVE"}


def parse_asyncapi(reader: Reader, release: str) -> Definition:
    """The definition; `release` is "2.6", "3.0" and so on."""
    components = reader.mapping(reader.data.get("components"), ("components",))
    place = ("components", "securitySchemes")
    stated = reader.items(components.get("securitySchemes"), place)
    schemes = {name: (reader.resolved(scheme, path), path) for name, scheme, path in stated}
    declared = declared_scopes(reader, schemes)
    operations = reader.distinct(
        operations_of_2(reader, schemes, declared) if release[0] == "2" else operations_of_3(reader)
    )
    check_refs(reader)
    info = reader.mapping(reader.data.get("info"), ("info",))
    needed = {scope: "" for operation in operations for scope in operation.scopes}
    kinds = ("schemas", "messages")
    names = (name for kind in kinds for name in reader.names(components.get(kind), ("components", kind)))
    return Definition(
        format=f"asyncapi-{release}",
        title=required_text(reader, info, "title"),
        version=required_text(reader, info, "version"),
        description=reader.text(info.get("description"), ("info", "description")),
        servers=tuple(islice(all_servers(reader), MOST_SERVERS)),
        operations=operations,
        scopes=needed | all_scopes(declared),
        schemas=tuple(dict.fromkeys(names)),
        findings=reader.findings(),
    )


def operations_of_2(reader: Reader, schemes: Schemes, declared: Declared) -> Iterator[tuple[Operation, Path]]:
    """`publish` and `subscribe` of each channel; the channel's name is its address."""
    for channel, stated, path in reader.items(reader.data.get("channels"), ("channels",)):
        item = reader.resolved(stated, path)
        for name, method in PROVIDER_SIDE.items():
            if name in item:
                place = (*path, name)
                operation = reader.resolved(item[name], place)
                listed = (operation.get("security"), (*place, "security"))
                scopes = required_scopes(reader, *listed, schemes, declared)
                messages = messages_of_2(reader, operation.get("message"), (*place, "message"))
                examples = examples_of_messages(reader, messages)
                yield made(reader, operation, place, method, channel, scopes, examples), place


def messages_of_2(reader: Reader, value: Any, path: Path) -> Iterator[tuple[str, Any, Path]]:
    """The message of an operation, or each of those that it may be, as (no name, value, place)."""
    if isinstance(value, dict) and "oneOf" in value:
        yield from (("", entry, where) for entry, where in reader.entries(value["oneOf"], (*path, "oneOf")))
    elif value is not None:
        yield "", value, path


def operations_of_3(reader: Reader) -> Iterator[tuple[Operation, Path]]:
    """Each operation of the document, on the address of the channel that it refers to."""
    for name, stated, path in reader.items(reader.data.get("operations"), ("operations",)):
        operation = reader.resolved(stated, path)
        action = reader.text(operation.get("action"), (*path, "action"))
        if action not in ("send", "receive"):
            reader.find(
                "unknown-action", f"The action of operation {name[:200]} is neither send nor receive", path
            )
            continue
        address = address_of(reader, operation.get("channel"), (*path, "channel"))
        scopes = scopes_of_3(reader, operation.get("security"), (*path, "security"))
        examples = examples_of_messages(reader, messages_of_3(reader, operation, path))
        named = {"operationId": name} | operation
        yield made(reader, named, path, action.upper(), address, scopes, examples), path


def messages_of_3(reader: Reader, operation: dict[Any, Any], path: Path) -> Iterator[tuple[str, Any, Path]]:
    """The operation's own messages, or else all of its channel, as (name or empty, value, place)."""
    if "messages" in operation:
        listed = reader.entries(operation["messages"], (*path, "messages"))
        yield from (("", entry, where) for entry, where in listed)
    else:
        place = (*path, "channel")
        channel = reader.resolved(operation.get("channel"), place)
        yield from reader.items(channel.get("messages"), (*place, "messages"))


def address_of(reader: Reader, value: Any, path: Path) -> str:
    """The address of the channel that `{$ref: '#/channels/name'}` names, its name where it states no address."""
    channel = reader.resolved(value, path)
    address = reader.text(channel.get("address"), (*path, "address"))
    reference = value.get("$ref") if isinstance(value, dict) else None
    if not address and isinstance(reference, str) and isinstance(reader.pointed(reference), dict):
        address = last_step(value)
    if not address:
        reader.find("missing-channel", f"{name_of(path)} names no channel", path)
    return address


def scopes_of_3(reader: Reader, value: Any, path: Path) -> tuple[str, ...]:
    """The scopes that the listed security schemes ask for; here each scheme carries its own."""
    alternatives = []
    for stated, place in reader.entries(value, path):
        scheme = reader.resolved(stated, place)
        if isinstance(scheme.get("scopes"), list):
            known = scopes_of(reader, scheme, place) if scheme.get("type") == "oauth2" else None
            alternatives.append(asked_scopes(reader, scheme["scopes"], (*place, "scopes"), known))
    return alternatives[0] if alternatives else ()


def made(
    reader: Reader,
    stated: dict[Any, Any],
    path: Path,
    method: str,
    channel: str,
    scopes: tuple[str, ...],
    examples: tuple[str, ...],
) -> Operation:
    """An operation on a channel, whose address becomes a path below the base path."""
    operation_id = reader.line(stated.get("operationId"), (*path, "operationId"), LONGEST_NAME)
    reader.note_id(operation_id, f"{method} {channel}", (*path, "operationId"))
    return Operation(
        method=method,
        path="/" + channel.lstrip("/"),
        operation_id=operation_id,
        summary=reader.line(stated.get("summary"), (*path, "summary")),
        description=reader.text(stated.get("description"), (*path, "description")),
        scopes=scopes,
        deprecated=stated.get("deprecated") is True,
        examples=examples,
    )


def all_servers(reader: Reader) -> Iterator[Server]:
    """The servers: `url` in AsyncAPI 2, protocol, host and pathname in AsyncAPI 3."""
    for _, stated, path in reader.items(reader.data.get("servers"), ("servers",)):
        server = reader.resolved(stated, path)
        protocol = reader.text(server.get("protocol"), (*path, "protocol"))
        address = reader.text(server.get("url"), (*path, "url"))
        address = address or reader.text(server.get("host"), (*path, "host"))
        if not address:
            continue
        if "://" not in address and protocol:
            address = f"{protocol}://{address}"
        address += reader.text(server.get("pathname"), (*path, "pathname"))
        yield Server(address, reader.text(server.get("description"), (*path, "description")))
