"""How clients prove themselves and what they may ask for: the framework's rules, on Credentials."""

from contextlib import suppress
from typing import Any

from django.contrib.auth.hashers import check_password, identify_hasher
from oauth2_provider.models import AbstractApplication, Application as OAuthApplication
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauthlib.common import Request
from oauthlib.oauth2.rfc6749 import errors

from keymanager import actions
from keymanager.entitlements import Entitlements, entitlements_of
from keymanager.hashers import GeneratedSecretHasher
from keymanager.models import Credential
from keymanager.resources import INVALID_TARGET, narrowed
from portal.errors import PorticoError

from . import assertions, client_keys, grants
from .grant_types import allowed_to, resources_of

_NOBODYS_SECRET = GeneratedSecretHasher().encode("", "nobody")


class Validator(OAuth2Validator):
    """Loads a client through its usable Credential, so that a revoked, retired or expired one does not exist here."""

    def authenticate_client(self, request: Request, *args: Any, **kwargs: Any) -> bool:
        """By the Authorization header where there is one, else by the body: one method per request (RFC 6749 2.3)."""
        if getattr(request, "client_assertion", None) is not None:
            authenticated = self._authenticate_assertion(request)
        elif request.headers.get("HTTP_AUTHORIZATION"):
            authenticated = self._authenticate_basic_auth(request)
            authenticated = authenticated and request.client_id in {None, request.client.client_id}
        else:
            authenticated = self._authenticate_request_body(request)
        if not isinstance(request.client, OAuthApplication):
            # A client that does not exist costs the same work as one whose secret is wrong.
            self._check_secret("", _NOBODYS_SECRET)
            return False
        # A public client proves nothing, whatever it sends; the framework would take its word in the device grant.
        return bool(authenticated) and request.client.client_type == AbstractApplication.CLIENT_CONFIDENTIAL

    def _extract_basic_auth(self, request: Request) -> str | None:
        """What follows the scheme, whose name may be written in any case (RFC 9110 11.1)."""
        scheme, _, pair = (request.headers.get("HTTP_AUTHORIZATION") or "").partition(" ")
        return pair.strip() or None if scheme.lower() == "basic" else None

    def _authenticate_assertion(self, request: Request) -> bool:
        """By a signature of the client's own: private_key_jwt (RFC 7523)."""
        both = request.headers.get("HTTP_AUTHORIZATION") or getattr(request, "client_secret", None)
        if both or getattr(request, "client_assertion_type", None) != assertions.TYPE:
            return False
        client_id = assertions.claimed_client(request.client_assertion)
        if request.client_id not in {None, client_id} or self._load_application(client_id, request) is None:
            return False
        return client_keys.lets_in(request.credential, request.client_assertion)

    def _load_application(self, client_id: str | None, request: Request) -> OAuthApplication | None:
        if not client_id or "\0" in client_id:
            return None
        if isinstance(request.client, OAuthApplication) and request.client.client_id == client_id:
            return request.client
        credential = (
            Credential.objects.usable()
            .select_related("oauth_application", "application")
            .filter(public_id=client_id, oauth_application__isnull=False)
            .first()
        )
        if credential is None:
            return None
        request.credential, request.client = credential, credential.oauth_application
        return request.client

    def _check_secret(self, provided_secret: str, stored_secret: str) -> bool:
        """In constant time. Only our own hash counts: a secret that is stored readable is no secret."""
        with suppress(ValueError):
            if identify_hasher(stored_secret).algorithm == GeneratedSecretHasher.algorithm:
                return check_password(provided_secret, stored_secret)
        return False

    def get_default_scopes(self, client_id: str, request: Request, *args: Any, **kwargs: Any) -> list[str]:
        return list(self._entitlements(request).scopes)

    def validate_scopes(
        self, client_id: str, scopes: list[str], client: Any, request: Request, *args: Any, **kwargs: Any
    ) -> bool:
        return set(scopes) <= set(self._entitlements(request).scopes)

    def save_bearer_token(self, token: dict[str, Any], request: Request, *args: Any, **kwargs: Any) -> None:
        """Client credentials leave no row: the signed token says everything."""
        if request.grant_type != "client_credentials":
            super().save_bearer_token(token, request, *args, **kwargs)

    def validate_bearer_token(self, token: str, scopes: list[str], request: Request) -> bool:
        """A person's token ends with the person's account."""
        valid = super().validate_bearer_token(token, scopes, request)
        return bool(valid and request.user is not None and request.user.is_active)

    def validate_grant_type(
        self, client_id: str, grant_type: str, client: Any, request: Request, *args: Any, **kwargs: Any
    ) -> bool:
        return grant_type in allowed_to(client)

    def revoke_token(
        self, token: str, token_type_hint: str, request: Request, *args: Any, **kwargs: Any
    ) -> None:
        """RFC 7009: one of our JWTs, or a refresh token of this client. What cannot be revoked is answered like what was."""
        if grants.revoke_refresh(token=token, credential=request.credential):
            return
        with suppress(PorticoError):
            actions.revoke_token(token=token, by=None, client=request.credential)

    def _entitlements(self, request: Request) -> Entitlements:
        """What the client may have, of the resources that it asks for. Raises the error `invalid_target` (RFC 8707)."""
        # Only what was set here counts: oauthlib's Request also answers attributes with parameters of that name.
        if "entitlements" not in vars(request):
            credential = request.credential
            whole = entitlements_of(credential.application, credential.environment)
            limited = narrowed(whole, credential.environment, resources_of(request))
            if limited is None:
                raise errors.CustomOAuth2Error(error=INVALID_TARGET, request=request)
            request.entitlements = limited
        return request.entitlements
