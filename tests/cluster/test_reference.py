"""The Reference of the largest definitions at hand: those that the kube-apiserver makes of itself."""

import json

import pytest

from apis.definitions import sandbox
from tests.cluster.controlplane import ControlPlane
from tests.definitions.drawing import draw_all

pytestmark = pytest.mark.cluster


def test_kubernetes_openapi_2_is_drawn(kubernetes: ControlPlane):
    reference = sandbox.reference(kubernetes.kubectl("get", "--raw", "/openapi/v2"))
    assert len(reference.operations) > 500
    assert "io.k8s.api.core.v1.Pod" in {part.slug for part in reference.schemas}
    pages = draw_all(reference, every=25)
    assert max(map(len, pages)) < 100_000


def test_kubernetes_openapi_3_is_drawn(kubernetes: ControlPlane):
    paths = json.loads(kubernetes.kubectl("get", "--raw", "/openapi/v3"))["paths"]
    operations = 0
    for each in paths.values():
        reference = sandbox.reference(kubernetes.kubectl("get", "--raw", each["serverRelativeURL"]))
        operations += len(reference.operations)
        draw_all(reference, every=25)
    assert operations > 500
