"""References inside a document: followed within it, never out of it."""

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from apis.definitions.reader import Path, Reader

# The last step and the way to it. Paths of their own for each of many deep parts would take too much memory.
Way = tuple[Any, Any]
NESTED = (dict, list)


def pointed_at(data: Any, target: str) -> Any:
    """What a local JSON pointer (RFC 6901, `#/…`) names in the document; None if nothing, or if it is another document."""
    if not target.startswith("#/"):
        return data if target == "#" else None
    value = data
    for raw in target[2:].split("/"):
        value = entry_of(value, unquote(raw).replace("~1", "/").replace("~0", "~"))
        if value is None:
            return None
    return value


def entry_of(value: Any, step: str) -> Any:
    """The part of a mapping or list that one step of a pointer names, None if there is none."""
    if isinstance(value, dict):
        return value.get(step, value.get(int(step)) if is_index(step) else None)
    if isinstance(value, list) and is_index(step) and int(step) < len(value):
        return value[int(step)]
    return None


def is_index(step: str) -> bool:
    """Whether a step may be the number of a list's entry, or an integer key such as an answer code."""
    return step.isascii() and step.isdecimal() and len(step) < 9


def check_refs(reader: "Reader") -> None:
    """Finds references that lead nowhere or out of the document. Parts that are shared by aliases are walked once."""
    waiting: list[tuple[Any, Way | None]] = [(reader.data, None)]
    seen: set[int] = set()
    while waiting and not reader.is_full:
        value, way = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, dict):
            # A property may be called "$ref"; then its value is a schema and means nothing here.
            if isinstance(target := value.get("$ref"), str):
                check_ref(reader, target, way)
            waiting += [(entry, (way, key)) for key, entry in value.items() if type(entry) in NESTED]
        else:
            waiting += [(entry, (way, index)) for index, entry in enumerate(value) if type(entry) in NESTED]


def check_ref(reader: "Reader", target: str, way: Way | None) -> None:
    """Finds one reference that leads nowhere or out of the document."""
    if not target.startswith("#"):
        message = f"$ref {target[:200]} leaves the document and is not followed"
        reader.find("external-ref", message, (*path_of(way), "$ref"))
    elif target.startswith("#/") and reader.pointed(target) is None:
        reader.find("broken-ref", f"$ref {target[:200]} leads nowhere", (*path_of(way), "$ref"))


def path_of(way: Way | None) -> "Path":
    """The steps of a way, from the document down."""
    steps: list[str | int] = []
    while way is not None:
        way, step = way
        steps.append(step)
    return tuple(reversed(steps))
