"""The grants that carry a person at the token end point: authorization code (with PKCE) and refresh token."""

import json
import re
from typing import Any

from oauth2_provider.models import AbstractApplication, Application as OAuthApplication
from oauthlib.common import Request
from oauthlib.oauth2.rfc6749 import errors
from oauthlib.oauth2.rfc6749.grant_types.base import GrantTypeBase

from keymanager.resources import INVALID_TARGET

from . import devices, grants
from .grants import Refused, Tokens

# RFC 7636 4.1.
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
# No code or token of ours is longer; what is need not be hashed.
_TEXT_MAX = 512
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
# RFC 8628 3.5: why a device gets no tokens yet, or never.
_DEVICE_ERRORS = {"authorization_pending", "slow_down", "access_denied", "expired_token"}
# Reasons of a refusal that are the client's to know, by their own names.
_TOLD = {*_DEVICE_ERRORS, INVALID_TARGET}


def allowed_to(client: OAuthApplication) -> frozenset[str]:
    """The grant types of a client.

    People return to its redirect URIs. One that keeps a secret may act for itself; one that cannot, an app on a device
    or at a command line, may wait for a person.
    """
    found = set()
    if client.client_type == AbstractApplication.CLIENT_CONFIDENTIAL:
        found.add("client_credentials")
    else:
        found |= {DEVICE, "refresh_token"}
    if client.redirect_uris:
        found |= {"authorization_code", "refresh_token"}
    return frozenset(found)


class PersonGrantType(GrantTypeBase):
    """Who asks, whether it may, and the answer; what is handed in is `redeem`'s to judge."""

    def create_token_response(self, request: Request, token_handler: Any) -> tuple[dict[str, str], str, int]:
        headers = self._get_default_headers()
        try:
            issued = self._tokens(request)
        except errors.OAuth2Error as error:
            return {**headers, **error.headers}, error.json, error.status_code
        return headers, json.dumps(_body(issued)), 200

    def redeem(self, request: Request) -> Tokens | Refused:
        raise NotImplementedError

    def _tokens(self, request: Request) -> Tokens:
        if set(request.duplicate_params) - {"resource"}:
            raise errors.InvalidRequestError(description="A parameter is there twice.", request=request)
        self.validate_client_authentication(request)
        self.validate_grant_type(request)
        issued = self.redeem(request)
        if isinstance(issued, Refused):
            if issued.reason == "scope":
                raise errors.InvalidScopeError(request=request)
            if issued.reason in _TOLD:
                raise errors.CustomOAuth2Error(error=issued.reason, request=request)
            raise errors.InvalidGrantError(request=request)
        return issued


class CodeGrantType(PersonGrantType):
    """RFC 6749 4.1.3 with RFC 7636, of which only S256."""

    def redeem(self, request: Request) -> Tokens | Refused:
        code, uri = (_required(request, name) for name in ("code", "redirect_uri"))
        verifier = _required(request, "code_verifier")
        if not _VERIFIER.fullmatch(verifier):
            raise errors.InvalidRequestError(description="The code_verifier is malformed.", request=request)
        return grants.redeem_code(
            code=code,
            credential=request.credential,
            redirect_uri=uri,
            verifier=verifier,
            resources=resources_of(request),
        )


class RefreshGrantType(PersonGrantType):
    """RFC 6749 6: every use gives the next token."""

    def redeem(self, request: Request) -> Tokens | Refused:
        token = _required(request, "refresh_token")
        scopes = list(dict.fromkeys(request.scope.split())) if request.scope else None
        return grants.refresh(
            token=token, credential=request.credential, scopes=scopes, resources=resources_of(request)
        )


class DeviceGrantType(PersonGrantType):
    """RFC 8628 3.4: the device asks until the person has answered."""

    def redeem(self, request: Request) -> Tokens | Refused:
        return devices.collect(
            device_code=_required(request, "device_code"),
            credential=request.credential,
            resources=resources_of(request),
        )


def resources_of(request: Request) -> list[str]:
    """The one parameter that may come more than once (RFC 8707 section 2)."""
    return [value for name, value in request.decoded_body or () if name == "resource"]


def _required(request: Request, name: str) -> str:
    text = getattr(request, name)
    if not text:
        raise errors.InvalidRequestError(description=f"Missing {name} parameter.", request=request)
    if len(text) > _TEXT_MAX:
        raise errors.InvalidGrantError(request=request)
    return str(text)


def _body(issued: Tokens) -> dict[str, object]:
    about = {"id_token": issued.id_token} if issued.id_token else {}
    return {
        **about,
        "access_token": issued.access,
        "token_type": "Bearer",
        "expires_in": issued.lifetime,
        "refresh_token": issued.refresh,
        "scope": " ".join(issued.scopes),
    }
