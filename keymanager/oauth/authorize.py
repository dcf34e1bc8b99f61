"""The authorization end point (RFC 6749 4.1.1): who asks is checked before anybody is sent anywhere."""

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from keymanager.models import Consent, Credential
from keymanager.resources import INVALID_TARGET
from portal.accounts import limits
from portal.accounts.models import User
from portal.accounts.people import person
from portal.errors import Invalid

from . import grants, oidc, trail
from .grant_types import allowed_to
from .redirects import is_loopback, is_registered, origin

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_PRINTABLE = re.compile(r"[\x20-\x7e]*")
_STATE_MAX, _NONCE_MAX = 2000, 255
# OpenID Connect Core 3.1.2.1. On our consent page one sees who one is, and can sign in as somebody else.
PROMPTS = ("none", "login", "consent", "select_account")
# In the session: the request for which somebody was sent to sign in, and when.
_SENT = "authorize_sent_to_sign_in"


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


@dataclass(frozen=True, slots=True)
class Wanted:
    """What it asks for. `max_age` is in seconds, None for any; no `resources` are all of the application's."""

    scopes: list[str]
    resources: tuple[str, ...]
    challenge: str
    nonce: str
    prompts: frozenset[str]
    max_age: int | None


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
        return _answer(request, asked, _wanted(request, asked))
    except Refusal as refusal:
        _note(request, asked.credential, refusal.error)
        return _to_client(asked.address(error=refusal.error, error_description=refusal.description))


def _answer(request: HttpRequest, asked: Asked, wanted: Wanted) -> HttpResponse:
    if not request.user.is_authenticated or _stale(request, wanted):
        return _to_sign_in(request, wanted)
    by = person(request)
    if request.POST.get("decision") == "deny":
        request.session.pop(_SENT, None)
        raise Refusal("access_denied", "The person said no.")
    consent = _consent(request, asked, wanted, by)
    if consent is None:
        if "none" in wanted.prompts:
            raise Refusal("consent_required", "The person has to be asked.")
        return _page(request, asked, wanted)
    request.session.pop(_SENT, None)
    code = grants.issue_code(
        consent=consent,
        credential=asked.credential,
        scopes=wanted.scopes,
        resources=wanted.resources,
        redirect_uri=asked.redirect_uri,
        code_challenge=wanted.challenge,
        nonce=wanted.nonce,
        signed_in_at=signed_in_at(request),
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
        by, address = _by(request), limits.address_of(request)
        trail.refuse_unknown(client_id=client_id or "", by=by, address=address)
        raise Invalid(
            _("The app that sent you here is not known to this portal, or its client has ended."),
            remedy=_("Go back to it and tell its makers."),
        )
    if not uri or not is_registered(uri, credential.oauth_application.redirect_uris.split()):
        _note(request, credential, "redirect_uri")
        raise Invalid(
            _("{application} asked to return to an address that is not registered for it.").format(
                application=credential.application
            ),
            remedy=_("Its makers register the redirect URI when they create the client, letter by letter."),
        )
    state = _one(request, "state")
    readable = state is None or (len(state) <= _STATE_MAX and _PRINTABLE.fullmatch(state))
    return Asked(credential, uri, state if readable else None)


def _note(request: HttpRequest, credential: Credential, reason: str) -> None:
    trail.refuse(credential=credential, by=_by(request), reason=reason, address=limits.address_of(request))


def _by(request: HttpRequest) -> User | None:
    return person(request) if request.user.is_authenticated else None


def _wanted(request: HttpRequest, asked: Asked) -> Wanted:
    """Raises Refusal."""
    _check_form(request, asked)
    client = asked.credential.oauth_application
    if client is None or "authorization_code" not in allowed_to(client):
        raise Refusal("unauthorized_client", "This client may not sign people in.")
    challenge = _one(request, "code_challenge") or ""
    if _one(request, "code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(challenge):
        raise Refusal("invalid_request", "Send a code_challenge of the method S256 (RFC 7636).")
    nonce = _one(request, "nonce") or ""
    if len(nonce) > _NONCE_MAX or not _PRINTABLE.fullmatch(nonce):
        raise Refusal("invalid_request", f"The nonce has at most {_NONCE_MAX} printable characters.")
    prompts = frozenset((_one(request, "prompt") or "").split())
    max_age = _one(request, "max_age")
    if not prompts <= set(PROMPTS) or ("none" in prompts and len(prompts) > 1):
        raise Refusal("invalid_request", f"The prompt is one of: {' '.join(PROMPTS)}.")
    if max_age is not None and not re.fullmatch(r"[0-9]{1,9}", max_age):
        raise Refusal("invalid_request", "The max_age is a number of seconds.")
    entitlements = grants.opened(asked.credential, request.GET.getlist("resource"))
    if entitlements is None:
        raise Refusal(INVALID_TARGET, "The application has no active subscription to a resource asked for.")
    scopes = grants.wanted_scopes(entitlements, _one(request, "scope") or "")
    if scopes is None:
        raise Refusal(
            "invalid_scope", "The application's active subscriptions do not open every scope asked for."
        )
    age = None if max_age is None else int(max_age)
    return Wanted(scopes, entitlements.resources, challenge, nonce, prompts, age)


def _check_form(request: HttpRequest, asked: Asked) -> None:
    """What has nothing to do with who asks. Raises Refusal."""
    # RFC 8707 section 2: this one may.
    if any(len(values) > 1 for name, values in request.GET.lists() if name != "resource"):
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


def _stale(request: HttpRequest, wanted: Wanted) -> bool:
    """Whether the person has to prove anew who they are, and has not done so for this request."""
    at = signed_in_at(request).timestamp()
    path, sent_at = request.session.get(_SENT) or (None, 0.0)
    if path == request.get_full_path() and at >= sent_at:
        return False
    if "login" in wanted.prompts:
        return True
    return wanted.max_age is not None and time.time() - at > wanted.max_age


def signed_in_at(request: HttpRequest) -> datetime:
    """When the person last gave a password or the like, to sign in or to confirm."""
    records = get_authentication_records(request, person(request))
    if records:
        return datetime.fromtimestamp(max(record["at"] for record in records), tz=UTC)
    return person(request).last_login or timezone.now()


def _to_sign_in(request: HttpRequest, wanted: Wanted) -> HttpResponse:
    if "none" in wanted.prompts:
        raise Refusal("login_required", "The person has to sign in.")
    request.session[_SENT] = [request.get_full_path(), time.time()]
    page = "account_reauthenticate" if request.user.is_authenticated else "account_login"
    return redirect_to_login(request.get_full_path(), reverse(page))


def _consent(request: HttpRequest, asked: Asked, wanted: Wanted, by: User) -> Consent | None:
    """What the person agreed to just now or before; None where they have to be asked."""
    credential, scopes, resources = asked.credential, wanted.scopes, wanted.resources
    if request.method != "POST":
        if not _may_skip(request, asked, wanted):
            return None
        return grants.remembered(credential=credential, scopes=scopes, resources=resources, by=by)
    if request.POST.get("decision") != "allow":
        return None
    return grants.agree(credential=credential, scopes=scopes, resources=resources, by=by)


def _may_skip(request: HttpRequest, asked: Asked, wanted: Wanted) -> bool:
    """Whether a remembered consent may answer without a page.

    Not on loopback, where any program on the computer could be the one that listens (RFC 8252 8.6). Not right after the
    sign-in form: a browser holds the whole chain of redirects that answers a form to the form's content security policy.
    """
    came = request.session.get(_SENT, [None])[0] == request.get_full_path()
    return not came and not is_loopback(asked.redirect_uri) and wanted.prompts <= {"none"}


def _page(request: HttpRequest, asked: Asked, wanted: Wanted) -> HttpResponse:
    context = {
        "application": asked.credential.application,
        "credential": asked.credential,
        "scopes": [(scope, oidc.SCOPES.get(scope, "")) for scope in wanted.scopes],
        "resources": wanted.resources,
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
