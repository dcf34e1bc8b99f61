"""Versions that Envoy refused though our own checks let them pass."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from apis.models import ApiVersion

from .compile import Catalog
from .snapshot import Version, VersionKey

_REMEDY = "Mend what it names; it is tried again as soon as the version changes."


@dataclass(frozen=True, slots=True)
class _Held:
    """A version's row, what was to be served of it by environment, and Envoy's message."""

    row: int
    states: Mapping[str, Version]
    problem: str


@dataclass
class HeldBack:
    """Remembers each until it changes, so that nothing is refused twice for the same reason.

    A new agent knows of none: it hears Envoy's refusal once more, which harms nobody.
    """

    _held: dict[VersionKey, _Held] = field(default_factory=dict)

    def add(self, culprits: Mapping[VersionKey, str], catalog: Catalog) -> None:
        """Hold these back as they are in the catalog."""
        states = _states(catalog, culprits)
        slugs = {slug for slug, _ in culprits}
        rows = ApiVersion.objects.filter(api__slug__in=slugs).values_list("pk", "api__slug", "version")
        for row, slug, name in rows:
            if problem := culprits.get((slug, name)):
                self._held[slug, name] = _Held(row, states[slug, name], f"{problem} {_REMEDY}")

    def without(self, catalog: Catalog) -> Catalog:
        """The catalog without those that are as they were when Envoy refused them; the others are forgotten."""
        states = _states(catalog, self._held)
        self._held = {key: held for key, held in self._held.items() if states[key] == held.states}
        if not self._held:
            return catalog
        return replace(
            catalog,
            versions={
                name: tuple(version for version in versions if version.key not in self._held)
                for name, versions in catalog.versions.items()
            },
            problems={**catalog.problems, **{held.row: held.problem for held in self._held.values()}},
        )


def _states(catalog: Catalog, keys: Mapping[VersionKey, object]) -> dict[VersionKey, dict[str, Version]]:
    """Environment -> what the catalog has, of each of these versions."""
    found: dict[VersionKey, dict[str, Version]] = {key: {} for key in keys}
    for name, versions in catalog.versions.items():
        for version in versions:
            if version.key in found:
                found[version.key][name] = version
    return found
