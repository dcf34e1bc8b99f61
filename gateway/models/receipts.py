"""What was written for the gateway, and the proof that it is enforced."""

import datetime as dt
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apis.models import ApiVersion
from keymanager.models import Credential
from portal.accounts.models import Team, User
from portal.ids import new_id
from subscriptions.models import Subscription

from ..querysets import ReceiptQuerySet


def _receipt_id() -> str:
    return new_id("rcpt")


class Revision(models.Model):
    """One set of files that the agent wrote. The row's number is the revision's."""

    digest = models.CharField(max_length=64)
    files = models.JSONField(default=list, help_text="Names of the files that changed.")
    counts = models.JSONField(default=dict, help_text='{"versions": 8, "subscriptions": 3, "keys": 2}')
    written_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    rejection = models.TextField(blank=True, help_text="Envoy's own words; the last good files are in force.")

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]

    def __str__(self) -> str:
        return f"Revision {self.pk}"


class VersionProblem(models.Model):
    """Why one version is held back from the gateway. Gone once it is mended."""

    version = models.OneToOneField(ApiVersion, on_delete=models.CASCADE, related_name="gateway_problem")
    message = models.TextField()
    since = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"{self.version}: {self.message}"


class ReceiptStatus(models.TextChoices):
    RUNNING = "running", _("Running")
    COMPLETE = "complete", _("Complete")
    STUCK = "stuck", _("Stuck")
    SUPERSEDED = "superseded", _("Superseded")


class Receipt(models.Model):
    """The record of one change on its way to the gateway: five hops, each with its time and evidence.

    Exactly one of `version`, `subscription` and `credential` is what changed. A hop without a time has not been reached.
    """

    Status = ReceiptStatus
    HOPS: ClassVar[tuple[str, ...]] = ("saved", "compiled", "written", "accepted", "probed")

    public_id = models.CharField(max_length=24, unique=True, default=_receipt_id, editable=False)
    version = models.ForeignKey(ApiVersion, null=True, on_delete=models.CASCADE, related_name="receipts")
    subscription = models.ForeignKey(
        Subscription, null=True, on_delete=models.CASCADE, related_name="receipts"
    )
    credential = models.ForeignKey(Credential, null=True, on_delete=models.CASCADE, related_name="receipts")
    event = models.CharField(max_length=40)
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    status = models.CharField(max_length=10, choices=ReceiptStatus, default=ReceiptStatus.RUNNING)
    revision = models.ForeignKey(Revision, null=True, on_delete=models.SET_NULL, related_name="receipts")
    saved_at = models.DateTimeField(default=timezone.now, editable=False)
    compiled_at = models.DateTimeField(null=True)
    written_at = models.DateTimeField(null=True)
    accepted_at = models.DateTimeField(null=True)
    probed_at = models.DateTimeField(null=True)
    # hop -> what was seen, e.g. {"accepted": "deny update_success 14"}
    evidence = models.JSONField(default=dict)
    # [{"environment", "request", "as", "expected", "answered", "request_id", "at"}], the last try of each.
    probes = models.JSONField(default=list)
    problem = models.TextField(blank=True, help_text="Why it is stuck.")

    objects = ReceiptQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-saved_at", "-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(version__isnull=False, subscription__isnull=True, credential__isnull=True)
                | Q(version__isnull=True, subscription__isnull=False, credential__isnull=True)
                | Q(version__isnull=True, subscription__isnull=True, credential__isnull=False),
                name="receipt_has_one_subject",
            ),
            models.CheckConstraint(
                condition=~Q(status="complete") | Q(probed_at__isnull=False),
                name="receipt_complete_is_probed",
            ),
            models.CheckConstraint(condition=Q(status__in=ReceiptStatus.values), name="receipt_status_known"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["id"], condition=Q(status__in=["running", "stuck"]), name="receipt_open"),
            models.Index(fields=["-saved_at"], name="receipt_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.event}"

    def get_absolute_url(self) -> str:
        return reverse("gateway:receipt", args=[self.public_id])

    @property
    def subject(self) -> ApiVersion | Subscription | Credential:
        found = self.subscription or self.credential or self.version
        if found is None:
            raise ValueError("a receipt without a subject")  # the database's constraint forbids it
        return found

    @property
    def subject_type(self) -> str:
        """Which of the three it is."""
        return "subscription" if self.subscription_id else "credential" if self.credential_id else "version"

    @property
    def team(self) -> Team | None:
        """Whose change it is, for the audit trail."""
        if self.version:
            return self.version.api.team
        return (self.subscription or self.credential).application.team  # type: ignore[union-attr]

    @property
    def running(self) -> bool:
        return self.status == ReceiptStatus.RUNNING

    def at(self, hop: str) -> dt.datetime | None:
        """When `hop`, one of HOPS, was done."""
        return getattr(self, f"{hop}_at")

    @property
    def next_hop(self) -> str:
        """The first hop not done; empty when all are."""
        return next((hop for hop in self.HOPS if self.at(hop) is None), "")

    @property
    def last_at(self) -> dt.datetime:
        return max(at for hop in self.HOPS if (at := self.at(hop)))
