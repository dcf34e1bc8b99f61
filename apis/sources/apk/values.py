"""Parts of objects that somebody else's controller has checked: what is malformed all the same counts as absent."""

from typing import Any

MOST = 100
DEPTH = 8


def mapping(value: Any) -> dict[Any, Any]:
    """A mapping, empty for anything else."""
    return value if isinstance(value, dict) else {}


def mappings(values: dict[Any, Any], name: str) -> list[dict[Any, Any]]:
    """The mappings of a list inside a mapping, the first hundred of them."""
    listed = values.get(name)
    return [entry for entry in listed[:MOST] if isinstance(entry, dict)] if isinstance(listed, list) else []


def texts(values: dict[Any, Any], name: str) -> tuple[str, ...]:
    """The distinct texts of a list inside a mapping, the first hundred of them."""
    listed = values.get(name)
    entries = listed[:MOST] if isinstance(listed, list) else []
    return tuple(
        dict.fromkeys(entry for entry in entries if isinstance(entry, str) and 0 < len(entry) <= 300)
    )


def merged(lower: Any, upper: Any, depth: int = DEPTH) -> Any:
    """The upper value over the lower one, mappings field by field."""
    if not (isinstance(lower, dict) and isinstance(upper, dict) and depth):
        return lower if upper is None else upper
    return lower | {name: merged(lower.get(name), value, depth - 1) for name, value in upper.items()}
