"""What time does to credentials, tokens and keys."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.core.mail import send_mail
from django.db.models import Q
from django.template.loader import render_to_string
from django.utils import timezone
from oauth2_provider.models import clear_expired as clear_framework_tokens

from portal.accounts.models import TeamRole
from portal.errors import Conflict
from portal.locks import advisory_lock

from . import signing
from .models import Credential, CredentialStatus, KeySource, RevokedToken, SigningKey, TrustedIssuer
from .oauth import grants


@shared_task
def retire_due() -> None:
    """End the credentials whose overlap is over, by deadline or by silence."""
    from . import actions  # noqa: PLC0415  actions enqueue a task of this module

    with advisory_lock("retire_due") as acquired:
        if not acquired:
            return
        retiring = Credential.objects.filter(status=CredentialStatus.RETIRING).prefetch_related("replaced_by")
        for credential in retiring:
            if credential.overlap_over:
                actions.retire(credential=credential)


@shared_task
def remind_expiring() -> None:
    """Remind teams of credentials that expire soon; each reminder is sent once, however often this runs."""
    from . import actions  # noqa: PLC0415  actions enqueue a task of this module

    with advisory_lock("remind_expiring") as acquired:
        if not acquired:
            return
        for credential in Credential.objects.expiring(days=max(actions.REMINDERS)).iterator():
            if credential.reminder_due(actions.REMINDERS) is not None:
                actions.remind(credential=credential)


@shared_task(autoretry_for=(OSError,), retry_backoff=60, max_retries=5)
def send_reminder(public_id: str) -> None:
    """Mail the maintainers of the credential's team when it expires."""
    credential = Credential.objects.select_related("application__team").filter(public_id=public_id).first()
    if credential is None or not credential.usable or credential.expires_at is None:
        return
    runners = Q(memberships__role__in=[TeamRole.OWNER, TeamRole.MAINTAINER])
    people = credential.application.team.members.filter(runners, is_active=True)
    to = list(people.values_list("email", flat=True).distinct())
    if not to:
        return
    context = {"credential": credential, "url": f"{settings.PORTAL_URL}{credential.get_absolute_url()}"}
    subject = " ".join(render_to_string("keymanager/mail/expires_subject.txt", context).split())
    send_mail(subject, render_to_string("keymanager/mail/expires.txt", context), None, to)


@shared_task
def clear_expired() -> None:
    """Forget revoked tokens that would have ended by now, and the framework's expired rows."""
    with advisory_lock("clear_expired") as acquired:
        if not acquired:
            return
        # A minute later than need be: the gateway's clock may be behind.
        RevokedToken.objects.filter(expires_at__lt=timezone.now() - timedelta(seconds=60)).delete()
        clear_framework_tokens()
        grants.forget_ended()


@shared_task
def refresh_issuers() -> None:
    """Fetch the keys of every outside issuer anew, each by a task of its own: one that is slow delays no other."""
    fetched = TrustedIssuer.objects.in_force().filter(key_source=KeySource.DISCOVERY)
    for public_id in fetched.values_list("public_id", flat=True):
        refresh_issuer.delay(public_id)


@shared_task
def refresh_issuer(public_id: str) -> None:
    """Fetch the keys of one."""
    from .outside import actions  # noqa: PLC0415  actions enqueue a task of this module

    issuer = TrustedIssuer.objects.in_force().filter(public_id=public_id).first()
    with advisory_lock(f"refresh_issuer {public_id}") as acquired:
        if acquired and issuer is not None and issuer.fetches:
            actions.refresh(issuer=issuer, by=None)


@shared_task
def rotate_signing_keys() -> None:
    """Rotate when the active key has signed for SIGNING_KEY_DAYS, or is not of SIGNING_ALGORITHM."""
    from . import actions  # noqa: PLC0415  actions enqueue a task of this module

    with advisory_lock("rotate_signing_keys") as acquired:
        if not acquired:
            return
        signing.ensure_signing_keys()
        active = SigningKey.objects.get(status=SigningKey.Status.ACTIVE)
        since = active.activated_at or active.created_at
        young = since > timezone.now() - timedelta(days=settings.SIGNING_KEY_DAYS)
        if young and active.algorithm == settings.SIGNING_ALGORITHM:
            return
        try:
            actions.rotate_signing_key(by=None)
        except Conflict:
            return  # the next key is too new; the next run will do
