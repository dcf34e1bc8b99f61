"""The Reference of an OpenAPI 2, 3.0 or 3.1 document."""

from collections.abc import Iterator
from typing import Any

from apis.definitions.openapi import METHODS, stated_items
from apis.definitions.parameters import stated_parameters
from apis.definitions.reader import LONGEST_PATH, LONGEST_TEXT, MOST_OPERATIONS, Path, Reader
from apis.definitions.reference.parts import OperationPart, Reference, Slugs, encoded, named, titled
from apis.definitions.reference.schemas import Node, Schemas

MOST_EXAMPLES = 20
FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
# Of a Swagger 2 parameter, what is not part of its schema.
NOT_SCHEMA = frozenset(("name", "in", "required", "description", "schema", "collectionFormat", "x-example"))


def openapi_reference(reader: Reader) -> Reference:
    """Every operation and every schema. Raises Invalid where references multiply the text without end."""
    return _OpenApi(reader).reference()


class _OpenApi:
    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.is_2 = "swagger" in reader.data
        self.schemas = Schemas(reader)
        self.slugs = Slugs()
        self.drafts: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = []

    def reference(self) -> Reference:
        data, reader = self.reader.data, self.reader
        components = reader.mapping(data.get("components"), ())
        self.schemas.add_all("#/components/schemas", components.get("schemas"))
        self.schemas.add_all("#/definitions", data.get("definitions"))
        seen: set[tuple[str, str]] = set()
        for path, item, place, group in self._items():
            shared = stated_parameters(reader, item, place)
            for method in METHODS:
                if not isinstance(item.get(method), dict):
                    continue
                if (method, path) in seen or len(path) > LONGEST_PATH or len(seen) >= MOST_OPERATIONS:
                    continue
                seen.add((method, path))
                self._operation(method, path, item[method], shared, (*place, method), group)
        schemas = self.schemas.parts()
        operations = []
        for head, body, met in self.drafts:
            text = encoded({**body, "needs": self.schemas.needs(met)})
            reader.spend(1, len(text))
            operations.append(OperationPart(**head, body=text))
        return Reference(tuple(operations), schemas, self._groups())

    def _items(self) -> Iterator[tuple[str, dict[Any, Any], Path, str]]:
        """Each path item and each webhook as (path, object, place, group)."""
        for path, item, place in stated_items(self.reader):
            yield path, item, place, ""
        for name, stated, place in self.reader.items(self.reader.data.get("webhooks"), ("webhooks",)):
            yield named(name), self.reader.resolved(stated, place), place, "Webhooks"

    def _groups(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for stated, _ in self.reader.entries(self.reader.data.get("tags"), ("tags",)):
            tag = self.reader.mapping(stated, ())
            if isinstance(name := tag.get("name"), str) and len(found) < 500:
                found[named(name)] = self._text(tag.get("description"))[:2000]
        return found

    def _operation(
        self, method: str, path: str, stated: dict[Any, Any], shared: list[Any], place: Path, group: str
    ) -> None:
        self.schemas.begin()
        operation_id = self.reader.line(stated.get("operationId"), place, 200)
        summary = self.reader.line(stated.get("summary"), place)
        tags = [named(tag) for tag in self.reader.texts(stated.get("tags"), place)]
        head = {
            "slug": self.slugs.of(operation_id, f"{method}-{path}"),
            "method": method.upper(),
            "path": path,
            "operation_id": operation_id,
            "title": titled(summary, operation_id, path),
            "group": group or next(filter(None, tags), "") or first_step(path),
            "deprecated": stated.get("deprecated") is True,
        }
        parameters = [p.stated for p in (*shared, *stated_parameters(self.reader, stated, place)) if p.stated]
        body = {
            "description": self._text(stated.get("description")),
            "parameters": self._parameters(parameters),
            "bodies": self._bodies(stated, parameters),
            "responses": list(self._responses(stated)),
            "callbacks": list(self._callbacks(stated)),
            "security": self._security(stated),
            "docs": self._docs(stated.get("externalDocs")),
        }
        self.drafts.append((head, body, self.schemas.met))

    def _parameters(self, stated: list[dict[Any, Any]]) -> list[dict[str, Any]]:
        """Those that do not belong to the body; the operation's own replace those of its path."""
        found = {}
        for each in stated:
            name, where = each.get("name"), each.get("in")
            if (
                isinstance(name, str)
                and name
                and where in ("path", "query", "header", "cookie", "querystring")
            ):
                found[name, where] = self._parameter(name, where, each)
        return list(found.values())

    def _parameter(self, name: str, where: str, stated: dict[Any, Any]) -> dict[str, Any]:
        media = next(iter(self._media(stated)), {})
        schema = media.get("schema") or self._parameter_schema(stated)
        return {
            "name": named(name),
            "in": where,
            "required": stated.get("required") is True or where == "path",
            "description": self._text(stated.get("description")),
            "deprecated": stated.get("deprecated") is True,
            "schema": schema,
            "examples": media.get("examples") or self._examples(stated),
        }

    def _parameter_schema(self, stated: dict[Any, Any]) -> Node:
        if not self.is_2 or isinstance(stated.get("schema"), dict):
            return self.schemas.node(stated.get("schema"))
        return self.schemas.node({name: value for name, value in stated.items() if name not in NOT_SCHEMA})

    def _bodies(self, stated: dict[Any, Any], parameters: list[dict[Any, Any]]) -> list[dict[str, Any]]:
        if self.is_2:
            return self._bodies_of_2(stated, parameters)
        if not isinstance(stated.get("requestBody"), dict):
            return []
        body = self.reader.resolved(stated["requestBody"], ())
        described = self._text(body.get("description"))
        return [
            {"description": described, "required": body.get("required") is True, "media": self._media(body)}
        ]

    def _bodies_of_2(self, stated: dict[Any, Any], parameters: list[dict[Any, Any]]) -> list[dict[str, Any]]:
        """The body parameter, or the fields of the form."""
        types = self.reader.texts(stated.get("consumes") or self.reader.data.get("consumes"), ())
        for each in parameters:
            if each.get("in") == "body":
                schema, examples = self.schemas.node(each.get("schema")), self._examples(each)
                media = [
                    {"type": t, "schema": schema, "examples": examples}
                    for t in types or ("application/json",)
                ]
                described = self._text(each.get("description"))
                return [{"description": described, "required": each.get("required") is True, "media": media}]
        fields = [
            each for each in parameters if each.get("in") == "formData" and isinstance(each.get("name"), str)
        ]
        if not fields:
            return []
        schema = {
            "type": ["object"],
            "properties": {
                named(each["name"]): {
                    **self._parameter_schema(each),
                    **({"description": text} if (text := self._text(each.get("description"))) else {}),
                }
                for each in fields
            },
            "required": [named(each["name"]) for each in fields if each.get("required") is True],
        }
        form = next(
            (t for t in types if t in FORMS), FORMS[any(each.get("type") != "file" for each in fields)]
        )
        return [
            {
                "description": "",
                "required": bool(schema["required"]),
                "media": [{"type": form, "schema": schema}],
            }
        ]

    def _responses(self, stated: dict[Any, Any]) -> Iterator[dict[str, Any]]:
        for code, value, _ in self.reader.items(stated.get("responses"), ()):
            if code.startswith("x-"):
                continue
            answer = self.reader.resolved(value, ())
            yield {
                "code": code[:20],
                "description": self._text(answer.get("description")),
                "headers": list(self._headers(answer)),
                "media": self._media_of_2(stated, answer) if self.is_2 else self._media(answer),
            }

    def _headers(self, answer: dict[Any, Any]) -> Iterator[dict[str, Any]]:
        for name, value, _ in self.reader.items(answer.get("headers"), ()):
            yield self._parameter(name, "header", self.reader.resolved(value, ()))

    def _media_of_2(self, stated: dict[Any, Any], answer: dict[Any, Any]) -> list[dict[str, Any]]:
        examples = self.reader.mapping(answer.get("examples"), ())
        types = list(self.reader.texts(stated.get("produces") or self.reader.data.get("produces"), ()))
        if "schema" not in answer and not examples:
            return []
        schema = self.schemas.node(answer.get("schema"))
        names = dict.fromkeys([*(types or ["application/json"]), *map(str, examples)])
        return [
            {
                "type": name[:100],
                "schema": schema,
                "examples": [{"name": "", "value": v} for v in self.schemas.value(examples[name])]
                if name in examples
                else [],
            }
            for name in names
        ][:10]

    def _media(self, holder: dict[Any, Any]) -> list[dict[str, Any]]:
        """Every media type of a `content`, with its schema and its examples."""
        found = []
        for name, value, _ in self.reader.items(holder.get("content"), ()):
            media = self.reader.resolved(value, ())
            schema = self.schemas.node(media.get("schema") or media.get("itemSchema"))
            found.append({"type": name[:100], "schema": schema, "examples": self._examples(media)})
        return found[:10]

    def _examples(self, holder: dict[Any, Any]) -> list[dict[str, Any]]:
        """The named examples, or the one without a name."""
        found = []
        for name, value, _ in self.reader.items(holder.get("examples"), ()):
            entry = self.reader.resolved(value, ()) if isinstance(value, dict) else {"value": value}
            wish = next((key for key in ("value", "dataValue", "serializedValue") if key in entry), "")
            kept = self.schemas.value(entry[wish]) if wish else []
            found += [
                {"name": named(name), "summary": self._line(entry.get("summary")), "value": v} for v in kept
            ]
        for key in ("example", "x-example"):
            if key in holder and not found:
                found += [{"name": "", "value": v} for v in self.schemas.value(holder[key])]
        return found[:MOST_EXAMPLES]

    def _callbacks(self, stated: dict[Any, Any]) -> Iterator[dict[str, str]]:
        """What the API itself calls: name, method, address and what for."""
        for name, value, _ in self.reader.items(stated.get("callbacks"), ()):
            for address, item, _ in self.reader.items(self.reader.resolved(value, ()), ()):
                for method in METHODS:
                    if isinstance(item, dict) and isinstance(item.get(method), dict):
                        said = item[method].get("description") or item[method].get("summary")
                        yield {
                            "name": named(name),
                            "method": method.upper(),
                            "path": address[:LONGEST_PATH],
                            "description": self._text(said),
                        }

    def _security(self, stated: dict[Any, Any]) -> list[dict[str, list[str]]]:
        """The alternatives that the definition itself asks for: scheme -> scopes."""
        listed = stated.get("security", self.reader.data.get("security"))
        found = []
        for each, _ in self.reader.entries(listed, ()):
            asked = self.reader.mapping(each, ())
            found.append(
                {named(str(k)): [named(s) for s in self.reader.texts(v, ())] for k, v in asked.items()}
            )
        return found[:20]

    def _docs(self, stated: Any) -> dict[str, str]:
        docs = self.reader.mapping(stated, ())
        url = self._text(docs.get("url"))
        safe = url.startswith(("https://", "http://"))
        return {"url": url[:2000], "description": self._line(docs.get("description"))} if safe else {}

    def _text(self, value: Any) -> str:
        return self.reader.text(value, ())[:LONGEST_TEXT] if isinstance(value, str) else ""

    def _line(self, value: Any) -> str:
        return self.reader.line(value, ()) if isinstance(value, str) else ""


def first_step(path: str) -> str:
    """The first step of a path that says something, for operations without a tag."""
    steps = [step for step in path.split("/") if step and "{" not in step]
    return (
        named(next((step for step in steps if step not in ("api", "apis", "v1", "v2", "v3")), ""))
        or "Operations"
    )
