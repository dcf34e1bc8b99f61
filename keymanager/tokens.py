"""Access tokens: RFC 9068 JWTs that the gateway checks by itself. None is stored."""

import secrets
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from portal.errors import Conflict, Invalid
from subscriptions.models import Application

from .entitlements import Entitlements, entitlements_of
from .models import Credential, CredentialKind, RevokedToken, TokenCutoff
from .signing import KeyRing, key_ring


def mint(
    *,
    application: Application,
    environment: str,
    client_id: str = "",
    subject: str = "",
    entitlements: Entitlements | None = None,
    scopes: Iterable[str] | None = None,
    lifetime: int = settings.ACCESS_TOKEN_SECONDS,
) -> str:
    """A signed token for the environment's gateway, good for `lifetime` seconds.

    It carries all scopes of the application's active subscriptions, or exactly `scopes` where they are given: checking
    those against the subscriptions is the caller's work (`scopes_granted`). Without `client_id` the application itself
    is the subject, as in a probe; `subject` is the person for whom the client acts.
    """
    entitlements = entitlements or entitlements_of(application, environment)
    client_id = client_id or application.public_id
    return signed(
        key_ring(),
        application=application.public_id,
        environment=environment,
        client_id=client_id,
        subject=subject or client_id,
        entitlements=entitlements,
        scope=" ".join(entitlements.scopes if scopes is None else scopes),
        lifetime=lifetime,
    )


def signed(
    ring: KeyRing,
    *,
    application: str,
    environment: str,
    client_id: str,
    subject: str,
    entitlements: Entitlements,
    scope: str,
    lifetime: int,
) -> str:
    """The token itself, of public ids. No query."""
    now = int(time.time())
    return ring.sign(
        {
            "iss": settings.ISSUER,
            "aud": [settings.GATEWAY_URLS[environment], *entitlements.resources],
            "sub": subject,
            "client_id": client_id,
            "app": application,
            "scope": scope,
            "jti": secrets.token_hex(16),
            "iat": now,
            "exp": now + lifetime,
            **entitlements.subs_claims,
        }
    )


def mint_for(
    *,
    credential: Credential,
    scopes: Iterable[str] | None = None,
    lifetime: int = settings.ACCESS_TOKEN_SECONDS,
) -> str:
    """A token as the client itself would get it; all scopes that are allowed where `scopes` is None.

    Raises:
        Conflict: the credential is no OAuth client, or no longer usable.
        Invalid: a scope beyond the application's active subscriptions, or a lifetime out of bounds.
    """
    if credential.kind != CredentialKind.OAUTH_CLIENT:
        raise Conflict(
            _("Only an OAuth client of this portal gets tokens here."),
            remedy=_("Send an API key itself, in the x-api-key header; an external client asks its issuer."),
        )
    if not Credential.objects.usable().filter(pk=credential.pk).exists():
        raise Conflict(
            _("{credential} no longer works, so it gets no tokens.").format(credential=credential),
            remedy=_("Use another client, or create one."),
        )
    if not 1 <= lifetime <= settings.MAX_TOKEN_SECONDS:
        raise Invalid(
            _("A token lives 1 to {max_token_seconds} seconds.").format(
                max_token_seconds=settings.MAX_TOKEN_SECONDS
            ),
            field="lifetime",
        )
    entitlements = entitlements_of(credential.application, credential.environment)
    return mint(
        application=credential.application,
        environment=credential.environment,
        client_id=credential.public_id,
        entitlements=entitlements,
        scopes=scopes_granted(entitlements, scopes),
        lifetime=lifetime,
    )


def scopes_granted(entitlements: Entitlements, asked: Iterable[str] | None) -> tuple[str, ...]:
    """The scopes asked for, or all where none are. Raises Invalid for one that the subscriptions do not open."""
    if asked is None:
        return entitlements.scopes
    wanted = tuple(dict.fromkeys(asked))
    beyond = [scope for scope in wanted if scope not in entitlements.scopes]
    if beyond:
        raise Invalid(
            _("The application's active subscriptions do not open the scope {beyond}.").format(
                beyond=beyond[0]
            ),
            remedy=_("They open: {names}.").format(names=" ".join(entitlements.scopes) or _("no scope")),
            field="scopes",
        )
    return wanted


def is_revoked(claims: Mapping[str, Any]) -> bool:
    """Whether a token with these verified claims was ended by itself, or with all others of its application."""
    if RevokedToken.objects.filter(jti=claims["jti"]).exists():
        return True
    issued = datetime.fromtimestamp(claims["iat"], tz=UTC)
    return TokenCutoff.objects.filter(application__public_id=claims["app"], not_before__gt=issued).exists()
