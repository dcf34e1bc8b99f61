"""What publishers offer, as read from the cluster, and the record of reading it."""

from .catalog import (
    FORMAT_NAMES,
    Api,
    ApiType,
    ApiVersion,
    Document,
    Environment,
    Operation,
    Publication,
    Visibility,
)
from .changes import Comparison
from .described import DescribedOperation, DescribedSchema, DocumentReference
from .docs import DocsPage
from .plans import Plan, PlanApproval, QuotaPeriod
from .reference import ObjectReference
from .sync import (
    Backend,
    Change,
    ClusterAccess,
    Dependency,
    SeenObject,
    SyncProblem,
    SyncRun,
    WatchState,
)
from .words import ApiWords

__all__ = [
    "FORMAT_NAMES",
    "Api",
    "ApiType",
    "ApiVersion",
    "ApiWords",
    "Backend",
    "Change",
    "ClusterAccess",
    "Comparison",
    "Dependency",
    "DescribedOperation",
    "DescribedSchema",
    "DocsPage",
    "Document",
    "DocumentReference",
    "Environment",
    "ObjectReference",
    "Operation",
    "Plan",
    "PlanApproval",
    "Publication",
    "QuotaPeriod",
    "SeenObject",
    "SyncProblem",
    "SyncRun",
    "Visibility",
    "WatchState",
]
