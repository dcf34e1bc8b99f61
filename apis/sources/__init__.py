"""Kubernetes objects read into what Portico publishes: one module per publisher and generation, all of them pure.

A further generation is a further module with its own `SOURCES` (and `ATTACHMENTS`, where objects point at what they
change), added to `_MODULES`; nothing else has to know of it.
"""

import re

from apis.sources import (
    api_platform,
    apk,
    http_route,
    integration,
    kuadrant,
    portico_v1alpha1,
    service_v1,
    virtual_service,
    wso2_v1alpha1,
    wso2_v1alpha2,
)
from apis.sources.published import (
    ENVIRONMENTS,
    PRODUCTION,
    SANDBOX,
    Condition,
    Cors,
    DefinitionAddress,
    DefinitionText,
    HeaderRules,
    HealthCheck,
    Mediation,
    ObjectRef,
    OperationScopes,
    Problem,
    Published,
    PublishedAccess,
    PublishedApi,
    PublishedBackend,
    PublishedPage,
    PublishedPlan,
    Reading,
    Security,
    Upstream,
)
from apis.sources.source import About, Attachment, LookUp, Source, Target
from portal.kube import Cluster, Kind

# Plans come first, so that APIs read after them find them.
_MODULES = (
    portico_v1alpha1,
    wso2_v1alpha1,
    wso2_v1alpha2,
    apk,
    api_platform,
    integration,
    http_route,
    kuadrant,
    service_v1,
    virtual_service,
)

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
    return tuple(dict.fromkeys([*wanted, *(attachment.kind for attachment in ATTACHMENTS)]))


def served(cluster: Cluster) -> frozenset[Kind]:
    """The kinds to read in a cluster, as it is now.

    A kind that the cluster serves in several versions converts them into each other, so that the newest says everything.
    In a folder nothing converts, and every manifest is read as the version it is written in.
    """
    installed = cluster.installed(kind for kind in kinds() if cluster.wants(kind))
    if not cluster.converts:
        return installed
    newest: dict[tuple[str, str], Kind] = {}
    for kind in sorted(installed, key=lambda kind: _age(kind.version)):
        newest[kind.group, kind.kind] = kind
    return frozenset(newest.values())


def _age(version: str) -> tuple[int, int, int]:
    """Sorts v1alpha1, v1alpha3, v1beta1, v1, v2alpha1 as Kubernetes does: stable above beta above alpha."""
    matched = re.fullmatch(r"v(\d+)(?:(alpha|beta)(\d+))?", version)
    if not matched:
        return (0, 0, 0)
    level = {"alpha": 1, "beta": 2, None: 3}[matched[2]]
    return (level, int(matched[1]), int(matched[3] or 0))


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
    "HealthCheck",
    "LookUp",
    "Mediation",
    "ObjectRef",
    "OperationScopes",
    "Problem",
    "Published",
    "PublishedAccess",
    "PublishedApi",
    "PublishedBackend",
    "PublishedPage",
    "PublishedPlan",
    "Reading",
    "Security",
    "Source",
    "Target",
    "Upstream",
    "attachment_of",
    "kinds",
    "served",
    "source_of",
]
