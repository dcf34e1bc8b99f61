"""`API` and `RateLimiting` of wso2.com/v1alpha1, with the Security and TargetEndpoint objects that an API names.

The rules are those of the WSO2 API operator 1.2 (wso2/k8s-api-operator, api-operator/pkg); each function says which.
"""

from apis.sources.source import CONFIG_MAP, Source
from apis.sources.wso2_v1alpha1.api import read_api
from apis.sources.wso2_v1alpha1.kinds import API, RATE_LIMITING, SECURITY, TARGET_ENDPOINT
from apis.sources.wso2_v1alpha1.rate_limiting import read_rate_limiting

SOURCES = (
    Source(kind=RATE_LIMITING, depends_on=(), read=read_rate_limiting),
    Source(
        kind=API,
        depends_on=(CONFIG_MAP, SECURITY, TARGET_ENDPOINT, RATE_LIMITING),
        read=read_api,
    ),
)
