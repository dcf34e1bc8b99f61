"""Kubernetes objects read into what Portico publishes: one module per publisher and generation, all of them pure.

A further generation is a further module with its own `SOURCES`, added below; nothing else has to know of it.
"""

from apis.sources import portico_v1alpha1, wso2_v1alpha1
from apis.sources.published import (
    ENVIRONMENTS,
    PRODUCTION,
    SANDBOX,
    Condition,
    Cors,
    DefinitionText,
    HeaderRules,
    Mediation,
    ObjectRef,
    OperationScopes,
    Problem,
    PublishedApi,
    PublishedPlan,
    Reading,
    Security,
    Upstream,
)
from apis.sources.source import LookUp, Source
from portal.kube import Kind

# Plans come first, so that APIs read after them find them.
SOURCES: tuple[Source, ...] = tuple(
    sorted((*portico_v1alpha1.SOURCES, *wso2_v1alpha1.SOURCES), key=lambda source: len(source.depends_on))
)


def source_of(kind: Kind) -> Source | None:
    """How objects of a kind are read, None for kinds that publish nothing themselves."""
    return next((source for source in SOURCES if source.kind == kind), None)


def kinds() -> tuple[Kind, ...]:
    """Every kind that has to be listed and watched: those that publish, then those that they depend on."""
    wanted = [source.kind for source in SOURCES] + [kind for source in SOURCES for kind in source.depends_on]
    return tuple(dict.fromkeys(wanted))


__all__ = [
    "ENVIRONMENTS",
    "PRODUCTION",
    "SANDBOX",
    "SOURCES",
    "Condition",
    "Cors",
    "DefinitionText",
    "HeaderRules",
    "LookUp",
    "Mediation",
    "ObjectRef",
    "OperationScopes",
    "Problem",
    "PublishedApi",
    "PublishedPlan",
    "Reading",
    "Security",
    "Source",
    "Upstream",
    "kinds",
    "source_of",
]
