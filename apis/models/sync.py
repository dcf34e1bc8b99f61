"""The record of reading the cluster."""

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apis.querysets import SyncProblemQuerySet

from .reference import ObjectReference


class SyncRun(models.Model):
    """One pass over a cluster."""

    class Outcome(models.TextChoices):
        RUNNING = "running", _("Running")
        COMPLETE = "complete", _("Complete")
        FAILED = "failed", _("Failed")

    cluster = models.CharField(max_length=63)
    started_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=8, choices=Outcome, default=Outcome.RUNNING)
    message = models.TextField(blank=True)
    # {"seen": 9, "created": 0, "updated": 1, "unchanged": 8, "withdrawn": 0, "problems": 1}
    counts = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar[list[str]] = ["-started_at", "-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["cluster", "-started_at"], name="run_by_cluster")
        ]

    def __str__(self) -> str:
        return f"{self.cluster} {self.started_at:%Y-%m-%d %H:%M:%S} {self.outcome}"


class SyncProblem(ObjectReference):
    """One thing about one object that could not be read, with a message its author can act on. Gone once it is mended."""

    field = models.CharField(max_length=200, blank=True)
    message = models.TextField()
    remedy = models.TextField(blank=True)
    origin = models.CharField(
        max_length=500, blank=True, help_text="file:line, where the object comes from a folder."
    )
    first_seen_at = models.DateTimeField(default=timezone.now, editable=False)
    last_seen_at = models.DateTimeField(default=timezone.now)

    objects = SyncProblemQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-first_seen_at", "-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["cluster", "kind", "namespace", "object_name", "field"], name="problem_once_per_field"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.object_path} {self.field}: {self.message}"


class Dependency(models.Model):
    """What an object was read with: `kind`, `namespace` and `name` of the other one, and the object to read again."""

    cluster = models.CharField(max_length=63)
    kind = models.CharField(max_length=140)
    namespace = models.CharField(max_length=63, blank=True)
    name = models.CharField(max_length=253)
    owner_kind = models.CharField(max_length=140)
    owner_namespace = models.CharField(max_length=63, blank=True)
    owner_name = models.CharField(max_length=253)

    class Meta:
        verbose_name_plural = "dependencies"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=[
                    "cluster",
                    "kind",
                    "namespace",
                    "name",
                    "owner_kind",
                    "owner_namespace",
                    "owner_name",
                ],
                name="dependency_once",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["cluster", "owner_kind", "owner_namespace", "owner_name"], name="dependency_by_owner"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.owner_kind} {self.owner_namespace}/{self.owner_name} needs {self.kind} {self.namespace}/{self.name}"


class WatchState(models.Model):
    """How the watch of one kind of one cluster stands."""

    cluster = models.CharField(max_length=63)
    kind = models.CharField(max_length=140, help_text="group/version/Kind")
    namespace = models.CharField(max_length=63, blank=True, help_text="Empty where all are watched at once.")
    installed = models.BooleanField(default=True, help_text="The cluster serves this kind.")
    connected_since = models.DateTimeField(null=True)
    last_event_at = models.DateTimeField(null=True)
    message = models.TextField(blank=True, help_text="Why it is not connected.")

    class Meta:
        ordering: ClassVar[list[str]] = ["cluster", "kind", "namespace"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["cluster", "kind", "namespace"], name="watch_state_once"),
        ]

    def __str__(self) -> str:
        return f"{self.cluster} {self.kind}"


class SeenObject(ObjectReference):
    """An object that was carried into the catalog, and the state of the world in which that was done.

    `mark` hashes its resource version, those of everything it was read with, and what the database said around it. The
    same mark means: nothing to read, nothing to write. It is a memory, not a truth: without the row the object is read.
    """

    mark = models.CharField(max_length=64, blank=True)
    resource_version = models.CharField(max_length=64, blank=True, help_text="As it was when it was carried.")

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["cluster", "kind", "namespace", "object_name"], name="seen_once_per_object"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_path}"


class Change(models.Model):
    """An object that changed and is to be carried into the catalog; kept for an hour after that, for the latency.

    A worker takes a row by moving `due_at` a lease ahead. Whoever dies with it, another one takes it after that. A row
    that is noticed again while it is waiting stays one row; `notices` tells a worker that it has to look once more.
    """

    cluster = models.CharField(max_length=63)
    kind = models.CharField(max_length=140)
    namespace = models.CharField(max_length=63, blank=True)
    name = models.CharField(max_length=253)
    background = models.BooleanField(default=False, help_text="Of a full sync; what people do goes first.")
    gone = models.BooleanField(default=False, help_text="It was deleted, as far as the watch saw.")
    notices = models.PositiveIntegerField(default=1)
    attempts = models.PositiveIntegerField(default=0)
    noticed_at = models.DateTimeField()
    due_at = models.DateTimeField()
    leased_by = models.IntegerField(
        null=True, help_text="Process of the database that serves the worker which has it, until due_at."
    )
    listed_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["cluster", "kind", "namespace", "name"],
                condition=models.Q(listed_at__isnull=True),
                name="change_waits_once",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["background", "due_at"],
                condition=models.Q(listed_at__isnull=True),
                name="change_waiting",
            ),
            models.Index(
                fields=["leased_by"],
                condition=models.Q(listed_at__isnull=True, leased_by__isnull=False),
                name="change_leased",
            ),
            models.Index(fields=["listed_at"], name="change_by_listed"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


class Backend(ObjectReference):
    """A workload of the cluster that an Api may name as its upstream, with what the cluster says of its readiness."""

    name = models.CharField(max_length=253)
    url = models.CharField(max_length=500, blank=True)
    ready = models.BooleanField(null=True)
    message = models.TextField(blank=True)
    content_hash = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["cluster", "namespace", "name"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["cluster", "kind", "namespace", "object_name"], name="backend_once_per_object"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ClusterAccess(ObjectReference):
    """Who the cluster itself lets call which API. Portico shows it; the cluster's own gateway enforces it."""

    api_name = models.CharField(max_length=253)
    api_version = models.CharField(max_length=253, blank=True)
    application = models.CharField(max_length=253, blank=True)
    owner = models.CharField(max_length=253, blank=True)
    plan = models.CharField(max_length=253, blank=True)
    status = models.CharField(max_length=63, blank=True)
    content_hash = models.CharField(max_length=64, blank=True)

    class Meta:
        verbose_name_plural = "cluster access"
        ordering: ClassVar[list[str]] = ["cluster", "namespace", "api_name", "application"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["cluster", "kind", "namespace", "object_name"], name="access_once_per_object"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["cluster", "namespace", "api_name"], name="access_by_api"),
        ]

    def __str__(self) -> str:
        return f"{self.application} may call {self.api_name}"
