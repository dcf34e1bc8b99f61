"""OpenAPI 2 (Swagger), 3.0 and 3.1, as https://spec.openapis.org describes them."""

from collections.abc import Iterator
from typing import Any

from apis.definitions.parsed import Definition, Operation, Server
from apis.definitions.reader import LONGEST_NAME, Path, Reader
from apis.definitions.refs import check_refs
from apis.definitions.security import declared_scopes, required_scopes

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def parse_openapi(reader: Reader, release: str) -> Definition:
    """The definition; `release` is "2.0", "3.0", "3.1" and so on."""
    data = reader.data
    schemes = security_schemes(reader)
    operations = reader.distinct(all_operations(reader, schemes))
    check_refs(reader)
    info = reader.resolved(data.get("info"), ("info",))
    return Definition(
        format=f"openapi-{release}",
        title=required_text(reader, info, "title"),
        version=required_text(reader, info, "version"),
        description=reader.text(info.get("description"), ("info", "description")),
        servers=servers_of_2(reader) if release == "2.0" else tuple(servers_of_3(reader)),
        operations=operations,
        scopes=declared_scopes(reader, schemes) | dict.fromkeys(undeclared(reader, schemes, operations), ""),
        findings=reader.findings(),
    )


def required_text(reader: Reader, info: dict[Any, Any], name: str) -> str:
    """A text of `info` that has to be there."""
    text = reader.text(info.get(name), ("info", name))
    if not text:
        reader.find(f"missing-{name}", f"info.{name} is missing", ("info",))
    return text


def security_schemes(reader: Reader) -> dict[str, tuple[dict[Any, Any], Path]]:
    """Each declared security scheme, with the place where it stands."""
    if "swagger" in reader.data:
        place: Path = ("securityDefinitions",)
        declared = reader.data.get("securityDefinitions")
    else:
        place = ("components", "securitySchemes")
        declared = reader.mapping(reader.data.get("components"), ("components",)).get("securitySchemes")
    return {
        name: (reader.resolved(scheme, path), path) for name, scheme, path in reader.items(declared, place)
    }


def all_operations(reader: Reader, schemes: dict[str, tuple[dict[Any, Any], Path]]) -> Iterator[Operation]:
    """The operations in the order of the document."""
    names: dict[str, str] = {}
    everywhere = required_scopes(reader, reader.data.get("security"), ("security",), schemes)
    for path, method, stated, place in stated_operations(reader):
        operation_id = reader.line(stated.get("operationId"), (*place, "operationId"), LONGEST_NAME)
        label = f"{method.upper()} {path}"
        if operation_id and names.setdefault(operation_id, label) != label:
            message = f"operationId {operation_id} is used by {names[operation_id]} and by {label}"
            reader.find("duplicate-operation-id", message, (*place, "operationId"))
        check_responses(reader, stated, place)
        own = stated.get("security")
        yield Operation(
            method=method.upper(),
            path=path,
            operation_id=operation_id,
            summary=reader.line(stated.get("summary"), (*place, "summary")),
            description=reader.text(stated.get("description"), (*place, "description")),
            scopes=everywhere if own is None else required_scopes(reader, own, (*place, "security"), schemes),
            deprecated=reader.flag(stated.get("deprecated"), (*place, "deprecated")),
        )


def stated_operations(reader: Reader) -> Iterator[tuple[str, str, dict[Any, Any], Path]]:
    """Each operation object as (path, method, object, place)."""
    for path, stated, place in reader.items(reader.data.get("paths"), ("paths",)):
        if path.startswith("x-"):
            continue
        if not path.startswith("/"):
            reader.find("path-without-slash", f"The path {path[:200]} does not begin with /", place)
        item = reader.resolved(stated, place)
        for method in METHODS:
            if method in item:
                yield (
                    "/" + path.lstrip("/"),
                    method,
                    reader.mapping(item[method], (*place, method)),
                    (*place, method),
                )


def check_responses(reader: Reader, stated: dict[Any, Any], place: Path) -> None:
    """Finds answer codes that are numbers: YAML and JSON readers disagree about them."""
    responses = reader.mapping(stated.get("responses"), (*place, "responses"))
    for code in responses:
        if isinstance(code, int):
            message = f"The answer code {code} is a number; quote it, as OpenAPI asks for text"
            reader.find("integer-response-key", message, (*place, "responses", code))


def undeclared(
    reader: Reader, schemes: dict[str, tuple[dict[Any, Any], Path]], operations: tuple[Operation, ...]
) -> list[str]:
    """Scopes that operations need and no scheme declares, in order."""
    declared = declared_scopes(reader, schemes)
    return [scope for operation in operations for scope in operation.scopes if scope not in declared]


def servers_of_2(reader: Reader) -> tuple[Server, ...]:
    """The one server of a Swagger 2 document, once per scheme."""
    host = reader.text(reader.data.get("host"), ("host",))
    base = reader.text(reader.data.get("basePath"), ("basePath",))
    if not host:
        return (Server(base),) if base else ()
    schemes = reader.texts(reader.data.get("schemes"), ("schemes",)) or ("https",)
    return tuple(Server(f"{scheme}://{host}{base}") for scheme in schemes)


def servers_of_3(reader: Reader) -> Iterator[Server]:
    """The servers, with the defaults of their variables filled in."""
    for index, stated in enumerate(reader.sequence(reader.data.get("servers"), ("servers",))):
        place = ("servers", index)
        server = reader.mapping(stated, place)
        url = reader.text(server.get("url"), (*place, "url"))
        for name, variable, where in reader.items(server.get("variables"), (*place, "variables")):
            default = reader.text(reader.mapping(variable, where).get("default"), (*where, "default"))
            url = url.replace(f"{{{name}}}", default)[:2000]
        if url:
            yield Server(url, reader.text(server.get("description"), (*place, "description")))
