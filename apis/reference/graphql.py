"""A GraphQL document that asks for one field, written from the types that it leads to."""

import json
from typing import Any

from .merged import Book, Node
from .samples import Sampler

MOST_DEPTH = 2
MOST_FIELDS = 12


def query_of(method: str, name: str, body: dict[str, Any], book: Book) -> tuple[str, dict[str, Any]]:
    """The query with its variables: arguments that must be given, and the plain fields of what comes back."""
    sampler = Sampler(book, sent=True)
    arguments = [each for each in body.get("parameters", ()) if each.get("required")]
    arguments = arguments or list(body.get("parameters", ()))[:1]
    variables = {each["name"]: sampler.value(each["schema"]) for each in arguments}
    declared = ", ".join(f"${each['name']}: {each['schema'].get('shown', 'String')}" for each in arguments)
    given = ", ".join(f"{each['name']}: ${each['name']}" for each in arguments)
    answer: Node = next(
        (media["schema"] for each in body.get("responses", ()) for media in each["media"]), {}
    )
    head = f"{method.lower()} ({declared})" if declared else method.lower()
    call = f"{name}({given})" if given else name
    return f"{head} {{\n  {call}{_selection(answer, book, '  ', 0)}\n}}", json.loads(json.dumps(variables))


def _selection(node: Node, book: Book, indent: str, depth: int) -> str:
    """The fields of an object type in braces; nothing for a scalar."""
    whole = book.whole(_innermost(node, book))
    fields = whole.get("properties", {})
    if not fields:
        return " {\n" + indent + "  __typename\n" + indent + "}" if whole.get("oneOf") else ""
    lines = []
    for name, each in list(fields.items())[:MOST_FIELDS]:
        inner = book.whole(_innermost(each, book))
        if each.get("arguments"):
            continue
        if inner.get("properties") or inner.get("oneOf"):
            if depth < MOST_DEPTH:
                lines.append(f"{indent}  {name}{_selection(each, book, indent + '  ', depth + 1)}")
        else:
            lines.append(f"{indent}  {name}")
    return " {\n" + "\n".join(lines or [f"{indent}  __typename"]) + "\n" + indent + "}"


def _innermost(node: Node, book: Book) -> Node:
    """The type inside lists."""
    for _ in range(5):
        if not isinstance(node.get("items"), dict):
            break
        node = node["items"]
    return node
