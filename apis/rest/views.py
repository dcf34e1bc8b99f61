"""The catalog, a publisher's decisions and the cluster sync for scripts: same querysets and actions as the pages."""

from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_view,
)
from rest_framework import mixins, serializers as drf
from rest_framework.decorators import action
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from apis import actions, downloads, permissions, sync_status
from apis.models import Api, ApiVersion, Backend, Operation, Plan, SyncProblem, SyncRun
from apis.steps import STEPS
from apis.views.sync import backends_of, problems_like
from apis.views.versions import operations_like
from portal.accounts.people import person
from portal.errors import NotFound
from portal.rest.inputs import valid
from portal.rest.paging import CursorPage

from . import serializers
from .filters import PARAMETERS, CatalogFilter, CatalogPage

SLUG = OpenApiParameter("slug", str, OpenApiParameter.PATH, description="Slug of the API.")
VERSION = OpenApiParameter("version", str, OpenApiParameter.PATH, description="The version, as `2.3.0`.")


def _rows_of_versions(versions: Any) -> Any:
    return versions.select_related("api__team", "document").defer("document__text").prefetch_related("plans")


@extend_schema_view(
    list=extend_schema(
        summary="Search the catalog",
        parameters=PARAMETERS,
        examples=[OpenApiExample("Products", serializers.API_EXAMPLE, response_only=True)],
    ),
    retrieve=extend_schema(summary="Read an API", parameters=[SLUG]),
)
class Apis(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Api]):
    queryset = Api.objects.none()
    serializer_class = serializers.ApiSerializer
    pagination_class = CatalogPage
    filter_backends = (CatalogFilter,)
    lookup_field = "slug"
    anonymous_read = True

    def get_queryset(self) -> QuerySet[Api]:
        return (
            Api.objects.visible_to(self.request.user)
            .select_related("team", "current_version__document")
            .defer("current_version__document__text")
            .prefetch_related("current_version__plans")
        )

    def get_object(self) -> Api:
        # The catalog's filters are for the list: one API is there or not.
        return get_object_or_404(self.get_queryset(), slug=self.kwargs["slug"])

    def get_serializer_class(self) -> type[drf.BaseSerializer[Any]]:
        return serializers.ApiDetailSerializer if self.action == "retrieve" else serializers.ApiSerializer


class AnyAccept(BaseContentNegotiation):
    """The address says which form is wanted, so whatever the caller accepts is fine."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


def _decision(name: str, body: type[drf.Serializer[Any]]) -> Callable[..., Any]:
    """POST below one version: the publisher's step of that name, which answers the version as it is then."""
    step = STEPS[name]

    def decide(self: "Versions", request: Request, slug: str, version: str) -> Response:
        found = self.get_object()
        permissions.check_can_publish(request.user, found.api)
        step.action(version=found, by=person(request), **valid(body, request))
        return Response(self.get_serializer(self.get_object()).data)

    decide.__name__ = name
    described = extend_schema(
        summary=f"{step.label} a version",
        description=step.text,
        operation_id=f"versions_{name}",
        parameters=[SLUG, VERSION],
        request=body,
        responses={
            200: serializers.VersionDetailSerializer,
            403: OpenApiResponse(description="You are no publisher of this API."),
            409: OpenApiResponse(description="Its status does not allow it, or somebody was quicker."),
        },
    )
    return action(detail=True, methods=["post"], url_path=name)(described(decide))


@extend_schema_view(
    list=extend_schema(summary="List the versions of an API", parameters=[SLUG]),
    retrieve=extend_schema(
        summary="Read a version, with its three states",
        parameters=[SLUG, VERSION],
        operation_id="versions_retrieve",
    ),
)
class Versions(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[ApiVersion]):
    queryset = ApiVersion.objects.none()
    serializer_class = serializers.VersionDetailSerializer
    filter_backends = ()
    lookup_field = "version"
    lookup_value_regex = "[^/]+"
    anonymous_read = True
    scope_write = "portal:publish"

    def get_queryset(self) -> QuerySet[ApiVersion]:
        api = get_object_or_404(Api.objects.visible_to(self.request.user), slug=self.kwargs["slug"])
        return _rows_of_versions(ApiVersion.objects.visible_to(self.request.user).filter(api=api))

    def get_serializer_class(self) -> type[drf.BaseSerializer[Any]]:
        return serializers.VersionSerializer if self.action == "list" else serializers.VersionDetailSerializer

    @extend_schema(
        summary="List the operations of a version",
        parameters=[
            SLUG,
            VERSION,
            OpenApiParameter("q", str, description="Words in method, path, id or summary."),
        ],
        responses=serializers.OperationSerializer(many=True),
        operation_id="versions_operations",
    )
    @action(detail=True)
    def operations(self, request: Request, slug: str, version: str) -> Response:
        rows = operations_like(self.get_object(), request.query_params.get("q", "").replace("\0", "")[:200])
        page = OperationPage()
        part: list[Operation] = page.paginate_queryset(rows, request, view=self) or []
        return page.get_paginated_response(serializers.OperationSerializer(part, many=True).data)

    @extend_schema(
        summary="Download the definition",
        description="An ETag goes with it; If-None-Match saves the download.",
        parameters=[
            SLUG,
            VERSION,
            OpenApiParameter("form", str, OpenApiParameter.PATH, enum=list(downloads.TYPES)),
        ],
        responses={
            (200, "application/json"): OpenApiTypes.BINARY,
            (200, "application/yaml"): OpenApiTypes.BINARY,
        },
        operation_id="versions_definition",
    )
    @action(
        detail=True, url_path=r"definition\.(?P<form>json|yaml|graphql)", content_negotiation_class=AnyAccept
    )
    def definition(self, request: Request, slug: str, version: str, form: str) -> HttpResponse:
        row = self.get_object()
        if row.document is None or form not in downloads.formats_of(row.document):
            raise NotFound("This version has no definition in that form.")
        return downloads.response(request, row.document, form, name=f"{slug}-{version}")

    publish = _decision("publish", serializers.NoteInput)
    reject = _decision("reject", serializers.WhyInput)
    deprecate = _decision("deprecate", serializers.DeprecationInput)
    republish = _decision("republish", serializers.NoteInput)
    block = _decision("block", serializers.WhyInput)
    unblock = _decision("unblock", serializers.NoteInput)
    retire = _decision("retire", serializers.NoteInput)


class OperationPage(CursorPage):
    ordering = "position"


class PlanPage(CursorPage):
    ordering = "slug"


@extend_schema_view(
    list=extend_schema(summary="List the plans that APIs offer"),
    retrieve=extend_schema(summary="Read a plan"),
)
class Plans(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Plan]):
    queryset = Plan.objects.live()
    serializer_class = serializers.PlanSerializer
    pagination_class = PlanPage
    filter_backends = ()
    lookup_field = "slug"
    anonymous_read = True

    def get_queryset(self) -> QuerySet[Plan]:
        """Plans of visible versions; an admin sees those that nobody offers, too."""
        if self.request.user.is_authenticated and self.request.user.is_admin:
            return Plan.objects.live()
        versions = ApiVersion.objects.visible_to(self.request.user)
        offered = ApiVersion.plans.through.objects.filter(apiversion_id__in=versions.values("pk"))
        return Plan.objects.live().filter(pk__in=offered.values("plan_id"))


@extend_schema_view(list=extend_schema(summary="List passes over the clusters, newest first"))
class SyncRuns(mixins.ListModelMixin, GenericViewSet[SyncRun]):
    queryset = SyncRun.objects.all()
    serializer_class = serializers.SyncRunSerializer
    filterset_fields = ("cluster", "outcome")
    scope_write = "portal:admin"

    def get_queryset(self) -> QuerySet[SyncRun]:
        permissions.check_can_view_sync(self.request.user)
        return SyncRun.objects.all()

    @extend_schema(summary="Ask for a full pass over every cluster", request=None, responses={202: None})
    def create(self, request: Request) -> Response:
        actions.start_full_sync(by=person(request))
        return Response(status=202)


@extend_schema_view(
    list=extend_schema(
        summary="List what could not be read from the cluster",
        parameters=[OpenApiParameter("q", str, description="Words in object, field, message or origin.")],
    )
)
class SyncProblems(mixins.ListModelMixin, GenericViewSet[SyncProblem]):
    queryset = SyncProblem.objects.none()
    serializer_class = serializers.SyncProblemSerializer
    filterset_fields = ("cluster", "kind", "namespace")

    def get_queryset(self) -> QuerySet[SyncProblem]:
        permissions.check_can_view_sync(self.request.user)
        text = self.request.query_params.get("q", "").replace("\0", "")[:200]
        return problems_like(SyncProblem.objects.visible_to(self.request.user), text)


class SyncClusters(GenericViewSet[Any]):
    queryset = SyncRun.objects.none()
    serializer_class = serializers.ClusterStatusSerializer
    filter_backends = ()
    pagination_class = None
    lookup_field = "name"

    @extend_schema(
        summary="Read how the catalog follows its clusters",
        responses=serializers.ClusterStatusSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        return Response(self.get_serializer(self._visible(request), many=True).data)

    @extend_schema(
        summary="Read how the catalog follows one cluster",
        parameters=[OpenApiParameter("name", str, OpenApiParameter.PATH, description="Name of the cluster.")],
    )
    def retrieve(self, request: Request, name: str) -> Response:
        for cluster in self._visible(request):
            if cluster.name == name:
                return Response(self.get_serializer(cluster).data)
        raise NotFound("There is no such cluster, or you publish from none of its namespaces.")

    def _visible(self, request: Request) -> Sequence[sync_status.ClusterStatus]:
        permissions.check_can_view_sync(request.user)
        return sync_status.visible_to(request.user)


@extend_schema_view(
    list=extend_schema(summary="List what an Api may name as its upstream, and whether it is ready")
)
class SyncBackends(mixins.ListModelMixin, GenericViewSet[Backend]):
    queryset = Backend.objects.none()
    serializer_class = serializers.BackendSerializer
    filterset_fields = ("cluster", "kind", "namespace", "ready")

    def get_queryset(self) -> QuerySet[Backend]:
        permissions.check_can_view_sync(self.request.user)
        return backends_of(self.request.user)
