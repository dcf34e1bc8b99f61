"""Which places the shell of a page links to."""

from typing import Any

from django import template

from apis.permissions import can_view_sync

register = template.Library()


@register.simple_tag(takes_context=True)
def sees_sync(context: template.Context) -> bool:
    """Whether the reader may open the sync page. Asked once for each request: several links depend on it."""
    request: Any = context.get("request")
    if not getattr(request, "user", None):
        return False
    if not hasattr(request, "sees_sync"):
        request.sees_sync = can_view_sync(request.user)
    return bool(request.sees_sync)
