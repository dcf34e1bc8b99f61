"""What time does to credentials, tokens and keys."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone
from oauth2_provider.models import clear_expired as clear_framework_tokens

from portal.errors import Conflict
from portal.locks import advisory_lock

from . import actions, signing
from .models import Credential, CredentialStatus, RevokedToken, SigningKey


@shared_task
def retire_due() -> None:
    """End the credentials whose overlap is over."""
    with advisory_lock("retire_due") as acquired:
        if not acquired:
            return
        due = Credential.objects.filter(status=CredentialStatus.RETIRING, retires_at__lte=timezone.now())
        for credential in due:
            actions.retire(credential=credential)


@shared_task
def clear_expired() -> None:
    """Forget revoked tokens that would have ended by now, and the framework's expired rows."""
    with advisory_lock("clear_expired") as acquired:
        if not acquired:
            return
        # A minute later than need be: the gateway's clock may be behind.
        RevokedToken.objects.filter(expires_at__lt=timezone.now() - timedelta(seconds=60)).delete()
        clear_framework_tokens()


@shared_task
def rotate_signing_keys() -> None:
    """Rotate when the active key has signed for SIGNING_KEY_DAYS, or is not of SIGNING_ALGORITHM."""
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
