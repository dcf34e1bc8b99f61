from collections.abc import Callable, Iterator
from typing import Any

import pytest

from apis.models import ApiVersion, Document
from apis.signals import version_changed
from tests import factories

OPENAPI = """\
openapi: 3.1.0
# the author's own comment
info: {title: Products, version: 2.3.0}
paths:
  /items:
    get: {responses: {"200": {description: Fine}}}
"""


@pytest.fixture
def free(db):
    return factories.PlanFactory(slug="free")


@pytest.fixture
def published(free) -> ApiVersion:
    return factories.ApiVersionFactory(
        api=factories.ApiFactory(slug="products"), version="2.3.0", plans=[free]
    )


@pytest.fixture
def version_in(db) -> Callable[..., ApiVersion]:
    """A version of team `publishers` in that status."""

    def make(status: str, **fields: Any) -> ApiVersion:
        return factories.ApiVersionFactory(status=status, **fields)

    return make


@pytest.fixture
def documented(published) -> ApiVersion:
    published.document = Document.objects.create(
        version=published, sha256="ab" * 32, format="openapi-3.1", text=OPENAPI, findings=[]
    )
    published.save(update_fields=["document"])
    return published


@pytest.fixture
def notices() -> Iterator[list[tuple[str, str]]]:
    """(event, version) of every version_changed sent."""
    seen: list[tuple[str, str]] = []

    def receive(*, instance: ApiVersion, event: str, **_: Any) -> None:
        seen.append((event, instance.version))

    version_changed.connect(receive)
    yield seen
    version_changed.disconnect(receive)
