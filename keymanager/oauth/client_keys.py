"""The public keys of a client: registered by its team, and used to let it in without a secret."""

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from keymanager.models import Credential, CredentialKind
from portal.accounts.audit import record
from portal.accounts.models import User
from portal.accounts.roles import Permission, check
from portal.errors import Conflict

from . import assertions


@transaction.atomic
def register(*, credential: Credential, document: object, by: User) -> Credential:
    """Let the client prove itself with the keys of this JWK set, in place of those it had. Its secret works on.

    Raises:
        Conflict: it is no OAuth client, or no longer usable.
        Invalid: see `assertions.checked_keys`.
    """
    credential = _locked(credential, by)
    if credential.kind != CredentialKind.OAUTH_CLIENT or not credential.usable:
        raise Conflict(
            _("Only an OAuth client that works can have keys."),
            remedy=_("Choose another client, or create one."),
        )
    return _save(credential, assertions.checked_keys(document), by)


@transaction.atomic
def withdraw(*, credential: Credential, by: User) -> Credential:
    """From now on only the secret lets the client in."""
    return _save(_locked(credential, by), [], by)


def lets_in(credential: Credential, assertion: str) -> bool:
    """Whether the assertion proves that this client sent it. True at most once for each."""
    keys = Credential.objects.values_list("client_keys", flat=True).get(pk=credential.pk)
    audiences = (settings.ISSUER, f"{settings.PORTAL_URL}{reverse('keymanager:token')}")
    return assertions.proves(assertion, client_id=credential.public_id, keys=keys, audiences=audiences)


def _locked(credential: Credential, by: User) -> Credential:
    check(by, Permission.MANAGE_CREDENTIALS, credential.application.team)
    rows = Credential.objects.select_for_update(of=("self",)).select_related("application__team")
    return rows.get(pk=credential.pk)


def _save(credential: Credential, keys: list[dict[str, str]], by: User) -> Credential:
    credential.client_keys = keys
    credential.save(update_fields=["client_keys"])
    kids = [key["kid"] for key in keys]
    record(
        "client_keys_registered" if keys else "client_keys_withdrawn",
        credential,
        by=by,
        team=credential.application.team,
        kids=kids,
    )
    return credential
