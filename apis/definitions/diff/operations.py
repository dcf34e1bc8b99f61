"""What the comparisons of all languages share: which operations are the same, and those that came or went."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, TypeVar

from apis.definitions.diff.changes import Changes
from apis.definitions.diff.scope import Scope
from apis.definitions.parsed import Operation

PLACEHOLDER = re.compile(r"\{[^{}]*\}")


class Called(Protocol):
    """What has a method and a path."""

    @property
    def method(self) -> str: ...

    @property
    def path(self) -> str: ...


Some = TypeVar("Some", bound=Called)


def label_of(operation: Called) -> str:
    """How people call an operation."""
    return f"{operation.method} {operation.path}"


def template_of(operation: Called) -> tuple[str, str]:
    """Method and path without the names of the placeholders."""
    return operation.method, PLACEHOLDER.sub("{}", operation.path)


def matched(changes: Changes, old: Iterable[Some], new: Iterable[Some]) -> Iterator[tuple[Some, Some]]:
    """The operations that are the same before and after, by their names; notes those that came or went.

    A path whose placeholders only have other names is the same path.
    """
    before, after = by_name(old), by_name(new)
    names = {name: name for name in before.keys() & after.keys()}
    left = {template_of(after[name]): name for name in sorted(after.keys() - names.keys())}
    for name in sorted(before.keys() - names.keys()):
        if other := left.pop(template_of(before[name]), None):
            names[name] = other
    for label in sorted(before.keys() - names.keys()):
        changes.add("operation-removed", f"The operation {label} is gone.", operation=label, old=label)
    for label in sorted(after.keys() - set(names.values())):
        changes.add("operation-added", f"There is a new operation {label}.", operation=label, new=label)
    for name in sorted(names):
        yield before[name], after[names[name]]


def by_name(operations: Iterable[Some]) -> Mapping[str, Some]:
    """The operations by how people call them; of equal ones the first."""
    found: dict[str, Some] = {}
    for operation in operations:
        found.setdefault(label_of(operation), operation)
    return found


def note_renamed(scope: Scope, old: Called, new: Called) -> None:
    """Placeholders with other names."""
    if old.path != new.path:
        message = f"{old.path} is now written {new.path}."
        scope.add("path-parameter-renamed", message, old=old.path, new=new.path)


def note_deprecation(scope: Scope, old: bool, new: bool) -> None:
    """Whether the operation is still recommended."""
    if new and not old:
        message = f"{scope.operation} is deprecated now."
        scope.add("operation-deprecated", message, ("deprecated",), old=old, new=new)
    elif old and not new:
        message = f"{scope.operation} is no longer deprecated."
        scope.add("operation-restored", message, ("deprecated",), old=old, new=new)


def note_scopes(scope: Scope, old: Iterable[str], new: Iterable[str]) -> None:
    """Scopes that a token needs more, or less."""
    before, after = set(old), set(new)
    for name in sorted(after - before):
        scope.add("scope-added", f"The scope {name[:100]} is needed now.", ("security",), new=name)
    for name in sorted(before - after):
        scope.add("scope-removed", f"The scope {name[:100]} is no longer needed.", ("security",), old=name)


def compare_operations(changes: Changes, old: Iterable[Operation], new: Iterable[Operation]) -> None:
    """Notes what can be said of definitions in any language, WSDL and protobuf among them."""
    for before, after in matched(changes, old, new):
        scope = Scope(changes, label_of(after))
        note_deprecation(scope, before.deprecated, after.deprecated)
        note_scopes(scope, before.scopes, after.scopes)
