"""The reader's own clients in the getting-started panel of an API."""

from dataclasses import dataclass

from django import template

from apis.first_call import FirstCall
from apis.models import Api
from keymanager.models import Credential, CredentialKind
from subscriptions.models import SubscriptionStatus
from subscriptions.templatetags.subscribed import own_of

register = template.Library()
SHOWN = 20


@dataclass(frozen=True, slots=True)
class OwnClients:
    """Clients of the reader's subscribed applications, and the client id to fill in: the one asked for, else the first."""

    clients: list[Credential]
    chosen: str


@register.simple_tag(takes_context=True)
def own_clients(context: template.Context, api: Api, environment: str) -> OwnClients:
    request = context["request"]
    if not own_of(request, api):
        return OwnClients([], "")
    subscribed = api.subscriptions.filter(
        status__in=[SubscriptionStatus.ACTIVE, SubscriptionStatus.CHANGE_PENDING]
    )
    clients = list(
        Credential.objects.visible_to(request.user)
        .usable()
        .filter(
            kind=CredentialKind.OAUTH_CLIENT,
            environment=environment,
            application__in=subscribed.values("application"),
        )
        .select_related("application")[:SHOWN]
    )
    ids = [client.public_id for client in clients]
    wanted = request.GET.get("client", "")
    return OwnClients(clients, wanted if wanted in ids else next(iter(ids), ""))


@register.filter
def with_client(call: FirstCall, client_id: str) -> str:
    """The lines of the call with that client filled in."""
    return call.with_client(client_id).text
