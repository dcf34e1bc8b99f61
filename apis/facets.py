"""How many APIs each filter would leave."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from django.utils.translation import get_language

from .answers import Answer
from .filters import FACETS, Facet

# More values of one facet than a person reads; what is chosen is kept whatever its count.
MOST_OPTIONS = 60
SHOWN_OPTIONS = 8


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    label: str
    count: int
    checked: bool


@dataclass(frozen=True)
class Group:
    """`cut`: there are more values than `options` has."""

    name: str
    label: str
    options: list[Option]
    cut: bool = False

    @cached_property
    def first(self) -> tuple[Option, ...]:
        """What is open from the start: the most common values, and what is chosen."""
        return tuple(each for n, each in enumerate(self.options) if n < SHOWN_OPTIONS or each.checked)

    @cached_property
    def rest(self) -> tuple[Option, ...]:
        return tuple(each for n, each in enumerate(self.options) if n >= SHOWN_OPTIONS and not each.checked)


@dataclass(frozen=True, slots=True)
class Counts:
    """`found` match words and filters, `total` the words alone; `teams` own one of those."""

    found: int
    total: int
    teams: int
    groups: list[Group] = field(default_factory=list)


def count(answer: Answer) -> Counts:
    """Each facet's counts ignore what is chosen in it. Counted once for all who see the same and ask the same."""
    chosen, conditions = tuple(answer.query.chosen.items()), tuple(answer.conditions.items())
    about = ("counts", answer.total.bits, chosen, conditions, get_language())
    with answer.index.lock:
        return answer.index.remembered(about, lambda: _count(answer))


def _count(answer: Answer) -> Counts:
    groups = [_group(facet, answer) for facet in FACETS]
    teams = answer.index.distinct("team", answer.total)
    return Counts(answer.narrowed.count, answer.total.count, teams, groups)


def _group(facet: Facet, answer: Answer) -> Group:
    chosen = answer.query.chosen.get(facet.name, ())
    counted = _counted(facet, answer, chosen)
    options = list(_options(facet, counted, chosen, facet.labels(answer.index)))
    return Group(facet.name, facet.label, options, cut=len(counted) > len(options))


def _options(
    facet: Facet, counted: Mapping[str, int], chosen: tuple[str, ...], labels: Mapping[str, str]
) -> Iterator[Option]:
    """Values with a fixed choice keep its order, others come by their count."""
    values = list(facet.choices) or sorted(
        counted, key=lambda value: (-counted[value], str(labels.get(value, value)).lower(), value)
    )
    for value in [*values[:MOST_OPTIONS], *(extra for extra in chosen if extra not in values[:MOST_OPTIONS])]:
        if counted.get(value) or value in chosen:
            yield Option(value, labels.get(value, value), counted.get(value, 0), value in chosen)


def _counted(facet: Facet, answer: Answer, chosen: tuple[str, ...]) -> dict[str, int]:
    index = answer.index
    mask = answer.without(facet.name) if facet.name in answer.conditions else answer.narrowed
    if facet.name != "plan":
        return index.counts(facet.name, mask, most=MOST_OPTIONS + 1, chosen=chosen)
    withdrawn = sum(not plan.live for plan in index.plans.values())
    counted = index.counts("plan", mask, most=MOST_OPTIONS + 1 + withdrawn, chosen=facet.keys(index, chosen))
    return {
        index.plans[pk].slug: n for pk, n in counted.items() if pk in index.plans and index.plans[pk].live
    }
