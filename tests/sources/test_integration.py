"""Integrations of both groups: backends with readiness, and upstreams of Apis that name them."""

from typing import Any

import pytest

from apis.sources import ObjectRef, PublishedBackend, Upstream
from apis.sources.integration import EI_INTEGRATION, INTEGRATION
from apis.sources.portico_v1alpha1 import API
from tests.sources.crds import schema_errors
from tests.sources.hostile import broken, check
from tests.sources.objects import Store, fields, make, published, reading

CRD = "wso2/operator-v1alpha2/crds/wso2.com_integrations_crd.yaml"
RUNNING = {"readiness": "Running", "serviceName": "hello-service"}


def integration(kind: Any = INTEGRATION, name: str = "hello", status: Any = None, **spec: Any) -> Any:
    return make(kind, name, spec={"image": "hello:1"} | spec, status=status)


def backend(obj: Any) -> PublishedBackend:
    found = reading(obj)
    assert found.problems == ()
    (published,) = found.published
    assert isinstance(published, PublishedBackend)
    return published


def api(**integration: Any) -> Any:
    return make(
        API, "orders", spec={"version": "v1", "upstreams": {"production": {"integration": integration}}}
    )


@pytest.mark.parametrize("kind", [INTEGRATION, EI_INTEGRATION])
def test_integration_is_a_backend(kind):
    found = backend(integration(kind, status=RUNNING))
    ref = ObjectRef("test", str(kind), "shop", "hello", "u-1", 3)
    assert found == PublishedBackend(ref, "hello", "http://hello-service.shop.svc:8290", ready=True)


@pytest.mark.parametrize(
    ("status", "ready", "message"),
    [
        ({"readiness": "NotRunning", "serviceName": "x"}, False, "Its operator says: NotRunning."),
        ({"readiness": "Odd", "serviceName": "x"}, None, "Its operator says: Odd."),
        ({}, None, "Its operator has not said yet whether it runs."),
        (["x"], None, "Its operator has not said yet whether it runs."),
    ],
)
def test_readiness_is_what_the_operator_reports(status, ready, message):
    found = backend(integration(status=status))
    assert (found.ready, found.message) == (ready, message)


def test_service_that_is_not_reported_yet_has_the_operators_name_for_it():
    assert backend(integration()).url == "http://hello-service.shop.svc:8290"
    odd = {"readiness": "Running", "serviceName": "evil.example/x"}
    assert backend(integration(status=odd)).url == "http://hello-service.shop.svc:8290"


def test_ports_are_those_of_the_group():
    expose = {"passthroPort": 9000, "inboundPorts": [8085, 8086]}
    found = backend(integration(status=RUNNING, expose=expose))
    assert (found.url, found.message) == (
        "http://hello-service.shop.svc:9000",
        "Inbound endpoints listen on 8085, 8086.",
    )
    old = backend(integration(EI_INTEGRATION, status=RUNNING, inboundPorts=[8085], expose=expose))
    assert (old.url, old.message) == (
        "http://hello-service.shop.svc:8290",
        "Inbound endpoints listen on 8085.",
    )


@pytest.mark.parametrize(
    ("expose", "field"),
    [
        ([], "spec.expose"),
        ({"passthroPort": "80"}, "spec.expose.passthroPort"),
        ({"passthroPort": 70_000}, "spec.expose.passthroPort"),
        ({"inboundPorts": 80}, "spec.expose.inboundPorts"),
        ({"inboundPorts": [80, 0]}, "spec.expose.inboundPorts.1"),
    ],
)
def test_port_that_cannot_be_is_a_problem(expose, field):
    found = reading(integration(expose=expose))
    assert found.published == ()
    assert fields(found) == [field]


@pytest.mark.parametrize("kind", [INTEGRATION, EI_INTEGRATION])
def test_api_names_an_integration_as_its_upstream(kind):
    found = published(api(name="hello"), integration(kind, status=RUNNING))
    assert found.upstreams == {
        "production": Upstream("http://hello-service.shop.svc:8290", 30, "Integration shop/hello")
    }


def test_api_chooses_namespace_and_inbound_port():
    obj = make(INTEGRATION, "hello", "esb", spec={"expose": {"inboundPorts": [8085]}})
    found = published(api(name="hello", namespace="esb", port=8085), obj)
    assert found.upstreams["production"].url == "http://hello-service.esb.svc:8085"


def test_newer_integration_of_one_name_counts():
    newer = integration(INTEGRATION, expose={"passthroPort": 9000})
    found = published(api(name="hello"), integration(EI_INTEGRATION), newer)
    assert found.upstreams["production"].url == "http://hello-service.shop.svc:9000"


def test_both_kinds_are_looked_up_even_if_one_is_found():
    from apis.sources import source_of

    store = Store(integration())
    source_of(API).read(api(name="hello"), store)
    assert [kind for kind, *_ in store.asked] == [INTEGRATION, EI_INTEGRATION]


@pytest.mark.parametrize(
    ("stated", "field"),
    [
        ({}, ""),
        ({"name": None, "port": 1}, ".name"),
        ({"name": "gone"}, ".name"),
        ({"name": "../x"}, ".name"),
        ({"name": "hello", "namespace": "A B"}, ".namespace"),
        ({"name": "hello", "port": 8085}, ".port"),
        ({"name": "hello", "port": "http"}, ".port"),
    ],
)
def test_integration_that_cannot_be_used_is_a_problem(stated, field):
    found = reading(api(**stated), integration())
    assert found.published == ()
    path = "spec.upstreams.production.integration"
    assert fields(found)[0] == path + (field or ".name")


def test_integration_beside_another_backend_is_a_problem():
    both = {"integration": {"name": "hello"}, "url": "https://x.example"}
    obj = make(API, "orders", spec={"version": "v1", "upstreams": {"production": both}})
    found = reading(obj, integration())
    assert fields(found) == ["spec.upstreams.production"]
    assert found.problems[0].message == "spec.upstreams.production gives url and integration"


def test_objects_of_these_tests_are_what_the_crd_takes():
    full = integration(status=RUNNING, expose={"passthroPort": 8290, "inboundPorts": [8085]})
    assert schema_errors(full, CRD) == []


@pytest.mark.parametrize("kind", [INTEGRATION, EI_INTEGRATION])
def test_anything_anywhere_in_an_integration_is_read_or_a_problem(kind):
    expose = {"passthroPort": 8290, "inboundPorts": [8085]}
    obj = integration(kind, status=RUNNING, expose=expose, inboundPorts=[8085])
    user = api(name="hello", port=8085)
    for changed in broken(obj):
        check(changed, Store())
        check(user, Store(changed))
    for changed in broken(user):
        check(changed, Store(obj))
