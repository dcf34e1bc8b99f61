"""The authorization end point (RFC 6749 4.1.1): who asks is checked before anybody is sent anywhere."""

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from keymanager.models import Consent, Credential
from portal.accounts.models import User
from portal.accounts.people import person
from portal.errors import Invalid

from . import grants
from .grant_types import allowed_to
from .redirects import is_loopback, is_registered, origin

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_PRINTABLE = re.compile(r"[\x20-\x7e]*")
_STATE_MAX, _NONCE_MAX = 2000, 255
# Set while somebody who came from a client signs in: the answer to that form must be a page of ours, see `_may_skip`.
_CAME_TO_SIGN_IN = "authorize_signs_in"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request whose client and redirect URI are known, so that an error may go back to the client."""

    credential: Credential
    redirect_uri: str
    state: str | None

    def address(self, **fields: str) -> str:
        """The redirect URI with the answer, which names its issuer (RFC 9207)."""
        if self.state is not None:
            fields["state"] = self.state
        joint = "&" if "?" in self.redirect_uri else "?"
        return f"{self.redirect_uri}{joint}{urlencode({**fields, 'iss': settings.ISSUER})}"


class Refusal(Exception):
    """An error of RFC 6749 4.1.2.1."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error, self.description = error, description


@require_http_methods(["GET", "POST"])
def authorize(request: HttpRequest) -> HttpResponse:
    """Ask the signed-in person whether a client may act for them. POST is our own consent form."""
    asked = _asked(request)
    try:
        scopes, challenge, nonce = _wanted(request, asked)
    except Refusal as refusal:
        if request.user.is_authenticated:
            grants.refuse(credential=asked.credential, by=person(request), reason=refusal.error)
        return _to_client(asked.address(error=refusal.error, error_description=refusal.description))
    if not request.user.is_authenticated:
        request.session[_CAME_TO_SIGN_IN] = True
        return redirect_to_login(request.get_full_path())
    by = person(request)
    consent = _consent(request, asked, scopes, by)
    if consent is None and request.POST.get("decision") == "deny":
        grants.deny(credential=asked.credential, by=by)
        return _to_client(asked.address(error="access_denied", error_description="The person said no."))
    if consent is None:
        return _page(request, asked, scopes)
    code = grants.issue_code(
        consent=consent,
        credential=asked.credential,
        scopes=scopes,
        redirect_uri=asked.redirect_uri,
        code_challenge=challenge,
        nonce=nonce,
        by=by,
    )
    return _to_client(asked.address(code=code))


def _asked(request: HttpRequest) -> Asked:
    """Raises Invalid, a page, where the client or its redirect URI is not known: nobody is sent there."""
    client_id, uri = _one(request, "client_id"), _one(request, "redirect_uri")
    credential = None
    if client_id and "\0" not in client_id:
        credential = (
            Credential.objects.usable()
            .select_related("oauth_application", "application__team")
            .filter(public_id=client_id, oauth_application__isnull=False)
            .first()
        )
    if credential is None or credential.oauth_application is None:
        raise Invalid(
            "The app that sent you here is not known to this portal, or its client has ended.",
            remedy="Go back to it and tell its makers.",
        )
    if not uri or not is_registered(uri, credential.oauth_application.redirect_uris.split()):
        if request.user.is_authenticated:
            grants.refuse(credential=credential, by=person(request), reason="redirect_uri")
        raise Invalid(
            f"{credential.application} asked to return to an address that is not registered for it.",
            remedy="Its makers register the redirect URI when they create the client, letter by letter.",
        )
    state = _one(request, "state")
    readable = state is None or (len(state) <= _STATE_MAX and _PRINTABLE.fullmatch(state))
    return Asked(credential, uri, state if readable else None)


def _wanted(request: HttpRequest, asked: Asked) -> tuple[list[str], str, str]:
    """Scopes, code challenge and nonce. Raises Refusal."""
    if any(len(values) > 1 for _, values in request.GET.lists()):
        raise Refusal("invalid_request", "A parameter is there twice.")
    if _one(request, "state") != asked.state:
        raise Refusal("invalid_request", f"The state has at most {_STATE_MAX} printable characters.")
    if "request" in request.GET or "request_uri" in request.GET:
        name = "request" if "request" in request.GET else "request_uri"
        raise Refusal(f"{name}_not_supported", "Send the parameters themselves.")
    if not _one(request, "response_type"):
        raise Refusal("invalid_request", "Missing response_type parameter.")
    if _one(request, "response_type") != "code":
        raise Refusal("unsupported_response_type", "Only the response_type code is supported.")
    if _one(request, "response_mode") not in {None, "query"}:
        raise Refusal("invalid_request", "Only the response_mode query is supported.")
    client = asked.credential.oauth_application
    if client is None or "authorization_code" not in allowed_to(client):
        raise Refusal("unauthorized_client", "This client may not sign people in.")
    challenge = _one(request, "code_challenge") or ""
    if _one(request, "code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(challenge):
        raise Refusal("invalid_request", "Send a code_challenge of the method S256 (RFC 7636).")
    nonce = _one(request, "nonce") or ""
    if len(nonce) > _NONCE_MAX or not _PRINTABLE.fullmatch(nonce):
        raise Refusal("invalid_request", f"The nonce has at most {_NONCE_MAX} printable characters.")
    return _scopes(request, asked.credential), challenge, nonce


def _scopes(request: HttpRequest, credential: Credential) -> list[str]:
    """The scopes asked for, or those of the subscriptions where none are."""
    may = grants.open_scopes(credential)
    wanted = list(dict.fromkeys((_one(request, "scope") or "").split(" ")))
    wanted = [scope for scope in wanted if scope]
    if not wanted:
        return [scope for scope in may if scope not in grants.PERSON_SCOPES]
    if not set(wanted) <= set(may):
        raise Refusal(
            "invalid_scope", "The application's active subscriptions do not open every scope asked for."
        )
    return wanted


def _consent(request: HttpRequest, asked: Asked, scopes: list[str], by: User) -> Consent | None:
    """What the person agreed to just now or before; None where they have to be asked."""
    if request.method == "POST":
        agreed = request.POST.get("decision") == "allow"
        return grants.agree(credential=asked.credential, scopes=scopes, by=by) if agreed else None
    if not _may_skip(request, asked):
        return None
    return grants.remembered(credential=asked.credential, scopes=scopes, by=by)


def _may_skip(request: HttpRequest, asked: Asked) -> bool:
    """Whether a remembered consent may answer without a page.

    Not on loopback, where any program on the computer could be the one that listens (RFC 8252 8.6). Not right after the
    sign-in form: a browser holds the whole chain of redirects that answers a form to the form's content security policy.
    """
    came = request.session.pop(_CAME_TO_SIGN_IN, False)
    return not came and not is_loopback(asked.redirect_uri)


def _page(request: HttpRequest, asked: Asked, scopes: list[str]) -> HttpResponse:
    context = {
        "application": asked.credential.application,
        "credential": asked.credential,
        "scopes": [(scope, grants.PERSON_SCOPES.get(scope, "")) for scope in scopes],
        "returns_to": origin(asked.redirect_uri),
    }
    response = render(request, "keymanager/consent.html", context)
    response["Cache-Control"] = "no-store"
    # The answer to this form, and only to this one, leads to the client. The policy has no words for IPv6 addresses.
    source = "http:" if "[" in asked.redirect_uri else origin(asked.redirect_uri)
    response._csp_update = {"form-action": [source]}  # type: ignore[attr-defined]  # noqa: SLF001
    return response


def _one(request: HttpRequest, name: str) -> str | None:
    return request.GET.get(name)


def _to_client(address: str) -> HttpResponse:
    response = HttpResponseRedirect(address)
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response
