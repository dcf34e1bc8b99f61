"""OpenAPI 2 (Swagger), 3.0 and 3.1, as https://spec.openapis.org describes them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

from apis.definitions.examples import examples_of_openapi
from apis.definitions.parameters import PLACEHOLDER, Parameter, check_parameters, stated_parameters
from apis.definitions.parsed import Definition, Operation, Server
from apis.definitions.reader import LONGEST_LINE, LONGEST_NAME, LONGEST_URL, MOST_SERVERS, Path, Reader
from apis.definitions.refs import check_refs
from apis.definitions.security import Declared, Schemes, all_scopes, declared_scopes, required_scopes

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def parse_openapi(reader: Reader, release: str) -> Definition:
    """The definition; `release` is "2.0", "3.0", "3.1" and so on."""
    data = reader.data
    schemes = security_schemes(reader)
    declared = declared_scopes(reader, schemes)
    operations = reader.distinct(all_operations(reader, schemes, declared))
    check_refs(reader)
    info = reader.resolved(data.get("info"), ("info",))
    scopes = all_scopes(declared)
    components = reader.mapping(data.get("components"), ("components",))
    return Definition(
        format=f"openapi-{release}",
        title=required_text(reader, info, "title"),
        version=required_text(reader, info, "version"),
        description=reader.text(info.get("description"), ("info", "description")),
        servers=servers_of_2(reader) if release == "2.0" else tuple(servers_of_3(reader)),
        operations=operations,
        scopes=scopes | {scope: "" for entry in operations for scope in entry.scopes if scope not in scopes},
        schemas=reader.names(data.get("definitions"), ("definitions",))
        if release == "2.0"
        else reader.names(components.get("schemas"), ("components", "schemas")),
        findings=reader.findings(),
    )


def required_text(reader: Reader, info: dict[Any, Any], name: str) -> str:
    """A text of `info` that has to be there."""
    text = reader.text(info.get(name), ("info", name))
    if not text:
        reader.find(f"missing-{name}", f"info.{name} is missing", ("info",))
    return text


def security_schemes(reader: Reader) -> Schemes:
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


def all_operations(reader: Reader, schemes: Schemes, declared: Declared) -> Iterator[tuple[Operation, Path]]:
    """The operations in the order of the document, with their places."""
    everywhere = required_scopes(reader, reader.data.get("security"), ("security",), schemes, declared)
    for path, item, where in stated_items(reader):
        shared = stated_parameters(reader, item, where)
        for method, stated, place in operations_of(reader, item, where):
            own = stated.get("security")
            scopes = (
                everywhere
                if own is None
                else required_scopes(reader, own, (*place, "security"), schemes, declared)
            )
            parameters = [*shared, *stated_parameters(reader, stated, place)]
            reader.spend(len(shared))
            check_parameters(reader, path, parameters, place)
            check_responses(reader, stated, place)
            yield made(reader, method, path, stated, scopes, parameters, place), place


def made(
    reader: Reader,
    method: str,
    path: str,
    stated: dict[Any, Any],
    scopes: tuple[str, ...],
    parameters: Sequence[Parameter],
    place: Path,
) -> Operation:
    """One operation."""
    operation_id = reader.line(stated.get("operationId"), (*place, "operationId"), LONGEST_NAME)
    reader.note_id(operation_id, f"{method.upper()} {path}", (*place, "operationId"))
    return Operation(
        method=method.upper(),
        path=path,
        operation_id=operation_id,
        summary=reader.line(stated.get("summary"), (*place, "summary")),
        description=reader.text(stated.get("description"), (*place, "description")),
        scopes=scopes,
        deprecated=reader.flag(stated.get("deprecated"), (*place, "deprecated")),
        examples=examples_of_openapi(reader, stated, parameters, place),
    )


def stated_operations(reader: Reader) -> Iterator[tuple[str, str, dict[Any, Any], Path]]:
    """Each operation object as (path, method, object, place)."""
    for path, item, where in stated_items(reader):
        for method, stated, place in operations_of(reader, item, where):
            yield path, method, stated, place


def stated_items(reader: Reader) -> Iterator[tuple[str, dict[Any, Any], Path]]:
    """Each path item as (path, object, place)."""
    for path, stated, place in reader.items(reader.data.get("paths"), ("paths",)):
        if path.startswith("x-"):
            continue
        if not path.startswith("/"):
            reader.find("path-without-slash", f"The path {path[:200]} does not begin with /", place)
        yield "/" + path.lstrip("/"), reader.resolved(stated, place), place


def operations_of(
    reader: Reader, item: dict[Any, Any], place: Path
) -> Iterator[tuple[str, dict[Any, Any], Path]]:
    """Each operation object of a path item as (method, object, place)."""
    for method in METHODS:
        if method in item:
            yield method, reader.mapping(item[method], (*place, method)), (*place, method)


def check_responses(reader: Reader, stated: dict[Any, Any], place: Path) -> None:
    """Finds answer codes that are numbers: YAML and JSON readers disagree about them."""
    for code in reader.mapping(stated.get("responses"), (*place, "responses")):
        reader.spend(1)
        if isinstance(code, int):
            message = f"The answer code {str(code)[:20]} is a number; quote it, as OpenAPI asks for text"
            reader.find("integer-response-key", message, (*place, "responses", code))


def servers_of_2(reader: Reader) -> tuple[Server, ...]:
    """The one server of a Swagger 2 document, once per scheme."""
    host = reader.text(reader.data.get("host"), ("host",))[:LONGEST_URL]
    base = reader.text(reader.data.get("basePath"), ("basePath",))[:LONGEST_URL]
    if not host:
        return (Server(base),) if base else ()
    schemes = reader.texts(reader.data.get("schemes"), ("schemes",)) or ("https",)
    return tuple(Server(f"{scheme[:LONGEST_NAME]}://{host}{base}") for scheme in schemes[:MOST_SERVERS])


def servers_of_3(reader: Reader) -> Iterator[Server]:
    """The servers, with the defaults of their variables filled in."""
    for stated, place in islice(reader.entries(reader.data.get("servers"), ("servers",)), MOST_SERVERS):
        server = reader.mapping(stated, place)
        url = reader.text(server.get("url"), (*place, "url"))[:LONGEST_URL]
        defaults = {}
        for name, variable, where in reader.items(server.get("variables"), (*place, "variables")):
            default = reader.mapping(variable, where).get("default")
            defaults[name] = reader.text(default, (*where, "default"))[:LONGEST_LINE]
        url = PLACEHOLDER.sub(partial(filled, defaults), url)[:LONGEST_URL]
        if url:
            yield Server(url, reader.text(server.get("description"), (*place, "description")))


def filled(defaults: Mapping[str, str], found: re.Match[str]) -> str:
    """What takes the place of one `{variable}`."""
    return defaults.get(found[1], found[0])
