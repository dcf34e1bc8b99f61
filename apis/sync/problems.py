"""SyncProblem rows of one object: what is wrong with it now, and nothing else."""

from collections.abc import Iterable

from django.utils import timezone

from apis.models import SyncProblem
from apis.sources import ObjectRef, Problem

SHOWN = ("message", "remedy", "origin")


def keep(ref: ObjectRef, problems: Iterable[Problem]) -> list[str]:
    """Record exactly these problems of the object; what is mended goes. Returns what was not said before, in sentences."""
    wanted = by_field(problems)
    recorded = {row.field: row for row in of_object(ref)}
    for field in recorded.keys() - wanted.keys():
        recorded[field].delete()
    news: list[str] = []
    for field, problem in wanted.items():
        row = recorded.get(field) or SyncProblem(
            cluster=ref.cluster, kind=ref.kind, namespace=ref.namespace, object_name=ref.name, field=field
        )
        if row.message != problem["message"]:
            news.append(
                " ".join(part for part in (f"{field}:", problem["message"], problem["remedy"]) if part)
            )
        _write(row, ref, problem)
    return news


def of_object(ref: ObjectRef) -> Iterable[SyncProblem]:
    return SyncProblem.objects.filter(
        cluster=ref.cluster, kind=ref.kind, namespace=ref.namespace, object_name=ref.name
    )


def by_field(problems: Iterable[Problem]) -> dict[str, dict[str, str]]:
    """One row per field: what several problems of a field say stands line by line."""
    fields: dict[str, dict[str, str]] = {}
    for problem in problems:
        said = {
            "message": problem.message[:2000],
            "remedy": problem.remedy[:1000],
            "origin": problem.origin[:500],
        }
        held = fields.setdefault(problem.field[:200], said)
        if held is not said and said["message"] not in held["message"]:
            held["message"] += f"\n{said['message']}"
    return fields


def _write(row: SyncProblem, ref: ObjectRef, said: dict[str, str]) -> None:
    """Nothing is written while the problem stays as it is: an unchanged cluster costs no write."""
    unchanged = all(getattr(row, name) == said[name] for name in SHOWN)
    if row.pk and unchanged and (row.uid, row.generation) == (ref.uid, ref.generation):
        return
    for name in SHOWN:
        setattr(row, name, said[name])
    row.uid, row.generation, row.last_seen_at = ref.uid, ref.generation, timezone.now()
    row.save()
