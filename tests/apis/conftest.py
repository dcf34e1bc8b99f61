from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import transaction

from apis.models import ApiVersion, Backend, ClusterAccess, Document
from apis.signals import version_changed
from portal.accounts.models import NamespaceGrant
from tests import factories
from tests.apis.shop import Shop

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
def sourced(documented) -> ApiVersion:
    """With everything that its publishers are told of its object and its surroundings."""
    documented.generation = 7
    documented.definition_url = "https://specs.example.com/products.yaml"
    documented.upstreams = {
        "production": {"url": "http://hello", "backend": "Integration publishers/hello"},
        "sandbox": {"url": "http://gone", "backend": "Integration publishers/gone"},
    }
    documented.save()
    documented.document.findings = [{"code": "scheme", "message": "Undefined scheme.", "line": 212}]
    documented.document.save()
    place = {"cluster": "test", "namespace": "publishers"}
    for kind, ready in (("wso2.com/v1alpha2", False), ("integration.wso2.com/v1alpha1", True)):
        Backend.objects.create(
            **place,
            kind=f"{kind}/Integration",
            object_name="hello",
            name="hello",
            ready=ready,
            message="" if ready else "NotRunning.",
        )
    kind = "cp.wso2.com/v1alpha3/Subscription"
    for api_name, application in (("products", "Checkout"), ("other", "Stranger")):
        ClusterAccess.objects.create(
            **place, kind=kind, object_name=application, api_name=api_name, application=application
        )
    return documented


@pytest.fixture
def notices() -> Iterator[list[tuple[str, str]]]:
    """(event, version) of every version_changed sent."""
    seen: list[tuple[str, str]] = []

    def receive(*, instance: ApiVersion, event: str, **_: Any) -> None:
        seen.append((event, instance.version))

    version_changed.connect(receive)
    yield seen
    version_changed.disconnect(receive)


@pytest.fixture
def shop(db, tmp_path, monkeypatch) -> Shop:
    """A folder of manifests whose namespace `shop` the team `publishers` may publish from."""
    # The pause that lets editors finish a file is tested with the folder itself.
    monkeypatch.setattr("portal.kube.manifests.SETTLE", 0.005)
    shop = Shop(tmp_path)
    shop.grant()
    return shop


@pytest.fixture
def catalog(free) -> None:
    """Two public APIs, one internal, one that waits."""
    from apis import catalog

    def add(slug: str, team: str, *, versions: dict[str, Any], **fields: Any) -> None:
        presentation = {
            "name": slug.capitalize(),
            "summary": "",
            "description": "",
            "contact": "",
            "type": "rest",
        }
        presentation |= {"visibility": "public", "tags": []} | fields
        api = factories.ApiFactory(slug=slug, team=factories.TeamFactory(slug=team))
        factories.ApiVersionFactory(api=api, presentation=presentation, **versions)
        with transaction.atomic():
            catalog.refresh(api)

    gold = factories.PlanFactory(slug="gold")
    production = {"production": {"url": "http://127.0.0.1:9"}}
    deprecated = {"status": "deprecated", "upstreams": production, "plans": [free]}
    add("orders", "fulfilment", versions=deprecated, type="graphql", tags=["logistics"])
    add("payments", "core", versions={"plans": [free, gold]}, tags=["money"], summary="Cards and refunds.")
    add(
        "customers",
        "identity",
        versions={"upstreams": production},
        visibility="internal",
        tags=["personal-data"],
    )
    add("waiting", "publishers", versions={"status": "discovered"})


@pytest.fixture
def granted(publisher):
    return NamespaceGrant.objects.create(
        cluster="test", namespace="publishers", team=factories.TeamFactory(slug="publishers")
    )
