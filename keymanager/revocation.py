"""Ending all tokens of an application at once."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from portal.accounts.audit import record
from portal.accounts.models import User
from portal.errors import Conflict
from subscriptions.models import Application

from .actions import checked_application
from .models import Credential, CredentialKind, PersonGrant, TokenCutoff
from .signals import credential_changed


@transaction.atomic
def revoke_issued_tokens(*, application: Application, by: User, reason: str = "") -> TokenCutoff:
    """End every access and refresh token that the application has got so far, in both environments.

    Its credentials live on and get new tokens. A token says to the second when it was issued, so those of the second in
    which this is done end as well, and the first that counts is of the next one.

    Tokens of outside issuers count by their `iat`. Raises Conflict where the application has no client that works, and so no tokens.
    """
    application = checked_application(application, by)
    clients = clients_of(application)
    if not clients:
        raise Conflict(
            gettext("{application} has no client that works, so it has no tokens.").format(
                application=application
            ),
            remedy=gettext("An API key is ended by revoking it."),
        )
    grants = PersonGrant.objects.filter(credential__application=application, ended_at=None)
    sign_ins = grants.update(ended_at=timezone.now())
    # Read after the grants are ours: a refresh that was under way has signed its token by now.
    not_before = timezone.now().replace(microsecond=0) + timedelta(seconds=1)
    cutoff, _ = TokenCutoff.objects.update_or_create(
        application=application, defaults={"not_before": not_before, "by": by}
    )
    record(
        "tokens_revoked",
        application,
        by=by,
        team=application.team,
        note=reason.strip(),
        not_before=not_before.isoformat(),
        sign_ins=sign_ins,
    )
    for client in clients:
        credential_changed.send(sender=Credential, instance=client, event="tokens_revoked", by=by)
    return cutoff


def clients_of(application: Application) -> list[Credential]:
    """Those that get tokens."""
    kinds = [CredentialKind.OAUTH_CLIENT, CredentialKind.EXTERNAL_CLIENT]
    return list(application.credentials.usable().filter(kind__in=kinds))


def people_signed_in(application: Application) -> int:
    """How many people a client of it may get new tokens for, without asking them."""
    grants = PersonGrant.objects.filter(
        credential__application=application, ended_at=None, refresh_tokens__expires_at__gt=timezone.now()
    )
    return grants.values("consent__user").distinct().count()
