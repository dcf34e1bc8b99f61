"""The clusters that the settings name."""

from functools import cache
from pathlib import Path

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
    return _made(name, tuple(sorted((key, str(value or "")) for key, value in config.items())))


def get_clusters() -> tuple[Cluster, ...]:
    """Return all configured clusters, by name."""
    return tuple(get_cluster(name) for name in sorted(settings.CLUSTERS))


@cache
def _made(name: str, config: tuple[tuple[str, str], ...]) -> Cluster:
    options = dict(config)
    if options["kind"] == "directory":
        state = options.get("state") or settings.STATE_DIR / "cluster" / name
        return ManifestDirectory(name, path=Path(options["path"]), state=Path(state))
    return KubernetesCluster(
        name, kubeconfig=options.get("kubeconfig", ""), context=options.get("context", "")
    )
