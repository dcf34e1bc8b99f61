"""The clusters of the settings, and the waiting between attempts."""

from itertools import islice

import pytest

from portal.errors import ClusterUnavailable, NotFound
from portal.kube import KubernetesCluster, ManifestDirectory, backoff, get_cluster, get_clusters
from tests.kube.sides import API


@pytest.fixture(autouse=True)
def _clusters(settings, tmp_path) -> None:
    settings.CLUSTERS = {
        "git": {"kind": "directory", "path": str(tmp_path), "state": str(tmp_path.parent / "state")},
        "far": {"kind": "kubernetes", "kubeconfig": str(tmp_path / "missing"), "context": ""},
        "here": {"kind": "kubernetes", "kubeconfig": "", "context": ""},
    }


def test_clusters_by_name() -> None:
    assert [cluster.name for cluster in get_clusters()] == ["far", "git", "here"]
    assert isinstance(get_cluster("git"), ManifestDirectory)
    assert isinstance(get_cluster("far"), KubernetesCluster)
    assert get_cluster("git") is get_cluster("git"), "what was seen is known to the next caller"


def test_unknown_cluster_names_the_known_ones() -> None:
    with pytest.raises(NotFound) as refused:
        get_cluster("nowhere")
    assert "far, git, here" in refused.value.remedy


@pytest.mark.parametrize("name", ["far", "here"])
def test_cluster_without_usable_configuration_is_unavailable(name, monkeypatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(ClusterUnavailable):
        get_cluster(name).list(API)


def test_backoff_doubles_to_its_limit_with_jitter() -> None:
    for waited, expected in zip(islice(backoff(first=1, most=10), 6), [1, 2, 4, 8, 10, 10], strict=True):
        assert expected / 2 <= waited <= expected
