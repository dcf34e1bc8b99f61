"""The catalog: APIs, their versions, definitions and operations.

A foreign key without an index is the first column of one that is unique.
"""

from collections.abc import Mapping
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from apis.querysets import ApiQuerySet, ApiVersionQuerySet
from portal.accounts.models import Team
from portal.addresses import address
from portal.lazily import gettext_lazy as _
from portal.transitions import HasStatus

from .plans import Plan, PlanApproval
from .reference import ObjectReference


class Environment(models.TextChoices):
    PRODUCTION = "production", _("Production")
    SANDBOX = "sandbox", _("Sandbox")


class ApiType(models.TextChoices):
    REST = "rest", "REST"
    GRAPHQL = "graphql", "GraphQL"
    ASYNCAPI = "asyncapi", "AsyncAPI"
    GRPC = "grpc", "gRPC"
    SOAP = "soap", "SOAP"


class Visibility(models.TextChoices):
    PUBLIC = "public", _("Public: everybody, without signing in")
    INTERNAL = "internal", _("Internal: everybody who is signed in")
    TEAM = "team", _("Team: the owning team only")


class Api(models.Model):
    """A catalog entry; its versions are objects in the cluster that share `key` in one namespace."""

    slug = models.SlugField(max_length=63, unique=True)
    cluster = models.CharField(max_length=63)
    namespace = models.CharField(max_length=63)
    key = models.CharField(max_length=63)
    name = models.CharField(max_length=120)
    summary = models.CharField(max_length=300, blank=True)
    description = models.TextField(blank=True, help_text="Markdown, by the publisher.")
    type = models.CharField(max_length=8, choices=ApiType, default=ApiType.REST)
    team = models.ForeignKey(Team, null=True, on_delete=models.SET_NULL, related_name="apis")
    contact = models.CharField(max_length=254, blank=True)
    visibility = models.CharField(max_length=8, choices=Visibility, default=Visibility.INTERNAL)
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    # What the catalog shows and sorts by without a join; kept by apis.catalog.refresh.
    current_version = models.ForeignKey("ApiVersion", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ApiQuerySet.as_manager()

    class Meta:
        verbose_name = "API"
        ordering: ClassVar[list[str]] = ["name", "slug"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["cluster", "namespace", "key"], name="api_one_per_key"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["name", "slug"], name="api_by_name"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return address("apis:api", self.slug)

    @property
    def public_id(self) -> str:
        return self.slug


class Publication(models.TextChoices):
    DISCOVERED = "discovered", _("Discovered")
    PUBLISHED = "published", _("Published")
    DEPRECATED = "deprecated", _("Deprecated")
    BLOCKED = "blocked", _("Blocked")
    RETIRED = "retired", _("Retired")
    REJECTED = "rejected", _("Rejected")


class ApiVersion(ObjectReference, HasStatus):
    """One consumer-visible version, read from one object."""

    Status = Publication
    TRANSITIONS: ClassVar[Mapping[str, frozenset[str]]] = {
        Publication.DISCOVERED: frozenset({Publication.PUBLISHED, Publication.REJECTED}),
        Publication.REJECTED: frozenset({Publication.DISCOVERED, Publication.PUBLISHED}),
        Publication.PUBLISHED: frozenset({Publication.DEPRECATED, Publication.BLOCKED}),
        Publication.BLOCKED: frozenset({Publication.PUBLISHED}),
        Publication.DEPRECATED: frozenset({Publication.RETIRED, Publication.PUBLISHED}),
        Publication.RETIRED: frozenset(),
    }
    # Traffic is let through in these; `visible` ones are in the catalog for everybody who may see the Api.
    SERVED: ClassVar[frozenset[str]] = frozenset({Publication.PUBLISHED, Publication.DEPRECATED})
    VISIBLE: ClassVar[frozenset[str]] = frozenset(
        {Publication.PUBLISHED, Publication.DEPRECATED, Publication.BLOCKED}
    )

    api = models.ForeignKey(Api, on_delete=models.CASCADE, db_index=False, related_name="versions")
    version = models.CharField(max_length=64)
    status = models.CharField(max_length=10, choices=Publication, default=Publication.DISCOVERED)
    status_note = models.TextField(blank=True, help_text="Why it was rejected or blocked.")
    base_path = models.CharField(max_length=200)
    # {"production": {"url": "http://…", "timeout_seconds": 15}}: the environments it is served in.
    upstreams = models.JSONField(default=dict)
    # {"oauth2": true, "api_key": true, "public": false}
    security = models.JSONField(default=dict)
    # apis.sources Mediation as a dict: request_headers, response_headers, rewrite_prefix, cors.
    mediation = models.JSONField(default=dict)
    # What the Api shows while this is its current version: name, summary, description, type, contact, visibility, tags.
    presentation = models.JSONField(default=dict)
    # Sentences: what the object states and Portico does not enforce.
    stated_only = ArrayField(models.TextField(), default=list, blank=True)
    # As last seen on the object: [{"type", "status", "reason", "message"}]
    conditions = models.JSONField(default=list)
    plans = models.ManyToManyField(Plan, related_name="versions", blank=True)
    document = models.ForeignKey("Document", null=True, on_delete=models.SET_NULL, related_name="+")
    definition_pending = models.BooleanField(
        default=False,
        help_text="Its definition was not read yet, or cannot be; until it is, the gateway does not serve it.",
    )
    definition_url = models.CharField(
        max_length=2000, blank=True, help_text="Where the definition is fetched from, again and again."
    )
    definition_etag = models.CharField(
        max_length=300, blank=True, help_text="SHA-256 of a text, and its ETag."
    )
    wants_approval = models.CharField(max_length=9, choices=PlanApproval, default=PlanApproval.MANUAL)
    sunset_on = models.DateField(null=True)
    successor = models.CharField(max_length=64, blank=True)
    deprecated_in_object = models.BooleanField(
        default=False, help_text="Not by hand: the object may take it back."
    )
    content_hash = models.CharField(max_length=64, blank=True)
    stale = models.BooleanField(
        default=False, help_text="The object's newest state could not be read; this is the last good one."
    )
    withdrawn_at = models.DateTimeField(null=True, help_text="The object is gone from the cluster.")
    discovered_at = models.DateTimeField(default=timezone.now, editable=False)
    published_at = models.DateTimeField(null=True)
    deprecated_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(default=timezone.now)

    objects = ApiVersionQuerySet.as_manager()

    class Meta:
        verbose_name = "API version"
        ordering: ClassVar[list[str]] = ["-discovered_at", "-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["api", "version"], name="version_once_per_api"),
            models.UniqueConstraint(
                fields=["base_path"],
                condition=models.Q(withdrawn_at__isnull=True),
                name="version_base_path_once",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=Publication.values), name="version_status_known"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["status", "api"], name="version_by_status"),
            # Not unique: an object that now says another version leaves a withdrawn row of the old one behind.
            models.Index(fields=["cluster", "kind", "namespace", "object_name"], name="version_by_object"),
        ]

    def __str__(self) -> str:
        return f"{self.api.name} {self.version}"

    def get_absolute_url(self) -> str:
        return address("apis:version", self.api.slug, self.version)

    @property
    def public_id(self) -> str:
        return f"{self.api.slug}/{self.version}"

    @property
    def served(self) -> bool:
        return self.status in self.SERVED and self.withdrawn_at is None and not self.definition_pending

    @property
    def base_urls(self) -> dict[str, str]:
        """environment -> the address consumers call, without a trailing slash."""
        return {
            name: f"{settings.GATEWAY_URLS[name]}{self.base_path}"
            for name in Environment.values
            if name in self.upstreams
        }


FORMAT_NAMES = {
    "openapi": "OpenAPI",
    "graphql": "GraphQL",
    "asyncapi": "AsyncAPI",
    "wsdl": "WSDL",
    "protobuf": "Protocol Buffers",
}


class Document(models.Model):
    """Immutable snapshot of a version's definition text; a new text is a new Document."""

    version = models.ForeignKey(
        ApiVersion, on_delete=models.CASCADE, db_index=False, related_name="documents"
    )
    sha256 = models.CharField(max_length=64)
    format = models.CharField(max_length=20, blank=True, help_text="openapi-3.1, graphql, asyncapi-3.0 …")
    text = models.TextField()
    # [{"code", "message", "line"}] of apis.definitions
    findings = models.JSONField(default=list)
    # scope name -> description
    scopes = models.JSONField(default=dict)
    schemas = ArrayField(
        models.CharField(max_length=200),
        default=list,
        blank=True,
        help_text="The names of the first types, messages or schemas: what searches find.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["version", "sha256"], name="document_once_per_text"),
        ]

    def __str__(self) -> str:
        return f"{self.format} {self.sha256[:12]}"

    @property
    def format_name(self) -> str:
        """As its makers write it: `OpenAPI 3.1`."""
        name, _, release = self.format.partition("-")
        return f"{FORMAT_NAMES.get(name, name)} {release}".strip()


class Operation(models.Model):
    """Method + path, channel or GraphQL field of a version, with the scopes it needs, all of them."""

    version = models.ForeignKey(
        ApiVersion, on_delete=models.CASCADE, db_index=False, related_name="operations"
    )
    position = models.PositiveIntegerField()
    method = models.CharField(max_length=12)
    path = models.CharField(max_length=500)
    operation_id = models.CharField(max_length=200, blank=True)
    summary = models.CharField(max_length=300, blank=True)
    scopes = ArrayField(models.CharField(max_length=120), default=list, blank=True)
    deprecated = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar[list[str]] = ["position"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["version", "method", "path"], name="operation_once_per_version"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"
