"""`API` and `RateLimiting` of wso2.com/v1alpha1, with the Security and TargetEndpoint objects that an API names.

The rules are those of the WSO2 API operator 1.2 (wso2/k8s-api-operator, api-operator/pkg); each function says which.
"""

from apis.sources.source import CONFIG_MAP, About, Source
from apis.sources.wso2_v1alpha1.api import read_api
from apis.sources.wso2_v1alpha1.kinds import API, RATE_LIMITING, SECURITY, TARGET_ENDPOINT
from apis.sources.wso2_v1alpha1.rate_limiting import read_rate_limiting

SOURCES = (
    Source(
        kind=RATE_LIMITING,
        depends_on=(),
        read=read_rate_limiting,
        about=About(
            publisher="WSO2 API operator 1.x",
            reads="Type, time unit and request count, as a plan.",
            enforced="The rate.",
            shown="Bandwidth and conditions.",
        ),
    ),
    Source(
        kind=API,
        depends_on=(CONFIG_MAP, SECURITY, TARGET_ENDPOINT, RATE_LIMITING),
        read=read_api,
        about=About(
            publisher="WSO2 API operator 1.x",
            reads="The definitions in its ConfigMaps with their x-wso2 extensions, Security and TargetEndpoint objects.",
            enforced="Base path, endpoints, JWT, OAuth and API key security, throttling tier and CORS.",
            shown="Interceptors, mutual TLS, basic authentication, transports and limits of single operations.",
        ),
    ),
)
