"""Which other sites' scripts may read an answer (CORS, of the Fetch standard): those that a public client is registered at.

A browser asks before it sends a request that a form could not have sent. That question names no client, so every site is
told that it may ask: the end points take no cookies, so a site gains nothing that it could not do from a server of its own.
What counts is the answer itself, which is for the origins of the client's redirect URIs alone.
"""

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse
from oauth2_provider.models import AbstractApplication

from keymanager.models import Credential

from .redirects import is_registered, origin

View = Callable[..., HttpResponse]
_PREFLIGHT = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "600",
}
# Beside those that every script may read.
_READABLE = "Retry-After, WWW-Authenticate, X-Request-ID"


def for_everybody(view: View) -> View:
    """For what is public anyhow: any site's script may read it."""

    @wraps(view)
    def with_cors(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        response = _preflight("GET") if _asks_first(request) else view(request, *args, **kwargs)
        response["Access-Control-Allow-Origin"] = "*"
        return response

    return with_cors


def for_public_clients(claimed: Callable[[HttpRequest], str]) -> Callable[[View], View]:
    """For end points of clients in browsers. `claimed` answers the id of the client that a request is of, "" for none."""

    def decorate(view: View) -> View:
        @wraps(view)
        def with_cors(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
            if _asks_first(request):
                return _preflight("GET, POST")
            response = view(request, *args, **kwargs)
            site = request.headers.get("Origin", "")
            if site and _is_at_home(claimed(request), site):
                response["Access-Control-Allow-Origin"] = site
                response["Access-Control-Expose-Headers"] = _READABLE
                response["Vary"] = "Origin"
            return response

        return with_cors

    return decorate


def _asks_first(request: HttpRequest) -> bool:
    return request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers


def _preflight(methods: str) -> HttpResponse:
    return HttpResponse(status=204, headers={**_PREFLIGHT, "Access-Control-Allow-Methods": methods})


def _is_at_home(client_id: str, site: str) -> bool:
    """Whether people return to this site from the client. At any port of loopback, as with redirect URIs."""
    if not client_id or "\0" in client_id:
        return False
    uris = Credential.objects.filter(
        public_id=client_id, oauth_application__client_type=AbstractApplication.CLIENT_PUBLIC
    ).values_list("oauth_application__redirect_uris", flat=True)
    return is_registered(site, [origin(uri) for uri in " ".join(uris).split()])
