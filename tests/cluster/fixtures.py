"""`kubernetes`: a real kube-apiserver for the whole session, with our CRDs; `namespace`: a fresh one in it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.kube import KubernetesCluster
from tests.cluster.controlplane import ControlPlane, Unavailable, folder

CRDS = Path(__file__).parents[2] / "deploy" / "crds"


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build what is missing before the first test, whose time limit is shorter than the build."""
    needed = any("kubernetes" in getattr(item, "fixturenames", ()) for item in session.items)
    if needed and not session.config.option.collectonly:
        with contextlib.suppress(Unavailable):
            folder()


@pytest.fixture(scope="session")
def kubernetes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """The running control plane. A test that stops it starts it again; data and address stay."""
    try:
        programs = folder()
    except Unavailable as problem:
        pytest.skip(f"left out: the tests against a real kube-apiserver; {problem}")
    plane = ControlPlane(programs=programs, folder=tmp_path_factory.mktemp("controlplane"))
    plane.start()
    try:
        plane.install(CRDS)
        yield plane
    finally:
        plane.stop()


@pytest.fixture
def namespace(kubernetes: ControlPlane) -> str:
    """A namespace of its own for each test: without a controller manager a used one cannot be emptied."""
    return kubernetes.create_namespace()


@pytest.fixture
def kubernetes_cluster(kubernetes: ControlPlane) -> Iterator[KubernetesCluster]:
    """The control plane as Portico sees it, with an admin's rights."""
    cluster = KubernetesCluster("kubernetes", kubeconfig=str(kubernetes.kubeconfig))
    yield cluster
    cluster.close()
