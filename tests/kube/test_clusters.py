"""The clusters of the settings, and the waiting between attempts."""

import runpy
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from portal.errors import ClusterUnavailable, NotFound
from portal.kube import KubernetesCluster, ManifestDirectory, backoff, get_cluster, get_clusters
from tests.kube.sides import API, CONFIG_MAP, PLAN

SETTINGS = Path(__file__).parents[2] / "portal" / "settings.py"


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


def clusters(monkeypatch, **variables: str) -> dict[str, Any]:
    """What the settings make of the environment."""
    for name in ("PORTICO_CLUSTERS", "PORTICO_CLUSTER", "PORTICO_CLUSTER_NAME", "PORTICO_CLUSTER_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PORTICO_DEMO", "1")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return runpy.run_path(str(SETTINGS))["CLUSTERS"]


def test_one_cluster_from_the_environment(monkeypatch) -> None:
    found = clusters(
        monkeypatch,
        PORTICO_CLUSTER="kubeconfig:/etc/kube",
        PORTICO_CLUSTER_CONTEXT="prod",
        PORTICO_CLUSTER_NAME="ours",
        PORTICO_CLUSTER_NAMESPACES="shop, billing",
    )
    assert found == {
        "ours": {
            "kind": "kubernetes",
            "kubeconfig": "/etc/kube",
            "context": "prod",
            "namespaces": ("shop", "billing"),
            "kinds": (),
        }
    }


def test_several_clusters_from_the_environment(monkeypatch, tmp_path) -> None:
    found = clusters(
        monkeypatch,
        PORTICO_CLUSTERS="prod-eu,git,here",
        PORTICO_CLUSTER_PROD_EU="kubeconfig:/etc/kube#eu",
        PORTICO_CLUSTER_PROD_EU_KINDS="portico.dev/v1alpha1/Api,dp.wso2.com/*",
        PORTICO_CLUSTER_GIT=f"directory:{tmp_path}",
        PORTICO_CLUSTER_GIT_NAMESPACES="shop",
        PORTICO_CLUSTER_HERE="in-cluster",
    )
    assert list(found) == ["prod-eu", "git", "here"]
    assert (found["prod-eu"]["kubeconfig"], found["prod-eu"]["context"]) == ("/etc/kube", "eu")
    assert found["prod-eu"]["kinds"] == ("portico.dev/v1alpha1/Api", "dp.wso2.com/*")
    assert (found["git"]["path"], found["git"]["namespaces"]) == (str(tmp_path), ("shop",))
    assert Path(found["git"]["state"]).name == "git", "each folder has a state of its own"
    assert found["here"]["kubeconfig"] == ""


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"PORTICO_CLUSTER": "somewhere"}, "PORTICO_CLUSTER is 'somewhere'"),
        ({"PORTICO_CLUSTER": "kubeconfig:"}, "use directory:<path>"),
        ({"PORTICO_CLUSTERS": "prod"}, "PORTICO_CLUSTER_PROD is ''"),
        ({"PORTICO_CLUSTERS": "Prod"}, "PORTICO_CLUSTERS has 'Prod'"),
        ({"PORTICO_CLUSTERS": "a,a", "PORTICO_CLUSTER_A": "in-cluster"}, "PORTICO_CLUSTERS names a twice"),
        ({"PORTICO_CLUSTER_NAMESPACES": "Shop"}, "PORTICO_CLUSTER_NAMESPACES has 'Shop'"),
        ({"PORTICO_CLUSTER_KINDS": "a/b/c/d"}, "PORTICO_CLUSTER_KINDS has 'a/b/c/d'"),
    ],
)
def test_mistake_in_the_environment_is_named(monkeypatch, variables, words) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        clusters(monkeypatch, **variables)
    assert words in str(refused.value)


def test_cluster_reads_what_it_was_told_to(settings, tmp_path) -> None:
    settings.CLUSTERS = {
        "git": {
            "kind": "directory",
            "path": str(tmp_path),
            "namespaces": ("shop",),
            "kinds": ("portico.dev/*/Api", "v1/ConfigMap"),
        },
        "far": {"kind": "kubernetes", "kubeconfig": "x", "context": "", "kinds": ("portico.dev/*",)},
    }
    git, far = get_cluster("git"), get_cluster("far")
    assert (git.namespaces, far.namespaces) == (("shop",), ())
    assert [git.wants(kind) for kind in (API, PLAN, CONFIG_MAP)] == [True, False, True]
    assert [far.wants(kind) for kind in (API, PLAN, CONFIG_MAP)] == [True, True, False]
