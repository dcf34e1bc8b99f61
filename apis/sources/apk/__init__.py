"""WSO2's API platform for Kubernetes: `dp.wso2.com` API, RateLimitPolicy and RouteMetadata, `cp.wso2.com` subscriptions.

The rules are those of APK 1.3 (wso2/apk, common-go-libs/apis) and of its second generation (RouteMetadata).
"""

from apis.sources.apk.access import mapping_targets, read_mapping, read_subscription
from apis.sources.apk.api import read_api
from apis.sources.apk.backends import tls_targets
from apis.sources.apk.kinds import (
    API_POLICIES,
    APIS,
    APPLICATIONS,
    AUTHENTICATIONS,
    BACKENDS,
    ENVOY_BACKENDS,
    GQLROUTES,
    GRPCROUTES,
    HTTPROUTES,
    MAPPINGS,
    RATE_LIMIT_POLICIES,
    ROUTE_METADATA,
    SCOPES,
    SUBSCRIPTIONS,
    TLS_POLICIES,
)
from apis.sources.apk.policies import targets_of
from apis.sources.apk.rate_limits import read_rate_limit_policy
from apis.sources.apk.route_metadata import read_route_metadata, route_targets
from apis.sources.gateway_api import GATEWAY
from apis.sources.source import CONFIG_MAP, About, Attachment, Source

POLICIES = (*AUTHENTICATIONS, *API_POLICIES, *RATE_LIMIT_POLICIES)
SERVING = (CONFIG_MAP, *HTTPROUTES, *BACKENDS, *ENVOY_BACKENDS, *TLS_POLICIES, *SCOPES, GATEWAY, *POLICIES)

API_ABOUT = About(
    publisher="WSO2 APK 1.x",
    reads="Name, version, base path, definition, its routes with Backends and Scopes, and the policies pointing at it.",
    enforced="One backend for each environment, tokens and API keys, scopes, plans, CORS, and headers of all routes.",
    shown=(
        "Further backends, settings of single routes, mutual TLS, interceptors, limits of the whole API, host names of "
        "the cluster's own gateway, and the state of the deployment."
    ),
)
RATE_LIMIT_ABOUT = About(
    publisher="WSO2 APK 1.x",
    reads="The limit of subscriptions, as a plan.",
    enforced="The rate.",
    shown="Burst control, limits of a whole API and limits by a header.",
)
METADATA_ABOUT = About(
    publisher="WSO2 APK 2",
    reads=(
        "Name, version, context, definition, the HTTPRoutes that name it or that it names with their backends (of APK, "
        "of Envoy Gateway, Services), and the policies pointing at it."
    ),
    enforced="One backend, tokens and API keys, scopes, plans, CORS, and headers of all routes.",
    shown="Further backends, settings of single routes, RoutePolicies, host names and what its controllers report.",
)
ACCESS_ABOUT = About(
    publisher="WSO2 APK 1.x",
    reads="Which application may call which API, by the subscription and the application that are named.",
    shown=(
        "All of it: the cluster enforces it, and Portico does not. APK 1.3 ignores subscriptionStatus, and its version "
        "is an expression that may fit anywhere in a version."
    ),
)

SOURCES = (
    *(Source(kind, (), read_rate_limit_policy, RATE_LIMIT_ABOUT) for kind in RATE_LIMIT_POLICIES),
    *(Source(kind, (*SERVING, *GQLROUTES, *GRPCROUTES), read_api, API_ABOUT) for kind in APIS),
    *(Source(kind, SERVING, read_route_metadata, METADATA_ABOUT) for kind in ROUTE_METADATA),
    *(Source(kind, MAPPINGS, read_subscription, ACCESS_ABOUT) for kind in SUBSCRIPTIONS),
    *(Source(kind, (*APPLICATIONS, *SUBSCRIPTIONS), read_mapping, ACCESS_ABOUT) for kind in MAPPINGS),
)
ATTACHMENTS = (
    *(Attachment(kind, targets_of) for kind in POLICIES),
    *(Attachment(kind, tls_targets) for kind in TLS_POLICIES),
    *(Attachment(kind, route_targets) for kind in HTTPROUTES),
    *(Attachment(kind, mapping_targets) for kind in MAPPINGS),
)
