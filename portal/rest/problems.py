"""RFC 9457: every refusal, ours or the framework's, as problem+json."""

from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.utils.translation import gettext
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from portal.errors import Invalid, PorticoError

PROBLEM = "application/problem+json"


def problem(
    code: int, *, title: str, detail: str = "", remedy: str = "", request: Any = None, **extra: object
) -> Response:
    """An RFC 9457 answer."""
    body = {"type": "about:blank", "title": title, "status": code, "detail": detail}
    if remedy:
        body["remedy"] = remedy
    body.update(extra)
    reference = getattr(getattr(request, "_request", request), "id", "")
    if reference:
        body["request_id"] = reference
    return Response(body, status=code, content_type=PROBLEM)


def problem_from_exception(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: every refusal, ours or the framework's, as problem+json."""
    request = context.get("request")
    if isinstance(exc, PorticoError):
        set_rollback()
        extra: dict[str, Any] = (
            {"errors": {exc.field: [exc.message]}} if isinstance(exc, Invalid) and exc.field else {}
        )
        return problem(
            exc.status,
            title=gettext(exc.title),
            detail=exc.message,
            remedy=exc.remedy,
            request=request,
            **extra,
        )
    if isinstance(exc, Http404):
        exc = exceptions.NotFound("It does not exist, or you may not see it.")
    elif isinstance(exc, PermissionDenied):
        exc = exceptions.PermissionDenied()
    if not isinstance(exc, exceptions.APIException):
        return None
    set_rollback()
    extra = {"errors": exc.detail} if isinstance(exc, exceptions.ValidationError) else {}
    detail = "Some fields are not valid." if extra else str(exc.detail)
    response = problem(
        exc.status_code, title=HTTPStatus(exc.status_code).phrase, detail=detail, request=request, **extra
    )
    challenge = getattr(exc, "auth_header", None)
    if challenge:
        response["WWW-Authenticate"] = challenge
    wait = getattr(exc, "wait", None)
    if wait:
        response["Retry-After"] = str(int(wait) + 1)
    return response
