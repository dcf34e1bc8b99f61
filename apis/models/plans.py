"""Named limits."""

from typing import ClassVar

from django.db import models

from apis.querysets import PlanQuerySet

from .reference import ObjectReference


class PlanApproval(models.TextChoices):
    AUTOMATIC = "automatic"
    MANUAL = "manual"


class QuotaPeriod(models.TextChoices):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Plan(ObjectReference):
    """Named limits: `rate_requests` per `rate_seconds` with `burst` at once, and a quota per calendar period."""

    slug = models.SlugField(max_length=63, unique=True)
    key = models.CharField(
        max_length=253, blank=True, help_text="What the APIs of its namespace, or of its cluster, name it by."
    )
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    rate_requests = models.PositiveIntegerField()
    rate_seconds = models.PositiveIntegerField()
    burst = models.PositiveIntegerField()
    quota_requests = models.PositiveBigIntegerField(null=True)
    quota_period = models.CharField(max_length=5, choices=QuotaPeriod, blank=True)
    time_zone = models.CharField(
        max_length=64, default="UTC", help_text="Where the quota's periods begin at midnight: an IANA name."
    )
    approval = models.CharField(max_length=9, choices=PlanApproval, default=PlanApproval.MANUAL)
    content_hash = models.CharField(max_length=64, blank=True)
    withdrawn_at = models.DateTimeField(null=True)

    objects = PlanQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["rate_requests", "slug"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["cluster", "kind", "namespace", "object_name"], name="plan_one_per_object"
            ),
            models.CheckConstraint(
                condition=models.Q(rate_requests__gt=0, rate_seconds__gt=0, burst__gt=0),
                name="plan_rate_positive",
            ),
            models.CheckConstraint(
                condition=models.Q(quota_requests__isnull=True, quota_period="")
                | models.Q(quota_requests__gt=0, quota_period__in=QuotaPeriod.values),
                name="plan_quota_has_period",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def public_id(self) -> str:
        return self.slug

    @property
    def rate_text(self) -> str:
        unit = {1: "second", 60: "minute", 3600: "hour"}.get(self.rate_seconds, f"{self.rate_seconds} s")
        return f"{self.rate_requests:,} a {unit}"

    @property
    def quota_text(self) -> str:
        return f"{self.quota_requests:,} a {self.quota_period}" if self.quota_requests else ""
