"""What the catalog shows of an Api without a join: its current version, that version's words, and how it is found."""

import re
from collections.abc import Sequence

from django.contrib.postgres.search import SearchVector
from django.db import connection
from django.db.models import TextField, Value
from django.db.models.expressions import Combinable
from django.utils import timezone
from django.utils.text import slugify

from .models import Api, ApiVersion, Plan, Publication

SEARCH_CONFIG = "english"
SLUG_LENGTH = 63
# A tsvector holds at most 1 MB; nobody searches for the thousandth operation.
INDEXED_OPERATIONS = 500
INDEXED_TEXT = 20_000
PRESENTED = ("name", "summary", "description", "type", "contact", "visibility", "tags")

_RANK = {
    Publication.PUBLISHED: 5,
    Publication.BLOCKED: 4,
    Publication.DEPRECATED: 3,
    Publication.DISCOVERED: 2,
    Publication.RETIRED: 1,
    Publication.REJECTED: 0,
}


def refresh(api: Api) -> Api:
    """Choose the current version anew and show what it says. Called in the transaction of every change of a version."""
    api = Api.objects.select_for_update(of=("self",)).select_related("team").get(pk=api.pk)
    api.current_version = current_of(list(api.versions.all()))
    for name, value in (api.current_version.presentation if api.current_version else {}).items():
        setattr(api, name, value)
    api.search_text, api.updated_at = search_text(api), timezone.now()
    shown = {
        name: getattr(api, name) for name in ("current_version", "search_text", "updated_at", *PRESENTED)
    }
    Api.objects.filter(pk=api.pk).update(**shown, search=_search_vector(api))
    return api


def index_names(ids: Sequence[int]) -> None:
    """Make APIs of a first load found by their names, summaries and tags; the rest follows with their definitions."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE apis_api SET search = setweight(to_tsvector(%s, name || ' ' || replace(key, '-', ' ')), 'A') || "
            "setweight(to_tsvector(%s, summary || ' ' || array_to_string(tags, ' ')), 'B') WHERE id = ANY(%s)",
            [SEARCH_CONFIG, SEARCH_CONFIG, list(ids)],
        )


def search_text(api: Api) -> str:
    """The words that typing errors are compared with."""
    return " ".join([api.name, api.slug, api.key, api.summary, *api.tags, _team_name(api)])[:2000]


def _team_name(api: Api) -> str:
    return api.team.name if api.team else ""


def current_of(versions: list[ApiVersion]) -> ApiVersion | None:
    """The one to show first: still in the cluster, published rather than not, then the highest version."""
    return max(
        versions,
        key=lambda row: (
            row.withdrawn_at is None,
            _RANK[Publication(row.status)],
            version_order(row.version),
            row.pk,
        ),
        default=None,
    )


def version_order(version: str) -> tuple[list[int], bool, str]:
    """Sorts v2 before v10, and 2.0.0-beta before 2.0.0."""
    release, _, early = version.partition("-")
    return [int(part[:18]) for part in re.findall(r"\d+", release)], not early, version


def free_slug(model: type[Api] | type[Plan], *wishes: str) -> str:
    """The first wish that nobody has, else the last with a number."""
    slugs = [slugify(wish)[:SLUG_LENGTH].strip("-") or model.__name__.lower() for wish in wishes]
    for slug in slugs:
        if not model.objects.filter(slug=slug).exists():
            return slug
    base = slugs[-1][: SLUG_LENGTH - 7]
    taken = set(model.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    return next(slug for n in range(2, len(taken) + 3) if (slug := f"{base}-{n}") not in taken)


def _search_vector(api: Api) -> Combinable:
    operations: list[tuple[str, str, str]] = []
    if api.current_version:
        rows = api.current_version.operations.values_list("path", "operation_id", "summary")
        operations = list(rows[:INDEXED_OPERATIONS])
    words = re.sub(r"[/{}_.-]+", " ", " ".join(part for row in operations for part in row))
    parts = {
        "A": f"{api.name} {api.key.replace('-', ' ')}",
        "B": " ".join([api.summary, *api.tags, _team_name(api)]),
        "C": api.description[:INDEXED_TEXT],
        "D": words[:INDEXED_TEXT],
    }
    vectors = [
        SearchVector(Value(text, output_field=TextField()), weight=weight, config=SEARCH_CONFIG)
        for weight, text in parts.items()
    ]
    return vectors[0] + vectors[1] + vectors[2] + vectors[3]
