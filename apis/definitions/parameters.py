"""Parameters of OpenAPI operations, held against the path that they belong to."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from apis.definitions.reader import LONGEST_NAME, LONGEST_PATH, Path, Reader

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


class Parameter(NamedTuple):
    """A parameter and where it stands. `stated` is empty where a reference leads nowhere."""

    name: str
    place: Path
    stated: dict[Any, Any]

    @property
    def is_in_path(self) -> bool:
        return self.stated.get("in") == "path" and bool(self.name)


def stated_parameters(reader: Reader, holder: dict[Any, Any], place: Path) -> list[Parameter]:
    """The parameters of an operation, or those that a path states for all of its operations."""
    return [
        Parameter(name if isinstance(name := stated.get("name"), str) else "", where, stated)
        for entry, where in reader.entries(holder.get("parameters"), (*place, "parameters"))
        for stated in (reader.resolved(entry, where),)
    ]


def check_parameters(reader: Reader, path: str, parameters: Sequence[Parameter], place: Path) -> None:
    """Finds what only the path or only the parameters of one operation name."""
    if len(path) > LONGEST_PATH or reader.is_full:
        return
    # AWS marks the placeholder that takes the rest of the path: {proxy+}.
    in_template = {found.rstrip("+*") for found in PLACEHOLDER.findall(path)}
    stated = [parameter for parameter in parameters if parameter.is_in_path]
    for parameter in stated:
        if parameter.name not in in_template:
            name = parameter.name[:LONGEST_NAME]
            message = f"The path parameter {name} is declared, but the path {path} has no {{{name}}}"
            reader.find("unknown-path-parameter", message, parameter.place)
    if all(parameter.stated for parameter in parameters):
        for name in sorted(in_template - {parameter.name for parameter in stated}):
            message = f"The path {path} has {{{name}}}, but no parameter declares it"
            reader.find("undeclared-path-parameter", message, place)
