"""Where a row comes from."""

from django.db import models


class ObjectReference(models.Model):
    """The Kubernetes object a row was read from. Matched by cluster, kind, namespace and name; the UID tells a re-creation."""

    cluster = models.CharField(max_length=63)
    kind = models.CharField(max_length=140, help_text="group/version/Kind")
    namespace = models.CharField(max_length=63, blank=True)
    object_name = models.CharField(max_length=253)
    uid = models.CharField(max_length=64, blank=True)
    generation = models.BigIntegerField(default=0)

    class Meta:
        abstract = True

    @property
    def object_path(self) -> str:
        """`namespace/name`, or the name alone for a cluster-scoped object."""
        return f"{self.namespace}/{self.object_name}" if self.namespace else self.object_name
