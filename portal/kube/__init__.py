"""The cluster's boundary: the only code that knows a Kubernetes client. See docs/architecture.md, "The cluster"."""

from portal.kube.cluster import FIELD_MANAGER, Cluster, backoff
from portal.kube.clusters import get_cluster, get_clusters
from portal.kube.directory import ManifestDirectory
from portal.kube.edits import FieldPath
from portal.kube.errors import AccessDenied, HeldByOthers, KindNotInstalled, VersionExpired
from portal.kube.kubernetes import KubernetesCluster
from portal.kube.objects import EventType, Kind, KubeObject, Listing, Page, Unreadable, WatchEvent

__all__ = [
    "FIELD_MANAGER",
    "AccessDenied",
    "Cluster",
    "EventType",
    "FieldPath",
    "HeldByOthers",
    "Kind",
    "KindNotInstalled",
    "KubeObject",
    "KubernetesCluster",
    "Listing",
    "ManifestDirectory",
    "Page",
    "Unreadable",
    "VersionExpired",
    "WatchEvent",
    "backoff",
    "get_cluster",
    "get_clusters",
]
