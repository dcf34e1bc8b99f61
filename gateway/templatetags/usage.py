"""Usage on the pages of lower apps, and how its numbers read."""

from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apis.models import ApiVersion
from gateway import subscribers
from gateway.usage import charts
from gateway.usage.health import backend_health
from gateway.usage.quotas import Standing, standings
from gateway.usage.reports import title_of
from subscriptions.models import Subscription

register = template.Library()


@register.inclusion_tag("gateway/_quota.html")
def quota_of(subscription: Subscription) -> dict[str, Any]:
    """How much of its quota a subscription has left; nothing where its plan has none, or its calls are not let through."""
    counted = subscription.status in {*Subscription.ENFORCED, Subscription.Status.SUSPENDED}
    found: list[Standing] = standings([subscription]) if counted else []
    return {"standing": found[0] if found else None}


@register.inclusion_tag("gateway/_backend_health.html")
def backend_health_of(version: ApiVersion, environment: str) -> dict[str, Any]:
    """How calls of the last minutes found its backend there; nothing where there were none."""
    found = backend_health([version]).get(version.pk, [])
    return {"health": next((one for one in found if one.environment == environment), None)}


@register.inclusion_tag("gateway/_still_calling.html", takes_context=True)
def still_calling(context: template.Context, version: ApiVersion) -> dict[str, Any]:
    """Which of the reader's applications would notice the end of a version."""
    return {"calling": subscribers.still_calling(version, context["request"].user)}


@register.simple_tag
def share(part: int, whole: int) -> SafeString:
    """A bar as long as the part. Not a limit's: it does not turn red when it is full."""
    percent = round(100 * part / whole) if whole else 0
    return format_html(
        '<svg class="quota" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label="{} percent of calls">'
        '<rect width="{}" height="6"/></svg>',
        percent,
        percent,
    )


@register.filter
def short(number: float) -> str:
    """`1,200`, `12k`, `1.2M`."""
    return charts.short(number)


@register.filter
def why(reason: str, status: int) -> str:
    """Why a call failed, in a few words."""
    return title_of(reason, status // 100)
