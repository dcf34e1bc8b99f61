"""The kinds of wso2.com/v1alpha1."""

from portal.kube import Kind


def kind(name: str, plural: str) -> Kind:
    """One kind of the group, all of which live in namespaces."""
    return Kind(group="wso2.com", version="v1alpha1", kind=name, plural=plural, namespaced=True)


API = kind("API", "apis")
SECURITY = kind("Security", "securities")
RATE_LIMITING = kind("RateLimiting", "ratelimitings")
TARGET_ENDPOINT = kind("TargetEndpoint", "targetendpoints")
