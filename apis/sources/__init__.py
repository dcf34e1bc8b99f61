"""Kubernetes objects read into what Portico publishes: one module per publisher and generation, all of them pure.

A further generation is a further module with its own `SOURCES` (and `ATTACHMENTS`, where objects point at what they
change), added to `_MODULES`; nothing else has to know of it.
"""

from apis.sources import http_route, integration, kuadrant, portico_v1alpha1, service_v1, wso2_v1alpha1
from apis.sources.published import (
    ENVIRONMENTS,
    PRODUCTION,
    SANDBOX,
    Condition,
    Cors,
    DefinitionAddress,
    DefinitionText,
    HeaderRules,
    Mediation,
    ObjectRef,
    OperationScopes,
    Problem,
    Published,
    PublishedAccess,
    PublishedApi,
    PublishedBackend,
    PublishedPlan,
    Reading,
    Security,
    Upstream,
)
from apis.sources.source import About, Attachment, LookUp, Source, Target
from portal.kube import Kind

# Plans come first, so that APIs read after them find them.
_MODULES = (portico_v1alpha1, wso2_v1alpha1, integration, http_route, kuadrant, service_v1)

SOURCES: tuple[Source, ...] = tuple(
    sorted(
        (source for module in _MODULES for source in module.SOURCES),
        key=lambda source: len(source.depends_on),
    )
)


def source_of(kind: Kind) -> Source | None:
    """How objects of a kind are read, None for kinds that publish nothing themselves."""
    return next((source for source in SOURCES if source.kind == kind), None)


ATTACHMENTS: tuple[Attachment, ...] = tuple(
    attachment for module in _MODULES for attachment in getattr(module, "ATTACHMENTS", ())
)


def attachment_of(kind: Kind) -> Attachment | None:
    """How objects of a kind point at others, None for kinds that do not."""
    return next((attachment for attachment in ATTACHMENTS if attachment.kind == kind), None)


def kinds() -> tuple[Kind, ...]:
    """Every kind that has to be listed and watched: those that publish, then those that they depend on."""
    wanted = [source.kind for source in SOURCES] + [kind for source in SOURCES for kind in source.depends_on]
    return tuple(dict.fromkeys(wanted))


__all__ = [
    "ATTACHMENTS",
    "ENVIRONMENTS",
    "PRODUCTION",
    "SANDBOX",
    "SOURCES",
    "About",
    "Attachment",
    "Condition",
    "Cors",
    "DefinitionAddress",
    "DefinitionText",
    "HeaderRules",
    "LookUp",
    "Mediation",
    "ObjectRef",
    "OperationScopes",
    "Problem",
    "Published",
    "PublishedAccess",
    "PublishedApi",
    "PublishedBackend",
    "PublishedPlan",
    "Reading",
    "Security",
    "Source",
    "Target",
    "Upstream",
    "attachment_of",
    "kinds",
    "source_of",
]
