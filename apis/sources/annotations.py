"""Annotations by which an object of somebody else's kind says what only Portico asks for."""

from dataclasses import dataclass

from apis.sources.fields import SLUG, SLUG_HINT, Fields, Report
from portal.kube import KubeObject

PREFIX = "portico.dev/"
VISIBILITIES = {"Public": "public", "Internal": "internal", "Team": "team"}
APPROVALS = {"Manual": "manual", "Automatic": "automatic"}


@dataclass(frozen=True, slots=True)
class Annotations:
    """`portico.dev/api`, `owner-team`, `plans` and `tags` (separated by commas), `visibility`, `approval`."""

    api: str
    owner_team: str
    visibility: str
    approval: str
    plans: tuple[str, ...]
    tags: tuple[str, ...]


def ours(obj: KubeObject) -> dict[str, object]:
    """The annotations that are Portico's, without their prefix. Others of the same name mean something else."""
    return {
        name.removeprefix(PREFIX): value for name, value in obj.annotations.items() if name.startswith(PREFIX)
    }


def annotations_of(obj: KubeObject, report: Report) -> Annotations:
    """What the annotations say; wrong values become problems."""
    stated = ours(obj)
    for name in ("plans", "tags"):
        value = stated.get(name)
        if isinstance(value, str):
            stated[name] = [entry.strip() for entry in value.split(",") if entry.strip()]
    fields = Fields(stated, "metadata.annotations", report)
    return Annotations(
        api=fields.text("api", like=SLUG, hint=SLUG_HINT),
        owner_team=fields.text("owner-team", like=SLUG, hint=SLUG_HINT),
        visibility=fields.choice("visibility", VISIBILITIES, "internal"),
        approval=fields.choice("approval", APPROVALS, "manual"),
        plans=fields.texts("plans", most=20, like=SLUG, hint=SLUG_HINT),
        tags=fields.texts("tags", most=20, longest=40),
    )
