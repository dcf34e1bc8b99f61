"""The panel that tries an operation, on its page."""

from typing import Any

from django import template

from gateway.tryit.panel import NOT_TRIED, panel_of
from subscriptions.templatetags.subscribed import own_of

register = template.Library()


@register.inclusion_tag("gateway/_try.html", takes_context=True)
def try_panel(context: template.Context) -> dict[str, Any]:
    """For the page's `operation`, with what was `tried` where the page answers that. One query, signed in and subscribed."""
    request, version, operation = context["request"], context["version"], context["operation"]
    shown = {name: context[name] for name in ("request", "api", "version", "operation")}
    panel = panel_of(
        version,
        context["document"],
        operation,
        by=request.user,
        environment=request.GET.get("environment", ""),
        tried=context.get("tried") or NOT_TRIED,
        subscribed=bool(own_of(request, version.api)),
    )
    return shown | panel | {"csrf_token": context.get("csrf_token")}
