"""What changed in the definitions of a version, for scripts."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from apis import changelog
from apis.definitions.diff import Level
from apis.models import ApiVersion, Comparison
from portal.rest.paging import CursorPage

PATH = [
    OpenApiParameter("slug", str, OpenApiParameter.PATH, description="Slug of the API."),
    OpenApiParameter("version", str, OpenApiParameter.PATH, description="The version, as `2.3.0`."),
]
CHANGE_EXAMPLE = {
    "id": "chg_7hq2k81m0c5x9d3e",
    "took_at": "2026-11-19T08:12:44Z",
    "from_sha256": "9f2c…",
    "to_sha256": "41aa…",
    "state": "compared",
    "failure": "",
    "breaking": 1,
    "risky": 0,
    "safe": 2,
    "changes": [
        {
            "level": "breaking",
            "code": "operation-removed",
            "operation": "GET /orders/{id}",
            "path": "",
            "message": "The operation GET /orders/{id} is gone.",
            "old": "GET /orders/{id}",
            "new": None,
            "line": 41,
        }
    ],
}


class ChangeSerializer(serializers.Serializer[dict[str, Any]]):
    """One difference. docs/reference/definition-changes.md lists the codes."""

    level = serializers.ChoiceField(choices=[level.value for level in Level])
    code = serializers.CharField()
    operation = serializers.CharField(help_text="Empty for what concerns the whole document.")
    path = serializers.CharField(help_text="JSON pointer below the operation.")
    message = serializers.CharField()
    old = serializers.CharField(allow_null=True)
    new = serializers.CharField(allow_null=True)
    line = serializers.IntegerField(
        allow_null=True, help_text="Of the operation: in the new text, or in the old one if it is gone."
    )


class ComparisonSerializer(serializers.Serializer[Any]):
    """One definition against an earlier one."""

    id = serializers.CharField(source="comparison.public_id")
    took_at = serializers.DateTimeField(
        source="comparison.took_at",
        allow_null=True,
        help_text="When the version took it; null: only compared.",
    )
    from_sha256 = serializers.CharField(source="comparison.old.sha256")
    to_sha256 = serializers.CharField(source="comparison.new.sha256")
    state = serializers.ChoiceField(
        choices=["compared", "waiting", "failed"], help_text="waiting: ask again in a few seconds."
    )
    failure = serializers.CharField(source="comparison.failure", help_text="Why it cannot be compared.")
    breaking = serializers.IntegerField(source="comparison.breaking")
    risky = serializers.IntegerField(source="comparison.risky")
    safe = serializers.IntegerField(source="comparison.safe")
    changes = ChangeSerializer(
        many=True,
        help_text=f"Breaking first. In the list the first {changelog.SHOWN}; at most 500 of a level.",
    )


class ChangesPage(CursorPage):
    ordering = "-id"


class Changes(GenericViewSet[Comparison]):
    queryset = Comparison.objects.none()
    serializer_class = ComparisonSerializer
    pagination_class = ChangesPage
    filter_backends = ()
    lookup_field = "public_id"
    anonymous_read = True

    def _version(self, name: str | None = None) -> ApiVersion:
        rows = ApiVersion.objects.visible_to(self.request.user)
        return get_object_or_404(rows, api__slug=self.kwargs["slug"], version=name or self.kwargs["version"])

    def get_queryset(self) -> QuerySet[Comparison]:
        return changelog.entries_of(self._version())

    @extend_schema(
        summary="List what each definition of a version changed, the latest first",
        description="With `since`, what is different from that other version, alone.",
        operation_id="changes_list",
        parameters=[
            *PATH,
            OpenApiParameter("since", str, description="Another version of the API: compare with that."),
        ],
        responses=ComparisonSerializer(many=True),
        examples=[OpenApiExample("A lost operation", CHANGE_EXAMPLE, response_only=True)],
    )
    def list(self, request: Request, slug: str, version: str) -> Response:
        since = request.query_params.get("since")
        if since:
            row = changelog.between(self._version(since), self._version())
            rows = [row] if row else []
            found = self.get_serializer([changelog.entry_of(row) for row in rows], many=True)
            return Response({"next": None, "previous": None, "results": found.data})
        part = self.paginate_queryset(self.get_queryset()) or []
        found = self.get_serializer([changelog.entry_of(row) for row in part], many=True)
        return self.get_paginated_response(found.data)

    @extend_schema(
        summary="Read everything that one definition changed",
        operation_id="changes_retrieve",
        parameters=[
            *PATH,
            OpenApiParameter("public_id", str, OpenApiParameter.PATH, description="Id of the change."),
        ],
    )
    def retrieve(self, request: Request, slug: str, version: str, public_id: str) -> Response:
        rows = Comparison.objects.filter(version=self._version(), took_at__isnull=False)
        row = (
            rows.select_related("old", "new")
            .defer("old__text", "new__text")
            .filter(public_id=public_id)
            .first()
        )
        if row is None:
            raise Http404
        return Response(self.get_serializer(changelog.entry_of(row)).data)
