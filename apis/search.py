"""Words to APIs: Postgres full text with prefixes, and where that finds nothing, the words that are spelt alike.

The likeness needs the extension pg_trgm (see migrations 0002 and 0005); without it a typing error finds nothing.
"""

import re
from array import array
from collections import OrderedDict
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db import connection, transaction
from django.db.models import F

from .catalog import SEARCH_CONFIG
from .index import Index, Mask
from .models import Api

MOST_WORDS = 8
# Similarity of pg_trgm, 0 to 1, from which a known word is looked at; and how many of them.
ALIKE, MOST_ALIKE = 0.25, 40
# The errors that are forgiven in a word: one in a short one, two from this length on.
LONG_WORD = 6
MOST_CORRECTIONS = 5
# More than this are not ranked: no reader tells the two-hundredth best from the three-hundredth.
RANKED = 200
KEPT_SEARCHES = 256


@dataclass(frozen=True, slots=True)
class Match:
    """What words found: `query` in the syntax of to_tsquery, empty where there were no words; `bits` of the index."""

    query: str
    bits: int
    alike: bool = False


def matching(index: Index, visible: Mask, text: str) -> Match | None:
    """The APIs among `visible` that `text` finds, or None where it has no word: then all are meant."""
    words = words_of(text)
    if not words:
        return None
    query = " & ".join(f"'{word}':*" for word in words)
    found = _find(index, query) & visible.bits
    if found:
        return Match(query, found)
    query = _corrected(words)
    found = _find(index, query) & visible.bits if query else 0
    return Match(query, found, alike=bool(found))


def best(index: Index, match: Match, narrowed: Mask, text: str) -> list[int]:
    """Primary keys of the best among `narrowed`, best first: by weight and nearness of the words, then by name.

    Where far too many match to rank them all, those are ranked that have the words in their names.
    """
    with index.lock:
        few = narrowed.count <= RANKED
        pks = index.pks(narrowed) if few else index.named(narrowed, " ".join(words_of(text.lower())), RANKED)
    query = SearchQuery(match.query, config=SEARCH_CONFIG, search_type="raw")
    ranked = Api.objects.filter(pk__in=pks).annotate(rank=SearchRank(F("search"), query))
    return list(ranked.order_by("-rank", "name", "slug").values_list("pk", flat=True))


def nearest(index: Index, visible: Mask, text: str) -> Api | None:
    """The first API with the word that is most like one of `text`, if any is like it at all."""
    for known in _alike(words_of(text)).values():
        found = _find(index, f"'{known[0]}'") & visible.bits
        if found:
            with index.lock:
                pks = index.ordered(index.mask(found), "name", 0, 1)
            return Api.objects.filter(pk__in=pks).first()
    return None


def words_of(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text)[:MOST_WORDS]


# ---- full text ------------------------------------------------------------------------------------------------------
_kept: OrderedDict[str, tuple[int, int]] = OrderedDict()


def _find(index: Index, query: str) -> int:
    """One statement. What was found before is kept; then only what changed since is asked about."""
    with index.lock:
        edition = index.edition
        kept, found = _kept.get(query, (-1, 0))
        changed = index.changed_since(kept) if kept >= 0 else None
    if changed == []:
        return found
    pks = _matching(query, changed)
    with index.lock:
        found = index.bits(pks) if changed is None else found & ~index.bits(changed) | index.bits(pks)
        _kept[query] = edition, found
        _kept.move_to_end(query)
        if len(_kept) > KEPT_SEARCHES:
            _kept.popitem(last=False)
    return found


def _matching(query: str, among: list[int] | None) -> "array[int]":
    """Primary keys; packed, for a common word matches half of the catalog."""
    sql = "SELECT string_agg(int8send(id), '') FROM apis_api WHERE search @@ to_tsquery(%s::regconfig, %s)"
    params: list[Any] = [SEARCH_CONFIG, query]
    if among is not None:
        sql, params = f"{sql} AND id = ANY(%s)", [*params, among]
    pks = array("q")
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        pks.frombytes(cursor.fetchone()[0] or b"")
    pks.byteswap()
    return pks


# ---- typing errors --------------------------------------------------------------------------------------------------
def _corrected(words: list[str]) -> str:
    """The query with each word or what may have been meant by it. Empty where nothing else can be meant."""
    meant = {}
    for word, known in _alike(words).items():
        errors = {other: distance(word, other) for other in known}
        forgiven = 2 if len(word) >= LONG_WORD else 1
        near = sorted(
            (other for other in known if errors[other] <= forgiven), key=lambda other: errors[other]
        )
        meant[word] = near[:MOST_CORRECTIONS]
    if not any(meant.values()):
        return ""
    return " & ".join(_any_of(word, meant.get(word.lower(), [])) for word in words)


def _any_of(word: str, others: list[str]) -> str:
    return "(" + " | ".join([f"'{word}':*", *(f"'{other}'" for other in others)]) + ")"


def _alike(words: list[str]) -> dict[str, list[str]]:
    """Each word, in lower case -> the words of the catalog like it, the likest first. One statement."""
    if not words or not has_trigrams():
        return {}
    with transaction.atomic(), connection.cursor() as cursor:
        # The operator that the index serves reads its limit from here.
        cursor.execute("SELECT set_config('pg_trgm.similarity_threshold', %s, true)", [str(ALIKE)])
        cursor.execute(
            """
            SELECT typed.word, known.word
            FROM unnest(%s::text[]) AS typed(word), LATERAL (
                SELECT word, max(similarity(word, typed.word)) AS likeness FROM apis_word
                WHERE word %% typed.word GROUP BY word ORDER BY likeness DESC, word LIMIT %s
            ) AS known
            ORDER BY typed.word, known.likeness DESC, known.word
            """,
            [[word.lower() for word in words], MOST_ALIKE],
        )
        rows = cursor.fetchall()
    found: dict[str, list[str]] = {}
    for typed, known in rows:
        found.setdefault(typed, []).append(known)
    return found


def distance(one: str, other: str) -> int:
    """Letters to change, add, leave out or swap with their neighbour (Damerau and Levenshtein, adjacent swaps only)."""
    before: list[int] = []
    line = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        two_before, before, line = before, line, [i]
        for j, letter_of_other in enumerate(other, 1):
            steps = min(before[j] + 1, line[j - 1] + 1, before[j - 1] + (letter != letter_of_other))
            if i > 1 < j and letter == other[j - 2] and one[i - 2] == letter_of_other:
                steps = min(steps, two_before[j - 2] + 1)
            line.append(steps)
    return line[-1]


@cache
def has_trigrams() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm'")
        return cursor.fetchone() is not None
