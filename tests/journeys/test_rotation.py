"""Credentials and signing keys replaced under steady traffic, as `make bench ONLY=rotation` does it, at a lower rate."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from bench import rotation
from tests.stack import Stack

pytestmark = pytest.mark.gateway

RATE, SECONDS = 40.0, 3.0


@pytest.fixture(scope="module")
def place(stack: Stack) -> Iterator[rotation.Place]:
    manifest = stack.manifests / "beacons.yaml"
    manifest.write_text(rotation.MANIFEST)
    with closing(rotation.Place(stack.portal, stack.gateways["production"], stack.state)) as found:
        yield found
    manifest.unlink()


@pytest.fixture(scope="module")
def application(place: rotation.Place) -> str:
    return rotation.subscribed(place)


@pytest.mark.parametrize("kind", rotation.KINDS)
def test_rotation_fails_no_call(place: rotation.Place, application: str, kind: str):
    outcome = rotation.ROTATIONS[kind](place, application, RATE, SECONDS)
    assert outcome.calls > RATE * SECONDS
    assert outcome.failures == []
    assert outcome.refused >= 5
