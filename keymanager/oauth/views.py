"""The end points under /o/: token (RFC 6749), revocation (7009), introspection (7662), keys (7517), discovery (8414)."""

import json
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST
from oauth2_provider.oauth2_backends import OAuthLibCore, get_oauthlib_core
from oauthlib.common import Request

from keymanager import signing, tokens
from keymanager.models import Credential
from portal.errors import Invalid

from . import authorize, device, grants, oidc
from .assertions import SIGNATURES
from .cors import for_everybody, for_public_clients
from .grant_types import DEVICE
from .limits import client_of, limited, tell_owner_of_shown_token

_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
# The end points where a client proves itself, as RFC 8414 names them.
_PROVING = ("token", "revocation", "introspection")


@for_public_clients(client_of)
@csrf_exempt
@require_POST
@limited
@sensitive_post_parameters(
    "client_secret", "client_assertion", "code", "code_verifier", "refresh_token", "device_code"
)
def token(request: HttpRequest) -> HttpResponse:
    """An access token for a client that proves itself."""
    if request.META["QUERY_STRING"]:
        return _refusal("invalid_request", "Parameters belong in the body, not in the URL.")
    _, _, body, status = _core().create_token_response(request)
    return _answer(body, status)


@for_public_clients(client_of)
@csrf_exempt
@require_POST
@limited
def device_authorization(request: HttpRequest) -> HttpResponse:
    """Codes for a device and its person (RFC 8628 3.1), for a public client."""
    if request.META["QUERY_STRING"]:
        return _refusal("invalid_request", "Parameters belong in the body, not in the URL.")
    core = _core()
    oauth = Request(*core._extract_params(request))  # noqa: SLF001  as in `_authenticated_client`
    validator = core.server.request_validator
    required = validator.client_authentication_required(oauth)
    known = (
        validator.authenticate_client(oauth)
        if required
        else validator.authenticate_client_id(oauth.client_id, oauth)
    )
    if not known:
        return _refusal("invalid_client", status=401)
    if not validator.validate_grant_type(oauth.client_id, DEVICE, oauth.client, oauth):
        return _refusal("unauthorized_client")
    answer = device.asked(request, oauth.credential)
    return _refusal(answer) if isinstance(answer, str) else _answer(json.dumps(answer), 200)


@for_public_clients(client_of)
@csrf_exempt
@require_POST
@limited
@sensitive_post_parameters("client_secret", "client_assertion", "token")
def revoke(request: HttpRequest) -> HttpResponse:
    """End a token of the client's own. A token that is unknown, foreign or over is answered as if it had worked."""
    if request.META["QUERY_STRING"]:
        return _refusal("invalid_request", "Parameters belong in the body, not in the URL.")
    _, _, body, status = _core().create_revocation_response(request)
    return _answer(body, status)


@csrf_exempt
@require_POST
@limited
@sensitive_post_parameters("client_secret", "client_assertion", "token")
def introspect(request: HttpRequest) -> HttpResponse:
    """What a client's own token says, while it counts. Nobody learns anything about another client's token."""
    if request.META["QUERY_STRING"]:
        return _refusal("invalid_request", "Parameters belong in the body, not in the URL.")
    client = _authenticated_client(request)
    if client is None:
        return _refusal("invalid_client", status=401)
    if not request.POST.get("token"):
        return _refusal("invalid_request", "Missing token parameter.")
    return _answer(json.dumps(_introspection(request.POST["token"], client)), 200)


@for_everybody
@require_GET
def jwks(request: HttpRequest) -> HttpResponse:
    response = JsonResponse(signing.jwks(), content_type="application/jwk-set+json")
    response["Cache-Control"] = f"public, max-age={settings.JWKS_CACHE_SECONDS}"
    return response


@for_everybody
@require_GET
def metadata(request: HttpRequest) -> HttpResponse:
    """RFC 8414, and the same where OpenID Connect clients look: only what works here."""
    methods = ["client_secret_basic", "client_secret_post", "private_key_jwt"]
    response = JsonResponse(
        {
            "issuer": settings.ISSUER,
            "authorization_endpoint": _address("authorize"),
            "token_endpoint": _address("token"),
            "token_endpoint_auth_methods_supported": [*methods, "none"],
            **{f"{name}_endpoint_auth_signing_alg_values_supported": list(SIGNATURES) for name in _PROVING},
            "grant_types_supported": ["client_credentials", "authorization_code", "refresh_token", DEVICE],
            "device_authorization_endpoint": _address("device-authorization"),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            "userinfo_endpoint": _address("userinfo"),
            "scopes_supported": list(oidc.SCOPES),
            "claims_supported": list(oidc.CLAIMS),
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": sorted({key["alg"] for key in signing.jwks()["keys"]}),
            "prompt_values_supported": list(authorize.PROMPTS),
            "claims_parameter_supported": False,
            "request_parameter_supported": False,
            "request_uri_parameter_supported": False,
            "jwks_uri": _address("jwks"),
            "revocation_endpoint": _address("revoke-token"),
            "revocation_endpoint_auth_methods_supported": [*methods, "none"],
            "introspection_endpoint": _address("introspect"),
            "introspection_endpoint_auth_methods_supported": methods,
            "service_documentation": f"{settings.PORTAL_URL}{reverse('rest-docs')}",
        }
    )
    response["Cache-Control"] = f"public, max-age={settings.JWKS_CACHE_SECONDS}"
    return response


@cache
def _core() -> OAuthLibCore:
    """The framework's server with our validator; it keeps nothing between requests."""
    return get_oauthlib_core()


def _authenticated_client(request: HttpRequest) -> Credential | None:
    core = _core()
    oauth = Request(*core._extract_params(request))  # noqa: SLF001  the framework offers only yes or no, not who
    return oauth.credential if core.server.request_validator.authenticate_client(oauth) else None


def _introspection(text: str, client: Credential) -> dict[str, Any]:
    if (refresh := grants.living_refresh(token=text, credential=client)) is not None:
        return {
            "active": True,
            "client_id": client.public_id,
            "sub": refresh.grant.consent.user.public_id,
            "scope": refresh.grant.scopes,
            "iss": settings.ISSUER,
            "iat": int(refresh.created_at.timestamp()),
            "exp": int(refresh.expires_at.timestamp()),
        }
    try:
        claims = signing.verify(text)
    except Invalid:
        return {"active": False}
    mine = claims["client_id"] == client.public_id
    over = claims["exp"] <= timezone.now().timestamp()
    if not mine and not over:
        tell_owner_of_shown_token(owner=claims["client_id"], client=client)
    if not mine or over or tokens.is_revoked(claims):
        return {"active": False}
    return {"active": True, "token_type": "Bearer", **claims}


def _refusal(error: str, description: str = "", status: int = 400) -> HttpResponse:
    body = {"error": error} | ({"error_description": description} if description else {})
    return _answer(json.dumps(body), status)


def _answer(body: str, status: int) -> HttpResponse:
    """With the headers of RFC 6749 5.1 and 5.2, whatever path the framework took."""
    response = HttpResponse(body, status=status, content_type="application/json", headers=_NO_STORE)
    if status == 401:
        response["WWW-Authenticate"] = 'Basic realm="portico", charset="UTF-8"'
    return response


def _address(name: str) -> str:
    return f"{settings.PORTAL_URL}{reverse(f'keymanager:{name}')}"
