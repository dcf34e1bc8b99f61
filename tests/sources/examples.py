"""One good object of every source, with the objects that it is read with: `EXAMPLES[kind]`, the object first."""

from collections.abc import Mapping

from apis.sources.api_platform import kinds as platform
from apis.sources.apk.kinds import APIS, MAPPINGS, RATE_LIMIT_POLICIES, ROUTE_METADATA, SUBSCRIPTIONS
from apis.sources.gateway_api import HTTPROUTE
from apis.sources.integration import EI_INTEGRATION, INTEGRATION
from apis.sources.kuadrant_kinds import API_PRODUCT
from apis.sources.portico_v1alpha1 import API as PORTICO_API, PLAN
from apis.sources.service_v1 import SERVICE
from apis.sources.virtual_service import ISTIO_GATEWAYS, VIRTUAL_SERVICE, VIRTUAL_SERVICE_V1BETA1
from apis.sources.wso2_v1alpha1.kinds import API as API_V1ALPHA1, RATE_LIMITING
from apis.sources.wso2_v1alpha2.api import API as API_V1ALPHA2
from portal.kube import Kind, KubeObject
from tests.sources import (
    apk,
    test_api_platform as api_platform,
    test_http_route as http_route,
    test_integration as integration,
    test_kuadrant as kuadrant,
    test_service as service,
    test_virtual_service as virtual_service,
    test_wso2 as wso2,
    test_wso2_v1alpha2 as wso2_v1alpha2,
)
from tests.sources.objects import config_map, made, make
from tests.sources.test_apk_hostile import AUTH, BACKEND, LIMIT, POLICY, RATE, ROUTE

BY_HEADER = http_route.rule(http_route.match(headers=[{"name": "x", "value": "1"}]))
RETRIED = virtual_service.http(retries={"attempts": 3})
COMPANY = (apk.packed(), ROUTE, AUTH, POLICY, RATE, BACKEND, apk.scope("read", "r"), apk.gateway())


def istio_gateway(version: str) -> KubeObject:
    newest = virtual_service.gateway()
    return made(ISTIO_GATEWAYS[version], {name: newest.body[name] for name in ("metadata", "spec")})


def platform_examples(version: int) -> dict[Kind, tuple[KubeObject, ...]]:
    """Both generations of the API platform have the same fields."""
    api, plan, access = (
        kinds[version] for kinds in (platform.REST_APIS, platform.PLANS, platform.SUBSCRIPTIONS)
    )
    limited = [api_platform.policy("token-based-ratelimit"), api_platform.policy("cors")]
    return {
        api: (api_platform.api(kind=api, policies=limited),),
        plan: (api_platform.plan(kind=plan),),
        access: (api_platform.subscription(access, applicationId="app", subscriptionPlanId="gold"),),
    }


def apk_examples() -> dict[Kind, tuple[KubeObject, ...]]:
    """The generations of APK's kinds; the oldest Api names its routes otherwise."""
    of_apis = {kind: (apk.api(kind), *COMPANY) for kind in APIS[:2]}
    older = apk.api(APIS[2], production=[{"httpRouteRefs": ["pets"]}])
    plans = {
        kind: (apk.rate_limit(kind=kind, subscription=apk.subscription_limit()),)
        for kind in RATE_LIMIT_POLICIES[:1]
    }
    return {
        **of_apis,
        APIS[2]: (older, *COMPANY),
        RATE_LIMIT_POLICIES[1]: (apk.rate_limit(kind=RATE_LIMIT_POLICIES[1], api=LIMIT),),
        **plans,
        ROUTE_METADATA[0]: (apk.metadata(), metadata_route(), *COMPANY[2:]),
        **{kind: (apk.subscription(kind=kind),) for kind in SUBSCRIPTIONS},
        MAPPINGS[0]: (apk.joined(), apk.application(), apk.subscription()),
    }


def metadata_route() -> KubeObject:
    return apk.route(apk.rule(filters=[apk.extension("RouteMetadata", "pets-meta")]), hostnames=["a.example"])


EXAMPLES: Mapping[Kind, tuple[KubeObject, ...]] = {
    PLAN: (
        make(
            PLAN,
            "gold",
            "",
            spec={"displayName": "Gold", "rate": {"requests": 30, "per": "Minute"}, "burst": 5},
        ),
    ),
    PORTICO_API: (
        make(
            PORTICO_API,
            "orders",
            spec={
                "version": "v1",
                "upstreams": {"production": {"integration": {"name": "hello", "port": 8085}}},
                "definition": {"configMapRef": {"name": "orders"}},
            },
        ),
        config_map("orders", apk.DEFINITION),
        integration.integration(status=integration.RUNNING, expose={"inboundPorts": [8085]}),
    ),
    API_V1ALPHA1: (wso2.api(), wso2.text(wso2.URLS, "x-wso2-transports: [http]")),
    RATE_LIMITING: (make(RATE_LIMITING, "gold", spec=wso2.LIMIT),),
    API_V1ALPHA2: (wso2_v1alpha2.api(), wso2_v1alpha2.project_4()),
    INTEGRATION: (integration.integration(INTEGRATION, status=integration.RUNNING),),
    EI_INTEGRATION: (integration.integration(EI_INTEGRATION, status=integration.RUNNING),),
    **apk_examples(),
    **platform_examples(0),
    **platform_examples(1),
    HTTPROUTE: (
        http_route.route(BY_HEADER, definition="orders"),
        config_map("orders", apk.DEFINITION),
        http_route.gateway(),
    ),
    API_PRODUCT: (kuadrant.full(), kuadrant.plain(), http_route.gateway()),
    SERVICE: (service.service(),),
    VIRTUAL_SERVICE: (virtual_service.service(RETRIED), istio_gateway("v1")),
    VIRTUAL_SERVICE_V1BETA1: (
        virtual_service.service(RETRIED, kind=VIRTUAL_SERVICE_V1BETA1),
        istio_gateway("v1beta1"),
    ),
}
