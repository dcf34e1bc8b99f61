"""Objects of WSO2's APK for the tests of its sources."""

import base64
import gzip
from typing import Any

from apis.sources.apk.kinds import (
    API_POLICIES,
    APIS,
    APPLICATIONS,
    AUTHENTICATIONS,
    BACKENDS,
    ENVOY_BACKENDS,
    HTTPROUTES,
    MAPPINGS,
    RATE_LIMIT_POLICIES,
    ROUTE_METADATA,
    SCOPES,
    SUBSCRIPTIONS,
)
from apis.sources.gateway_api import GATEWAY
from apis.sources.source import CONFIG_MAP
from portal.kube import Kind, KubeObject
from tests.sources.objects import make

DEFINITION = """
openapi: 3.0.0
info: {title: Pets, version: 1.0.8}
paths:
  /pets:
    get: {responses: {"200": {description: ok}}}
    post: {responses: {"200": {description: ok}}}
  /pets/{id}:
    get: {responses: {"200": {description: ok}}}
"""
BACKEND_REF = {"group": "dp.wso2.com", "kind": "Backend", "name": "pets"}


def api(kind: Kind = APIS[0], annotations: Any = None, status: Any = None, **spec: Any) -> KubeObject:
    stated = {
        "apiName": "Pet Shop",
        "apiVersion": "1.0.8",
        "apiType": "REST",
        "basePath": "/pets/1.0.8",
        "definitionPath": "/api-definition",
        "definitionFileRef": "pets-definition",
        "production": [{"routeRefs": ["pets"]}],
        "organization": "default",
    }
    more = {"status": status} if status else {}
    return make(kind, "pets-1", annotations=annotations, spec=without_nothing(stated | spec), **more)


def metadata(labels: Any = None, annotations: Any = None, **stated: Any) -> KubeObject:
    found = {
        "name": "Pet Shop",
        "version": "2.0.0",
        "context": "/pets/2.0.0",
        "type": "REST",
        "definitionPath": "/api-definition",
        "definition": DEFINITION,
    }
    obj = make(
        ROUTE_METADATA[0], "pets-meta", annotations=annotations, spec={"api": without_nothing(found | stated)}
    )
    return obj if labels is None else make_labelled(obj, labels)


def make_labelled(obj: KubeObject, labels: dict[str, str]) -> KubeObject:
    from tests.sources.objects import made

    body = dict(obj.body)
    body["metadata"] = dict(body["metadata"]) | {"labels": labels}
    return made(obj.kind, body)


def without_nothing(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def packed(text: str = DEFINITION, name: str = "pets-definition", key: str = "definition") -> KubeObject:
    value = base64.b64encode(gzip.compress(text.encode())).decode()
    return make(CONFIG_MAP, name, binaryData={key: value})


def backend(name: str = "pets", kind: Kind = BACKENDS[0], **spec: Any) -> KubeObject:
    stated = {"services": [{"host": "pets.shop", "port": 8080}], "protocol": "http"}
    return make(kind, name, spec=stated | spec)


def rule(
    path: str = "/pets",
    kind: str = "PathPrefix",
    method: str = "",
    filters: Any = (),
    refs: Any = (BACKEND_REF,),
    **more: Any,
) -> dict[str, Any]:
    match = {"path": {"type": kind, "value": path}} | ({"method": method} if method else {})
    return {"matches": [match], "filters": list(filters), "backendRefs": list(refs)} | more


def route(
    *rules: Any, name: str = "pets", hostnames: Any = (), kind: Kind = HTTPROUTES[0], **spec: Any
) -> KubeObject:
    return make(kind, name, spec={"hostnames": list(hostnames), "rules": list(rules) or [rule()]} | spec)


def envoy_backend(name: str = "pets", **spec: Any) -> KubeObject:
    stated = {"endpoints": [{"fqdn": {"hostname": "pets.shop", "port": 8443}}]}
    return make(ENVOY_BACKENDS[0], name, spec=stated | spec)


def extension(kind: str, name: str, group: str = "dp.wso2.com") -> dict[str, Any]:
    return {"type": "ExtensionRef", "extensionRef": {"group": group, "kind": kind, "name": name}}


def scope(name: str, *names: str) -> KubeObject:
    return make(SCOPES[0], name, spec={"names": list(names)})


def policy(kind: Kind, name: str = "policy", target: Any = None, **spec: Any) -> KubeObject:
    ref = target or {"group": "gateway.networking.k8s.io", "kind": "API", "name": "pets-1"}
    return make(kind, name, spec={"targetRef": ref} | spec)


def authentication(name: str = "auth", kind: Kind = AUTHENTICATIONS[0], **types: Any) -> KubeObject:
    return policy(kind, name, override={"authTypes": types})


def api_policy(name: str = "api-policy", kind: Kind = API_POLICIES[0], **stated: Any) -> KubeObject:
    return policy(kind, name, override=stated)


def rate_limit(name: str = "gold", kind: Kind = RATE_LIMIT_POLICIES[0], **stated: Any) -> KubeObject:
    return policy(kind, name, default=stated)


def subscription_limit(requests: Any = 100, unit: str = "Minute", **more: Any) -> dict[str, Any]:
    count = {"requestsPerUnit": requests, "unit": unit}
    return {"organization": "default", "stopOnQuotaReach": True, "requestCount": count} | more


def gateway(name: str = "apk", **spec: Any) -> KubeObject:
    stated = {"gatewayClassName": "apk", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}
    return make(GATEWAY, name, spec=stated | spec)


def application(name: str = "app-1", **spec: Any) -> KubeObject:
    stated = {"name": "Web shop", "owner": "alice", "organization": "default"}
    return make(APPLICATIONS[0], name, spec=stated | spec)


def subscription(name: str = "sub-1", kind: Kind = SUBSCRIPTIONS[0], **spec: Any) -> KubeObject:
    stated = {
        "api": {"name": "Pet Shop", "version": "^1\\.0\\.8$"},
        "organization": "default",
        "subscriptionStatus": "ACTIVE",
    }
    stated |= {"ratelimitRef": {"name": "gold", "level": "Gold"}} if kind == SUBSCRIPTIONS[0] else {}
    return make(kind, name, spec=stated | spec)


def joined(name: str = "map-1", application: Any = "app-1", subscription: Any = "sub-1") -> KubeObject:
    return make(MAPPINGS[0], name, spec={"applicationRef": application, "subscriptionRef": subscription})
