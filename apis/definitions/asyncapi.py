"""AsyncAPI 2 and 3, as https://www.asyncapi.com/docs/reference describes them."""

from collections.abc import Iterator
from typing import Any

from apis.definitions.openapi import required_text
from apis.definitions.parsed import Definition, Operation, Server
from apis.definitions.reader import LONGEST_NAME, Path, Reader
from apis.definitions.refs import check_refs, pointed_at
from apis.definitions.security import Schemes, declared_scopes, required_scopes

# AsyncAPI 2 says what consumers may do, AsyncAPI 3 what the provider does.
PROVIDER_SIDE = {"subscribe": "SEND", "publish": "RECEIVE"}


def parse_asyncapi(reader: Reader, release: str) -> Definition:
    """The definition; `release` is "2.6", "3.0" and so on."""
    components = reader.mapping(reader.data.get("components"), ("components",))
    place = ("components", "securitySchemes")
    stated = reader.items(components.get("securitySchemes"), place)
    schemes = {name: (reader.resolved(scheme, path), path) for name, scheme, path in stated}
    operations = reader.distinct(
        operations_of_2(reader, schemes) if release[0] == "2" else operations_of_3(reader)
    )
    check_refs(reader)
    info = reader.mapping(reader.data.get("info"), ("info",))
    needed = {scope: "" for operation in operations for scope in operation.scopes}
    return Definition(
        format=f"asyncapi-{release}",
        title=required_text(reader, info, "title"),
        version=required_text(reader, info, "version"),
        description=reader.text(info.get("description"), ("info", "description")),
        servers=tuple(all_servers(reader)),
        operations=operations,
        scopes=needed | declared_scopes(reader, schemes),
        findings=reader.findings(),
    )


def operations_of_2(reader: Reader, schemes: Schemes) -> Iterator[Operation]:
    """`publish` and `subscribe` of each channel; the channel's name is its address."""
    for channel, stated, path in reader.items(reader.data.get("channels"), ("channels",)):
        item = reader.resolved(stated, path)
        for name, method in PROVIDER_SIDE.items():
            if name in item:
                place = (*path, name)
                operation = reader.resolved(item[name], place)
                scopes = required_scopes(reader, operation.get("security"), (*place, "security"), schemes)
                yield made(reader, operation, place, method, channel, scopes)


def operations_of_3(reader: Reader) -> Iterator[Operation]:
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
        yield made(reader, {"operationId": name} | operation, path, action.upper(), address, scopes)


def address_of(reader: Reader, value: Any, path: Path) -> str:
    """The address of the channel that `{$ref: '#/channels/name'}` names, its name where it states no address."""
    channel = reader.resolved(value, path)
    address = reader.text(channel.get("address"), (*path, "address"))
    reference = value.get("$ref") if isinstance(value, dict) else None
    if not address and isinstance(reference, str) and isinstance(pointed_at(reader.data, reference), dict):
        address = reference.rsplit("/", 1)[-1].replace("~1", "/").replace("~0", "~")
    if not address:
        reader.find("missing-channel", f"{'.'.join(map(str, path))} names no channel", path)
    return address


def scopes_of_3(reader: Reader, value: Any, path: Path) -> tuple[str, ...]:
    """The scopes that the listed security schemes ask for; here each scheme carries its own."""
    alternatives = []
    for index, stated in enumerate(reader.sequence(value, path)):
        scheme = reader.resolved(stated, (*path, index))
        if isinstance(scheme.get("scopes"), list):
            alternatives.append(reader.texts(scheme["scopes"], (*path, index, "scopes")))
    return alternatives[0] if alternatives else ()


def made(
    reader: Reader, stated: dict[Any, Any], path: Path, method: str, channel: str, scopes: tuple[str, ...]
) -> Operation:
    """An operation on a channel, whose address becomes a path below the base path."""
    return Operation(
        method=method,
        path="/" + channel.lstrip("/"),
        operation_id=reader.line(stated.get("operationId"), (*path, "operationId"), LONGEST_NAME),
        summary=reader.line(stated.get("summary"), (*path, "summary")),
        description=reader.text(stated.get("description"), (*path, "description")),
        scopes=scopes,
        deprecated=bool(stated.get("deprecated") is True),
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
