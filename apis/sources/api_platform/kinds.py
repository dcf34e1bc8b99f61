"""The kinds of gateway.api-platform.wso2.com. v1 and v1alpha1 have one schema; a cluster serves both of one object."""

from portal.kube import Kind

GROUP = "gateway.api-platform.wso2.com"
VERSIONS = ("v1", "v1alpha1")


def kinds(name: str, plural: str) -> tuple[Kind, ...]:
    """A kind in both generations, the newer one first."""
    return tuple(
        Kind(group=GROUP, version=version, kind=name, plural=plural, namespaced=True) for version in VERSIONS
    )


REST_APIS = kinds("RestApi", "restapis")
PLANS = kinds("SubscriptionPlan", "subscriptionplans")
SUBSCRIPTIONS = kinds("Subscription", "subscriptions")
REST_API, PLAN, SUBSCRIPTION = REST_APIS[0], PLANS[0], SUBSCRIPTIONS[0]
