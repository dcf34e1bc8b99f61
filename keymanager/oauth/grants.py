"""Every write about what people let clients do: agree, redeem the code, refresh, end, withdraw.

A refusal is told by an answer, not by an exception from inside the transaction: the trail of a replayed code and the
end of its family have to be written although the client gets an error.
"""

import base64
import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from keymanager import signing, tokens
from keymanager.entitlements import Entitlements, entitlements_of
from keymanager.models import Consent, Credential, DeviceRequest, PersonGrant, RefreshToken, RevokedToken
from keymanager.resources import INVALID_TARGET, narrowed, what_is_left
from keymanager.signals import credential_changed
from portal.accounts.audit import record
from portal.accounts.models import User
from portal.errors import Forbidden

from . import oidc
from .trail import trail

CODE_SECONDS = 60
REFRESH_SECONDS = 30 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a client gets for a person. The texts exist nowhere else; `id_token` is empty without the scope openid."""

    access: str
    refresh: str
    id_token: str
    scopes: tuple[str, ...]
    lifetime: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a code or a refresh token was not honoured: a word for the trail, nothing of it for the client."""

    reason: str


def opened(credential: Credential, resources: Sequence[str]) -> Entitlements | None:
    """What the client's application may do with these resources (all where none); None: `invalid_target` (RFC 8707)."""
    whole = entitlements_of(credential.application, credential.environment)
    return narrowed(whole, credential.environment, resources)


def wanted_scopes(entitlements: Entitlements, asked: str) -> list[str] | None:
    """The scopes asked for, or those of the subscriptions where none are; None where the client may not have them all.

    A person may give those of the application's subscriptions, and their own.
    """
    wanted = [scope for scope in dict.fromkeys(asked.split(" ")) if scope]
    if not wanted:
        return list(entitlements.scopes)
    return wanted if set(wanted) <= {*entitlements.scopes, *oidc.SCOPES} else None


# ---- consent ------------------------------------------------------------------------------------------------------
@transaction.atomic
def agree(
    *, credential: Credential, scopes: Iterable[str], by: User, resources: Iterable[str] = ()
) -> Consent:
    """Remember that the person lets the application act for them within `scopes`, beside what they agreed to before.

    With `resources` only there, which says nothing about any other.
    """
    consent, created = Consent.objects.select_for_update().get_or_create(
        user=by,
        application=credential.application,
        environment=credential.environment,
        resources=" ".join(sorted(resources)),
    )
    wanted = set(scopes)
    if created or not wanted <= set(consent.scopes.split()):
        consent.scopes = " ".join(sorted(wanted | set(consent.scopes.split())))
        consent.save(update_fields=["scopes"])
        only = {"resources": consent.resources} if consent.resources else {}
        trail("consent_given", credential, by, scopes=consent.scopes, **only)
    return consent


def remembered(
    *, credential: Credential, scopes: Iterable[str], by: User, resources: Iterable[str] = ()
) -> Consent | None:
    """A consent that covers these scopes and resources already."""
    wanted, there = set(scopes), set(resources)
    rows = Consent.objects.filter(
        user=by, application=credential.application, environment=credential.environment
    )
    for consent in rows:
        anywhere = not consent.resources or (there and there <= set(consent.resources.split()))
        if anywhere and wanted <= set(consent.scopes.split()):
            return consent
    return None


@transaction.atomic
def withdraw(*, consent: Consent, by: User) -> None:
    """End every grant under it. Access tokens that still live are denied at the gateway.

    Raises Forbidden where it is another person's.
    """
    if consent.user_id != by.pk:
        raise Forbidden(
            _("A consent is its giver's to withdraw."), remedy=_("Ask {user}.").format(user=consent.user)
        )
    for grant in consent.grants.select_related("credential__application__team", "consent__user"):
        end(grant, by=by)
    record("consent_withdrawn", consent, by=by, team=consent.application.team)
    consent.delete()


@transaction.atomic
def person_leaves(user: User) -> None:
    """Before the person is deleted: nothing acts for them any more, and what still lives is denied at the gateway."""
    for consent in user.consents.select_related("application__team"):
        for grant in consent.grants.select_related("credential__application__team", "consent__user"):
            end(grant, by=None)
        record(
            "consent_withdrawn",
            consent,
            by=None,
            team=consent.application.team,
            note="The person was deleted.",
        )


# ---- codes --------------------------------------------------------------------------------------------------------
@transaction.atomic
def issue_code(
    *,
    consent: Consent,
    credential: Credential,
    scopes: Iterable[str],
    redirect_uri: str,
    code_challenge: str,
    nonce: str,
    signed_in_at: datetime,
    by: User,
    resources: Iterable[str] = (),
) -> str:
    """An authorization code, good once, for CODE_SECONDS. Only its hash is kept."""
    code = secrets.token_urlsafe(32)
    PersonGrant.objects.create(
        consent=consent,
        credential=credential,
        scopes=" ".join(scopes),
        resources=" ".join(resources),
        code_hash=hash_of(code),
        code_expires_at=timezone.now() + timedelta(seconds=CODE_SECONDS),
        redirect_uri=redirect_uri,
        code_challenge=code_challenge,
        nonce=nonce,
        signed_in_at=signed_in_at,
    )
    trail("authorization_code_issued", credential, by, scopes=" ".join(scopes))
    return code


@transaction.atomic
def redeem_code(
    *, code: str, credential: Credential, redirect_uri: str, verifier: str, resources: Sequence[str] = ()
) -> Tokens | Refused:
    """The first tokens of a grant. A code that comes twice ends the grant (RFC 6749 4.1.2, RFC 9700 4.2).

    `resources` may narrow the access token to some of those that were granted (RFC 8707 2.2).
    """
    grant = _grants().filter(code_hash=hash_of(code)).first()
    if grant is None:
        refused = "unknown"
    elif grant.credential_id != credential.pk:
        refused = "another client's"
    elif grant.redeemed_at is not None:
        refused = "replayed"
        end(grant, by=None)
    elif grant.redirect_uri != redirect_uri:
        refused = "redirect_uri"
    elif not secrets.compare_digest(grant.code_challenge.encode(), _s256(verifier).encode()):
        refused = "code_verifier"
    else:
        refused = _over(grant, grant.code_expires_at)
    if refused or grant is None:
        trail("authorization_code_refused", credential, None, about=grant.pk if grant else "", reason=refused)
        return Refused(refused)
    entitlements = opened_by(grant, resources)
    if entitlements is None:
        return Refused(INVALID_TARGET)
    grant.redeemed_at = timezone.now()
    grant.save(update_fields=["redeemed_at"])
    trail("authorization_code_redeemed", credential, grant.consent.user)
    return issue(grant, entitlements, tuple(grant.scopes.split()), nonce=grant.nonce)


# ---- refresh tokens -----------------------------------------------------------------------------------------------
@transaction.atomic
def refresh(
    *, token: str, credential: Credential, scopes: Iterable[str] | None, resources: Sequence[str] = ()
) -> Tokens | Refused:
    """New tokens for one refresh token, which is used up. One that comes again ends its family (RFC 9700 4.14.2).

    `scopes` and `resources` may narrow the access token (None and (): all that were granted); the grant keeps what it has.
    """
    row, refused = _refresh_token(token, credential)
    if refused or row is None:
        trail("refresh_refused", credential, None, about=row.grant_id if row else "", reason=refused)
        return Refused(refused)
    if scopes is not None and not set(scopes) <= set(row.grant.scopes.split()):
        return Refused("scope")
    entitlements = opened_by(row.grant, resources)
    if entitlements is None:
        return Refused(INVALID_TARGET)
    row.used_at = timezone.now()
    row.save(update_fields=["used_at"])
    trail("token_refreshed", credential, row.grant.consent.user)
    return issue(row.grant, entitlements, tuple(row.grant.scopes.split() if scopes is None else scopes))


@transaction.atomic
def revoke_refresh(*, token: str, credential: Credential) -> bool:
    """RFC 7009: end the family of the client's own refresh token. False where it is none."""
    row = RefreshToken.objects.filter(token_hash=hash_of(token), grant__credential=credential).first()
    if row is None:
        return False
    grant = locked(row.grant_id)
    if grant.ended_at is None:
        end(grant, by=None)
        trail("refresh_revoked", credential, None)
    return True


def living_refresh(*, token: str, credential: Credential) -> RefreshToken | None:
    """The client's own refresh token, while it would be honoured."""
    row = (
        RefreshToken.objects.select_related("grant__consent__user")
        .filter(token_hash=hash_of(token), grant__credential=credential, used_at=None)
        .first()
    )
    return row if row is not None and not _over(row.grant, row.expires_at) else None


def end(grant: PersonGrant, *, by: User | None) -> None:
    """No more tokens for it, and its living access tokens go on the gateway's deny list. Runs in the caller's transaction."""
    now = timezone.now()
    if grant.ended_at is None:
        grant.ended_at = now
        grant.save(update_fields=["ended_at"])
    for row in grant.refresh_tokens.filter(access_expires_at__gt=now):
        _, created = RevokedToken.objects.get_or_create(
            jti=row.jti,
            defaults={"credential": grant.credential, "expires_at": row.access_expires_at, "by": by},
        )
        if created:
            trail("token_revoked", grant.credential, by, jti=row.jti)
            credential_changed.send(
                sender=Credential, instance=grant.credential, event="token_revoked", by=by
            )


def forget_ended() -> None:
    """Delete the grants that can answer nothing any more: ended, never redeemed, or silent past every refresh token."""
    now = timezone.now()
    day = now - timedelta(days=1)
    PersonGrant.objects.filter(ended_at__lt=now - timedelta(seconds=REFRESH_SECONDS)).delete()
    DeviceRequest.objects.filter(expires_at__lt=day).delete()
    PersonGrant.objects.filter(redeemed_at=None, code_expires_at__lt=day).delete()
    PersonGrant.objects.filter(redeemed_at__lt=day).exclude(refresh_tokens__expires_at__gt=now).delete()


# ---- shared -------------------------------------------------------------------------------------------------------
def opened_by(grant: PersonGrant, asked: Sequence[str]) -> Entitlements | None:
    """What the application may do with the grant's resources, or with those of them asked for; None: `invalid_target`."""
    credential, granted = grant.credential, grant.resources.split()
    whole = entitlements_of(credential.application, credential.environment)
    if not asked:
        return what_is_left(whole, credential.environment, granted)
    limited = narrowed(whole, credential.environment, asked)
    if limited is None or not granted:
        return limited
    within = limited.resources and set(limited.resources) <= set(granted)
    return limited if within else None


def issue(
    grant: PersonGrant, entitlements: Entitlements, scopes: Iterable[str], *, nonce: str = ""
) -> Tokens:
    """Tokens of the grant, within what the application's subscriptions still open. A nonce is answered once."""
    credential = grant.credential
    allowed = {*entitlements.scopes, *oidc.SCOPES}
    granted = tuple(scope for scope in scopes if scope in allowed)
    access = tokens.mint(
        application=credential.application,
        environment=credential.environment,
        client_id=credential.public_id,
        subject=grant.consent.user.public_id,
        entitlements=entitlements,
        scopes=granted,
    )
    claims = signing.verify(access)
    text = secrets.token_urlsafe(32)
    RefreshToken.objects.create(
        grant=grant,
        token_hash=hash_of(text),
        expires_at=timezone.now() + timedelta(seconds=REFRESH_SECONDS),
        jti=claims["jti"],
        access_expires_at=datetime.fromtimestamp(claims["exp"], tz=UTC),
    )
    about = ""
    if "openid" in granted:
        about = oidc.id_token(grant=grant, access_token=access, scopes=granted, nonce=nonce)
    return Tokens(access, text, about, granted, settings.ACCESS_TOKEN_SECONDS)


def _refresh_token(token: str, credential: Credential) -> tuple[RefreshToken | None, str]:
    """The row, locked with its family, and why it is refused: "" where it is good."""
    found = RefreshToken.objects.filter(token_hash=hash_of(token)).values_list("grant_id", flat=True).first()
    if found is None:
        return None, "unknown"
    grant = locked(found)
    row = RefreshToken.objects.get(token_hash=hash_of(token))
    row.grant = grant
    if grant.credential_id != credential.pk:
        return row, "another client's"
    if row.used_at is not None:
        end(grant, by=None)
        return row, "reused"
    return row, _over(grant, row.expires_at)


def _over(grant: PersonGrant, expires_at: datetime) -> str:
    if grant.ended_at is not None:
        return "ended"
    if expires_at <= timezone.now():
        return "expired"
    return "" if grant.consent.user.is_active else "person"


def locked(pk: int) -> PersonGrant:
    return _grants().get(pk=pk)


def _grants() -> QuerySet[PersonGrant]:
    return PersonGrant.objects.select_for_update(of=("self",)).select_related(
        "credential__application__team", "consent__user"
    )


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _s256(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
