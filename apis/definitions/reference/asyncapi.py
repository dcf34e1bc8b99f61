"""The Reference of an AsyncAPI 2 or 3 document: who sends what on which channel."""

from collections.abc import Iterator
from typing import Any

import msgspec

from apis.definitions.asyncapi import messages_of_2, messages_of_3, operations_of_2, operations_of_3
from apis.definitions.examples import last_step
from apis.definitions.parsed import Operation
from apis.definitions.reader import LONGEST_PATH, MOST_OPERATIONS, Path, Reader
from apis.definitions.reference.parts import OperationPart, Reference, Slugs, encoded, named, titled
from apis.definitions.reference.schemas import Node, Schemas

MOST_MESSAGES = 20


def asyncapi_reference(reader: Reader, release: str) -> Reference:
    """Every operation with its messages, and every schema. Raises Invalid where references multiply without end."""
    return _AsyncApi(reader, is_2=release[0] == "2").reference()


class _AsyncApi:
    def __init__(self, reader: Reader, *, is_2: bool) -> None:
        self.reader = reader
        self.is_2 = is_2
        self.schemas = Schemas(reader)
        self.slugs = Slugs()

    def reference(self) -> Reference:
        reader = self.reader
        components = reader.mapping(reader.data.get("components"), ())
        self.schemas.add_all("#/components/schemas", components.get("schemas"))
        stated = operations_of_2(reader, {}, {}) if self.is_2 else operations_of_3(reader)
        seen: set[tuple[str, str]] = set()
        drafts = []
        for operation, place in stated:
            key = operation.method, operation.path
            if key in seen or len(operation.path) > LONGEST_PATH or len(seen) >= MOST_OPERATIONS:
                continue
            seen.add(key)
            self.schemas.begin()
            drafts.append((operation, *self._described(operation, place), self.schemas.met))
        schemas = self.schemas.parts()
        return Reference(tuple(self._parts(drafts)), schemas)

    def _parts(self, drafts: list[Any]) -> Iterator[OperationPart]:
        for operation, group, body, met in drafts:
            text = encoded({**body, "needs": self.schemas.needs(met)})
            self.reader.spend(1, len(text))
            yield OperationPart(
                slug=self.slugs.of(operation.operation_id, f"{operation.method}-{operation.path}"),
                method=operation.method,
                path=operation.path,
                operation_id=operation.operation_id,
                title=titled(operation.summary, operation.operation_id, operation.path),
                group=group,
                deprecated=operation.deprecated,
                body=text,
            )

    def _described(self, operation: Operation, place: Path) -> tuple[str, dict[str, Any]]:
        """The group of an operation and its body."""
        reader = self.reader
        if self.is_2:
            channel = reader.resolved(reader.mapping(reader.data.get("channels"), ()).get(place[1]), ())
            stated = reader.resolved(channel.get(place[2]), ())
            messages = messages_of_2(reader, stated.get("message"), ())
        else:
            stated = reader.resolved(reader.mapping(reader.data.get("operations"), ()).get(place[1]), ())
            channel = reader.resolved(stated.get("channel"), ())
            messages = messages_of_3(reader, stated, ())
        described = [self._message(*each) for each, _ in zip(messages, range(MOST_MESSAGES), strict=False)]
        texts = [self._text(part.get("description")) for part in (stated, channel)]
        return self._group(stated, channel, operation.path), {
            "description": "\n\n".join(dict.fromkeys(filter(None, texts))),
            "parameters": list(self._parameters(channel)),
            "bodies": described,
        }

    def _group(self, stated: dict[Any, Any], channel: dict[Any, Any], path: str) -> str:
        for part in (stated, channel):
            for tag, _ in self.reader.entries(part.get("tags"), ()):
                name = self.reader.resolved(tag, ()).get("name")
                if isinstance(name, str) and name:
                    return named(name)
        return titled(self._text(channel.get("title")))[:200] or named(path)

    def _parameters(self, channel: dict[Any, Any]) -> Iterator[dict[str, Any]]:
        for name, value, _ in self.reader.items(channel.get("parameters"), ()):
            stated = self.reader.resolved(value, ())
            # AsyncAPI 3 says enum, default and examples without a schema.
            inner = stated.get("schema") if self.is_2 else {**stated, "type": "string", "description": None}
            yield {
                "name": named(name),
                "in": "path",
                "required": True,
                "description": self._text(stated.get("description")),
                "schema": self.schemas.node(inner),
            }

    def _message(self, key: str, value: Any, _: Path) -> dict[str, Any]:
        """A message as a body: its payload, its headers, its examples."""
        stated = self.reader.resolved(value, ())
        name = self._text(stated.get("title")) or self._text(stated.get("name")) or key or last_step(value)
        kind = stated.get("contentType") or self.reader.data.get("defaultContentType")
        media = {
            "type": named(kind) if isinstance(kind, str) else "application/json",
            "schema": self._payload(stated),
            "examples": list(self._examples(stated)),
        }
        said = [self._text(stated.get(part)) for part in ("summary", "description")]
        return {
            "name": titled(name),
            "description": "\n\n".join(dict.fromkeys(filter(None, said))),
            "headers": list(self._headers(stated)),
            "media": [media],
        }

    def _payload(self, stated: dict[Any, Any]) -> Node:
        """The payload's schema. Another schema language than JSON Schema is shown as it is written."""
        payload, form = stated.get("payload"), stated.get("schemaFormat")
        if isinstance(payload, dict) and "schemaFormat" in payload:
            form, payload = payload["schemaFormat"], payload.get("schema")
        if isinstance(form, str) and not any(known in form for known in ("asyncapi", "openapi", "schema+")):
            text = (
                payload
                if isinstance(payload, str)
                else msgspec.json.format(msgspec.json.encode(payload)).decode()
            )
            return {"title": titled(form), "description": f"```\n{self._text(text)}\n```"}
        return self.schemas.node(payload)

    def _headers(self, stated: dict[Any, Any]) -> Iterator[dict[str, Any]]:
        headers = self.reader.resolved(stated.get("headers"), ())
        required = headers.get("required")
        for name, value, _ in self.reader.items(headers.get("properties"), ()):
            must = isinstance(required, list) and name in required
            yield {"name": named(name), "in": "header", "required": must, "schema": self.schemas.node(value)}

    def _examples(self, stated: dict[Any, Any]) -> Iterator[dict[str, Any]]:
        for value, _ in self.reader.entries(stated.get("examples"), ()):
            entry = self.reader.mapping(value, ())
            for kept in self.schemas.value(entry["payload"]) if "payload" in entry else ():
                yield {
                    "name": titled(self._text(entry.get("name"))),
                    "summary": titled(self._text(entry.get("summary"))),
                    "value": kept,
                }

    def _text(self, value: Any) -> str:
        return self.reader.text(value, ()) if isinstance(value, str) else ""
