"""`API` of wso2.com/v1alpha2: a ConfigMap with an OpenAPI text, or with a whole project of apictl as a zip.

The rules are those of the WSO2 API operator 2.0 (wso2/k8s-api-operator, api-operator/pkg) and of apictl's projects.
"""

from apis.sources.portico_v1alpha1 import PLAN
from apis.sources.source import CONFIG_MAP, About, Source
from apis.sources.wso2_v1alpha1.kinds import RATE_LIMITING, SECURITY, TARGET_ENDPOINT
from apis.sources.wso2_v1alpha2.api import API, TARGET_ENDPOINT_V1ALPHA2, read_api

SOURCES = (
    Source(
        kind=API,
        depends_on=(
            CONFIG_MAP,
            PLAN,
            TARGET_ENDPOINT_V1ALPHA2,
            # for objects that were written for v1alpha1
            SECURITY,
            RATE_LIMITING,
            TARGET_ENDPOINT,
        ),
        read=read_api,
        about=About(
            publisher="WSO2 API operator 2.x",
            reads="The definition with its x-wso2 extensions, as text or in an apictl project, and the project's api.yaml:"
            " name, version, context, endpoints, tags, tiers, lifecycle status, CORS and security schemes.",
            enforced="Base path, endpoints, OAuth and API key security, tiers of which there is a Plan, and CORS.",
            shown="paramsValues, certsValues, other tiers, mutual TLS, basic authentication, roles and sequences.",
        ),
    ),
)
