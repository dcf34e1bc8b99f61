"""Words to APIs: Postgres full text with prefixes first, and where that finds nothing, names that are spelt alike.

The likeness needs the extension pg_trgm (see migration 0002); without it a typing error finds nothing.
"""

import re
from functools import cache

from django.contrib.postgres.search import SearchQuery, SearchRank, TrigramWordSimilarity
from django.db import connection, transaction
from django.db.models import F

from .catalog import SEARCH_CONFIG
from .models import Api
from .querysets import ApiQuerySet

MOST_WORDS = 8
MOST_ALIKE = 100
# Word similarity of pg_trgm, 0 to 1: enough to be listed, and enough to be named as the nearest.
ALIKE, NEAREST = 0.45, 0.25


def matching(apis: ApiQuerySet, text: str) -> tuple[ApiQuerySet, bool]:
    """The APIs that `text` finds, best first, and whether they are only spelt alike."""
    query = full_text_query(text)
    if query is None:
        return apis, False
    found = apis.filter(search=query)
    if found.exists():
        return found.annotate(rank=SearchRank(F("search"), query)).order_by("-rank", "name", "slug"), False
    alike = similar(apis, text, at_least=ALIKE)
    return (
        apis.filter(pk__in=alike)
        .annotate(rank=TrigramWordSimilarity(text, "search_text"))
        .order_by("-rank", "name", "slug")
        if alike
        else apis.none(),
        bool(alike),
    )


def nearest(apis: ApiQuerySet, text: str) -> Api | None:
    """The one API whose name or summary is most like `text`, if any is like it at all."""
    found = similar(apis, text, at_least=NEAREST)
    return Api.objects.filter(pk=found[0]).first() if found else None


def full_text_query(text: str) -> SearchQuery | None:
    """Every word must be there, each may be the beginning of one. None where `text` has no word."""
    words = re.findall(r"\w+", text)[:MOST_WORDS]
    if not words:
        return None
    return SearchQuery(" & ".join(f"'{word}':*" for word in words), config=SEARCH_CONFIG, search_type="raw")


def similar(apis: ApiQuerySet, text: str, *, at_least: float) -> list[int]:
    """Primary keys of APIs with a word sequence like `text`, the likest first."""
    if not has_trigrams():
        return []
    with transaction.atomic(), connection.cursor() as cursor:
        # The operator that the index serves reads its limit from here.
        cursor.execute("SELECT set_config('pg_trgm.word_similarity_threshold', %s, true)", [str(at_least)])
        ranked = (
            apis.filter(search_text__trigram_word_similar=text)
            .annotate(rank=TrigramWordSimilarity(text, "search_text"))
            .order_by("-rank", "name", "slug")
        )
        return list(ranked.values_list("pk", flat=True)[:MOST_ALIKE])


@cache
def has_trigrams() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm'")
        return cursor.fetchone() is not None
