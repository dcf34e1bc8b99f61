"""What the last probe of each version saw."""

from django.db import models

from apis.models import ApiVersion


class VersionHealth(models.Model):
    """Whether the gateway answered a stranger's call to the version as it must, the last time it was asked."""

    version = models.OneToOneField(
        ApiVersion, primary_key=True, on_delete=models.CASCADE, related_name="gateway_health"
    )
    answering = models.BooleanField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.version_id} {'answers' if self.answering else 'does not answer'}"
