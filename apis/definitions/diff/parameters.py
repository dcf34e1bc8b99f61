"""Compares the parameters of two operations."""

from apis.definitions.diff.changes import Direction
from apis.definitions.diff.facts import Steps
from apis.definitions.diff.scope import Scope
from apis.definitions.diff.views import Parameter, View


def compare_parameters(scope: Scope, old: View, new: View) -> None:
    """Parameters that came, went, moved or changed. Those of the path are matched by position."""
    gone = {key: entry for key, entry in old.parameters.items() if key not in new.parameters}
    come = {key: entry for key, entry in new.parameters.items() if key not in old.parameters}
    names = {entry.name.lower(): key for key, entry in come.items()}
    for parameter in gone.values():
        key = names.get(parameter.name.lower())
        moved = come.get(key) if key else None
        if key is None or moved is None or moved.location == parameter.location:
            note_removed(scope, parameter)
        else:
            del come[key]
            message = f"{named(parameter)} is now a {moved.location} parameter."
            scope.add("parameter-moved", message, place_of(moved), old=parameter.location, new=moved.location)
    for parameter in come.values():
        note_added(scope, parameter)
    for key, parameter in old.parameters.items():
        if key in new.parameters:
            compare_parameter(scope, parameter, new.parameters[key])


def note_removed(scope: Scope, parameter: Parameter) -> None:
    """Path parameters belong to the path: one that is no longer described is still there."""
    if parameter.location != "path":
        scope.add(
            "parameter-removed", f"{named(parameter)} is gone.", place_of(parameter), old=parameter.name
        )


def note_added(scope: Scope, parameter: Parameter) -> None:
    """A description of what was always in the path asks for nothing new."""
    if parameter.location != "path":
        code = "required-parameter-added" if parameter.required else "optional-parameter-added"
        state = "required" if parameter.required else "optional"
        scope.add(code, f"{named(parameter)} is new and {state}.", place_of(parameter), new=parameter.name)


def compare_parameter(scope: Scope, old: Parameter, new: Parameter) -> None:
    """One parameter, before and after."""
    place = place_of(new)
    if new.required != old.required:
        code = "parameter-became-required" if new.required else "parameter-became-optional"
        state = "is required now" if new.required else "may be left out now"
        scope.add(code, f"{named(new)} {state}.", place, old=old.required, new=new.required)
    if old.style and new.style and old.style != new.style:
        message = f"{named(new)} is written as {new.style} instead of {old.style}."
        scope.add("parameter-style-changed", message, place, old=old.style, new=new.style)
    if new.deprecated and not old.deprecated:
        scope.add("parameter-deprecated", f"{named(new)} is deprecated now.", place, old=False, new=True)
    where = f"the {new.location} parameter `{new.name[:100]}`"
    # Swagger 2 writes the parameter and its schema in one; then its deprecation is no second change.
    scope.compare(old.schema, new.schema, Direction.REQUEST, (*place, "schema"), where)


def named(parameter: Parameter) -> str:
    """The beginning of a sentence about a parameter."""
    return f"The {parameter.location} parameter `{parameter.name[:100]}`"


def place_of(parameter: Parameter) -> Steps:
    """Where a parameter stands below its operation."""
    return ("parameters", parameter.location, parameter.name)
