"""Every write about credentials, tokens and signing keys. HTML, REST, OAuth end points and tasks call these."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext
from oauth2_provider.models import AccessToken, set_token_value

from portal.accounts.audit import record
from portal.accounts.models import User
from portal.accounts.roles import Permission, can, check
from portal.errors import Conflict, Forbidden, Invalid, NotFound
from portal.locks import transaction_lock
from subscriptions.models import Application

from . import drafts, keys, ranges, signing, tasks, tokens
from .models import Credential, CredentialKind, CredentialStatus, PersonalToken, RevokedToken, SigningKey
from .signals import credential_changed

# Seconds for which the old credential goes on working beside its replacement.
OVERLAPS = {0: "Stop it now", 900: "15 minutes", 3600: "1 hour", 86_400: "24 hours", 604_800: "7 days"}
# Days of silence after which a retiring one ends before its deadline.
SILENCES = {1: "1 day", 2: "2 days", 3: "3 days", 5: "5 days"}
# Days before a credential expires on which its team is reminded.
REMINDERS = (30, 7, 1)
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
    *,
    application: Application,
    environment: str,
    name: str,
    by: User,
    expires_at: datetime | None = None,
    redirect_uris: Iterable[str] = (),
    public: bool = False,
) -> Issued:
    """An OAuth client of the application. Its client_id is the credential's public id.

    With redirect URIs it may sign people in. A public one keeps no secret, so none is made: `secret` is empty.
    """
    application = checked_application(application, by)
    credential = drafts.draft(
        application=application, environment=environment, name=name, by=by, expires_at=expires_at
    )
    secret = drafts.save_as_client(credential, redirect_uris=redirect_uris, public=public)
    issued = Issued(credential, secret)
    _announce(credential, "issued", by, environment=environment, kind=credential.kind)
    return issued


@transaction.atomic
def issue_key(
    *,
    application: Application,
    environment: str,
    name: str,
    by: User,
    expires_at: datetime | None = None,
    allowed_apis: Iterable[str] = (),
    allowed_ranges: Iterable[str] = (),
) -> Issued:
    """An API key of the application, for the APIs of these slugs (none: all of its own) from these networks (none: any).

    Raises Invalid for an API without a live subscription and for what is no network in CIDR notation.
    """
    application = checked_application(application, by)
    credential = drafts.draft(
        application=application, environment=environment, name=name, by=by, expires_at=expires_at
    )
    apis, networks = drafts.subscribed_apis(application, allowed_apis), ranges.parse(allowed_ranges)
    issued = Issued(credential, drafts.save_as_key(credential, apis=apis, ranges=networks))
    _announce(
        credential,
        "issued",
        by,
        environment=environment,
        kind=credential.kind,
        apis=sorted(api.slug for api in apis),
        ranges=networks,
    )
    return issued


@transaction.atomic
def rotate(*, credential: Credential, overlap: int, by: User, silent_days: int | None = None) -> Issued:
    """Replace a credential; the old one works for `overlap` seconds more, one of `OVERLAPS`.

    With `silent_days`, one of `SILENCES`, it ends earlier, once its last use is that long ago. The replacement has the
    limits of the old one. That of an OAuth client is a client with an id of its own, so that ending the old one also
    ends every token it got. See docs/decisions/0006-rotation-makes-a-new-credential.md.

    Raises:
        Conflict: it is retiring or revoked already, or a client of an outside issuer.
        Invalid: no such overlap, or a silence that is not shorter than it.
    """
    _check_overlap(overlap, silent_days)
    if credential.is_external:
        raise Conflict(
            gettext("This client has no secret here."), remedy=gettext("Change its secret at its issuer.")
        )
    application = checked_application(credential.application, by)
    old = _locked(credential)
    now = timezone.now()
    if overlap:
        old.move_to(CredentialStatus.RETIRING)
        old.retires_at, old.silent_days = now + timedelta(seconds=overlap), silent_days
    else:
        old.move_to(CredentialStatus.REVOKED)
        old.revoked_at = now
    old.save(update_fields=["status", "retires_at", "silent_days", "revoked_at"])
    new = drafts.draft(
        application=application,
        environment=old.environment,
        name=old.name,
        by=by,
        expires_at=now + (old.expires_at - old.created_at) if old.expires_at else None,
        replaces=old,
    )
    if old.kind == CredentialKind.OAUTH_CLIENT:
        issued = Issued(new, drafts.save_as_client(new))
    else:
        apis = list(old.allowed_apis.all())
        issued = Issued(new, drafts.save_as_key(new, apis=apis, ranges=old.allowed_ranges))
    what = "rotated" if overlap else "revoked"
    _announce(old, what, by, overlap=overlap, silent_days=silent_days, replaced_by=new.public_id)
    _announce(new, "issued", by, replaces=old.public_id)
    return issued


def _check_overlap(overlap: int, silent_days: int | None) -> None:
    if overlap not in OVERLAPS:
        raise Invalid(
            gettext("The overlap is one of {names} seconds.").format(names=", ".join(map(str, OVERLAPS))),
            field="overlap",
        )
    if silent_days is None:
        return
    if silent_days not in SILENCES:
        raise Invalid(
            gettext("The silence is one of {names} days.").format(names=", ".join(map(str, SILENCES))),
            field="silent_days",
        )
    if silent_days * 86_400 >= overlap:
        raise Invalid(
            gettext("The old one ends after {overlaps}, before it could be silent that long.").format(
                overlaps=OVERLAPS[overlap] if overlap else "no time"
            ),
            remedy=gettext("Choose a longer overlap, or no silence."),
            field="silent_days",
        )


@transaction.atomic
def revoke(*, credential: Credential, by: User, reason: str = "") -> Credential:
    """End a credential and every token it got. This cannot be undone."""
    checked_application(credential.application, by)
    credential = _locked(credential)
    credential.move_to(CredentialStatus.REVOKED)
    credential.revoked_at = timezone.now()
    credential.save(update_fields=["status", "revoked_at"])
    _announce(credential, "revoked", by, note=reason.strip())
    return credential


@transaction.atomic
def retire(*, credential: Credential) -> Credential:
    """End a credential whose overlap is over, by its deadline or its silence. Doing it twice changes nothing."""
    credential = _locked(credential)
    if credential.overlap_over:
        silent = credential.usable
        credential.move_to(CredentialStatus.REVOKED)
        credential.revoked_at = timezone.now()
        credential.save(update_fields=["status", "revoked_at"])
        note = f"Unused for {credential.silent_days} days." if silent else ""
        _announce(credential, "retired", None, note=note)
    return credential


@transaction.atomic
def remind(*, credential: Credential) -> None:
    """Mail the team that the credential expires, where one of `REMINDERS` is due and neither it nor a later one was sent."""
    credential = _locked(credential)
    days = credential.reminder_due(REMINDERS)
    if days is None:
        return
    credential.reminded_days = days
    credential.save(update_fields=["reminded_days"])
    record("credential_expiry_reminded", credential, by=None, team=credential.application.team, days=days)
    tasks.send_reminder.delay_on_commit(credential.public_id)


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
            gettext("This token ended by itself at {ends:%H:%M:%S} UTC.").format(ends=ends),
            remedy=gettext("There is nothing left to revoke."),
        )
    if credential.status == CredentialStatus.REVOKED:
        raise Conflict(
            gettext("Its credential is revoked, and with it this token."),
            remedy=gettext("There is nothing left to revoke."),
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
            gettext("No credential of yours got this token."),
            remedy=gettext("Sign in as a member of the team that owns it."),
        )
    return credential


# ---- personal tokens ----------------------------------------------------------------------------------------------
@transaction.atomic
def issue_personal_token(*, by: User, name: str, scopes: list[str], days: int) -> IssuedToken:
    """A token for the REST API that acts as this person, within `scopes`, for `days` days."""
    unknown = sorted(set(scopes) - set(personal_scopes(by)))
    if unknown or not scopes:
        raise Invalid(
            gettext("You cannot give a token the scope {unknown}.").format(unknown=unknown[0])
            if unknown
            else gettext("A token needs at least one scope."),
            remedy=gettext("Choose from: {names}.").format(names=" ".join(personal_scopes(by))),
            field="scopes",
        )
    if not 1 <= days <= PERSONAL_TOKEN_DAYS_MAX:
        raise Invalid(
            gettext("A token lives 1 to {personal_token_days_max} days.").format(
                personal_token_days_max=PERSONAL_TOKEN_DAYS_MAX
            ),
            field="days",
        )
    transaction_lock(f"personal tokens {by.pk}")
    if PersonalToken.objects.filter(user=by).count() >= PERSONAL_TOKENS_MAX:
        raise Conflict(
            gettext("You have {personal_tokens_max} tokens already.").format(
                personal_tokens_max=PERSONAL_TOKENS_MAX
            ),
            remedy=gettext("Revoke one that you no longer use."),
        )
    text = keys.new_personal_token()
    row = AccessToken(
        user=by, scope=" ".join(sorted(set(scopes))), expires=timezone.now() + timedelta(days=days)
    )
    # COMPLIANT_BCP_RFC9700_TOKEN_STORAGE: the framework keeps the SHA-256 and leaves its text column empty.
    set_token_value(row, text)
    row.save()
    token = PersonalToken.objects.create(
        user=by, access_token=row, name=drafts.checked_name(name), prefix=keys.prefix_of(text)
    )
    record("personal_token_issued", token, by=by, scopes=row.scope, days=days)
    return IssuedToken(token, text)


@transaction.atomic
def revoke_personal_token(*, token: PersonalToken, by: User) -> None:
    """Raises Forbidden where it is another person's."""
    if token.user_id != by.pk:
        raise Forbidden(
            gettext("A personal token is its owner's to revoke."),
            remedy=gettext("Ask {user}.").format(user=token.user),
        )
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
            gettext("The next key is too new: some who check tokens have not fetched it yet."),
            remedy=gettext("Try again at {ready:%H:%M:%S} UTC.").format(ready=ready),
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
def checked_application(application: Application, by: User) -> Application:
    """The application, locked and still there, with the right to its credentials."""
    locked = Application.objects.live().select_for_update().filter(pk=application.pk).first()
    if locked is None:
        raise NotFound(
            gettext("This application was deleted."), remedy=gettext("Its credentials ended with it.")
        )
    check(by, Permission.MANAGE_CREDENTIALS, locked.team)
    return locked


def _locked(credential: Credential) -> Credential:
    return (
        Credential.objects.select_for_update(of=("self",))
        .select_related("application__team")
        .get(pk=credential.pk)
    )


def _announce(credential: Credential, event: str, by: User | None, *, note: str = "", **data: object) -> None:
    """The audit row and the notice that the gateway acts on, both in the transaction of the change."""
    name = event if event == "token_revoked" else f"credential_{event}"
    record(name, credential, by=by, team=credential.application.team, note=note, **data)
    credential_changed.send(sender=Credential, instance=credential, event=event, by=by)
