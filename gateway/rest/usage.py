"""Usage, quotas and failed calls for scripts."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet, ViewSet

from apis.models import Environment
from portal.accounts.people import person
from subscriptions.models import Subscription

from ..models import FailedCall
from ..usage import reports
from ..usage.quotas import standings
from ..usage.ranges import DEFAULT, RANGES, range_of
from ..usage.reports import Group
from ..usage.scopes import scope_of

EXAMPLE = {
    "of": "app_4k2m9x7q1c8v5b3n",
    "range": "48h",
    "calls": 628114,
    "failed": 2284,
    "refused": 2160,
    "received_bytes": 1200344,
    "sent_bytes": 884120011,
    "latency": {"p50_ms": 34.0, "p95_ms": 120.5, "p99_ms": 212.0},
    "points": [{"name": "Payments", "calls": [12, 15]}],
    "begins": ["2026-11-23T13:00:00Z", "2026-11-23T14:00:00Z"],
    "reasons": [{"reason": "plan_rate", "status_class": 4, "api": "Payments", "calls": 214}],
    "operations": [
        {
            "name": "GET /payments",
            "api": "Payments",
            "version": "v1",
            "calls": 81600,
            "failed": 700,
            "latency": {"p50_ms": 84.0, "p95_ms": 200.0, "p99_ms": 388.0},
        }
    ],
}


class CallLatencySerializer(serializers.Serializer[Any]):
    """Of calls that the API answered, read from a histogram. Null: there were none."""

    p50_ms = serializers.FloatField(allow_null=True, source="p50")
    p95_ms = serializers.FloatField(allow_null=True, source="p95")
    p99_ms = serializers.FloatField(allow_null=True, source="p99")


class GroupSerializer(serializers.Serializer[Group]):
    name = serializers.CharField()
    api = serializers.CharField(allow_blank=True)
    version = serializers.CharField(allow_blank=True, source="about")
    calls = serializers.IntegerField()
    failed = serializers.IntegerField(help_text="Refused by the gateway, or answered with 4xx or 5xx.")
    latency = CallLatencySerializer(source="*")


class FailureSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(allow_blank=True, help_text="Empty: the API's own answer.")
    status_class = serializers.IntegerField(help_text="4 for 4xx; 0: the caller left before an answer.")
    api = serializers.CharField(allow_blank=True)
    calls = serializers.IntegerField()


class PointsSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    calls = serializers.ListField(child=serializers.IntegerField(), help_text="One for each of `begins`.")


class UsageSerializer(serializers.Serializer[Any]):
    of = serializers.CharField()
    range = serializers.ChoiceField(choices=list(RANGES))
    calls = serializers.IntegerField()
    failed = serializers.IntegerField()
    refused = serializers.IntegerField(help_text="Of the failed, by the gateway.")
    received_bytes = serializers.IntegerField()
    sent_bytes = serializers.IntegerField()
    latency = CallLatencySerializer()
    begins = serializers.ListField(child=serializers.DateTimeField(), help_text="Of each step, in UTC.")
    points = PointsSerializer(many=True)
    reasons = FailureSerializer(many=True)
    operations = GroupSerializer(many=True)


class Usage(ViewSet):
    @extend_schema(
        operation_id="usage_retrieve",
        summary="Add up calls",
        description="Steps of a minute, an hour or a day. Hours and days are summed up every 15 s.",
        parameters=[
            OpenApiParameter(
                "of",
                str,
                description="`applications` or `apis` (all of yours), app_… or an API's slug. Default: yours.",
            ),
            OpenApiParameter("range", str, enum=list(RANGES), description=f"Default {DEFAULT}."),
            OpenApiParameter("environment", str, enum=Environment.values),
        ],
        responses=UsageSerializer,
        examples=[OpenApiExample("Two days of an application", EXAMPLE, response_only=True)],
    )
    def list(self, request: Request) -> Response:
        scope = scope_of(person(request), request.query_params.get("of", ""))
        series = scope.counted
        if (environment := request.query_params.get("environment", "")) in Environment.values:
            series = series.filter(environment=environment)
        found = reports.report(series, range_of(request.query_params.get("range")), by=scope.by)
        body = {
            "of": scope.value,
            "range": found.range.slug,
            "calls": found.totals.calls,
            "failed": found.totals.failed,
            "refused": found.refused,
            "received_bytes": found.received,
            "sent_bytes": found.sent,
            "latency": found.totals,
            "begins": found.starts,
            "points": [{"name": name, "calls": calls} for name, calls in found.points.items()],
            "reasons": found.failures,
            "operations": found.operations,
        }
        return Response(UsageSerializer(body).data)


class QuotaSerializer(serializers.Serializer[Any]):
    subscription = serializers.CharField(source="subscription.public_id", help_text="sub_…")
    application = serializers.CharField(source="subscription.application.public_id")
    api = serializers.CharField(source="subscription.api.slug")
    plan = serializers.CharField(source="subscription.plan.slug")
    period = serializers.CharField(source="quota.period", help_text="day, week or month.")
    time_zone = serializers.CharField(source="quota.zone")
    quota = serializers.IntegerField(source="quota.requests")
    used = serializers.IntegerField()
    remaining = serializers.IntegerField()
    begins_at = serializers.DateTimeField(source="starts_at")
    ends_at = serializers.DateTimeField(help_text="When it begins anew.")
    exhausted_at = serializers.DateTimeField(
        allow_null=True, help_text="Since when calls are refused with quota_exceeded."
    )


class QuotaFilter(django_filters.FilterSet):
    subscription = django_filters.CharFilter(field_name="public_id", help_text="sub_…")
    application = django_filters.CharFilter(field_name="application__public_id", help_text="app_…")
    api = django_filters.CharFilter(field_name="api__slug")

    class Meta:
        model = Subscription
        fields: tuple[str, ...] = ()


@extend_schema_view(
    list=extend_schema(
        summary="List quotas and what is left of them",
        description="Of live subscriptions whose plan has a quota; of your applications, and to your teams' APIs.",
    )
)
class Quotas(mixins.ListModelMixin, GenericViewSet[Subscription]):
    queryset = Subscription.objects.none()
    serializer_class = QuotaSerializer
    filterset_class = QuotaFilter

    def get_queryset(self) -> QuerySet[Subscription]:
        rows = Subscription.objects.visible_to(person(self.request)).live()
        return rows.filter(plan__quota_requests__isnull=False).select_related("application", "api", "plan")

    def paginate_queryset(self, queryset: Any) -> Any:
        """The page, as it stands: one query for all of it."""
        return standings(super().paginate_queryset(queryset) or ())


class FailedCallSerializer(serializers.ModelSerializer[FailedCall]):
    application = serializers.CharField(source="series.application.public_id", default=None, allow_null=True)
    credential = serializers.CharField(source="series.credential.public_id", default=None, allow_null=True)
    api = serializers.CharField(source="series.api.slug", default=None, allow_null=True)
    version = serializers.CharField(source="series.version.version", default=None, allow_null=True)
    environment = serializers.CharField(source="series.environment")

    class Meta:
        model = FailedCall
        fields = (
            "request_id",
            "at",
            "method",
            "path",
            "status",
            "reason",
            "took_ms",
            "application",
            "credential",
            "api",
            "version",
            "environment",
        )
        extra_kwargs = {
            "status": {"help_text": "0: the caller left before an answer."},
            "reason": {"help_text": "Why the gateway answered; empty: the API did."},
        }


class FailedCallFilter(django_filters.FilterSet):
    application = django_filters.CharFilter(field_name="series__application__public_id", help_text="app_…")
    api = django_filters.CharFilter(field_name="series__api__slug")
    request_id = django_filters.CharFilter()
    reason = django_filters.CharFilter()

    class Meta:
        model = FailedCall
        fields: tuple[str, ...] = ()


@extend_schema_view(
    list=extend_schema(
        summary="List the last refused and failed calls",
        description="A bounded memory: all calls are counted, where very many fail alike only some are kept singly.",
    )
)
class FailedCalls(mixins.ListModelMixin, GenericViewSet[FailedCall]):
    queryset = FailedCall.objects.none()
    serializer_class = FailedCallSerializer
    filterset_class = FailedCallFilter

    def get_queryset(self) -> QuerySet[FailedCall]:
        return FailedCall.objects.visible_to(person(self.request)).with_names()
