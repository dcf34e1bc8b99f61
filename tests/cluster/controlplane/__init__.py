"""A real kube-apiserver with its etcd, started by the tests: `ControlPlane`, and the programs it needs."""

from tests.cluster.controlplane.binaries import Unavailable, folder
from tests.cluster.controlplane.server import ControlPlane

__all__ = ["ControlPlane", "Unavailable", "folder"]
