from datetime import timedelta
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apis import downloads, provenance, states, sync_status
from apis.actions import LONGEST_REASON
from apis.models import (
    Api,
    ApiVersion,
    Backend,
    ClusterAccess,
    Document,
    Operation,
    Plan,
    SyncProblem,
    SyncRun,
)
from apis.permissions import can_view_source


@extend_schema_field(OpenApiTypes.DOUBLE)
class SecondsField(serializers.Field[timedelta, Any, float, Any]):
    """A length of time, in seconds."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(read_only=True, allow_null=True, **kwargs)

    def to_representation(self, value: timedelta) -> float:
        return value.total_seconds()


VERSION_EXAMPLE = {
    "version": "2.3.0",
    "status": "published",
    "status_note": "",
    "base_urls": {
        "production": "https://api.example.com/products/v2",
        "sandbox": "https://sandbox.example.com/products/v2",
    },
    "security": {"oauth2": True, "api_key": True, "public": False},
    "plans": ["free", "standard"],
    "definition": {"format": "openapi-3.1", "sha256": "9f2c…", "downloads": ["json", "yaml"]},
    "sunset_on": None,
    "successor": "",
    "stale": False,
    "discovered_at": "2026-11-02T09:14:03Z",
    "published_at": "2026-11-02T10:01:47Z",
    "withdrawn_at": None,
}
API_EXAMPLE = {
    "slug": "products",
    "name": "Products API",
    "summary": "Read and manage the product catalogue.",
    "type": "rest",
    "team": "storefront",
    "contact": "#storefront-apis",
    "visibility": "public",
    "tags": ["commerce"],
    "current_version": VERSION_EXAMPLE,
    "created_at": "2026-11-02T09:14:03Z",
    "updated_at": "2026-11-20T16:40:12Z",
}


class PlanSerializer(serializers.ModelSerializer[Plan]):
    class Meta:
        model = Plan
        fields = (
            "slug",
            "name",
            "description",
            "rate_requests",
            "rate_seconds",
            "burst",
            "quota_requests",
            "quota_period",
            "time_zone",
            "approval",
        )
        extra_kwargs = {
            "rate_requests": {"help_text": "Calls per `rate_seconds`."},
            "burst": {"help_text": "Calls at once, before the rate limits them."},
            "quota_requests": {"help_text": "Calls per `quota_period`; null: no quota."},
            "approval": {"help_text": "Whether a subscription starts at once or waits for somebody."},
        }


class DocumentSerializer(serializers.ModelSerializer[Document]):
    downloads = serializers.SerializerMethodField(help_text="The endings that definition.<ending> has.")

    class Meta:
        model = Document
        fields = ("format", "sha256", "downloads")

    def get_downloads(self, document: Document) -> list[str]:
        return downloads.formats_of(document)


class VersionSerializer(serializers.ModelSerializer[ApiVersion]):
    """What everybody may know who sees the version."""

    base_urls = serializers.DictField(
        child=serializers.CharField(),
        read_only=True,
        help_text="environment -> the address that consumers call.",
    )
    security = serializers.DictField(
        child=serializers.BooleanField(),
        read_only=True,
        help_text="What callers may prove who they are with.",
    )
    plans = serializers.SerializerMethodField(help_text="Slugs of the plans on offer.")
    definition = DocumentSerializer(source="document", read_only=True, allow_null=True)

    class Meta:
        model = ApiVersion
        fields: tuple[str, ...] = (
            "version",
            "status",
            "status_note",
            "base_urls",
            "security",
            "plans",
            "definition",
            "sunset_on",
            "successor",
            "stale",
            "discovered_at",
            "published_at",
            "withdrawn_at",
        )
        extra_kwargs = {
            "sunset_on": {
                "help_text": "The day, in UTC, from which a deprecated version is no longer served."
            },
            "successor": {"help_text": "The version of this API to move to."},
        }

    def get_plans(self, version: ApiVersion) -> list[str]:
        return [plan.slug for plan in version.plans.all() if plan.withdrawn_at is None]


class PillarSerializer(serializers.Serializer[states.Pillar]):
    state = serializers.ChoiceField(choices=["ok", "warn", "bad", "info", "idle"])
    word = serializers.CharField()
    claim = serializers.CharField()
    evidence = serializers.CharField()


class StatesSerializer(serializers.Serializer[Any]):
    """The three states side by side: what is wanted, what the cluster says, what a probe saw."""

    desired = PillarSerializer()
    observed = PillarSerializer()
    probed = PillarSerializer()


class UpstreamSerializer(serializers.Serializer[provenance.ShownUpstream]):
    environment = serializers.CharField()
    url = serializers.CharField()
    backend = serializers.CharField(
        help_text="The object that the address was taken from; empty where it was stated."
    )
    ready = serializers.BooleanField(
        source="row.ready", default=None, help_text="As the cluster reports it; null: it does not."
    )


class ClusterAccessSerializer(serializers.ModelSerializer[ClusterAccess]):
    class Meta:
        model = ClusterAccess
        fields = ("kind", "namespace", "object_name", "application", "owner", "api_version", "plan", "status")


class SourceSerializer(serializers.ModelSerializer[ApiVersion]):
    """For the owning team and admins."""

    findings = serializers.SerializerMethodField(
        help_text="What is imperfect in the definition: code, message, line."
    )
    conditions = serializers.JSONField(read_only=True, help_text="As the object's controllers report them.")
    upstreams = serializers.SerializerMethodField()
    cluster_access = serializers.SerializerMethodField(
        help_text="Whom the cluster's own gateway lets call it."
    )

    class Meta:
        model = ApiVersion
        fields = (
            "cluster",
            "kind",
            "namespace",
            "object_name",
            "uid",
            "generation",
            "seen_at",
            "definition_url",
            "definition_pending",
            "upstreams",
            "conditions",
            "stated_only",
            "findings",
            "cluster_access",
        )
        extra_kwargs = {
            "stated_only": {"help_text": "What the object asks for and Portico's gateway does not enforce."},
            "definition_url": {"help_text": "Where the definition is fetched from, if it is."},
        }

    @extend_schema_field(UpstreamSerializer(many=True))
    def get_upstreams(self, version: ApiVersion) -> Any:
        rows: Any = provenance.upstreams_of(version)
        return UpstreamSerializer(rows, many=True).data

    @extend_schema_field(ClusterAccessSerializer(many=True))
    def get_cluster_access(self, version: ApiVersion) -> Any:
        return ClusterAccessSerializer(provenance.access_of(version)[:100], many=True).data

    def get_findings(self, version: ApiVersion) -> list[dict[str, Any]]:
        return version.document.findings if version.document else []


class VersionDetailSerializer(VersionSerializer):
    states = serializers.SerializerMethodField()
    source = serializers.SerializerMethodField(  # type: ignore[assignment]  # its own name
        help_text="Null unless you are in the owning team or an admin."
    )

    class Meta(VersionSerializer.Meta):
        fields = (*VersionSerializer.Meta.fields, "states", "source")

    @extend_schema_field(StatesSerializer)
    def get_states(self, version: ApiVersion) -> dict[str, Any]:
        shown = states.pillars(version, source=self._sees_source(version))
        parts = dict(zip(("desired", "observed", "probed"), shown, strict=True))
        return StatesSerializer(parts).data

    @extend_schema_field(SourceSerializer(allow_null=True))
    def get_source(self, version: ApiVersion) -> dict[str, Any] | None:
        return SourceSerializer(version).data if self._sees_source(version) else None

    def _sees_source(self, version: ApiVersion) -> bool:
        return can_view_source(self.context["request"].user, version.api)


class ApiSerializer(serializers.ModelSerializer[Api]):
    team: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(
        slug_field="slug", read_only=True, allow_null=True
    )
    current_version = VersionSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Api
        fields: tuple[str, ...] = (
            "slug",
            "name",
            "summary",
            "type",
            "team",
            "contact",
            "visibility",
            "tags",
            "current_version",
            "created_at",
            "updated_at",
        )


class ApiDetailSerializer(ApiSerializer):
    class Meta(ApiSerializer.Meta):
        fields = (*ApiSerializer.Meta.fields, "description")


class OperationSerializer(serializers.ModelSerializer[Operation]):
    class Meta:
        model = Operation
        fields = ("method", "path", "operation_id", "summary", "scopes", "deprecated")
        extra_kwargs = {"scopes": {"help_text": "A token needs all of them; none: it needs no scope."}}


class SyncRunSerializer(serializers.ModelSerializer[SyncRun]):
    counts = serializers.DictField(
        child=serializers.IntegerField(),
        read_only=True,
        help_text="seen, created, updated, unchanged, withdrawn, problems",
    )

    class Meta:
        model = SyncRun
        fields = ("cluster", "started_at", "finished_at", "outcome", "message", "counts")


class SyncProblemSerializer(serializers.ModelSerializer[SyncProblem]):
    class Meta:
        model = SyncProblem
        fields = (
            "cluster",
            "kind",
            "namespace",
            "object_name",
            "field",
            "message",
            "remedy",
            "origin",
            "first_seen_at",
            "last_seen_at",
        )


class KindStatusSerializer(serializers.Serializer[sync_status.KindStatus]):
    kind = serializers.CharField(
        help_text="group/version/Kind; empty for files in which no object was made out."
    )
    state = serializers.ChoiceField(choices=sync_status.STATES)
    connected_since = serializers.DateTimeField(allow_null=True)
    last_event_at = serializers.DateTimeField(allow_null=True)
    message = serializers.CharField(help_text="Why it is not connected.")
    objects = serializers.IntegerField(help_text="Those that were read.")
    problems = serializers.IntegerField()
    waiting = serializers.IntegerField(help_text="Changes that are not in the catalog yet.")
    lag_seconds = SecondsField(source="lag", help_text="Age of the oldest of them; null: up to date.")


class LatencySerializer(serializers.Serializer[sync_status.Latency]):
    changes = serializers.IntegerField()
    p50_seconds = SecondsField(source="p50")
    p99_seconds = SecondsField(source="p99")


class ClusterStatusSerializer(serializers.Serializer[sync_status.ClusterStatus]):
    """How the catalog follows one cluster. A publisher's counts are of the namespaces granted to their teams."""

    name = serializers.CharField()
    lag_seconds = SecondsField(source="lag", help_text="The longest of its kinds; null: up to date.")
    waiting = serializers.IntegerField(help_text="The length of the queue.")
    first_load = serializers.IntegerField(help_text="Those of them that a full sync found.")
    applied_to_listed = LatencySerializer(
        source="latency",
        allow_null=True,
        help_text="From noticed to listed, in the last hour; null: nothing changed.",
    )
    last_full_sync = SyncRunSerializer(allow_null=True, help_text="The last complete one.")
    running_full_sync = SyncRunSerializer(allow_null=True)
    kinds = KindStatusSerializer(many=True, source="sorted_kinds")


class BackendSerializer(serializers.ModelSerializer[Backend]):
    class Meta:
        model = Backend
        fields = ("cluster", "kind", "namespace", "object_name", "url", "ready", "message")
        extra_kwargs = {"ready": {"help_text": "As the cluster reports it; null: it does not."}}


class NoteInput(serializers.Serializer[Any]):
    note = serializers.CharField(
        max_length=LONGEST_REASON,
        required=False,
        allow_blank=True,
        default="",
        help_text="For the history of the API.",
    )


class WhyInput(serializers.Serializer[Any]):
    reason = serializers.CharField(
        max_length=LONGEST_REASON, help_text="Everybody who sees the version reads it."
    )


class DeprecationInput(NoteInput):
    sunset_on = serializers.DateField(help_text="The day from which it is no longer served: today or later.")
    successor = serializers.CharField(
        max_length=64, required=False, allow_blank=True, default="", help_text="Another version of this API."
    )
