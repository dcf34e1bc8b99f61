"""What every answer shares: a request id, domain errors as pages, and what the page shell shows."""

import logging
import secrets
from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from portal.errors import Conflict, Forbidden, Invalid, PorticoError, TooManyTries
from portal.htmx import wants_part

logger = logging.getLogger(__name__)
GetResponse = Callable[[HttpRequest], HttpResponse]


class RequestIdMiddleware:
    """Gives each request an id that the answer, the log and the error page name."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.id = f"req_{secrets.token_hex(8)}"  # type: ignore[attr-defined]
        response = self.get_response(request)
        response["X-Request-ID"] = request.id  # type: ignore[attr-defined]
        return response


class DomainErrorMiddleware:
    """A refused write goes back to the page it came from and says why; a refused read is a page of its own."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, PorticoError):
            return None
        back = request.META.get("HTTP_REFERER", "")
        refused_write = request.method == "POST" and isinstance(exception, Conflict | Forbidden | Invalid)
        if (
            refused_write
            and not wants_part(request)
            and url_has_allowed_host_and_scheme(back, {request.get_host()})
        ):
            messages.error(request, f"{exception.message} {exception.remedy}".strip())
            return redirect(back)
        response = error_page(
            request,
            exception.status,
            title=_(exception.title),
            message=exception.message,
            remedy=exception.remedy,
        )
        if isinstance(exception, TooManyTries):
            response["Retry-After"] = str(exception.retry_after)
        return response


def error_page(
    request: HttpRequest, status: int, *, title: str, message: str, remedy: str = "", sought: str = ""
) -> HttpResponse:
    """The error page of `status`; only its flash for htmx, problem+json (RFC 9457) below /api/.

    `sought` is the name that somebody may have misspelt: the page's search begins with it.
    """
    if request.path.startswith("/api/"):
        problem = {
            "type": "about:blank",
            "title": title,
            "status": status,
            "detail": message,
            "remedy": remedy,
        }
        problem["request_id"] = getattr(request, "id", "")
        return JsonResponse(problem, status=status, content_type="application/problem+json")
    context = {
        "status": status,
        "title": title,
        "message": message,
        "remedy": remedy,
        "reference": getattr(request, "id", ""),
        "sought": sought,
    }
    template = "errors/_flash.html" if wants_part(request) else f"errors/{status}.html"
    return render(request, template, context, status=status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return error_page(request, 400, title=_("That request cannot be read"), message=_("Nothing was changed."))


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return error_page(
        request, 403, title=_("Not allowed"), message=_("Your account may not do this. Nothing was changed.")
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return error_page(
        request,
        403,
        title=_("This form is no longer valid"),
        message=_("It was opened too long ago, or in another session. Nothing was changed."),
        remedy=_("Go back, reload the page and send it again. Cookies must be allowed for this site."),
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return error_page(
        request,
        404,
        title=_("There is nothing here"),
        message=_("It does not exist, or your account may not see it."),
        remedy=_("Sign in with another account, or search the catalog.")
        if request.user.is_authenticated
        else _("Sign in, or search the catalog."),
        sought=request.path.split("/")[2] if request.path.startswith("/apis/") else "",
    )


def too_many_requests(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """allauth's rate limits end here: sign-up, password reset, second factors."""
    response = error_page(
        request,
        429,
        title=_("Too many tries"),
        message=_("To keep accounts safe this works only a few times in a row. Nothing is locked."),
        remedy=_("Try again in a few minutes."),
    )
    response["Retry-After"] = "60"  # what allauth's windows last, but for a few
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    return error_page(
        request,
        500,
        title=_("Portico failed here"),
        message=_("The fault is ours. What you sent may not have been saved."),
        remedy=_("Try again; if it happens twice, give an administrator the reference below."),
    )


def shell(request: HttpRequest) -> dict[str, object]:
    """Context of every page: only what the shell in base.html needs, and no query unless it is used."""
    return {"demo": settings.DEMO, "portico_version": settings.VERSION, "cluster_name": settings.CLUSTER_NAME}
