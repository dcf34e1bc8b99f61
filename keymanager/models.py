"""What proves identity at the gateway."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from oauth2_provider.models import AccessToken, Application as OAuthApplication

from apis.models import Api, Environment
from portal.accounts.models import User
from portal.addresses import address
from portal.ids import new_id
from portal.transitions import HasStatus
from subscriptions.models import Application

from .oauth.models import Consent, DeviceRequest, PersonGrant, RefreshToken
from .outside.models import KeySource, TrustedIssuer
from .querysets import CredentialQuerySet, PersonalTokenQuerySet, SigningKeyQuerySet

__all__ = [
    "Consent",
    "Credential",
    "CredentialKind",
    "CredentialStatus",
    "DeviceRequest",
    "KeySource",
    "PersonGrant",
    "PersonalToken",
    "RefreshToken",
    "RevokedToken",
    "SigningKey",
    "TokenCutoff",
    "TrustedIssuer",
]


def _credential_id() -> str:
    return new_id("cred")


def _personal_token_id() -> str:
    return new_id("pat")


class CredentialKind(models.TextChoices):
    OAUTH_CLIENT = "oauth_client", _("OAuth client")
    API_KEY = "api_key", _("API key")
    EXTERNAL_CLIENT = "external_client", _("External client")


class CredentialStatus(models.TextChoices):
    ACTIVE = "active", _("Active")
    RETIRING = "retiring", _("Retiring")
    REVOKED = "revoked", _("Revoked")


class Credential(HasStatus):
    """An OAuth client, an API key or a client of an outside issuer, of an application in one environment.

    The secret itself is nowhere: only its hash. That of an external client is between it and its issuer.
    """

    Status = CredentialStatus
    TRANSITIONS: ClassVar[Mapping[str, frozenset[str]]] = {
        CredentialStatus.ACTIVE: frozenset({CredentialStatus.RETIRING, CredentialStatus.REVOKED}),
        CredentialStatus.RETIRING: frozenset({CredentialStatus.REVOKED}),
        CredentialStatus.REVOKED: frozenset(),
    }

    # Also the OAuth client_id.
    public_id = models.CharField(max_length=24, unique=True, default=_credential_id, editable=False)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="credentials")
    environment = models.CharField(max_length=10, choices=Environment)
    kind = models.CharField(max_length=16, choices=CredentialKind)
    name = models.CharField(max_length=120)
    status = models.CharField(max_length=8, choices=CredentialStatus, default=CredentialStatus.ACTIVE)
    oauth_application = models.OneToOneField(
        OAuthApplication, null=True, on_delete=models.PROTECT, related_name="credential"
    )
    # API keys: what people recognise it by, and SHA-256 (hex) of the whole key for the gateway's map.
    prefix = models.CharField(max_length=24, blank=True)
    key_hash = models.CharField(max_length=64, blank=True)
    # Of an external client: who issues its tokens, and how their claim names it.
    issuer = models.ForeignKey(TrustedIssuer, null=True, on_delete=models.PROTECT, related_name="credentials")
    external_id = models.CharField(max_length=255, blank=True)
    replaces = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="replaced_by")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    expires_at = models.DateTimeField(null=True)
    retires_at = models.DateTimeField(null=True, help_text="End of the overlap after a rotation.")
    revoked_at = models.DateTimeField(null=True)
    # What a caller with it was last seen at, to the minute or so.
    last_used_at = models.DateTimeField(null=True, db_index=True)
    # None of them means every API of the application's.
    allowed_apis = models.ManyToManyField(Api, blank=True, related_name="+")
    # Networks in CIDR notation, as `ranges.parse` writes them; none means from anywhere.
    allowed_ranges = ArrayField(models.CharField(max_length=43), default=list, blank=True)
    # Of an OAuth client: JWKs that it may sign with in place of its secret, as `assertions.checked_keys` keeps them.
    client_keys = models.JSONField(default=list, blank=True)
    silent_days = models.PositiveSmallIntegerField(
        null=True, help_text="While retiring: end it once it has been unused for so many days."
    )
    reminded_days = models.PositiveSmallIntegerField(
        null=True, help_text="Days before expiry of the last reminder sent."
    )

    objects = CredentialQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["key_hash"], condition=~Q(key_hash=""), name="credential_key_hash_once"
            ),
            models.CheckConstraint(
                condition=Q(
                    kind="api_key", oauth_application__isnull=True, issuer__isnull=True, external_id=""
                )
                & ~Q(key_hash="")
                | Q(kind="oauth_client", oauth_application__isnull=False, key_hash="")
                & Q(issuer__isnull=True, external_id="")
                | Q(kind="external_client", oauth_application__isnull=True, key_hash="", issuer__isnull=False)
                & ~Q(external_id=""),
                name="credential_is_of_its_kind",
            ),
            models.UniqueConstraint(
                fields=["issuer", "external_id", "environment"],
                condition=Q(kind="external_client") & ~Q(status="revoked"),
                name="credential_external_client_once",
            ),
            models.CheckConstraint(
                condition=Q(status="revoked", revoked_at__isnull=False)
                | (~Q(status="revoked") & Q(revoked_at__isnull=True)),
                name="credential_revoked_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(status="retiring") | Q(retires_at__isnull=False),
                name="credential_retiring_has_time",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return address("keymanager:credential", self.public_id)

    @property
    def expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def usable(self) -> bool:
        """Whether the gateway should accept it; `objects.usable()` says the same in SQL."""
        retired = (
            self.status == CredentialStatus.RETIRING
            and self.retires_at is not None
            and self.retires_at <= timezone.now()
        )
        return self.status != CredentialStatus.REVOKED and not retired and not self.expired

    @property
    def state(self) -> str:
        """What status, overlap and expiry come to now: working, overlap, expired or revoked."""
        if self.expired and self.status != CredentialStatus.REVOKED:
            return "expired"
        if not self.usable:
            return "revoked"
        return "overlap" if self.status == CredentialStatus.RETIRING else "working"

    @property
    def overlap_over(self) -> bool:
        """Retiring, and past the deadline or unused for the time that its owner chose since it was replaced.

        One that was never seen in use lives to the deadline: that nobody uses it is not known.
        """
        if self.status != CredentialStatus.RETIRING:
            return False
        if not self.usable:
            return True
        if self.silent_days is None or self.last_used_at is None:
            return False
        since = max([self.last_used_at, *(row.created_at for row in self.replaced_by.all())])
        return since + timedelta(days=self.silent_days) <= timezone.now()

    def reminder_due(self, reminders: Iterable[int]) -> int | None:
        """The least of `reminders`, days before expiry, that has been reached and not been sent, nor a lesser one.

        One that falls within the first day of its life tells its maker nothing new.
        """
        if self.status != CredentialStatus.ACTIVE or self.expires_at is None or self.expired:
            return None
        left, life = self.expires_at - timezone.now(), self.expires_at - self.created_at
        reached = [
            days for days in reminders if left <= timedelta(days=days) and life > timedelta(days=days + 1)
        ]
        days = min(reached, default=None)
        sent = self.reminded_days
        return days if days is not None and (sent is None or days < sent) else None

    @property
    def label(self) -> str:
        """What people recognise it by: the client id, here or at its issuer, or the beginning of the key."""
        return f"{self.prefix}••••" if self.prefix else self.external_id or self.public_id

    @property
    def is_external(self) -> bool:
        return self.kind == CredentialKind.EXTERNAL_CLIENT

    @property
    def rotatable(self) -> bool:
        """Whether it can be replaced: a client of an outside issuer has no secret here."""
        return self.status == CredentialStatus.ACTIVE and not self.is_external

    @property
    def trusted(self) -> bool:
        """Whether the gateway takes what its issuer issues: always, unless that is an outside one."""
        return self.issuer is None or self.issuer.serves(self.environment)


class SigningKey(models.Model):
    """A key that signs access tokens. `next` is published before it signs, `retired` while its tokens may live."""

    class Status(models.TextChoices):
        NEXT = "next", _("Next")
        ACTIVE = "active", _("Active")
        RETIRED = "retired", _("Retired")

    kid = models.CharField(max_length=64, unique=True)
    algorithm = models.CharField(max_length=8, default="RS256")
    public_jwk = models.JSONField()
    # PEM, encrypted with settings.ENCRYPTION_KEY.
    private_key = models.BinaryField()
    status = models.CharField(max_length=8, choices=Status)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    activated_at = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)

    objects = SigningKeyQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["status"], condition=Q(status__in=["next", "active"]), name="signing_key_one_each"
            ),
        ]

    def __str__(self) -> str:
        return self.kid

    @property
    def public_id(self) -> str:
        return self.kid


class RevokedToken(models.Model):
    """A token id the gateway refuses until the token would have ended by itself."""

    jti = models.CharField(max_length=64, unique=True)
    credential = models.ForeignKey(Credential, on_delete=models.CASCADE, related_name="revoked_tokens")
    expires_at = models.DateTimeField(db_index=True)
    revoked_at = models.DateTimeField(default=timezone.now, editable=False)
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    def __str__(self) -> str:
        return self.jti


class TokenCutoff(models.Model):
    """No access token of the application's that was issued before this time counts any more: a whole second, as `iat` is."""

    application = models.OneToOneField(Application, on_delete=models.CASCADE, related_name="token_cutoff")
    not_before = models.DateTimeField(db_index=True)
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    def __str__(self) -> str:
        return f"{self.application}, {self.not_before:%Y-%m-%d %H:%M:%S} UTC"


class PersonalToken(models.Model):
    """A person's own token for the REST API: the name and the beginning of a framework AccessToken, which holds the hash."""

    public_id = models.CharField(max_length=24, unique=True, default=_personal_token_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="personal_tokens")
    access_token = models.OneToOneField(AccessToken, on_delete=models.CASCADE, related_name="personal_token")
    name = models.CharField(max_length=120)
    prefix = models.CharField(max_length=24)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = PersonalTokenQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.name
