"""Definitions of APIs: text in, what it describes out. No database, no network, no Django.

`parse` is lenient: an imperfect document gives findings. Only text that is none of the known languages raises Invalid
(as `portal.safeyaml.BadYaml`, whose `line` says where).
"""

import json
import re
from typing import Any

import yaml

from apis.definitions.asyncapi import parse_asyncapi
from apis.definitions.graphql_sdl import parse_graphql
from apis.definitions.openapi import parse_openapi
from apis.definitions.parsed import Definition, Finding, Operation, Server
from apis.definitions.protobuf import is_protobuf, parse_protobuf
from apis.definitions.reader import Reader
from apis.definitions.refs import NESTED
from apis.definitions.wsdl import parse_wsdl
from portal import safeyaml
from portal.errors import Invalid

__all__ = ["Definition", "Finding", "Operation", "Server", "load", "parse", "to_json", "to_yaml"]

KNOWN_KEY = re.compile(r"""^["']?(openapi|swagger|asyncapi)["']?\s*:""", re.MULTILINE)
SDL = re.compile(
    r"^[ \t]*(extend\s+)?(type|schema|interface|union|enum|input|scalar|directive)\b(?!\s*:)", re.MULTILINE
)
RELEASE = re.compile(r"(\d{1,2})\.(\d{1,3})")

REMEDY = "Give an OpenAPI 2 or 3, AsyncAPI 2 or 3, GraphQL SDL, WSDL 1.1 or protobuf document."


def parse(text: str) -> Definition:
    """What the text describes. Raises Invalid for text that is no definition; `line` of the error says where."""
    check_size(text)
    if is_xml(text):
        return parse_wsdl(text)
    if not KNOWN_KEY.search(text) and is_protobuf(text):
        return parse_protobuf(text)
    if is_graphql(text):
        return parse_graphql(text)
    data = load(text)
    reader = Reader(data, text)
    release = release_of(data)
    if "asyncapi" in data:
        return parse_asyncapi(reader, release)
    return parse_openapi(reader, release)


def load(text: str) -> dict[Any, Any]:
    """The OpenAPI or AsyncAPI document as plain objects. Raises Invalid for anything else."""
    data = safeyaml.load(text)
    if not isinstance(data, dict) or not data.keys() & {"openapi", "swagger", "asyncapi"}:
        raise safeyaml.BadYaml(
            "This is neither OpenAPI, AsyncAPI, GraphQL, WSDL nor protobuf", line=1, remedy=REMEDY
        )
    return data


def to_json(text: str) -> str:
    """The same definition as JSON. Raises Invalid for GraphQL, which has no JSON form."""
    return json.dumps(convertible(text), indent=2, ensure_ascii=False) + "\n"


def to_yaml(text: str) -> str:
    """The same definition as YAML. Raises Invalid for GraphQL, which has no YAML form."""
    return yaml.dump(convertible(text), Dumper=PlainDumper, sort_keys=False, allow_unicode=True, width=120)


class PlainDumper(yaml.CSafeDumper):
    """Writes repeated parts out: anchors mean nothing to readers of definitions."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def convertible(text: str) -> Any:
    """The document with every key as text, as JSON wants it and OpenAPI means it."""
    check_size(text)
    if is_graphql(text):
        raise Invalid("A GraphQL schema has only one form", remedy="Download it as it is.")
    return text_keys(load(text))


def text_keys(value: Any) -> Any:
    """The same data with text for every key. The reader has limited depth and size already."""
    # Most values hold nothing: a call for each would take twice as long.
    if isinstance(value, dict):
        return {
            str(key): text_keys(entry) if type(entry) in NESTED else entry for key, entry in value.items()
        }
    if isinstance(value, list):
        return [text_keys(entry) if type(entry) in NESTED else entry for entry in value]
    return value


def is_graphql(text: str) -> bool:
    """Whether the text is to be read as GraphQL SDL."""
    return not text.lstrip().startswith("{") and not KNOWN_KEY.search(text) and bool(SDL.search(text))


def is_xml(text: str) -> bool:
    """Whether the text is XML, which here can only be WSDL."""
    return text[:1000].removeprefix("\ufeff").lstrip().startswith("<")


def check_size(text: str) -> None:
    """Refuses text over 20 MB or with characters that cannot be stored, before anything looks at it."""
    if len(text) > safeyaml.MAX_BYTES:
        raise safeyaml.BadYaml(
            "The definition is larger than 20 MB", remedy="Split it, or leave out examples."
        )
    if found := safeyaml.UNSTORABLE.search(text):
        character = f"the character U+{ord(found.group()):04X} cannot be stored"
        line = text.count("\n", 0, found.start()) + 1
        raise safeyaml.BadYaml(character, line=line, remedy="Take it out.")


def release_of(data: dict[Any, Any]) -> str:
    """Major and minor version of the language, "2.0" for Swagger."""
    name = next(key for key in ("openapi", "swagger", "asyncapi") if key in data)
    stated = RELEASE.match(str(data[name]))
    known = {"openapi": ("3",), "swagger": ("2",), "asyncapi": ("2", "3")}[name]
    if stated and stated.group(1) in known:
        return f"{stated.group(1)}.{stated.group(2)}"
    message = f"{name} {str(data[name])[:40]!r} is not a version that Portico reads"
    raise safeyaml.BadYaml(message, line=1, remedy=REMEDY)
