"""What people let clients do: the consent that is remembered, each grant under it, and its refresh tokens."""

from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apis.models import Environment
from portal.accounts.models import Viewer
from portal.ids import new_id


def _consent_id() -> str:
    return new_id("con")


class ConsentQuerySet(models.QuerySet["Consent"]):
    def visible_to(self, user: Viewer) -> Self:
        """One's own, whoever one is: what a person lets others do is nobody else's business."""
        return self.filter(user=user) if user.is_authenticated else self.none()


class Consent(models.Model):
    """A person lets an application act for them in one environment, within `scopes`, until they withdraw it.

    It is the application's, not the client's, so that rotating a client asks nobody again. One for some resources alone
    stands beside one for others.
    """

    public_id = models.CharField(max_length=24, unique=True, default=_consent_id, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="consents")
    application = models.ForeignKey(
        "subscriptions.Application", on_delete=models.CASCADE, related_name="consents"
    )
    environment = models.CharField(max_length=10, choices=Environment)
    scopes = models.TextField(blank=True, help_text="With spaces between them, in the order of their names.")
    resources = models.TextField(
        blank=True, help_text="Base URLs of APIs (RFC 8707), likewise; none: all of the application's."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ConsentQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["user", "application", "environment", "resources"], name="consent_once_per_person"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} to {self.application}"


class PersonGrant(models.Model):
    """One sign-in through a client: a code first, then a family of refresh tokens. Nothing in it can be read back."""

    consent = models.ForeignKey(Consent, on_delete=models.CASCADE, related_name="grants")
    credential = models.ForeignKey("keymanager.Credential", on_delete=models.CASCADE, related_name="grants")
    scopes = models.TextField(blank=True)
    resources = models.TextField(blank=True)
    # SHA-256 in hex of the authorization code; empty where there was none, as in the device grant.
    code_hash = models.CharField(max_length=64, blank=True)
    code_expires_at = models.DateTimeField()
    redirect_uri = models.TextField(blank=True)
    code_challenge = models.CharField(max_length=64, blank=True)
    nonce = models.CharField(max_length=255, blank=True)
    # When the person last proved who they are.
    signed_in_at = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    redeemed_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["code_hash"], condition=~models.Q(code_hash=""), name="grant_code_hash_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.consent} through {self.credential}"


class RefreshToken(models.Model):
    """One of a grant's refresh tokens. It works once: a second use ends the whole family."""

    grant = models.ForeignKey(PersonGrant, on_delete=models.CASCADE, related_name="refresh_tokens")
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)
    # The access token that was given with it, so that ending the family can deny it at the gateway.
    jti = models.CharField(max_length=64)
    access_expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.grant}, {self.created_at:%Y-%m-%d %H:%M}"


class DeviceRequest(models.Model):
    """A device without a browser waits for a person, who types its code into our page (RFC 8628)."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")
        ALLOWED = "allowed", _("Allowed")
        DENIED = "denied", _("Denied")

    device_code_hash = models.CharField(max_length=64, unique=True)
    # Of a code short enough to guess: keyed with the portal's own secret, so that the row alone tells nothing.
    user_code_hash = models.CharField(max_length=64, unique=True)
    credential = models.ForeignKey("keymanager.Credential", on_delete=models.CASCADE, related_name="+")
    scopes = models.TextField(blank=True)
    resources = models.TextField(blank=True)
    status = models.CharField(max_length=8, choices=Status, default=Status.PENDING)
    grant = models.OneToOneField(PersonGrant, null=True, on_delete=models.CASCADE, related_name="device")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(db_index=True)
    # Seconds that the device has to wait between two questions, and when it last asked.
    interval = models.PositiveSmallIntegerField()
    asked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.credential}, {self.created_at:%Y-%m-%d %H:%M}"
