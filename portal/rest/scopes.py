"""Who may call a REST view: a session, or a bearer token with the view's scope."""

from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request


class PortalScope(BasePermission):
    """A bearer token needs the view's scope: `scope_read` to look, `scope_write` to change. Sessions carry every scope.

    A view is for signed-in people unless it sets `anonymous_read`.
    """

    message = "The token lacks the scope that this needs."

    def has_permission(self, request: Request, view: Any) -> bool:
        reading = request.method in SAFE_METHODS
        if not request.user.is_authenticated:
            return reading and getattr(view, "anonymous_read", False)
        token: Any = request.auth
        if token is None:
            return True
        needed = (
            getattr(view, "scope_read", "portal:read")
            if reading
            else getattr(view, "scope_write", "portal:subscribe")
        )
        return bool(token.is_valid([needed]))
