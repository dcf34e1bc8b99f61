"""Usage on the pages of lower apps, and how its numbers read."""

from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apis.models import ApiVersion
from gateway import subscribers
from gateway.usage import charts
from gateway.usage.health import Record, backend_health, record_of
from gateway.usage.quotas import Standing, standings
from gateway.usage.reports import title_of
from gateway.usage.subscribed import LINE_FIELDS, Lately, by_urgency, lately, rows_of, short_moment
from portal.accounts.roles import Permission, can
from portal.listing import page_of, pager
from subscriptions.models import Application, Subscription

register = template.Library()
_ALREADY_USED = 5


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


@register.simple_tag
def record(version: ApiVersion) -> Record | None:
    """How its production did in the last thirty days."""
    return record_of(version)


@register.inclusion_tag("gateway/_still_calling.html", takes_context=True)
def still_calling(context: template.Context, version: ApiVersion) -> dict[str, Any]:
    """Which of the reader's applications would notice the end of a version."""
    return {"calling": subscribers.still_calling(version, context["request"].user)}


@register.inclusion_tag("gateway/_subscriptions_of.html", takes_context=True)
def subscriptions_of(context: template.Context, application: Application) -> dict[str, Any]:
    """Every subscription of an application, the most urgent first, in pages of their own."""
    request = context["request"]
    related = ("application", "api__current_version", "plan", "requested_plan")
    rows = application.subscriptions.select_related(*related).only(*LINE_FIELDS)
    page = page_of(request, by_urgency(rows), name="subscriptions")
    page.object_list = list(page.object_list)
    return {
        "request": request,
        "application": application,
        "rows": rows_of(page.object_list),
        "may": can(request.user, Permission.SUBSCRIBE, application.team),
        **pager(page, "subscriptions"),
    }


@register.inclusion_tag("gateway/_already_used.html", takes_context=True)
def already_used(context: template.Context, asked: Subscription) -> dict[str, Any]:
    """What the application of a request already calls, of the APIs that the reader decides about."""
    mine = Subscription.objects.reviewable_by(context["request"].user)
    theirs = mine.filter(application=asked.application_id, status__in=Subscription.ENFORCED)
    rows = theirs.select_related("application", "api__current_version", "plan")
    return {"rows": rows_of(list(rows.order_by("created_at", "pk")[:_ALREADY_USED]))}


@register.simple_tag
def calls_lately(application: Application) -> Lately:
    """How much an application calls: what its end would refuse."""
    return lately(application)


register.filter(short_moment)


@register.simple_tag
def share(part: int, whole: int) -> SafeString:
    """A bar as long as the part. Not a limit's: it does not turn red when it is full."""
    percent = round(100 * part / whole) if whole else 0
    return format_html(
        '<svg class="quota" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<rect width="{}" height="6"/></svg>',
        _("{percent} percent of calls").format(percent=percent),
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
