"""How much of a plan's quota is used."""

from typing import ClassVar

from django.db import models

from apis.models import Api, QuotaPeriod
from subscriptions.models import Application

from ..usage_querysets import QuotaUseQuerySet


class QuotaUse(models.Model):
    """The calls of one application to one API that were let through in one calendar period, in both environments.

    It belongs to the application and the API, not to the subscription: cancelling and subscribing again buys no calls.
    """

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+")
    api = models.ForeignKey(Api, on_delete=models.CASCADE, related_name="+")
    period = models.CharField(max_length=5, choices=QuotaPeriod)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    used = models.BigIntegerField(default=0)
    # When the counts got there, and when the application's team was told of it, each once in a period.
    nearly_at = models.DateTimeField(null=True, help_text="80 % were used.")
    exhausted_at = models.DateTimeField(null=True)
    told_nearly_at = models.DateTimeField(null=True)
    told_exhausted_at = models.DateTimeField(null=True)

    objects = QuotaUseQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["application", "api", "period", "starts_at"], name="quota_use_once_per_period"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["ends_at"], condition=models.Q(exhausted_at__isnull=False), name="quota_use_exhausted"
            ),
            models.Index(
                fields=["id"],
                condition=models.Q(nearly_at__isnull=False, told_nearly_at__isnull=True)
                | models.Q(exhausted_at__isnull=False, told_exhausted_at__isnull=True),
                name="quota_use_untold",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.application} {self.api} {self.period} {self.used}"
