"""Compares two AsyncAPI documents, 2 or 3: channels and operations, and the messages that go over them.

Directions are the consumer's: what the provider receives is a request, what it sends is a response.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from apis.definitions.asyncapi import PROVIDER_SIDE, address_of, all_servers, scopes_of_3
from apis.definitions.diff.changes import Changes, Direction, canonical
from apis.definitions.diff.openapi import compare_servers
from apis.definitions.diff.operations import label_of, matched, note_deprecation, note_renamed, note_scopes
from apis.definitions.diff.schemas import SchemaDiff
from apis.definitions.diff.scope import Scope
from apis.definitions.diff.shapes import ANYTHING, Schemas, mapped
from apis.definitions.diff.unchanged import Unchanged
from apis.definitions.reader import Path, Reader
from apis.definitions.security import required_scopes

JSON_SCHEMA = ("aai.asyncapi", "schema+json", "schema+yaml", "vnd.oai.openapi")


@dataclass(frozen=True, slots=True)
class Message:
    """What goes over a channel. `language` is the payload's schema language, empty for JSON Schema."""

    name: str
    payload: Any
    headers: Any
    content_type: str
    language: str


@dataclass(slots=True)
class Channel:
    """What the provider does on one channel."""

    method: str
    path: str
    deprecated: bool
    scopes: tuple[str, ...]
    messages: dict[str, Message]


def compare_asyncapi(changes: Changes, old: Reader, new: Reader) -> None:
    """Notes every difference."""
    schemas = SchemaDiff(
        Schemas(old.data, siblings=False),
        Schemas(new.data, siblings=False),
        Unchanged(old.data, new.data),
    )
    compare_servers(Scope(changes), all_servers(old), all_servers(new))
    before, after = channels_of(old), channels_of(new)
    for channel, other in matched(changes, before, after):
        scope = Scope(changes, label_of(other), schemas)
        note_renamed(scope, channel, other)
        note_deprecation(scope, channel.deprecated, other.deprecated)
        note_scopes(scope, channel.scopes, other.scopes)
        direction = Direction.REQUEST if other.method == "RECEIVE" else Direction.RESPONSE
        compare_messages(scope, channel.messages, other.messages, direction)
    changes.cut = changes.cut or schemas.cut


def channels_of(reader: Reader) -> list[Channel]:
    """Every operation; those on the same channel in the same direction are one, with the messages of all."""
    found: dict[tuple[str, str], Channel] = {}
    stated = operations_of_2(reader) if str(reader.data["asyncapi"])[:1] == "2" else operations_of_3(reader)
    for channel in stated:
        known = found.setdefault((channel.method, channel.path), channel)
        for name, message in channel.messages.items():
            known.messages.setdefault(name, message)
    return list(found.values())


def operations_of_2(reader: Reader) -> Iterator[Channel]:
    """`publish` and `subscribe` of each channel."""
    place = ("components", "securitySchemes")
    declared = reader.items(mapped(reader.data, "components").get("securitySchemes"), place)
    schemes = {name: (reader.resolved(scheme, path), path) for name, scheme, path in declared}
    for name, stated, path in reader.items(reader.data.get("channels"), ("channels",)):
        item = reader.resolved(stated, path)
        for keyword, method in PROVIDER_SIDE.items():
            if keyword in item:
                operation = reader.resolved(item[keyword], path)
                scopes = required_scopes(reader, operation.get("security"), path, schemes)
                message = operation.get("message")
                options = message.get("oneOf") if isinstance(message, dict) else None
                listed = options if isinstance(options, list) else [] if message is None else [message]
                yield made(reader, method, name, operation, scopes, [("", entry) for entry in listed])


def operations_of_3(reader: Reader) -> Iterator[Channel]:
    """Each operation of the document with its own messages, or else all of its channel."""
    for _, stated, path in reader.items(reader.data.get("operations"), ("operations",)):
        operation = reader.resolved(stated, path)
        action = operation.get("action")
        if action not in ("send", "receive"):
            continue
        own = operation.get("messages")
        channel = mapped(reader.resolved(operation.get("channel"), path), "messages")
        listed = [("", entry) for entry in own] if isinstance(own, list) else list(channel.items())
        scopes = scopes_of_3(reader, operation.get("security"), path)
        address = address_of(reader, operation.get("channel"), path)
        yield made(reader, str(action).upper(), address, operation, scopes, listed)


def made(
    reader: Reader,
    method: str,
    address: str,
    stated: dict[Any, Any],
    scopes: tuple[str, ...],
    listed: list[tuple[str, Any]],
) -> Channel:
    """One operation on a channel."""
    messages: dict[str, Message] = {}
    for key, entry in listed:
        message = message_of(reader, key, entry)
        messages.setdefault(message.name, message)
    return Channel(method, "/" + address.lstrip("/"), stated.get("deprecated") is True, scopes, messages)


def message_of(reader: Reader, key: str, value: Any, path: Path = ()) -> Message:
    """A message. AsyncAPI 3 may wrap the payload to name its schema language, AsyncAPI 2 says it beside."""
    stated = reader.resolved(value, path)
    reference = value.get("$ref") if isinstance(value, dict) else None
    last = reference.rsplit("/", 1)[-1] if isinstance(reference, str) else ""
    name = next((entry for entry in (stated.get("name"), key, last) if isinstance(entry, str) and entry), "")
    payload, language = stated.get("payload", ANYTHING), stated.get("schemaFormat")
    if isinstance(payload, dict) and "schema" in payload and "schemaFormat" in payload:
        payload, language = payload["schema"], payload["schemaFormat"]
    foreign = isinstance(language, str) and not any(known in language for known in JSON_SCHEMA)
    kind = stated.get("contentType") or reader.data.get("defaultContentType")
    return Message(
        name=name,
        payload=payload,
        headers=stated.get("headers", ANYTHING),
        content_type=kind.lower() if isinstance(kind, str) else "application/json",
        language=str(language) if foreign else "",
    )


def compare_messages(
    scope: Scope, old: dict[str, Message], new: dict[str, Message], direction: Direction
) -> None:
    """Messages by name; where there is one before and after, its name does not matter."""
    if len(old) == len(new) == 1:
        (before,), (after,) = old.values(), new.values()
        compare_message(scope, before, after, direction)
        return
    taken = "taken" if direction is Direction.REQUEST else "sent"
    for name in sorted(old.keys() | new.keys()):
        place = ("messages", name)
        if name not in new:
            message = f"The message {name[:100]} is no longer {taken}."
            scope.add("message-removed", message, place, direction=direction, old=name)
        elif name not in old:
            message = f"The message {name[:100]} is {taken} now."
            scope.add("message-added", message, place, direction=direction, new=name)
        else:
            compare_message(scope, old[name], new[name], direction)


def compare_message(scope: Scope, old: Message, new: Message, direction: Direction) -> None:
    """One message, before and after."""
    place = ("messages", new.name)
    named = f"the message {new.name[:100]}".rstrip()
    if (old.content_type, old.language) != (new.content_type, new.language):
        before, after = described(old), described(new)
        message = f"{named[:1].upper()}{named[1:]} is {after} instead of {before}."
        scope.add("message-format-changed", message, place, direction=direction, old=before, new=after)
    if old.language or new.language:
        if old.language == new.language and canonical(old.payload) != canonical(new.payload):
            message = f"The payload of {named} has another schema."
            scope.add(
                "message-schema-changed", message, (*place, "payload"), old=old.payload, new=new.payload
            )
        return
    for keyword, before_part, after_part in (
        ("payload", old.payload, new.payload),
        ("headers", old.headers, new.headers),
    ):
        where = f"the {keyword} of {named}"
        scope.compare(before_part, after_part, direction, (*place, keyword), where)


def described(message: Message) -> str:
    """Media type and schema language."""
    return f"{message.content_type} by {message.language}"[:200] if message.language else message.content_type
