"""Every write about credentials, tokens and signing keys. HTML, REST, OAuth end points and tasks call these."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from oauth2_provider.models import (
    AbstractApplication,
    AccessToken,
    Application as OAuthApplication,
    set_token_value,
)

from apis.models import Environment
from portal.accounts.audit import record
from portal.accounts.models import User
from portal.accounts.roles import Permission, can, check
from portal.errors import Conflict, Forbidden, Invalid, NotFound
from portal.locks import transaction_lock
from subscriptions.models import Application

from . import keys, signing, tokens
from .models import Credential, CredentialKind, CredentialStatus, PersonalToken, RevokedToken, SigningKey
from .signals import credential_changed

# Seconds for which the old credential goes on working beside its replacement.
OVERLAPS = {0: "Stop it now", 900: "15 minutes", 3600: "1 hour", 86_400: "24 hours", 604_800: "7 days"}
LIVE_CREDENTIALS_MAX = 50
PERSONAL_TOKENS_MAX = 50
PERSONAL_TOKEN_DAYS_MAX = 365


class Issued(NamedTuple):
    """A new credential and its secret, which exists nowhere else: show it once, keep it nowhere."""

    credential: Credential
    secret: str


class IssuedToken(NamedTuple):
    """A new personal token and its text, which exists nowhere else."""

    token: PersonalToken
    secret: str


# ---- credentials --------------------------------------------------------------------------------------------------
@transaction.atomic
def issue_client(
    *, application: Application, environment: str, name: str, by: User, expires_at: datetime | None = None
) -> Issued:
    """An OAuth client of the application. Its client_id is the credential's public id."""
    application = _checked_application(application, by)
    issued = _new_client(application, environment=environment, name=name, by=by, expires_at=expires_at)
    _announce(issued.credential, "issued", by, environment=environment, kind=issued.credential.kind)
    return issued


@transaction.atomic
def issue_key(
    *, application: Application, environment: str, name: str, by: User, expires_at: datetime | None = None
) -> Issued:
    """An API key of the application."""
    application = _checked_application(application, by)
    issued = _new_key(application, environment=environment, name=name, by=by, expires_at=expires_at)
    _announce(issued.credential, "issued", by, environment=environment, kind=issued.credential.kind)
    return issued


@transaction.atomic
def rotate(*, credential: Credential, overlap: int, by: User) -> Issued:
    """Replace a credential; the old one works for `overlap` seconds more, one of `OVERLAPS`.

    The replacement of an OAuth client is a client with an id of its own, so that ending the old one also ends every
    token it got. See docs/decisions/rotation.md.

    Raises:
        Conflict: it is retiring or revoked already.
        Invalid: no such overlap.
    """
    if overlap not in OVERLAPS:
        raise Invalid(f"The overlap is one of {', '.join(map(str, OVERLAPS))} seconds.", field="overlap")
    application = _checked_application(credential.application, by)
    old = _locked(credential)
    now = timezone.now()
    if overlap:
        old.move_to(CredentialStatus.RETIRING)
        old.retires_at = now + timedelta(seconds=overlap)
    else:
        old.move_to(CredentialStatus.REVOKED)
        old.revoked_at = now
    old.save(update_fields=["status", "retires_at", "revoked_at"])
    expires_at = now + (old.expires_at - old.created_at) if old.expires_at else None
    make = _new_client if old.kind == CredentialKind.OAUTH_CLIENT else _new_key
    issued = make(
        application, environment=old.environment, name=old.name, by=by, expires_at=expires_at, replaces=old
    )
    _announce(
        old, "rotated" if overlap else "revoked", by, overlap=overlap, replaced_by=issued.credential.public_id
    )
    _announce(issued.credential, "issued", by, replaces=old.public_id)
    return issued


@transaction.atomic
def revoke(*, credential: Credential, by: User, reason: str = "") -> Credential:
    """End a credential and every token it got. This cannot be undone."""
    _checked_application(credential.application, by)
    credential = _locked(credential)
    credential.move_to(CredentialStatus.REVOKED)
    credential.revoked_at = timezone.now()
    credential.save(update_fields=["status", "revoked_at"])
    _announce(credential, "revoked", by, note=reason.strip())
    return credential


@transaction.atomic
def retire(*, credential: Credential) -> Credential:
    """End a credential whose overlap is over. Doing it twice changes nothing."""
    credential = _locked(credential)
    due = credential.retires_at is not None and credential.retires_at <= timezone.now()
    if credential.status == CredentialStatus.RETIRING and due:
        credential.move_to(CredentialStatus.REVOKED)
        credential.revoked_at = timezone.now()
        credential.save(update_fields=["status", "revoked_at"])
        _announce(credential, "retired", None)
    return credential


# ---- access tokens ------------------------------------------------------------------------------------------------
@transaction.atomic
def mint_token(
    *, credential: Credential, by: User, scopes: Iterable[str] | None = None, lifetime: int
) -> str:
    """A token of the client for a person who tries things by hand; the client's secret has no part in it.

    Raises what `tokens.mint_for` raises.
    """
    check(by, Permission.MANAGE_CREDENTIALS, credential.application.team)
    text = tokens.mint_for(credential=credential, scopes=scopes, lifetime=lifetime)
    claims = signing.verify(text)
    record(
        "token_minted",
        credential,
        by=by,
        team=credential.application.team,
        jti=claims["jti"],
        scope=claims["scope"],
        lifetime=lifetime,
    )
    return text


@transaction.atomic
def revoke_token(*, token: str, by: User | None, client: Credential | None = None) -> RevokedToken:
    """End one access token before its time. `by` is the person; None is the client itself, which owns the token.

    Raises:
        Invalid: it is not one of ours.
        NotFound: its credential is not this person's or client's to see.
        Conflict: it has ended by itself, or its credential is revoked, and with it every token.
    """
    claims = signing.verify(token)
    credential = _credential_of(claims["client_id"], by=by, client=client)
    if by is not None:
        check(by, Permission.MANAGE_CREDENTIALS, credential.application.team)
    ends = datetime.fromtimestamp(claims["exp"], tz=UTC)
    if ends <= timezone.now():
        raise Conflict(
            f"This token ended by itself at {ends:%H:%M:%S} UTC.", remedy="There is nothing left to revoke."
        )
    if credential.status == CredentialStatus.REVOKED:
        raise Conflict(
            "Its credential is revoked, and with it this token.", remedy="There is nothing left to revoke."
        )
    revoked, created = RevokedToken.objects.get_or_create(
        jti=claims["jti"], defaults={"credential": credential, "expires_at": ends, "by": by}
    )
    if created:
        _announce(
            credential, "token_revoked", by, jti=revoked.jti, note="" if by else "By the client itself."
        )
    return revoked


def _credential_of(client_id: str, *, by: User | None, client: Credential | None) -> Credential:
    if by is not None:
        mine = Credential.objects.visible_to(by)
    else:
        mine = Credential.objects.filter(pk=client.pk) if client else Credential.objects.none()
    credential = mine.select_related("application__team").filter(public_id=client_id).first()
    if credential is None:
        raise NotFound(
            "No credential of yours got this token.", remedy="Sign in as a member of the team that owns it."
        )
    return credential


# ---- personal tokens ----------------------------------------------------------------------------------------------
@transaction.atomic
def issue_personal_token(*, by: User, name: str, scopes: list[str], days: int) -> IssuedToken:
    """A token for the REST API that acts as this person, within `scopes`, for `days` days."""
    unknown = sorted(set(scopes) - set(personal_scopes(by)))
    if unknown or not scopes:
        raise Invalid(
            f"You cannot give a token the scope {unknown[0]}."
            if unknown
            else "A token needs at least one scope.",
            remedy=f"Choose from: {' '.join(personal_scopes(by))}.",
            field="scopes",
        )
    if not 1 <= days <= PERSONAL_TOKEN_DAYS_MAX:
        raise Invalid(f"A token lives 1 to {PERSONAL_TOKEN_DAYS_MAX} days.", field="days")
    transaction_lock(f"personal tokens {by.pk}")
    if PersonalToken.objects.filter(user=by).count() >= PERSONAL_TOKENS_MAX:
        raise Conflict(
            f"You have {PERSONAL_TOKENS_MAX} tokens already.", remedy="Revoke one that you no longer use."
        )
    text = keys.new_personal_token()
    row = AccessToken(
        user=by, scope=" ".join(sorted(set(scopes))), expires=timezone.now() + timedelta(days=days)
    )
    # COMPLIANT_BCP_RFC9700_TOKEN_STORAGE: the framework keeps the SHA-256 and leaves its text column empty.
    set_token_value(row, text)
    row.save()
    token = PersonalToken.objects.create(
        user=by, access_token=row, name=_name(name), prefix=keys.prefix_of(text)
    )
    record("personal_token_issued", token, by=by, scopes=row.scope, days=days)
    return IssuedToken(token, text)


@transaction.atomic
def revoke_personal_token(*, token: PersonalToken, by: User) -> None:
    """Raises Forbidden where it is another person's."""
    if token.user_id != by.pk:
        raise Forbidden("A personal token is its owner's to revoke.", remedy=f"Ask {token.user}.")
    record("personal_token_revoked", token, by=by)
    token.access_token.delete()


def personal_scopes(user: User) -> list[str]:
    """The portal's scopes that this person may give a token."""
    admin = can(user, Permission.MANAGE_PORTAL)
    return [scope for scope in settings.PORTAL_SCOPES if admin or scope != "portal:admin"]


# ---- signing keys -------------------------------------------------------------------------------------------------
@transaction.atomic
def rotate_signing_key(*, by: User | None) -> SigningKey:
    """The next key signs from now on, the active one retires, a new next one is published. `by=None` is the schedule.

    Raises Conflict where the next key has not been published for long enough that everybody knows it.
    """
    if by is not None:
        check(by, Permission.MANAGE_PORTAL)
    signing.ensure_signing_keys()
    by_status = {
        key.status: key
        for key in SigningKey.objects.select_for_update().exclude(status=SigningKey.Status.RETIRED)
    }
    active, coming = by_status[SigningKey.Status.ACTIVE], by_status[SigningKey.Status.NEXT]
    now = timezone.now()
    ready = coming.created_at + timedelta(seconds=settings.JWKS_CACHE_SECONDS)
    if now < ready:
        raise Conflict(
            "The next key is too new: some who check tokens have not fetched it yet.",
            remedy=f"Try again at {ready:%H:%M:%S} UTC.",
        )
    active.status, active.retired_at = SigningKey.Status.RETIRED, now
    active.save(update_fields=["status", "retired_at"])
    coming.status, coming.activated_at = SigningKey.Status.ACTIVE, now
    coming.save(update_fields=["status", "activated_at"])
    signing.new_key(SigningKey.Status.NEXT).save()
    record("signing_key_rotated", coming, by=by, retired=active.kid)
    transaction.on_commit(signing.forget)
    return coming


# ---- shared -------------------------------------------------------------------------------------------------------
def _checked_application(application: Application, by: User) -> Application:
    """The application, locked and still there, with the right to its credentials."""
    locked = Application.objects.live().select_for_update().filter(pk=application.pk).first()
    if locked is None:
        raise NotFound("This application was deleted.", remedy="Its credentials ended with it.")
    check(by, Permission.MANAGE_CREDENTIALS, locked.team)
    return locked


def _locked(credential: Credential) -> Credential:
    return (
        Credential.objects.select_for_update(of=("self",))
        .select_related("application__team")
        .get(pk=credential.pk)
    )


def _new_client(
    application: Application,
    *,
    environment: str,
    name: str,
    by: User,
    expires_at: datetime | None,
    replaces: Credential | None = None,
) -> Issued:
    credential = _draft(application, environment, name, by, expires_at, replaces)
    secret = keys.new_client_secret()
    credential.kind = CredentialKind.OAUTH_CLIENT
    credential.oauth_application = OAuthApplication.objects.create(
        client_id=credential.public_id,
        client_secret=secret,  # hashed by the field before it is written
        client_type=AbstractApplication.CLIENT_CONFIDENTIAL,
        authorization_grant_type=AbstractApplication.GRANT_CLIENT_CREDENTIALS,
        name=f"{application.public_id} {environment}",
    )
    credential.save()
    return Issued(credential, secret)


def _new_key(
    application: Application,
    *,
    environment: str,
    name: str,
    by: User,
    expires_at: datetime | None,
    replaces: Credential | None = None,
) -> Issued:
    credential = _draft(application, environment, name, by, expires_at, replaces)
    key = keys.new_api_key(environment)
    credential.kind = CredentialKind.API_KEY
    credential.prefix, credential.key_hash = keys.prefix_of(key), keys.key_hash(key)
    credential.save()
    return Issued(credential, key)


def _draft(
    application: Application,
    environment: str,
    name: str,
    by: User,
    expires_at: datetime | None,
    replaces: Credential | None,
) -> Credential:
    if environment not in Environment.values:
        raise Invalid(
            f"There is no environment {environment!r}.",
            remedy="Use production or sandbox.",
            field="environment",
        )
    if expires_at is not None and expires_at <= timezone.now():
        raise Invalid("It would have expired already.", remedy="Give a time to come.", field="expires_at")
    if application.credentials.live().count() >= LIVE_CREDENTIALS_MAX:
        raise Conflict(
            f"{application} has {LIVE_CREDENTIALS_MAX} credentials already.",
            remedy="Revoke one that you no longer use.",
        )
    return Credential(
        application=application,
        environment=environment,
        name=_name(name),
        created_by=by,
        expires_at=expires_at,
        replaces=replaces,
    )


def _name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= 120:
        raise Invalid("A name has 1 to 120 characters.", field="name")
    return name


def _announce(credential: Credential, event: str, by: User | None, *, note: str = "", **data: object) -> None:
    """The audit row and the notice that the gateway acts on, both in the transaction of the change."""
    name = event if event == "token_revoked" else f"credential_{event}"
    record(name, credential, by=by, team=credential.application.team, note=note, **data)
    credential_changed.send(sender=Credential, instance=credential, event=event, by=by)
