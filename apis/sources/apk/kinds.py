"""The kinds of WSO2's API platform for Kubernetes (APK), every generation, the newest of each first.

One object is served in all generations of its kind; in a folder of manifests it has the one that it was written in.
So whoever looks something up asks for the generations in order, and takes the first answer.
"""

from apis.sources.gateway_api import GROUP, HTTPROUTE
from apis.sources.source import LookUp
from portal.kube import Kind, KubeObject

DP, CP = "dp.wso2.com", "cp.wso2.com"


def generations(group: str, name: str, plural: str, *versions: str) -> tuple[Kind, ...]:
    """One kind in its generations, all of which live in namespaces."""
    return tuple(
        Kind(group=group, version=version, kind=name, plural=plural, namespaced=True) for version in versions
    )


APIS = generations(DP, "API", "apis", "v1alpha3", "v1alpha2", "v1alpha1")
API_POLICIES = generations(DP, "APIPolicy", "apipolicies", "v1alpha4", "v1alpha3", "v1alpha2", "v1alpha1")
AUTHENTICATIONS = generations(DP, "Authentication", "authentications", "v1alpha2", "v1alpha1")
BACKENDS = generations(DP, "Backend", "backends", "v1alpha2", "v1alpha1")
RATE_LIMIT_POLICIES = generations(DP, "RateLimitPolicy", "ratelimitpolicies", "v1alpha3", "v1alpha1")
SCOPES = generations(DP, "Scope", "scopes", "v1alpha1")
ROUTE_METADATA = generations(DP, "RouteMetadata", "routemetadata", "v2alpha1")
GQLROUTES = generations(DP, "GQLRoute", "gqlroutes", "v1alpha2")
GRPCROUTES = generations(GROUP, "GRPCRoute", "grpcroutes", "v1", "v1alpha2")
# What the second generation of APK has in place of its own Backend (Envoy Gateway), and what says that it speaks TLS.
ENVOY_BACKENDS = generations("gateway.envoyproxy.io", "Backend", "backends", "v1alpha1")
TLS_POLICIES = generations(GROUP, "BackendTLSPolicy", "backendtlspolicies", "v1", "v1alpha3")
HTTPROUTES = (HTTPROUTE, *generations(GROUP, "HTTPRoute", "httproutes", "v1beta1"))

APPLICATIONS = generations(CP, "Application", "applications", "v1alpha2")
SUBSCRIPTIONS = generations(CP, "Subscription", "subscriptions", "v1alpha3", "v1alpha2")
MAPPINGS = generations(CP, "ApplicationMapping", "applicationmappings", "v1alpha2")


def newest(look_up: LookUp, kinds: tuple[Kind, ...], namespace: str, name: str) -> KubeObject | None:
    """The object in the newest generation that there is."""
    return next((found for kind in kinds if (found := look_up(kind, namespace, name))), None)


def attached(look_up: LookUp, kinds: tuple[Kind, ...], to: KubeObject) -> tuple[KubeObject, ...]:
    """The objects that point at another one, each in the newest generation that there is, by their names."""
    found = {obj.name: obj for kind in reversed(kinds) for obj in look_up.attached(kind, to)}
    return tuple(found[name] for name in sorted(found))
