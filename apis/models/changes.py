"""What changed between two definitions, compared once."""

from typing import ClassVar

from django.db import models
from django.urls import reverse
from django.utils import timezone

from portal.ids import new_id

from .catalog import ApiVersion, Document


def _change_id() -> str:
    return new_id("chg")


class Comparison(models.Model):
    """One Document against an earlier one, of the same version or of another version of the Api.

    With `took_at` it is an entry of the changelog: the version had `old` until then. Without, somebody asked for it.
    """

    public_id = models.CharField(max_length=24, unique=True, default=_change_id, editable=False)
    version = models.ForeignKey(
        ApiVersion, on_delete=models.CASCADE, related_name="comparisons", help_text="The one that has `new`."
    )
    old = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="+")
    new = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="+")
    took_at = models.DateTimeField(null=True)
    edition = models.PositiveSmallIntegerField(
        null=True, help_text="By which rules it was compared; null: not yet. Others compare it anew."
    )
    tried_at = models.DateTimeField(null=True, help_text="When a worker was last asked to.")
    failure = models.TextField(blank=True)
    breaking = models.PositiveIntegerField(default=0)
    risky = models.PositiveIntegerField(default=0)
    safe = models.PositiveIntegerField(default=0)
    # apis.definitions.diff.Change as dicts, breaking first; no more of each level than `changes.MOST_CHANGES`.
    changes = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering: ClassVar[list[str]] = ["-took_at", "-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["old", "new"],
                condition=models.Q(took_at__isnull=True),
                name="comparison_asked_once",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["version", "-took_at"], name="comparison_by_version"),
        ]

    def __str__(self) -> str:
        return self.public_id

    def get_absolute_url(self) -> str:
        return reverse("apis:change", args=[self.version.api.slug, self.version.version, self.public_id])

    @property
    def total(self) -> int:
        return self.breaking + self.risky + self.safe

    @property
    def worst(self) -> str:
        """The worst level among the changes, "" if there are none."""
        return next((level for level in ("breaking", "risky", "safe") if getattr(self, level)), "")
