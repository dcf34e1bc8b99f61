"""Words to APIs: Postgres full text with prefixes, and where that finds nothing, the words that are spelt alike.

Each word by itself is a term that Postgres is asked for once; what it found is kept beside the index, and follows the
changes that the index notices. The likeness needs the extension pg_trgm (see migrations 0002 and 0005); without it a
typing error finds nothing.
"""

import re
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db import connection, transaction
from django.db.models import F

from portal.accounts.models import Viewer

from .catalog import SEARCH_CONFIG
from .index import Found, Index, Mask
from .models import Api, ApiWords

MOST_WORDS = 8
# Similarity of pg_trgm, 0 to 1, from which a known word is looked at; and how many of them.
ALIKE, MOST_ALIKE = 0.25, 40
# The errors that are forgiven in a word: one in a short one, two from this length on.
LONG_WORD = 6
MOST_CORRECTIONS = 5
# More than this are not ranked: no reader tells the hundredth best from the two-hundredth.
RANKED = 100
KEPT_TERMS = 512


@dataclass(frozen=True, slots=True)
class Match:
    """What words found: `query` in the syntax of to_tsquery, `bits` of the index, and each word or what it was taken for."""

    query: str
    bits: int
    meant: Sequence[Sequence[str]]
    alike: bool = False


def matching(index: Index, visible: Mask, text: str) -> Match | None:
    """The APIs among `visible` that `text` finds, or None where it has no word: then all are meant."""
    words = words_of(text)
    if not words:
        return None
    terms = [f"'{word}':*" for word in words]
    found = _having_all(index, terms) & visible.bits
    if found:
        return Match(" & ".join(terms), found, [[word.lower()] for word in words])
    meant = _corrected(words)
    terms = [_any_of(each) for each in meant]
    found = _having_all(index, terms) & visible.bits
    return Match(" & ".join(terms), found, meant, alike=bool(found))


def best(index: Index, match: Match, narrowed: Mask) -> list[int]:
    """Primary keys of the best among `narrowed`, best first: by weight and nearness of the words, then by name.

    Where far too many match to rank them all, those are ranked that have the words in their names.
    """
    with index.lock:
        few = narrowed.count <= RANKED
        pks = index.pks(narrowed) if few else index.named(narrowed, match.meant, RANKED)
        by_name = index.by_name(pks)
    query = SearchQuery(match.query, config=SEARCH_CONFIG, search_type="raw")
    words = ApiWords.objects.filter(pk__in=pks).annotate(rank=SearchRank(F("vector"), query))
    ranks = dict(words.values_list("pk", "rank"))
    return sorted((pk for pk in by_name if pk in ranks), key=lambda pk: -ranks[pk])


def nearest(index: Index, visible: Mask, user: Viewer, text: str) -> Api | None:
    """The first API with the word that is most like one of `text`, if any is like it at all."""
    for known in _alike(words_of(text)).values():
        mask = Mask(_having_all(index, [f"'{known[0]}'"]) & visible.bits)
        if mask.count:
            with index.lock:
                pks = index.ordered(mask, "name", 0, 1)
            return Api.objects.visible_to(user).filter(pk__in=pks).first()
    return None


def words_of(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text)[:MOST_WORDS]


# ---- full text ------------------------------------------------------------------------------------------------------
# In the syntax of to_tsquery. A word that English texts have anyway is taken as it is: somebody may be about to finish it.
_TERM = """
    SELECT {n}, numnode(to_tsquery(%s::regconfig, %s)) = 0, (
        SELECT string_agg(int8send(api_id), '') FROM apis_apiwords WHERE vector @@ CASE
            WHEN numnode(to_tsquery(%s::regconfig, %s)) = 0 THEN to_tsquery('simple', %s)
            ELSE to_tsquery(%s::regconfig, %s)
        END {among}
    )
"""


def _having_all(index: Index, terms: Sequence[str]) -> int:
    """What has each of the terms; those that English texts have anyway count only where there is no other."""
    found = _look_up(index, terms)
    telling = [each.bits for each in found if not each.stop] or [each.bits for each in found]
    bits = telling[0] if telling else 0
    for other in telling[1:]:
        bits &= other
    return bits


def _look_up(index: Index, terms: Sequence[str]) -> list[Found]:
    """What each term finds: one statement for those that are new, one for what changed since the others were asked for."""
    with index.lock:
        edition = index.edition
        known = {term: index.found[term] for term in terms if term in index.found}
        oldest = min((found.edition for found in known.values()), default=edition)
        changed = index.changed_since(oldest)
    if changed is None:
        known, changed = {}, []
    fresh = _ask([term for term in terms if term not in known], None)
    again = _ask(known, changed) if changed else {}
    with index.lock:
        for term, (stop, pks) in fresh.items():
            known[term] = Found(edition, index.bits(pks), stop)
        outdated = ~index.bits(changed) if again else -1
        for term, (stop, pks) in again.items():
            known[term] = Found(edition, known[term].bits & outdated | index.bits(pks), stop)
        for term, found in known.items():
            index.found[term] = found
            index.found.move_to_end(term)
        while len(index.found) > KEPT_TERMS:
            index.found.popitem(last=False)
    return [known[term] for term in terms]


def _ask(terms: Iterable[str], among: list[int] | None) -> dict[str, tuple[bool, "array[int]"]]:
    """term -> whether it is a word that says nothing, and primary keys; packed, for a common word has half of the catalog."""
    asked = list(dict.fromkeys(terms))
    if not asked:
        return {}
    part = _TERM.replace("{among}", "" if among is None else "AND api_id = ANY(%s)")
    params: list[Any] = []
    for term in asked:
        params += [SEARCH_CONFIG, term] * 2 + [term, SEARCH_CONFIG, term]
        params += [] if among is None else [among]
    found = {}
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(part.replace("{n}", str(n)) for n in range(len(asked))), params)
        for n, stop, packed in cursor.fetchall():
            pks = array("q")
            pks.frombytes(packed or b"")
            pks.byteswap()
            found[asked[n]] = stop, pks
    return found


# ---- typing errors --------------------------------------------------------------------------------------------------
def _corrected(words: list[str]) -> list[list[str]]:
    """For each word it and what may have been meant by it, in lower case. Empty where nothing else can be meant."""
    meant = {}
    for word, known in _alike(words).items():
        errors = {other: distance(word, other) for other in known}
        forgiven = 2 if len(word) >= LONG_WORD else 1
        near = sorted(
            (other for other in known if errors[other] <= forgiven), key=lambda other: errors[other]
        )
        meant[word] = near[:MOST_CORRECTIONS]
    typed = [word.lower() for word in words]
    return [[word, *meant.get(word, [])] for word in typed] if any(meant.values()) else []


def _any_of(meant: Sequence[str]) -> str:
    """A term: a word that may go on, or one of the others as it is."""
    word, *others = meant
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
