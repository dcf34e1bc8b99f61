"""OpenID Connect: what a client learns about the person, as an ID token and from the userinfo end point."""

import base64
import hashlib
import time
from collections.abc import Iterable

from allauth.account.models import EmailAddress
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from keymanager import tokens
from keymanager.models import Credential, PersonGrant
from keymanager.signing import key_ring, verify
from portal.accounts.models import User
from portal.errors import Invalid
from portal.lazily import gettext_lazy as _

from .cors import for_public_clients

# What a person gives beside the scopes of APIs, in words for the consent page.
SCOPES = {
    "openid": _("know that it is you"),
    "profile": _("see your name"),
    "email": _("see your email address"),
}
CLAIMS = (
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "at_hash",
    "name",
    "email",
    "email_verified",
)
ID_TOKEN_SECONDS = 600


def id_token(*, grant: PersonGrant, access_token: str, scopes: Iterable[str], nonce: str) -> str:
    """OpenID Connect Core 2. It is for the client; the gateway takes it for nothing, by its type."""
    now = int(time.time())
    claims: dict[str, object] = {
        "iss": settings.ISSUER,
        "aud": grant.credential.public_id,
        "iat": now,
        "exp": now + ID_TOKEN_SECONDS,
        "auth_time": int(grant.signed_in_at.timestamp()),
        "at_hash": _half_hash(access_token),
        **person_claims(grant.consent.user, scopes),
    }
    return key_ring().sign_id_token(claims | ({"nonce": nonce} if nonce else {}))


def person_claims(user: User, scopes: Iterable[str]) -> dict[str, object]:
    """OpenID Connect Core 5.4: what these scopes tell. `sub` is the person's public id, the same for every client."""
    wanted = set(scopes)
    claims: dict[str, object] = {"sub": user.public_id}
    if "profile" in wanted:
        claims["name"] = user.name
    if "email" in wanted:
        verified = EmailAddress.objects.filter(user=user, email__iexact=user.email, verified=True).exists()
        claims |= {"email": user.email, "email_verified": verified}
    return claims


def _client_of_token(request: HttpRequest) -> str:
    """Whose token is sent, however it is answered."""
    try:
        return str(verify(_bearer(request))["client_id"])
    except Invalid:
        return ""


@for_public_clients(_client_of_token)
@csrf_exempt
@require_http_methods(["GET", "POST"])
def userinfo(request: HttpRequest) -> HttpResponse:
    """Core 5.3: the person of an access token with the scope openid. The token comes in the header only."""
    token = _bearer(request)
    if not token:
        return _refused(401)
    try:
        claims = verify(token)
    except Invalid:
        return _refused(401, "invalid_token")
    scopes = str(claims["scope"]).split()
    user = User.objects.filter(public_id=claims["sub"], is_active=True).first()
    usable = Credential.objects.usable().filter(public_id=claims["client_id"]).exists()
    if claims["exp"] <= time.time() or not usable or tokens.is_revoked(claims):
        return _refused(401, "invalid_token")
    if "openid" not in scopes:
        return _refused(403, "insufficient_scope")
    if user is None:
        return _refused(401, "invalid_token")
    response = JsonResponse(person_claims(user, scopes))
    response["Cache-Control"] = "no-store"
    return response


def _bearer(request: HttpRequest) -> str:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _refused(status: int, error: str = "") -> HttpResponse:
    """RFC 6750 3.1. Who sends no token learns no error code."""
    response = JsonResponse({"error": error} if error else {}, status=status)
    challenge = 'Bearer realm="portico"' + (f', error="{error}"' if error else "")
    response["WWW-Authenticate"] = challenge + (', scope="openid"' if status == 403 else "")
    response["Cache-Control"] = "no-store"
    return response


def _half_hash(token: str) -> str:
    digest = hashlib.sha256(token.encode()).digest()
    return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()
