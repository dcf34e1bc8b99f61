"""The operations of an OpenAPI document in one shape, that of OpenAPI 3, whatever version it is written in."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from apis.definitions import release_of
from apis.definitions.diff.operations import PLACEHOLDER
from apis.definitions.diff.shapes import ANYTHING, mapped
from apis.definitions.openapi import security_schemes, servers_of_2, servers_of_3, stated_operations
from apis.definitions.parsed import Server
from apis.definitions.reader import Path, Reader

STYLES = {
    "csv": ("form", False),
    "multi": ("form", True),
    "ssv": ("spaceDelimited", False),
    "pipes": ("pipeDelimited", False),
    "tsv": ("tabDelimited", False),
}
DEFAULT_STYLES = {"query": "form", "cookie": "form", "path": "simple", "header": "simple"}
FORM = "application/x-www-form-urlencoded"

# Scheme -> scopes: what one alternative asks for.
Need = Mapping[tuple[str, ...], frozenset[str]]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter or a response header. `style` says how lists and objects are written, "" where that makes no difference."""

    name: str
    location: str
    required: bool
    schema: Any
    style: str = ""
    deprecated: bool = False


@dataclass(frozen=True, slots=True)
class Media:
    """The schema of a body, and how the parts of a form are written."""

    schema: Any
    encoding: Any = None


@dataclass(frozen=True, slots=True)
class Body:
    """What a request carries, by media type."""

    required: bool
    content: Mapping[str, Media]


@dataclass(frozen=True, slots=True)
class Response:
    """What an answer carries. Headers by their name in lower case."""

    headers: Mapping[str, Parameter]
    content: Mapping[str, Media]


class Stated(NamedTuple):
    """An operation as it is written, and where."""

    method: str
    path: str
    stated: dict[Any, Any]
    place: Path


@dataclass(frozen=True, slots=True)
class View:
    """One operation. Parameters by location and name, path parameters by their position in the path."""

    method: str
    path: str
    place: Path
    operation_id: str
    deprecated: bool
    parameters: Mapping[tuple[str, str], Parameter]
    body: Body | None
    responses: Mapping[str, Response]
    security: tuple[Need, ...]


@dataclass(slots=True)
class Document:
    """An OpenAPI document, read leniently: what is of the wrong type counts as missing."""

    reader: Reader
    release: str = field(init=False)
    schemes: Mapping[str, tuple[dict[Any, Any], Path]] = field(init=False)

    def __post_init__(self) -> None:
        self.release = release_of(self.reader.data)
        self.schemes = security_schemes(self.reader)

    @property
    def is_2(self) -> bool:
        """Whether this is Swagger 2."""
        return self.release == "2.0"

    def servers(self) -> tuple[Server, ...]:
        """The servers of the whole document."""
        return servers_of_2(self.reader) if self.is_2 else tuple(servers_of_3(self.reader))

    def operations(self) -> Iterator[Stated]:
        """Every operation."""
        for path, method, stated, place in stated_operations(self.reader):
            yield Stated(method.upper(), path, stated, place)

    def view(self, operation: Stated) -> View:
        """What an operation says. Schemas of its own are made for some of Swagger 2."""
        method, path, stated, place = operation
        parameters = self._parameters(stated, place)
        positions = {name[1:-1]: str(index) for index, name in enumerate(PLACEHOLDER.findall(path))}
        operation_id = stated.get("operationId")
        return View(
            method=method,
            path=path,
            place=place,
            operation_id=operation_id if isinstance(operation_id, str) else "",
            deprecated=stated.get("deprecated") is True,
            parameters=dict(
                self._kept(parameter, positions)
                for parameter in parameters
                if parameter["in"] in DEFAULT_STYLES
            ),
            body=self._body_2(stated, parameters) if self.is_2 else self._body_3(stated),
            responses=dict(self._responses(stated)),
            security=self._security(stated),
        )

    def _parameters(self, stated: dict[Any, Any], place: Path) -> list[dict[Any, Any]]:
        """The operation's own parameters, then those of its path that it does not replace."""
        item = self._get(self._get(self.reader.data, "paths"), str(place[1]), place[1])
        found: dict[tuple[str, str], dict[Any, Any]] = {}
        for level in (stated, item):
            listed = level.get("parameters")
            for entry in listed if isinstance(listed, list) else []:
                parameter = self._resolved(entry)
                name, location = parameter.get("name"), parameter.get("in")
                if isinstance(name, str) and isinstance(location, str):
                    key = name.lower() if location == "header" else name
                    found.setdefault((location, key), parameter)
        return list(found.values())

    def _kept(self, stated: dict[Any, Any], positions: dict[str, str]) -> tuple[tuple[str, str], Parameter]:
        location, name = stated["in"], stated["name"]
        parameter = self._parameter(stated, name, location)
        if location == "path":
            return (location, positions.get(name, name)), parameter
        return (location, name.lower() if location == "header" else name), parameter

    def _parameter(self, stated: dict[Any, Any], name: str, location: str) -> Parameter:
        content = stated.get("content")
        if isinstance(content, dict) and content:
            media, entry = min(content.items(), key=lambda pair: str(pair[0]))
            schema, style = self._get({"": entry}, "").get("schema", ANYTHING), media_name(str(media))
        else:
            schema = stated if self.is_2 else stated.get("schema", ANYTHING)
            style = self._style(stated, location)
        return Parameter(
            name=name,
            location=location,
            required=stated.get("required") is True or location == "path",
            schema=schema,
            style=style,
            deprecated=stated.get("deprecated") is True,
        )

    def _style(self, stated: dict[Any, Any], location: str) -> str:
        default = DEFAULT_STYLES.get(location, "simple")
        if self.is_2:
            if stated.get("type") != "array":
                return ""
            style, explode = STYLES.get(str(stated.get("collectionFormat")), STYLES["csv"])
            style = "simple" if (style, explode) == ("form", False) and default == "simple" else style
        else:
            schema = self._resolved(stated.get("schema"))
            if not schema.keys() & {"allOf", "oneOf", "anyOf"} and is_scalar(schema.get("type")):
                return ""
            style = stated["style"] if isinstance(stated.get("style"), str) else default
            explode = stated["explode"] if isinstance(stated.get("explode"), bool) else style == "form"
        return f"{style}, exploded" if explode else style

    def _body_3(self, stated: dict[Any, Any]) -> Body | None:
        if stated.get("requestBody") is None:
            return None
        body = self._resolved(stated["requestBody"])
        return Body(required=body.get("required") is True, content=self._content(body))

    def _body_2(self, stated: dict[Any, Any], parameters: list[dict[Any, Any]]) -> Body | None:
        body = next((parameter for parameter in parameters if parameter["in"] == "body"), None)
        if body is not None:
            media = Media(body.get("schema", ANYTHING))
            types = self._types(stated, "consumes") or ["application/json"]
            return Body(required=body.get("required") is True, content=dict.fromkeys(types, media))
        fields = [parameter for parameter in parameters if parameter["in"] == "formData"]
        if not fields:
            return None
        required = [entry["name"] for entry in fields if entry.get("required") is True]
        schema = {
            "type": "object",
            "properties": {entry["name"]: entry for entry in fields},
            "required": required,
        }
        files = any(entry.get("type") == "file" for entry in fields)
        usual = "multipart/form-data" if files else FORM
        types = [name for name in self._types(stated, "consumes") if name in (FORM, "multipart/form-data")]
        return Body(required=bool(required), content=dict.fromkeys(types or [usual], Media(schema)))

    def _responses(self, stated: dict[Any, Any]) -> Iterator[tuple[str, Response]]:
        for code, entry in mapped(stated, "responses").items():
            if str(code).startswith("x-"):
                continue
            response = self._resolved(entry)
            headers = {
                str(name).lower(): self._parameter(self._resolved(header), str(name), "header")
                for name, header in mapped(response, "headers").items()
                # OpenAPI says that a content type stated here means nothing.
                if str(name).lower() != "content-type"
            }
            yield (
                str(code).upper() if code != "default" else "default",
                Response(
                    headers, self._content_2(stated, response) if self.is_2 else self._content(response)
                ),
            )

    def _content_2(self, stated: dict[Any, Any], response: dict[Any, Any]) -> dict[str, Media]:
        if "schema" not in response:
            return {}
        types = self._types(stated, "produces") or ["application/json"]
        return dict.fromkeys(types, Media(response["schema"]))

    def _content(self, holder: dict[Any, Any]) -> dict[str, Media]:
        content = {}
        for name, entry in mapped(holder, "content").items():
            media = self._resolved(entry)
            content[media_name(str(name))] = Media(media.get("schema", ANYTHING), media.get("encoding"))
        return content

    def _types(self, stated: dict[Any, Any], keyword: str) -> list[str]:
        """The media types of Swagger 2: the operation's, or else the document's."""
        listed = stated.get(keyword, self.reader.data.get(keyword))
        return (
            [media_name(name) for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
        )

    def _security(self, stated: dict[Any, Any]) -> tuple[Need, ...]:
        listed = stated.get("security")
        if listed is None:
            listed = self.reader.data.get("security")
        return tuple(
            self._need(entry)
            for entry in (listed if isinstance(listed, list) else ())
            if isinstance(entry, dict)
        )

    def _need(self, stated: dict[Any, Any]) -> Need:
        need: dict[tuple[str, ...], frozenset[str]] = {}
        for name, scopes in stated.items():
            key = self._scheme_key(str(name))
            asked = frozenset(
                scope for scope in (scopes if isinstance(scopes, list) else []) if isinstance(scope, str)
            )
            need[key] = need.get(key, frozenset()) | asked
        return need

    def _scheme_key(self, name: str) -> tuple[str, ...]:
        """What a scheme is, so that another name for it is no change."""
        scheme, _ = self.schemes.get(name, ({}, ()))
        kind = scheme.get("type")
        if kind == "basic":
            return ("http", "basic")
        if kind == "http":
            return ("http", str(scheme.get("scheme")).lower())
        if kind == "apiKey":
            return ("apiKey", str(scheme.get("in")), str(scheme.get("name")).lower())
        return (kind,) if isinstance(kind, str) else ("", name)

    def _resolved(self, value: Any) -> dict[Any, Any]:
        return self.reader.resolved(value, ())

    def _get(self, holder: Any, *keys: Any) -> dict[Any, Any]:
        """The mapping under the first of the keys that is there, `$ref` followed."""
        for key in keys:
            if isinstance(holder, dict) and key in holder:
                return self._resolved(holder[key])
        return {}


def media_name(name: str) -> str:
    """A media type in lower case, without charset and spaces."""
    kept = [part.strip() for part in name.lower().split(";")]
    return ";".join(part for part in kept if not part.startswith("charset="))


def is_scalar(kind: Any) -> bool:
    """Whether a stated type holds neither lists nor objects."""
    kinds: Iterable[Any] = kind if isinstance(kind, list) else [kind]
    return all(entry in ("string", "number", "integer", "boolean", "null") for entry in kinds)
