"""What an API's page and the catalog show of subscriptions."""

from collections.abc import Iterable
from typing import Any

from django import template

from apis.models import Api, Plan
from subscriptions.models import Application, Subscription

register = template.Library()
SHOWN = 10


@register.simple_tag(takes_context=True)
def my_subscriptions(context: template.Context, api: Api) -> list[Subscription]:
    """The live subscriptions of the reader's applications to this API, newest first."""
    return own_of(context["request"], api)


def own_of(request: Any, api: Api) -> list[Subscription]:
    """The same, asked once for each request: where there is none, other parts of the page need not ask at all."""
    if not request.user.is_authenticated:
        return []
    if not hasattr(request, "own_subscriptions"):
        mine = Application.objects.visible_to(request.user)
        live = Subscription.objects.live().filter(api=api, application__in=mine)
        request.own_subscriptions = list(live.select_related("application", "plan")[:SHOWN])
    found: list[Subscription] = request.own_subscriptions
    return found


@register.simple_tag(takes_context=True)
def my_plans(context: template.Context, api: Api) -> list[Plan]:
    """The plans under which the reader's applications may call this API now, the smallest first."""
    user = context["request"].user
    if not user.is_authenticated or not own_of(context["request"], api):
        return []
    mine = Application.objects.visible_to(user)
    live = Subscription.objects.live().filter(
        api=api, application__in=mine, status=Subscription.Status.ACTIVE
    )
    return list(Plan.objects.filter(pk__in=live.values("plan")))


@register.simple_tag(takes_context=True)
def subscribed_among(context: template.Context, apis: Iterable[Api]) -> set[int]:
    """Which of these APIs some application of the reader's is subscribed to, as primary keys: one query for a page."""
    user = context["request"].user
    if not user.is_authenticated:
        return set()
    mine = Application.objects.visible_to(user)
    found = Subscription.objects.live().filter(api__in=[api.pk for api in apis], application__in=mine)
    return set(found.values_list("api_id", flat=True))


@register.simple_tag
def live_subscriptions(api: Api) -> int:
    """How many applications would lose access if the API went away."""
    return Subscription.objects.live().filter(api=api).count()
