"""Named limits."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from apis.querysets import PlanQuerySet

from .reference import ObjectReference


class PlanApproval(models.TextChoices):
    AUTOMATIC = "automatic", _("Automatic")
    MANUAL = "manual", _("Manual")


class QuotaPeriod(models.TextChoices):
    DAY = "day", _("Day")
    WEEK = "week", _("Week")
    MONTH = "month", _("Month")


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
        rates = {1: _("{count:,} a second"), 60: _("{count:,} a minute"), 3600: _("{count:,} a hour")}
        rate = rates.get(self.rate_seconds) or _("{count:,} a {seconds} s")
        return rate.format(count=self.rate_requests, seconds=self.rate_seconds)

    @property
    def quota_text(self) -> str:
        quotas = {"day": _("{count:,} a day"), "week": _("{count:,} a week"), "month": _("{count:,} a month")}
        return quotas[self.quota_period].format(count=self.quota_requests) if self.quota_requests else ""
