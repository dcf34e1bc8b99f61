"""Where a publisher changes what is enforced, for each kind of object that APIs are read from."""

from dataclasses import dataclass

from django.utils.translation import gettext

from apis.models import ApiVersion
from apis.sources import kinds
from portal.errors import PorticoError
from portal.kube import get_cluster
from portal.lazily import gettext_lazy as _

OURS = "portico.dev/v1alpha1/Api"
# Kind and group -> part -> the fields that say it. A part that is missing is not said by the object.
FIELDS: dict[str, dict[str, str]] = {
    "portico.dev/Api": {
        "Plans": "spec.plans",
        "Credentials and scopes": "spec.security",
        "Timeouts": "spec.upstreams.<environment>.timeoutSeconds",
        "CORS": "spec.mediation.cors",
        "Headers": _("spec.mediation.requestHeaders and responseHeaders"),
        "Rewriting": "spec.mediation.rewrite",
    },
    "gateway.networking.k8s.io/HTTPRoute": {
        "Plans": _("annotation portico.dev/plans"),
        "Timeouts": "spec.rules[].timeouts",
        "CORS, headers and rewriting": "spec.rules[].filters",
    },
    "networking.istio.io/VirtualService": {
        "Plans": _("annotation portico.dev/plans"),
        "Timeouts": "spec.http[].timeout",
        "CORS": "spec.http[].corsPolicy",
        "Headers": "spec.http[].headers",
        "Rewriting": "spec.http[].rewrite",
    },
    "devportal.kuadrant.io/APIProduct": {
        "Everything of the route": _("the HTTPRoute that spec.targetRef names"),
        "Credentials": _("the AuthPolicy of that route"),
    },
    "/Service": {"Plans": _("annotation portico.dev/plans")},
    "wso2.com/API": {
        "Everything": _(
            "the x-wso2 extensions of the definition in its ConfigMap, and api.yaml of an apictl project"
        ),
        "Credentials": _("the Security objects that the definition names"),
    },
    "gateway.api-platform.wso2.com/RestApi": {
        "Credentials, scopes, CORS and headers": "spec.policies",
        "Timeouts and rewriting": "spec.upstream",
    },
    "dp.wso2.com/API": {
        "Credentials": _("Authentication objects that point at it"),
        "Scopes": _("Scope objects that its routes name"),
        "Plans": _("RateLimitPolicy and Subscription plans of the cluster"),
        "CORS and headers": _("Authentication objects and the filters of its HTTPRoutes"),
        "Timeouts": _("its Backend objects"),
    },
    "dp.wso2.com/RouteMetadata": {"Everything": _("its HTTPRoutes and the policies that point at them")},
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the object is kept: `file` is file:line in a folder, else ""; `why` says why the portal changes nothing here."""

    file: str
    fields: dict[str, str]
    why: str = ""

    @property
    def editable(self) -> bool:
        return not self.why


def place_of(version: ApiVersion) -> Place:
    """The place of a version's object. A cluster that cannot be asked is told of by the edit itself."""
    *group, _, kind = version.kind.split("/")
    fields = FIELDS.get(f"{''.join(group)}/{kind}", {})
    if version.withdrawn_at is not None:
        return Place("", fields, gettext("The object is gone from the cluster."))
    try:
        cluster = get_cluster(version.cluster)
    except PorticoError as error:
        return Place("", fields, error.message)
    if cluster.edits:
        why = "" if version.kind == OURS else gettext("Only objects of portico.dev are changed here.")
        return Place("", fields, why)
    return Place(
        _file(version), fields, gettext("It is kept in a folder, which Portico leaves to its authors.")
    )


def _file(version: ApiVersion) -> str:
    """file:line of an object in a folder, "" where it cannot be read now or is another one by now."""
    kind = next((kind for kind in kinds() if str(kind) == version.kind), None)
    if kind is None:
        return ""
    try:
        obj = get_cluster(version.cluster).get(kind, namespace=version.namespace, name=version.object_name)
    except PorticoError:
        return ""
    return obj.origin if obj.uid == version.uid else ""
