"""What the CRDs refuse, asked of the real API server: each case names the words that its author gets to read."""

from pathlib import Path
from typing import Any

import pytest

from portal.kube import ManifestDirectory
from tests.kube.sides import API, PLAN, api, refusal

pytestmark = pytest.mark.cluster

DEMO = Path(__file__).parents[2] / "deploy" / "demo" / "manifests"
BACKEND = {"url": "http://backend.example"}
CORS = {"allowOrigins": ["*"], "allowCredentials": True}


def plan(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "portico.dev/v1alpha1", "kind": "Plan", "metadata": {"name": "gold"}, "spec": spec}


def only(**spec: Any) -> dict[str, Any]:
    """An Api with this spec and nothing else."""
    document = api("default", "orders")
    document["spec"] = spec
    return document


def upstream(**production: Any) -> dict[str, Any]:
    return api("default", "orders", upstreams={"production": production})


def full() -> dict[str, Any]:
    return api(
        "default",
        "orders-v2",
        api="orders",
        displayName="Orders",
        version="2.1.0",
        summary="Place and follow orders.",
        description="# Orders",
        type="REST",
        ownerTeam="sales",
        contact="sales@example.com",
        tags=["shop", "orders"],
        definition={"configMapRef": {"name": "orders", "key": "openapi.yaml"}},
        basePath="/orders/v2.1",
        upstreams={
            "production": {
                "service": {"name": "orders", "port": 80, "scheme": "https"},
                "timeoutSeconds": 5,
                "healthCheck": {"path": "/healthz?deep=1"},
            },
            "sandbox": {"url": "https://sandbox.example:8443/base"},
        },
        security={
            "oauth2": True,
            "apiKey": False,
            "scopes": [{"method": "GET", "path": "/orders/{id}", "scopes": ["orders:read"]}],
        },
        plans=["gold", "silver"],
        mediation={
            "requestHeaders": {"set": {"X-From": "portico"}, "remove": ["Cookie"]},
            "responseHeaders": {"remove": ["Server"]},
            "rewrite": {"prefix": "/"},
            "cors": {"allowOrigins": ["https://*.example"], "allowMethods": ["GET"], "maxAgeSeconds": 600},
        },
        visibility="Public",
        publication={
            "approval": "Automatic",
            "deprecated": True,
            "sunset": "2027-06-30",
            "successor": "3.0.0",
        },
    )


GOOD = {
    "the least": api("default", "orders"),
    "everything": full(),
    "public": api("default", "orders", security={"public": True, "oauth2": False, "apiKey": False}),
    "an integration": upstream(integration={"name": "hello", "namespace": "esb", "port": 8290}),
    "a dotted name with api": api("default", "orders.v1", api="orders"),
    "an unlimited plan": plan(),
    "a full plan": plan(
        displayName="Gold",
        description="For shops.",
        rate={"requests": 1000, "per": "Minute"},
        burst=50,
        quota={"requests": 1_000_000, "per": "Month"},
        approval="Automatic",
    ),
    "a burst over a rate per second": plan(rate={"requests": 10, "per": "Second"}, burst=600),
}

BAD = [
    (only(upstreams={"production": BACKEND}), "spec.version: Required"),
    (only(version="v1"), "spec.upstreams: Required"),
    (only(version="v1", upstreams={}), "give production, sandbox or both"),
    (upstream(), "exactly one of service, url and integration"),
    (upstream(**BACKEND, service={"name": "a", "port": 80}), "exactly one of service, url and integration"),
    (upstream(**BACKEND, integration={"name": "hello"}), "exactly one of service, url and integration"),
    (upstream(integration={}), "integration.name: Required"),
    (upstream(integration={"name": "Hello"}), "spec.upstreams.production.integration.name"),
    (upstream(integration={"name": "hello", "port": 0}), "greater than or equal to 1"),
    (api("default", "orders", definition={"url": "https://a.example/?b=c"}), "query or a fragment"),
    (upstream(url="ftp://backend.example"), "spec.upstreams.production.url"),
    (upstream(url="http://user:secret@backend.example"), "without user and password"),
    (upstream(url="http://backend.example/?a=b"), "query or a fragment"),
    (upstream(service={"name": "orders", "port": 0}), "greater than or equal to 1"),
    (upstream(**BACKEND, timeoutSeconds=601), "less than or equal to 600"),
    (upstream(**BACKEND, healthCheck={}), "healthCheck.path: Required"),
    (upstream(**BACKEND, healthCheck={"path": "healthz"}), "healthCheck.path"),
    (upstream(**BACKEND, healthCheck={"path": "/", "intervalSeconds": 1}), "greater than or equal to 5"),
    (api("default", "orders.v1"), "set spec.api"),
    (api("default", "orders", api="Orders"), "spec.api"),
    (api("default", "orders", version="v1/../v2"), "spec.version"),
    (api("default", "orders", version="v" * 65), "Too long"),
    (api("default", "orders", summary="x" * 301), "Too long"),
    (api("default", "orders", type="rest"), "Unsupported value"),
    (api("default", "orders", tags=["a", "a"]), "Duplicate value"),
    (api("default", "orders", tags=[str(number) for number in range(21)]), "Too many"),
    (api("default", "orders", definition={}), "exactly one of"),
    (api("default", "orders", definition={"inline": "x", "url": "https://a.example"}), "exactly one of"),
    (api("default", "orders", definition={"configMapRef": {"key": "a"}}), "configMapRef.name: Required"),
    (api("default", "orders", basePath="orders"), "spec.basePath"),
    (api("default", "orders", basePath="/orders/"), "spec.basePath"),
    (api("default", "orders", basePath="/orders/../admin"), "segments . and .."),
    (api("default", "orders", security={"oauth2": False, "apiKey": False}), "at least one of oauth2"),
    (
        api(
            "default",
            "orders",
            security={"public": True, "scopes": [{"method": "GET", "path": "/", "scopes": ["a"]}]},
        ),
        "scopes need oauth2",
    ),
    (
        api(
            "default",
            "orders",
            security={"scopes": [{"method": "GET", "path": "/", "scopes": ["a b"]}]},
        ),
        "spec.security.scopes",
    ),
    (api("default", "orders", plans=["Gold"]), "spec.plans"),
    (
        api("default", "orders", mediation={"requestHeaders": {"set": {"a b": "c"}}}),
        "a header name is made of",
    ),
    (api("default", "orders", mediation={"requestHeaders": {"set": {"a": "b\r\nc: d"}}}), "spec.mediation"),
    (
        api("default", "orders", mediation={"requestHeaders": {"set": {"X-Portico-Client": "me"}}}),
        "the gateway keeps",
    ),
    (
        api("default", "orders", mediation={"responseHeaders": {"remove": ["Content-Length"]}}),
        "the gateway keeps",
    ),
    (api("default", "orders", mediation={"rewrite": {"prefix": "/a/../b"}}), "segments . and .."),
    (api("default", "orders", mediation={"cors": CORS}), "allowCredentials needs named origins"),
    (api("default", "orders", visibility="Secret"), "Unsupported value"),
    (api("default", "orders", publication={"sunset": "2027-06-30"}), "sunset needs deprecated"),
    (api("default", "orders", publication={"successor": "v2"}), "successor needs deprecated"),
    (
        api("default", "orders", publication={"deprecated": True, "successor": "v1"}),
        "must be another version",
    ),
    (api("default", "orders", publication={"deprecated": True, "sunset": "2027-02-30"}), "sunset"),
    (api("default", "orders", nonsense=1), 'unknown field "spec.nonsense"'),
    (plan(burst=5), "burst needs a rate"),
    (plan(rate={"requests": 10, "per": "Minute"}, burst=11), "more than the rate allows"),
    (plan(rate={"requests": 10, "per": "Day"}), "Unsupported value"),
    (plan(rate={"requests": 0, "per": "Minute"}), "greater than or equal to 1"),
    (plan(quota={"requests": 10}), "spec.quota.per: Required"),
    (plan(approval="maybe"), "Unsupported value"),
    ({**plan(), "metadata": {"name": "gold.2"}}, "metadata.name must be a slug"),
]


@pytest.mark.parametrize("name", GOOD)
def test_crd_accepts(kubernetes, name) -> None:
    assert refusal(kubernetes, GOOD[name]) == ""


@pytest.mark.parametrize(("document", "words"), BAD, ids=[words for _, words in BAD])
def test_crd_refuses(kubernetes, document, words) -> None:
    assert words in refusal(kubernetes, document)


def test_crd_defaults(kubernetes, kubernetes_cluster, namespace) -> None:
    kubernetes.apply(api(namespace, "orders"))
    spec = kubernetes_cluster.get(API, namespace=namespace, name="orders").body["spec"]
    assert spec["type"] == "REST"
    assert spec["security"] == {"oauth2": True, "apiKey": True, "public": False}
    assert spec["visibility"] == "Internal"
    assert spec["publication"] == {"approval": "Manual", "deprecated": False}
    assert spec["upstreams"]["production"]["timeoutSeconds"] == 30
    assert "basePath" not in spec, "Portico computes it"


def test_crd_columns(kubernetes, namespace) -> None:
    kubernetes.apply(api(namespace, "orders"))
    header, row = kubernetes.kubectl("get", "apis.portico.dev", f"--namespace={namespace}").splitlines()
    assert header.split() == ["NAME", "VERSION", "TYPE", "TEAM", "ACCEPTED", "PROGRAMMED", "PUBLISHED", "AGE"]
    assert row.split()[:3] == ["orders", "v1", "REST"]


def test_crds_accept_the_demo(kubernetes, namespace, tmp_path) -> None:
    demo = ManifestDirectory("demo", path=DEMO, state=tmp_path)
    objects = [found for kind in (API, PLAN) for found in demo.list(kind).objects]
    assert len(objects) >= 11
    for found in objects:
        metadata = {"name": found.name, **({"namespace": namespace} if found.namespace else {})}
        assert refusal(kubernetes, {**found.body, "metadata": metadata}) == "", found.origin
