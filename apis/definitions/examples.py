"""What shows a request or an answer of an OpenAPI or AsyncAPI operation: its names, such as `200 application/json cat`."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from apis.definitions.parameters import Parameter
from apis.definitions.reader import LONGEST_NAME, LONGEST_PATH, Path, Reader

MOST_EXAMPLES = 20


def examples_of_openapi(
    reader: Reader, stated: dict[Any, Any], parameters: Sequence[Parameter], place: Path
) -> tuple[str, ...]:
    """The names of the examples of one operation, of any version of OpenAPI."""
    return _distinct(_of_openapi(reader, stated, parameters, place))


def _of_openapi(
    reader: Reader, stated: dict[Any, Any], parameters: Sequence[Parameter], place: Path
) -> Iterator[str]:
    for parameter in parameters:
        # The body is a parameter in Swagger 2.
        in_body = parameter.stated.get("in") == "body"
        label = "request" if in_body else f"parameter {short(parameter.name)}"
        yield from _of_value(reader, parameter.stated, label, parameter.place)
    if "requestBody" in stated:
        where = (*place, "requestBody")
        body = reader.resolved(stated["requestBody"], where)
        yield from _of_content(reader, body, "request", where)
    for code, answer, where in reader.items(stated.get("responses"), (*place, "responses")):
        if not code.startswith("x-"):
            response, label = reader.resolved(answer, where), short(code)
            yield from _of_content(reader, response, label, where)
            if "swagger" in reader.data:
                for name, _, _ in reader.items(response.get("examples"), (*where, "examples")):
                    yield f"{label} {short(name)}"
                yield from _of_schema(reader, response, label, where)


def _of_content(reader: Reader, holder: dict[Any, Any], label: str, place: Path) -> Iterator[str]:
    for media, stated, where in reader.items(holder.get("content"), (*place, "content")):
        yield from _of_value(reader, reader.resolved(stated, where), f"{label} {short(media)}", where)


def _of_value(reader: Reader, stated: dict[Any, Any], label: str, place: Path) -> Iterator[str]:
    """The named examples of a parameter or media type, or else the one without a name."""
    if stated.get("examples"):
        for name, _, _ in reader.items(stated["examples"], (*place, "examples")):
            yield f"{label} {short(name)}"
    elif "example" in stated:
        yield label
    else:
        yield from _of_schema(reader, stated, label, place)


def _of_schema(reader: Reader, stated: dict[Any, Any], label: str, place: Path) -> Iterator[str]:
    """`label` if the schema has an example of its own."""
    schema = stated.get("schema")
    if isinstance(schema, dict):  # true and false are schemas too
        schema = reader.resolved(schema, (*place, "schema"))
        if "example" in schema or schema.get("examples"):
            yield label


def examples_of_messages(reader: Reader, messages: Iterable[tuple[str, Any, Path]]) -> tuple[str, ...]:
    """The names of the examples of AsyncAPI messages, which come as (name or empty, value, place)."""
    return _distinct(_of_messages(reader, messages))


def _of_messages(reader: Reader, messages: Iterable[tuple[str, Any, Path]]) -> Iterator[str]:
    for key, value, place in messages:
        message = reader.resolved(value, place)
        name = message.get("name")
        label = short(name if isinstance(name, str) else key or last_step(value)) or "message"
        for entry, where in reader.entries(message.get("examples"), (*place, "examples")):
            name = reader.mapping(entry, where).get("name")
            yield f"{label} {short(name)}" if isinstance(name, str) else label


def last_step(value: Any) -> str:
    """What a reference calls the part that it leads to, empty where there is no reference."""
    target = value.get("$ref") if isinstance(value, dict) else None
    # A reference may be long, and many operations may share it.
    last = target[-2 * LONGEST_PATH :].rsplit("/", 1)[-1] if isinstance(target, str) else ""
    return last.replace("~1", "/").replace("~0", "~")


def _distinct(names: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(short(name) for name in islice(names, MOST_EXAMPLES)))


def short(name: str) -> str:
    """As much of a name as is kept."""
    return name[:LONGEST_NAME]
