"""`tag:money`, `team:"Ledger Guild"`: filters that are typed among the words of a search.

Those of one name widen the answer, as boxes of one facet do. A value that is not whole yet stands for all that begin so.
"""

import re
from collections.abc import Mapping

from .filters import FACETS
from .index import Index

_FACETS = {facet.name: facet for facet in FACETS}
_ALSO = {"env": "environment", "owner": "team"}
_MODIFIER = re.compile(rf'(?i)(?<!\S)({"|".join([*_FACETS, *_ALSO])}):("[^"]*"?|\S*)')


def apart(text: str) -> tuple[str, dict[str, list[str]]]:
    """The words, and facet -> the values typed for it; a modifier that has no value yet says nothing."""
    typed: dict[str, list[str]] = {}
    for name, value in _MODIFIER.findall(text):
        facet = _ALSO.get(name.lower(), name.lower())
        if wanted := value.strip('"').strip():
            typed.setdefault(facet, []).append(wanted)
    return " ".join(_MODIFIER.sub(" ", text).split()), typed


def bits(index: Index, facet_name: str, typed: list[str]) -> int:
    """The APIs with any of these values. The caller holds the index's lock."""
    facet = _FACETS[facet_name]
    known = facet.labels(index) or {value: value for value in index.values(facet_name)}
    meant = tuple(value for wanted in typed for value in _meant(known, wanted.casefold()))
    return index.having(facet_name, facet.keys(index, meant))


def _meant(known: Mapping[str, str], wanted: str) -> list[str]:
    """The value of that name, or else all with a word that begins so."""
    exact = [value for value, label in known.items() if wanted in {value.casefold(), label.casefold()}]
    return exact or [
        value
        for value, label in known.items()
        if any(
            word.startswith(wanted)
            for word in (value.casefold(), label.casefold(), *label.casefold().split())
        )
    ]
