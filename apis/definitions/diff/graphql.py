"""Compares two GraphQL schemas, by the rules of graphql-js's findBreakingChanges and findDangerousChanges.

Fields of the root types are operations: their changes name the operation, all others the type.
"""

from graphql import DocumentNode

from apis.definitions.diff.changes import ABSENT, Changes
from apis.definitions.diff.graphql_types import Field, Type, fits, types_of
from apis.definitions.diff.operations import compare_operations
from apis.definitions.diff.scope import Scope
from apis.definitions.graphql_sdl import all_operations, root_types

Roots = dict[str, str]


def compare_graphql(changes: Changes, old: DocumentNode, new: DocumentNode) -> None:
    """Notes every difference."""
    # Fields of the root types that came, went or were deprecated.
    compare_operations(changes, all_operations(old), all_operations(new))
    old_roots, new_roots = roots_of(old), roots_of(new)
    old_types, new_types = types_of(old), types_of(new)
    scope = Scope(changes)
    for name in sorted(old_types.keys() | new_types.keys()):
        root = new_roots.get(name) if old_roots.get(name) == new_roots.get(name) else None
        if name not in new_types:
            if name not in old_roots:
                scope.add("graphql-type-removed", f"The type {name[:100]} is gone.", (name,), old=name)
        elif name not in old_types:
            if name not in new_roots:
                scope.add("graphql-type-added", f"There is a new type {name[:100]}.", (name,), new=name)
        else:
            compare_types(changes, name, old_types[name], new_types[name], root)
    compare_renamed_roots(changes, (old_roots, old_types), (new_roots, new_types))


def roots_of(document: DocumentNode) -> Roots:
    """Name of the type -> QUERY, MUTATION or SUBSCRIPTION."""
    return {name: operation.name for operation, name in root_types(document).items()}


def compare_renamed_roots(
    changes: Changes, old: tuple[Roots, dict[str, Type]], new: tuple[Roots, dict[str, Type]]
) -> None:
    """Root types with another name are the same ones."""
    names = {method: name for name, method in new[0].items()}
    for name, method in old[0].items():
        other = names.get(method)
        if other not in (None, name) and name in old[1] and other in new[1]:
            compare_fields(changes, str(other), old[1][name], new[1][str(other)], method)


def compare_types(changes: Changes, name: str, old: Type, new: Type, root: str | None) -> None:
    """One type, before and after."""
    scope = Scope(changes)
    if old.kind != new.kind:
        message = f"{name[:100]} is of the kind {new.kind} instead of {old.kind}."
        scope.add("graphql-kind-changed", message, (name,), old=old.kind, new=new.kind)
        return
    if old.kind == "directive":
        compare_inputs(scope, (name,), old.fields, new.fields)
    elif old.kind == "input":
        compare_inputs(scope, (name,), old.fields, new.fields, "graphql-field")
    else:
        compare_fields(changes, name, old, new, root)
    compare_values(scope, name, old, new)
    compare_members(scope, name, old, new)


def compare_fields(changes: Changes, name: str, old: Type, new: Type, root: str | None) -> None:
    """The fields of a type; those of a root type are known as operations already."""
    for field in sorted(old.fields.keys() | new.fields.keys()):
        scope = Scope(changes, f"{root} {field}" if root else "")
        before, after = old.fields.get(field), new.fields.get(field)
        place = (name, field)
        if after is None or before is None:
            if not root:
                note_field(scope, place, before)
            continue
        if after.deprecated and not before.deprecated and not root:
            note_deprecated(scope, place)
        if before.type_text != after.type_text:
            note_type(scope, place, before, after, compatible=fits(after.type, before.type))
        compare_inputs(scope, place, before.arguments, after.arguments)


def note_field(scope: Scope, place: tuple[str, str], before: Field | None) -> None:
    """A field that went, or came."""
    name = ".".join(place)[:200]
    if before is None:
        scope.add("graphql-field-added", f"There is a new field {name}.", place, new=name)
    else:
        scope.add("graphql-field-removed", f"The field {name} is gone.", place, old=name)


def note_type(scope: Scope, place: tuple[str, ...], before: Field, after: Field, *, compatible: bool) -> None:
    """Another type of a field or argument."""
    code = "graphql-type-compatible" if compatible else "graphql-type-changed"
    old, new = before.type_text, after.type_text
    message = f"{'.'.join(place)[:200]} is {new[:100]} instead of {old[:100]}."
    scope.add(code, message, place, old=old, new=new)


def note_deprecated(scope: Scope, place: tuple[str, ...]) -> None:
    """Something is no longer recommended."""
    scope.add("graphql-deprecated", f"{'.'.join(place)[:200]} is deprecated now.", place, old=False, new=True)


def compare_inputs(
    scope: Scope,
    place: tuple[str, ...],
    old: dict[str, Field],
    new: dict[str, Field],
    kind: str = "graphql-argument",
) -> None:
    """Arguments or input fields: what consumers give."""
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        where = (*place, name)
        called = ".".join(where)[:200]
        if after is None:
            scope.add(f"{kind}-removed", f"{called} is gone.", where, old=called)
        elif before is None:
            code = "graphql-required-input-added" if after.required else f"{kind}-added"
            state = "required" if after.required else "optional"
            scope.add(code, f"{called} is new and {state}.", where, new=after.type_text)
        else:
            compare_input(scope, where, before, after)


def compare_input(scope: Scope, place: tuple[str, ...], old: Field, new: Field) -> None:
    """One argument or input field, before and after."""
    if new.deprecated and not old.deprecated:
        note_deprecated(scope, place)
    if old.type_text != new.type_text:
        note_type(scope, place, old, new, compatible=fits(old.type, new.type))
    if new.required and not old.required and old.type_text == new.type_text:
        message = f"{'.'.join(place)[:200]} has no default any more and has to be given."
        scope.add("graphql-required-input-added", message, place, old=old.default)
    elif old.default != new.default:
        message = f"{'.'.join(place)[:200]} has another default."
        before, after = old.default or ABSENT, new.default or ABSENT
        scope.add("graphql-default-changed", message, place, old=before, new=after)


def compare_values(scope: Scope, name: str, old: Type, new: Type) -> None:
    """The values of an enum."""
    for value in sorted(old.values.keys() | new.values.keys()):
        place = (name, value)
        if value not in new.values:
            scope.add("graphql-value-removed", f"{'.'.join(place)[:200]} is gone.", place, old=value)
        elif value not in old.values:
            scope.add("graphql-value-added", f"{'.'.join(place)[:200]} is new.", place, new=value)
        elif new.values[value] and not old.values[value]:
            note_deprecated(scope, place)


def compare_members(scope: Scope, name: str, old: Type, new: Type) -> None:
    """The types of a union, or the interfaces of a type."""
    for member in sorted(old.members - new.members):
        message = f"{name[:100]} and {member[:100]} no longer belong together."
        scope.add("graphql-member-removed", message, (name, member), old=member)
    for member in sorted(new.members - old.members):
        message = f"{name[:100]} and {member[:100]} belong together now."
        scope.add("graphql-member-added", message, (name, member), new=member)
