"""What the catalog answers to a query: how many, which, in which order. The page and REST ask here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from portal.accounts.models import Viewer

from . import modifiers, search
from .filters import FACETS, CatalogQuery
from .index import Index, Mask, current
from .models import Api

# The condition that is no facet.
CHANGED = "changed_since"


@dataclass
class Answer:
    """`total` are the APIs that the reader may see and the text finds, `narrowed` those left by the filters.

    `words` are the text without its modifiers.
    """

    index: Index
    query: CatalogQuery
    words: str
    user: Viewer
    visible: Mask
    match: search.Match | None
    total: Mask
    conditions: Mapping[str, int]
    narrowed: Mask = field(init=False)
    _best: list[int] | None = None

    def __post_init__(self) -> None:
        self.narrowed = self.without("")

    def without(self, facet: str) -> Mask:
        """Narrowed by every filter but this facet's."""
        mask = self.total
        for name, bits in self.conditions.items():
            if name != facet:
                mask &= bits
        return mask

    def changed(self, since: datetime) -> int:
        """How many of them changed after that, whichever moment the query names."""
        with self.index.lock:
            return (self.without(CHANGED) & self.index.updated_after(since.timestamp())).count

    def pks(self, start: int, stop: int) -> list[int]:
        """Primary keys from the `start`-th up to the `stop`-th, in the order that was asked for."""
        best = self._best_first()
        chosen = best[start:stop]
        if start + len(chosen) == stop:
            return chosen
        first = max(0, start - len(best))
        with self.index.lock:
            return chosen + self.index.ordered(
                self.narrowed, self.query.sort or "name", first, stop - len(best), frozenset(best)
            )

    def _best_first(self) -> list[int]:
        if self.match is None or self.query.sort or not self.narrowed.count:
            return []
        if self._best is None:
            self._best = search.best(self.index, self.match, self.narrowed)
        return self._best

    def nearest(self) -> Api | None:
        return search.nearest(self.index, self.visible, self.user, self.words)


def answer(query: CatalogQuery, user: Viewer) -> Answer:
    """As the catalog is now."""
    index = current()
    with index.lock:
        visible = index.visible_to(user)
    words, typed = modifiers.apart(query.text)
    match = search.matching(index, visible, words)
    with index.lock:
        total = Mask(match.bits) if match else visible
        for name, values in typed.items():
            total &= modifiers.bits(index, name, values)
        conditions = {
            facet.name: index.having(facet.name, facet.keys(index, query.chosen[facet.name]))
            for facet in FACETS
            if facet.name in query.chosen
        }
        if query.changed_since:
            conditions[CHANGED] = index.updated_after(query.changed_since.timestamp())
        return Answer(index, query, words, user, visible, match, total, conditions)
