"""What the catalog shows of an Api without a join: its current version, that version's words, and how it is found."""

import re
from collections.abc import Sequence

from django.db import connection
from django.db.models import Q
from django.db.models.functions import Left
from django.utils import timezone
from django.utils.text import slugify

from .models import Api, ApiVersion, DocsPage, Document, Plan, Publication

SEARCH_CONFIG = "english"
SLUG_LENGTH = 63
# A tsvector holds at most 1 MB; nobody searches for the thousandth operation.
INDEXED_OPERATIONS = 500
INDEXED_SCHEMAS = 500
INDEXED_TEXT = 20_000
# Letters of the text that typing errors are compared with.
COMPARED_TEXT = 2000
_JOINED = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
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
    api.updated_at = timezone.now()
    shown = {name: getattr(api, name) for name in ("current_version", "updated_at", *PRESENTED)}
    Api.objects.filter(pk=api.pk).update(**shown)
    _write_words(api)
    return api


def index_names(ids: Sequence[int]) -> None:
    """Make APIs of a first load found by their names, summaries and tags; the rest follows with their definitions."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO apis_apiwords (api_id, vector, text)
            SELECT api.id,
                setweight(to_tsvector(%(config)s, api.name || ' ' || replace(api.key, '-', ' ')), 'A') ||
                setweight(to_tsvector(%(config)s, concat_ws(' ', summary, array_to_string(tags, ' '), team.name)), 'B'),
                left(concat_ws(' ', api.name, api.slug, key, summary, array_to_string(tags, ' '), team.name), %(most)s)
            FROM apis_api api LEFT JOIN accounts_team team ON team.id = api.team_id
            WHERE api.id = ANY(%(ids)s)
            """,
            {"config": SEARCH_CONFIG, "ids": list(ids), "most": COMPARED_TEXT},
        )


def _write_words(api: Api) -> None:
    """All that it is found by. Words that are there already are not written again."""
    text = " ".join([api.name, api.slug, api.key, api.summary, *api.tags, _team_name(api)])[:COMPARED_TEXT]
    weighed = [part for weight, words in _weighed(api).items() for part in (SEARCH_CONFIG, words, weight)]
    vector = " || ".join(["setweight(to_tsvector(%s, %s), %s)"] * (len(weighed) // 3))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO apis_apiwords AS known (api_id, vector, text) VALUES (%s, {vector}, %s) "  # noqa: S608
            "ON CONFLICT (api_id) DO UPDATE SET vector = excluded.vector, text = excluded.text "
            "WHERE (known.vector, known.text) IS DISTINCT FROM (excluded.vector, excluded.text)",
            [api.pk, *weighed, text],
        )


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


def docs_of(api: Api) -> list[tuple[str, str]]:
    """(title, beginning of the text) of the docs pages of what the catalog shows."""
    rows = DocsPage.objects.filter(Q(version=api.current_version) | Q(version=None), api=api)
    return list(rows.values_list("title", Left("text", INDEXED_TEXT)))


def _weighed(api: Api) -> dict[str, str]:
    """weight -> text: what the API is called before what it says of itself, and its operations last."""
    operations: list[tuple[str, str, str]] = []
    schemas: list[str] = []
    if api.current_version:
        rows = api.current_version.operations.values_list("path", "operation_id", "summary")
        operations = list(rows[:INDEXED_OPERATIONS])
        document = Document.objects.filter(pk=api.current_version.document_id or 0)
        schemas = document.values_list("schemas", flat=True).first() or []
    pages = docs_of(api)
    called = " ".join(part for row in operations for part in row)[:INDEXED_TEXT]
    words = re.sub(r"[/{}_.-]+", " ", f"{called} {' '.join(schemas)[:INDEXED_TEXT]}")
    return {
        "A": f"{api.name} {api.key.replace('-', ' ')}",
        "B": " ".join([api.summary, *api.tags, _team_name(api), *(title for title, _ in pages)]),
        "C": " ".join([api.description, *(text for _, text in pages)])[:INDEXED_TEXT],
        # createRefund is found by its own name and by its parts.
        "D": f"{words} {' '.join(_JOINED.sub(' ', word) for word in words.split() if _JOINED.search(word))}",
    }
