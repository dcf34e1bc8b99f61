"""Every write about devices that wait for a person (RFC 8628): ask, allow or deny, collect the tokens."""

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from keymanager.models import Credential, DeviceRequest, PersonGrant
from keymanager.resources import INVALID_TARGET
from portal.accounts.models import User
from portal.errors import Conflict

from . import grants
from .grants import Refused, Tokens
from .trail import trail

CODE_SECONDS = 600
INTERVAL_SECONDS = 5
# RFC 8628 6.1: no vowels, so no words, and nothing that looks like something else. Eight of them are 2^34 codes.
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
_LETTERS_IN_CODE = 8


class Codes(NamedTuple):
    """For the device, and for the person; neither can be read back."""

    device: str
    user: str


@transaction.atomic
def ask(*, credential: Credential, scopes: Iterable[str], resources: Iterable[str] = ()) -> Codes:
    """A device of the client asks for a person, for CODE_SECONDS."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(_LETTERS_IN_CODE))
    codes = Codes(secrets.token_urlsafe(32), f"{letters[:4]}-{letters[4:]}")
    DeviceRequest.objects.create(
        device_code_hash=grants.hash_of(codes.device),
        user_code_hash=_keyed(codes.user),
        credential=credential,
        scopes=" ".join(scopes),
        resources=" ".join(resources),
        expires_at=timezone.now() + timedelta(seconds=CODE_SECONDS),
        interval=INTERVAL_SECONDS,
    )
    trail("device_asked", credential, None)
    return codes


def waiting(user_code: str) -> DeviceRequest | None:
    """The request that waits for this code, however it was typed: small letters, without the dash, with spaces."""
    rows = DeviceRequest.objects.filter(
        user_code_hash=_keyed(user_code),
        status=DeviceRequest.Status.PENDING,
        expires_at__gt=timezone.now(),
        credential__in=Credential.objects.usable(),
    )
    return rows.select_related("credential__application__team").first()


@transaction.atomic
def decide(*, device: DeviceRequest, allow: bool, signed_in_at: datetime, by: User) -> None:
    """The person's answer. Raises Conflict where it has been answered already, or the time is over."""
    row = DeviceRequest.objects.select_for_update().get(pk=device.pk)
    if row.status != DeviceRequest.Status.PENDING or row.expires_at <= timezone.now():
        raise Conflict(_("This code is used up or over."), remedy=_("Ask the device for a new one."))
    if allow:
        consent = grants.agree(
            credential=device.credential, scopes=row.scopes.split(), resources=row.resources.split(), by=by
        )
        row.grant = PersonGrant.objects.create(
            consent=consent,
            credential=device.credential,
            scopes=row.scopes,
            resources=row.resources,
            code_expires_at=row.expires_at,
            signed_in_at=signed_in_at,
        )
    row.status = DeviceRequest.Status.ALLOWED if allow else DeviceRequest.Status.DENIED
    row.save(update_fields=["status", "grant"])
    trail("device_allowed" if allow else "device_denied", device.credential, by)


@transaction.atomic
def collect(*, device_code: str, credential: Credential, resources: Sequence[str] = ()) -> Tokens | Refused:
    """What the device gets when it asks (RFC 8628 3.5). The reason of a refusal is the error for the client."""
    row = (
        DeviceRequest.objects.select_for_update(of=("self",))
        .filter(device_code_hash=grants.hash_of(device_code), credential=credential)
        .first()
    )
    if row is None:
        trail("device_code_refused", credential, None, reason="unknown")
        return Refused("unknown")
    unanswered = _unanswered(row)
    if unanswered or row.grant_id is None:
        return Refused(unanswered)
    # Read now: what came with the row is as old as the wait for its lock, and may have been collected since.
    grant = grants.locked(row.grant_id)
    refused = ""
    if grant.redeemed_at is not None:
        refused = "replayed"
        grants.end(grant, by=None)
    elif grant.ended_at is not None or not grant.consent.user.is_active:
        refused = "ended"
    if refused:
        trail("device_code_refused", credential, None, about=grant.pk, reason=refused)
        return Refused(refused)
    entitlements = grants.opened_by(grant, resources)
    if entitlements is None:
        return Refused(INVALID_TARGET)
    grant.redeemed_at = timezone.now()
    grant.save(update_fields=["redeemed_at"])
    trail("device_code_redeemed", credential, grant.consent.user)
    return grants.issue(grant, entitlements, tuple(grant.scopes.split()))


def _unanswered(row: DeviceRequest) -> str:
    """Why there is nothing to collect (RFC 8628 3.5); "" where the person has agreed."""
    if row.expires_at <= timezone.now():
        return "expired_token"
    if row.status == DeviceRequest.Status.DENIED:
        return "access_denied"
    return "" if row.grant_id else _too_soon_or_pending(row)


def _too_soon_or_pending(row: DeviceRequest) -> str:
    """Who asks too often has to wait five seconds longer from now on."""
    now = timezone.now()
    early = row.asked_at is not None and row.asked_at + timedelta(seconds=row.interval) > now
    row.asked_at = now
    if early:
        row.interval = min(row.interval + 5, CODE_SECONDS)
    row.save(update_fields=["asked_at", "interval"])
    return "slow_down" if early else "authorization_pending"


def _keyed(user_code: str) -> str:
    letters = "".join(letter for letter in user_code.upper() if letter in _LETTERS)
    return salted_hmac("keymanager.device", letters, algorithm="sha256").hexdigest()
