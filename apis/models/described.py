"""The Reference of a Document: its parts, of which a page reads only few."""

from typing import ClassVar

from django.db import models
from django.utils import timezone

from .catalog import Document


class DocumentReference(models.Model):
    """Says that a Document was cut into parts, or why it cannot be. Without the row nobody has asked yet."""

    document = models.OneToOneField(
        Document, primary_key=True, on_delete=models.CASCADE, related_name="reference"
    )
    edition = models.PositiveSmallIntegerField(
        help_text="Which way of cutting; parts of another are made anew."
    )
    failure = models.TextField(blank=True)
    # group of operations -> its description
    groups = models.JSONField(default=dict)
    made_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"edition {self.edition} of document {self.document_id}"


class DescribedOperation(models.Model):
    """One operation as its page shows it. Also those that nobody can call, such as webhooks."""

    document = models.ForeignKey(
        Document, on_delete=models.CASCADE, db_index=False, related_name="described_operations"
    )
    position = models.PositiveIntegerField()
    slug = models.CharField(max_length=120)
    method = models.CharField(max_length=12)
    path = models.CharField(max_length=500)
    operation_id = models.CharField(max_length=200, blank=True)
    title = models.CharField(max_length=500, blank=True)
    group = models.CharField(max_length=200, blank=True)
    deprecated = models.BooleanField(default=False)
    body = models.TextField(help_text="JSON, as apis.definitions.reference.parts describes it.")

    class Meta:
        ordering: ClassVar[list[str]] = ["position"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["document", "slug"], name="described_operation_once"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class DescribedSchema(models.Model):
    """One named schema, type or message as its page shows it."""

    document = models.ForeignKey(
        Document, on_delete=models.CASCADE, db_index=False, related_name="described_schemas"
    )
    position = models.PositiveIntegerField()
    slug = models.CharField(max_length=120)
    name = models.CharField(max_length=200)
    body = models.TextField(help_text="JSON, as apis.definitions.reference.parts describes it.")

    class Meta:
        ordering: ClassVar[list[str]] = ["position"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["document", "slug"], name="described_schema_once"),
        ]

    def __str__(self) -> str:
        return self.name
