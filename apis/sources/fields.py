"""Careful access to the fields of an object. A wrong field becomes a Problem with its path; reading then goes on."""

import re
from collections.abc import Iterable, Mapping
from re import Pattern
from typing import Any

from apis.sources.published import Condition, ObjectRef, Problem
from portal.kube import KubeObject

SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
SLUG_HINT = "Use lower-case letters, digits and hyphens, at most 63 characters."
VERSION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
VERSION_HINT = "Use letters, digits, dots, hyphens and underscores, such as v1 or 2.3.0."

ABSENT: Mapping[str, Any] = {}


class Report:
    """Collects the problems of one object."""

    def __init__(self, obj: KubeObject) -> None:
        self.ref = ref_of(obj)
        self._origin = obj.origin
        self._problems: dict[str, Problem] = {}

    def add(self, field: str, message: str, remedy: str) -> None:
        """Notes a problem; the first one of a field counts."""
        problem = Problem(self.ref, field[:200], message, remedy, self._origin)
        self._problems.setdefault(problem.field, problem)

    @property
    def problems(self) -> tuple[Problem, ...]:
        return tuple(self._problems.values())


def ref_of(obj: KubeObject) -> ObjectRef:
    """The reference to an object."""
    return ObjectRef(
        cluster=obj.cluster,
        kind=str(obj.kind),
        namespace=obj.namespace,
        name=obj.name,
        uid=obj.uid,
        generation=obj.generation,
    )


def shown(value: Any) -> str:
    """A value as a message may quote it."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


class Fields:
    """A mapping inside an object. Absent and null fields have their default, as in Kubernetes."""

    __slots__ = ("path", "report", "values")

    def __init__(self, value: Any, path: str, report: Report) -> None:
        self.path = path
        self.report = report
        self.values: Mapping[Any, Any] = ABSENT
        if isinstance(value, dict):
            self.values = value
        elif value is not None:
            self.wrong("", value, "a mapping")

    def at(self, name: str) -> str:
        """The path of a field."""
        return f"{self.path}.{name}" if name else self.path

    def has(self, name: str) -> bool:
        """Whether the field is given."""
        return self.values.get(name) is not None

    def wrong(self, name: str, value: Any, wanted: str, remedy: str = "") -> None:
        """Notes a field that is not what is wanted."""
        remedy = remedy or f"Give {wanted}."
        self.report.add(self.at(name), f"{self.at(name)} is {shown(value)}, which is not {wanted}", remedy)

    def missing(self, name: str, remedy: str) -> None:
        """Notes a field that has to be there."""
        self.report.add(self.at(name), f"{self.at(name)} is missing", remedy)

    def text(
        self,
        name: str,
        default: str = "",
        *,
        most: int = 300,
        like: Pattern[str] | None = None,
        hint: str = "",
    ) -> str:
        """A text of limited length, and of a pattern if one is given."""
        value = self.values.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            self.wrong(name, value, "text", "Put it in quotes." if isinstance(value, int | float) else "")
        elif len(value) > most:
            self.wrong(name, value, f"at most {most:,} characters long", "Make it shorter.")
        elif like and not like.fullmatch(value):
            self.wrong(name, value, "of the right form", hint)
        else:
            return value
        return default

    def choice(self, name: str, choices: Mapping[str, str], default: str) -> str:
        """One of a few words, as the word that Portico uses for it."""
        value = self.values.get(name)
        if value is None:
            return default
        if isinstance(value, str) and value in choices:
            return choices[value]
        self.wrong(name, value, "one of " + ", ".join(choices))
        return default

    def flag(self, name: str, *, default: bool = False) -> bool:
        """True or false."""
        value = self.values.get(name)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        self.wrong(name, value, "true or false")
        return default

    def number(self, name: str, default: int | None = None, *, least: int = 1, most: int) -> int | None:
        """A whole number within limits."""
        value = self.values.get(name)
        if value is None:
            return default
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self.wrong(name, value, f"a whole number from {least:,} to {most:,}")
        return default

    def texts(
        self, name: str, *, most: int, like: Pattern[str] | None = None, hint: str = "", longest: int = 100
    ) -> tuple[str, ...]:
        """A list of distinct texts."""
        values = self.entries(name, most)
        if all(
            isinstance(entry, str) and len(entry) <= longest and (like is None or like.fullmatch(entry))
            for entry in values
        ):
            return tuple(dict.fromkeys(text for text in values if text))
        listed = Fields({str(index): entry for index, entry in enumerate(values)}, self.at(name), self.report)
        found = (listed.text(str(index), most=longest, like=like, hint=hint) for index in range(len(values)))
        return tuple(dict.fromkeys(text for text in found if text))

    def entries(self, name: str, most: int) -> list[Any]:
        """A list of limited length; anything else counts as an empty one."""
        value = self.values.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self.wrong(name, value, "a list")
        elif len(value) > most:
            self.report.add(self.at(name), f"{self.at(name)} has more than {most} entries", "Leave some out.")
        else:
            return value
        return []

    def section(self, name: str) -> "Fields":
        """A mapping inside this one, empty if it is not given."""
        return Fields(self.values.get(name), self.at(name), self.report)

    def sections(self, name: str, most: int) -> Iterable["Fields"]:
        """The mappings of a list."""
        for index, entry in enumerate(self.entries(name, most)):
            if entry is None:
                self.wrong(f"{name}[{index}]", entry, "a mapping")
            yield Fields(entry, f"{self.at(name)}[{index}]", self.report)


def conditions_of(obj: KubeObject) -> tuple[Condition, ...]:
    """The conditions in the object's status. What is malformed there is its controller's affair, and left out."""
    status = obj.body.get("status")
    stated = status.get("conditions") if isinstance(status, dict) else None
    found = []
    for entry in stated[:32] if isinstance(stated, list) else ():
        if isinstance(entry, dict) and all(plain_text(entry.get(name)) for name in ("type", "status")):
            generation = entry.get("observedGeneration")
            found.append(
                Condition(
                    type=entry["type"],
                    status=entry["status"],
                    reason=plain_text(entry.get("reason")),
                    message=plain_text(entry.get("message")),
                    observed_generation=generation if type(generation) is int else None,
                )
            )
    return tuple(found)


def plain_text(value: Any, most: int = 2_000) -> str:
    """A text of limited length, empty for anything else."""
    return value[:most] if isinstance(value, str) else ""
