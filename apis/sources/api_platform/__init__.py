"""`RestApi`, `SubscriptionPlan` and `Subscription` of gateway.api-platform.wso2.com, WSO2's API platform.

v1 and v1alpha1 are one object in two spellings. HTTPRoutes with the platform's annotations are read with the other
HTTPRoutes (apis/sources/http_route.py).
"""

from apis.sources.api_platform.kinds import PLANS, REST_APIS, SUBSCRIPTIONS
from apis.sources.api_platform.plans import read_plan, read_subscription
from apis.sources.api_platform.rest_api import read_rest_api
from apis.sources.source import About, Source

PUBLISHER = "WSO2 API platform"

SOURCES = (
    *(
        Source(
            kind=kind,
            depends_on=(),
            read=read_plan,
            about=About(
                publisher=PUBLISHER,
                reads="Name, limit, status and billing plan, as a plan while it is active.",
                enforced="The limit.",
                shown="Billing plan, expiry, and that traffic may go on over the limit.",
            ),
        )
        for kind in PLANS
    ),
    *(
        Source(
            kind=kind,
            depends_on=(),
            read=read_subscription,
            about=About(
                publisher=PUBLISHER,
                reads="API, application, plan and status of what the cluster lets through by itself; never its token.",
                shown="All of it.",
            ),
        )
        for kind in SUBSCRIPTIONS
    ),
    *(
        Source(
            kind=kind,
            depends_on=(),
            read=read_rest_api,
            about=About(
                publisher=PUBLISHER,
                reads="Name, version, context, upstreams and their definitions, policies, conditions, and the operations, of"
                " which a definition is made.",
                enforced="Base path, operations, upstreams, timeout, the policies jwt-auth (with scopes), api-key-auth, cors,"
                " set-headers, remove-headers and modify-headers.",
                shown="All other policies and those of single operations, virtual hosts, issuers, balancing, idle and connect"
                " timeouts, matches by header.",
            ),
        )
        for kind in REST_APIS
    ),
)
