"""Kubernetes objects read into what Portico publishes: one module per publisher and generation, all of them pure."""

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

__all__ = [
    "ENVIRONMENTS",
    "PRODUCTION",
    "SANDBOX",
    "Condition",
    "Cors",
    "DefinitionText",
    "HeaderRules",
    "Mediation",
    "ObjectRef",
    "OperationScopes",
    "Problem",
    "PublishedApi",
    "PublishedPlan",
    "Reading",
    "Security",
    "Upstream",
]
