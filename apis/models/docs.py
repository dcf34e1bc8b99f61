"""Pages of documentation beside an API's reference."""

from typing import ClassVar

from django.db import models
from django.urls import reverse
from django.utils import timezone

from portal.accounts.models import User

from .catalog import Api, ApiVersion


class DocsPage(models.Model):
    """One page of Markdown. With a `version` it comes from that version's object and is changed there.

    Without, it was written in the portal for all versions of the Api; a page of the object with the same slug takes its place.
    """

    api = models.ForeignKey(Api, on_delete=models.CASCADE, related_name="docs")
    version = models.ForeignKey(ApiVersion, null=True, on_delete=models.CASCADE, related_name="docs")
    slug = models.SlugField(max_length=80)
    title = models.CharField(max_length=120)
    text = models.TextField(help_text="Markdown.")
    position = models.PositiveIntegerField(default=0)
    origin = models.CharField(max_length=300, blank=True, help_text="Where it stands in the cluster.")
    # Grows with each change, so that of two people who edit at once the later one is told.
    revision = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField(default=timezone.now)
    updated_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering: ClassVar[list[str]] = ["position", "id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["api", "version", "slug"], nulls_distinct=False, name="docs_page_once"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        """Within the version that it comes from, or else within the one that the catalog shows."""
        version = self.version or self.api.current_version
        return reverse("apis:docs-page", args=[self.api.slug, version.version, self.slug]) if version else ""

    @property
    def public_id(self) -> str:
        return f"{self.api.slug}/docs/{self.slug}"
