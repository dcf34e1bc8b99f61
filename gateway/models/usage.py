"""What went through the gateway, counted from its access log."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from apis.models import Api, ApiVersion, Environment, Plan
from keymanager.models import Credential
from subscriptions.models import Application

from ..usage_querysets import CallCountQuerySet, CallSeriesQuerySet, FailedCallQuerySet, LogPositionQuerySet

# Upper bounds of the latency histogram in milliseconds; the last bucket has none. The ratio of neighbours is at most 2
# up to ten seconds, and a percentile is read between the bounds of its bucket.
BUCKETS_MS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000, 1500, 2000, 3000, 5000, 10_000, 30_000)  # fmt: skip


class LogPosition(models.Model):
    """How far the access log has been counted. Saved in the transaction that saves the counts, so neither is without the other.

    Rotated files are numbered and `number` is that of the file being counted, which the live file gets when it is
    rotated. `head` is the SHA-256 (hex) of the file's first `head_bytes`: it tells this file from one put in its place.
    """

    name = models.CharField(max_length=20, primary_key=True)
    number = models.PositiveBigIntegerField(default=1)
    offset = models.PositiveBigIntegerField(default=0)
    head = models.CharField(max_length=64, blank=True)
    head_bytes = models.PositiveSmallIntegerField(default=0)
    lines = models.PositiveBigIntegerField(default=0, help_text="All that were read.")
    probes = models.PositiveBigIntegerField(default=0, help_text="Of them, the portal's own: not counted.")
    malformed = models.PositiveBigIntegerField(
        default=0, help_text="Of them, those that could not be understood."
    )
    counted_at = models.DateTimeField(null=True)

    objects = LogPositionQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.name} {self.number}:{self.offset}"


class CallSeries(models.Model):
    """Who calls what. Every part may be unknown: a call to no API, or by nobody.

    `digest` is made of the names as the gateway logs them; the references are what they meant when first seen.
    """

    digest = models.CharField(max_length=32, unique=True)
    environment = models.CharField(max_length=10, choices=Environment)
    api = models.ForeignKey(Api, null=True, on_delete=models.CASCADE, related_name="+")
    version = models.ForeignKey(ApiVersion, null=True, on_delete=models.CASCADE, related_name="+")
    operation = models.CharField(max_length=520, blank=True)
    application = models.ForeignKey(Application, null=True, on_delete=models.CASCADE, related_name="+")
    credential = models.ForeignKey(Credential, null=True, on_delete=models.CASCADE, related_name="+")
    plan = models.ForeignKey(Plan, null=True, on_delete=models.CASCADE, related_name="+")
    # Every call is counted twice: for its caller, and in the series of its operation for everybody.
    everybody = models.BooleanField(default=False, help_text="Of all callers together.")

    objects = CallSeriesQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "call series"

    def __str__(self) -> str:
        return f"{self.application_id or 'nobody'}: {self.operation}"


class CallCount(models.Model):
    """The calls of one series in one span that begins at `at`, with one outcome.

    `status_class` is 2 for 2xx and so on, 0 where the caller left before an answer; `reason` says why the gateway
    itself answered, "" where the API did. `latency` counts calls by duration, a bucket for each of BUCKETS_MS and one.
    """

    pk = models.CompositePrimaryKey("at", "series_id", "status_class", "reason")
    series = models.ForeignKey(
        CallSeries, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    at = models.DateTimeField()
    status_class = models.PositiveSmallIntegerField()
    reason = models.CharField(max_length=40)
    calls = models.BigIntegerField()
    received = models.BigIntegerField(help_text="Bytes from callers.")
    sent = models.BigIntegerField(help_text="Bytes to callers.")
    latency = ArrayField(models.BigIntegerField(), size=len(BUCKETS_MS) + 1)

    objects = CallCountQuerySet.as_manager()

    class Meta:
        abstract = True
        # The key finds a span of everybody's, this one somebody's.
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["series", "at"], name="%(class)s_by_series"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%F %H:%M} {self.calls}"


class MinuteCalls(CallCount):
    """As counted. Kept for days."""


class HourCalls(CallCount):
    """Sums of minutes. Kept for months."""


class DayCalls(CallCount):
    """Sums of hours, of days in UTC. Kept for years."""


class RollupDue(models.Model):
    """An hour or day whose sums have to be made again. `touched` grows with every change of what is summed."""

    unit = models.CharField(max_length=4, choices=[("hour", "hour"), ("day", "day")])
    at = models.DateTimeField()
    touched = models.BigIntegerField(default=1)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["unit", "at"], name="rollup_due_once"),
        ]

    def __str__(self) -> str:
        return f"{self.unit} {self.at:%F %H:%M}"


class FailedCall(models.Model):
    """One refused or failed call, for whoever wants to know why. A bounded memory: the newest ones."""

    request_id = models.CharField(max_length=64)
    at = models.DateTimeField()
    series = models.ForeignKey(
        CallSeries, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    method = models.CharField(max_length=20)
    path = models.CharField(max_length=500)
    status = models.PositiveSmallIntegerField()
    reason = models.CharField(max_length=40, blank=True)
    details = models.CharField(max_length=200, blank=True, help_text="Envoy's own words.")
    took_ms = models.PositiveIntegerField()
    seen_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = FailedCallQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-at", "-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["-at", "-id"], name="failed_call_by_time"),
            models.Index(fields=["series", "-at"], name="failed_call_by_series"),
            models.Index(fields=["request_id"], name="failed_call_by_request"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status}"
