"""Every write about outside issuers and their clients."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apis.models import Environment
from keymanager import actions as credential_actions, drafts
from keymanager.models import Credential, CredentialKind, CredentialStatus, KeySource, TrustedIssuer
from keymanager.signals import credential_changed, issuer_changed
from portal.accounts.audit import record
from portal.accounts.models import User
from portal.accounts.roles import Permission, check
from portal.errors import Conflict, Invalid, NotFound, PorticoError
from subscriptions.models import Application

from . import keys

# Each bad token is shown to every one of them.
ISSUERS_MAX = 50
AUDIENCES_MAX = 10
# What the gateway can hold: no spaces, and no bar, which ends the issuer in its map.
_URL = re.compile(r"https?://[A-Za-z0-9._:\[\]-]+(/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?")
_AUDIENCE = re.compile(r"[\x21-\x7e]{1,500}")
# Dots lead into objects, as the gateway reads them.
_CLAIM = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_CLIENT = re.compile(r"[\x20-\x7e]{1,255}")


# ---- issuers ------------------------------------------------------------------------------------------------------
def trust(
    *,
    name: str,
    url: str,
    audiences: Iterable[str],
    environments: Iterable[str],
    by: User,
    client_claim: str = "client_id",
    given_keys: object | None = None,
) -> TrustedIssuer:
    """Let the gateway take tokens of this issuer, for clients that teams then add to their applications.

    Without `given_keys`, a JWK set, its keys are fetched by discovery, now and every few minutes.

    Raises:
        Invalid: a bad field, or keys that cannot be had or used.
        Conflict: it is trusted already, the name is taken, or there are ISSUERS_MAX.
    """
    check(by, Permission.MANAGE_PORTAL)
    fields = _checked_fields(name, audiences, environments, client_claim)
    fields |= {"url": _checked_url(url)} | _with_keys(url, given_keys)
    with transaction.atomic():
        if TrustedIssuer.objects.live().count() >= ISSUERS_MAX:
            raise Conflict(
                _("{issuers_max} issuers are trusted already.").format(issuers_max=ISSUERS_MAX),
                remedy=_("Delete one."),
            )
        issuer = _saved(TrustedIssuer(**fields, created_by=by))
        _tell(issuer, "trusted", by, **_told(issuer))
    return issuer


def edit(
    *,
    issuer: TrustedIssuer,
    name: str,
    audiences: Iterable[str],
    environments: Iterable[str],
    by: User,
    client_claim: str,
    given_keys: object | None = None,
) -> TrustedIssuer:
    """Change everything but its URL; another URL is another issuer. Raises what `trust` raises."""
    check(by, Permission.MANAGE_PORTAL)
    fields = _checked_fields(name, audiences, environments, client_claim) | _with_keys(issuer.url, given_keys)
    with transaction.atomic():
        issuer = _locked(issuer)
        for field, value in fields.items():
            setattr(issuer, field, value)
        _saved(issuer)
        _tell(issuer, "edited", by, **_told(issuer))
    return issuer


@transaction.atomic
def disable(*, issuer: TrustedIssuer, by: User) -> TrustedIssuer:
    """Take no token of it until it is enabled again. Doing it twice changes nothing."""
    check(by, Permission.MANAGE_PORTAL)
    issuer = _locked(issuer)
    if issuer.disabled_at is None:
        issuer.disabled_at = timezone.now()
        issuer.save(update_fields=["disabled_at"])
        _tell(issuer, "disabled", by)
    return issuer


@transaction.atomic
def enable(*, issuer: TrustedIssuer, by: User) -> TrustedIssuer:
    check(by, Permission.MANAGE_PORTAL)
    issuer = _locked(issuer)
    if issuer.disabled_at is not None:
        issuer.disabled_at = None
        issuer.save(update_fields=["disabled_at"])
        _tell(issuer, "enabled", by)
    return issuer


@transaction.atomic
def delete(*, issuer: TrustedIssuer, by: User) -> None:
    """Trust it no more, and revoke the credentials of its clients. This cannot be undone."""
    check(by, Permission.MANAGE_PORTAL)
    issuer = _locked(issuer)
    ended = list(issuer.credentials.live().filter(application__deleted_at__isnull=True))
    for credential in ended:
        credential_actions.revoke(credential=credential, by=by, reason=f"The issuer {issuer} was deleted.")
    issuer.deleted_at = timezone.now()
    issuer.save(update_fields=["deleted_at"])
    _tell(issuer, "deleted", by, url=issuer.url, credentials=len(ended))


def refresh(*, issuer: TrustedIssuer, by: User | None) -> TrustedIssuer:
    """Fetch its keys again; `by=None` is the schedule. Where that fails the last good ones stay, with the problem."""
    if by is not None:
        check(by, Permission.MANAGE_PORTAL)
    if not issuer.fetches:
        raise Conflict(
            _("Its keys were given by hand."), remedy=_("Edit it to give others, or to have them fetched.")
        )
    try:
        found, problem = keys.discovered(issuer.url), ""
    except PorticoError as error:
        found, problem = None, f"{error.message} {error.remedy}".strip()[:2000]
    with transaction.atomic():
        issuer = _locked(issuer)
        if not issuer.fetches:
            return issuer  # an administrator was quicker
        if found is None:
            _note_problem(issuer, problem, by)
        else:
            _note_keys(issuer, found, by)
    return issuer


def _note_keys(issuer: TrustedIssuer, found: list[dict[str, str]], by: User | None) -> None:
    changed, healed = found != issuer.keys, bool(issuer.problem)
    issuer.keys, issuer.fetched_at = found, timezone.now()
    issuer.problem, issuer.problem_since = "", None
    issuer.save(update_fields=["keys", "fetched_at", "problem", "problem_since"])
    if changed or healed:
        _tell(issuer, "keys_changed" if changed else "keys_fetched_again", by, kids=_kids(found))


def _note_problem(issuer: TrustedIssuer, problem: str, by: User | None) -> None:
    """The trail has when it began, not every try."""
    new = not issuer.problem
    issuer.problem, issuer.problem_since = problem, issuer.problem_since or timezone.now()
    issuer.save(update_fields=["problem", "problem_since"])
    if new:
        record("issuer_keys_not_fetched", issuer, by=by, note=problem)


# ---- clients ------------------------------------------------------------------------------------------------------
@transaction.atomic
def add_client(
    *,
    application: Application,
    issuer: TrustedIssuer,
    environment: str,
    name: str,
    external_id: str,
    by: User,
    expires_at: datetime | None = None,
) -> Credential:
    """Let tokens that the issuer gives this client call in the application's name. No secret is made or kept.

    Raises:
        Invalid: the issuer is not trusted in that environment, or no such id can be.
        Conflict: an application has this client already.
    """
    locked = credential_actions.checked_application(application, by)
    issuer = _locked(issuer)
    credential = drafts.draft(
        application=locked, environment=environment, name=name, by=by, expires_at=expires_at
    )
    credential.kind, credential.issuer = CredentialKind.EXTERNAL_CLIENT, issuer
    credential.external_id = _checked_client(external_id)
    if not issuer.serves(environment):
        raise Invalid(
            _("{issuer} is not trusted in {environment}.").format(issuer=issuer, environment=environment),
            remedy=_("Choose another."),
            field="issuer",
        )
    _end_former(credential)
    try:
        with transaction.atomic():
            credential.save()
    except IntegrityError:
        raise Conflict(
            _("An application has the client {external_id} of {issuer} already, in {environment}.").format(
                external_id=credential.external_id, issuer=issuer, environment=environment
            ),
            remedy=_("Revoke it there first. An administrator sees where, under Credentials."),
        ) from None
    team, kind = locked.team, credential.kind
    told = {"environment": environment, "issuer": issuer.url, "external_id": credential.external_id}
    record("credential_issued", credential, by=by, team=team, kind=kind, **told)
    credential_changed.send(sender=Credential, instance=credential, event="issued", by=by)
    return credential


def _end_former(credential: Credential) -> None:
    """A credential that ended by the clock, or with its application, does not keep its client from being added anew."""
    former = Credential.objects.live().filter(
        issuer=credential.issuer, external_id=credential.external_id, environment=credential.environment
    )
    for row in former.exclude(pk__in=Credential.objects.usable().values("pk")).select_related("application"):
        row.move_to(CredentialStatus.REVOKED)
        row.revoked_at = timezone.now()
        row.save(update_fields=["status", "revoked_at"])
        note = "It had ended, and its client was added anew."
        record("credential_retired", row, by=None, team=row.application.team, note=note)


def _checked_client(text: str) -> str:
    client = text.strip()
    if not _CLIENT.fullmatch(client):
        raise Invalid(
            _("A client id has 1 to 255 letters, digits and signs."),
            remedy=_("Copy it from the issuer."),
            field="external_id",
        )
    return client


# ---- shared -------------------------------------------------------------------------------------------------------
def _checked_url(url: str) -> str:
    if not _URL.fullmatch(url) or len(url) > 500 or not urlsplit(url).hostname:
        raise Invalid(
            _("This is no issuer's URL."),
            remedy=_(
                "It is http(s)://host/path, to the letter as the iss claim of its tokens, with nothing after the path."
            ),
            field="url",
        )
    if url.rstrip("/") in {settings.ISSUER, settings.PORTAL_URL}:
        raise Invalid(
            _("That is this portal itself."), remedy=_("Its own tokens count already."), field="url"
        )
    return url


def _checked_fields(
    name: str, audiences: Iterable[str], environments: Iterable[str], client_claim: str
) -> dict[str, Any]:
    accepted, places = (
        list(dict.fromkeys(audiences)),
        [e for e in Environment.values if e in set(environments)],
    )
    if not 1 <= len(accepted) <= AUDIENCES_MAX or not all(_AUDIENCE.fullmatch(one) for one in accepted):
        raise Invalid(
            _("Give 1 to {audiences_max} audiences, without spaces.").format(audiences_max=AUDIENCES_MAX),
            remedy=_("Without one, a token that the issuer made for any other service would count here."),
            field="audiences",
        )
    if not places:
        raise Invalid(
            _("Choose an environment."), remedy=_("Production, sandbox or both."), field="environments"
        )
    if not _CLAIM.fullmatch(client_claim) or len(client_claim) > 120:
        raise Invalid(
            _("A claim's name has letters, digits, _ and -, with dots into objects."),
            remedy=_("Most issuers have client_id or azp."),
            field="client_claim",
        )
    return {
        "name": drafts.checked_name(name),
        "audiences": accepted,
        "environments": places,
        "client_claim": client_claim,
    }


def _with_keys(url: str, given: object | None) -> dict[str, Any]:
    """The fields about keys, which are fetched here and now unless they are given."""
    if given is not None:
        found, source = keys.usable(given), KeySource.GIVEN
    else:
        try:
            found, source = keys.discovered(url), KeySource.DISCOVERY
        except PorticoError as error:
            raise Invalid(error.message, remedy=error.remedy, field="url") from None
    return {
        "keys": found,
        "key_source": source,
        "fetched_at": timezone.now(),
        "problem": "",
        "problem_since": None,
    }


def _saved(issuer: TrustedIssuer) -> TrustedIssuer:
    try:
        with transaction.atomic():
            issuer.save()
    except IntegrityError:
        raise Conflict(
            _("An issuer of this URL or this name is trusted already."), remedy=_("Edit that one.")
        ) from None
    return issuer


def _locked(issuer: TrustedIssuer) -> TrustedIssuer:
    row = TrustedIssuer.objects.live().select_for_update().filter(pk=issuer.pk).first()
    if row is None:
        raise NotFound(_("This issuer was deleted."), remedy=_("Its clients' credentials ended with it."))
    return row


def _told(issuer: TrustedIssuer) -> dict[str, Any]:
    """What the trail says of it."""
    named = {name: getattr(issuer, name) for name in ("url", "audiences", "client_claim", "environments")}
    return {**named, "key_source": issuer.key_source, "kids": _kids(issuer.keys)}


def _kids(found: list[dict[str, str]]) -> list[str]:
    return [key["kid"] for key in found]


def _tell(issuer: TrustedIssuer, event: str, by: User | None, **data: Any) -> None:
    """The audit row and the notice that the gateway acts on, both in the transaction of the change."""
    record(f"issuer_{event}", issuer, by=by, **data)
    issuer_changed.send(sender=TrustedIssuer, instance=issuer, event=event, by=by)
