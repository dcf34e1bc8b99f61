"""The clusters that the settings name."""

from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

from portal.errors import NotFound
from portal.kube.cluster import Cluster
from portal.kube.directory import ManifestDirectory
from portal.kube.kubernetes import KubernetesCluster


def get_cluster(name: str) -> Cluster:
    """Return a configured cluster, one object per process. Raises NotFound."""
    config = settings.CLUSTERS.get(name)
    if config is None:
        raise NotFound(
            f"There is no cluster {name}.",
            remedy=f"The settings name: {', '.join(sorted(settings.CLUSTERS))}.",
        )
    return _made(name, tuple(config.items()))


def get_clusters() -> tuple[Cluster, ...]:
    """Return all configured clusters, by name."""
    return tuple(get_cluster(name) for name in sorted(settings.CLUSTERS))


@cache
def _made(name: str, config: tuple[tuple[str, Any], ...]) -> Cluster:
    options = dict(config)
    read = {part: tuple(options.get(part) or ()) for part in ("namespaces", "kinds")}
    if options["kind"] == "directory":
        state = options.get("state") or settings.STATE_DIR / "cluster" / name
        return ManifestDirectory(name, path=Path(options["path"]), state=Path(state), **read)
    kubeconfig, context = options.get("kubeconfig") or "", options.get("context") or ""
    return KubernetesCluster(name, kubeconfig=kubeconfig, context=context, **read)
