"""Docs pages for scripts: what a version shows, and the pages that are kept in the portal."""

from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from apis.docs import actions
from apis.docs.pages import pages_of, place_of
from apis.models import ApiVersion, DocsPage
from portal.accounts.people import person
from portal.rest.idempotency import idempotent
from portal.rest.inputs import valid

from .changes import PATH

PAGE_EXAMPLE = {
    "slug": "paging",
    "title": "Paging",
    "in_cluster": False,
    "revision": 3,
    "updated_at": "2026-11-19T08:12:44Z",
    "text": "Lists return up to 100 items and a `next_cursor`.",
}


class DocsPageSerializer(serializers.ModelSerializer[DocsPage]):
    in_cluster = serializers.SerializerMethodField(
        help_text="It comes with the version's object and is changed there."
    )

    class Meta:
        model = DocsPage
        fields: tuple[str, ...] = ("slug", "title", "in_cluster", "revision", "updated_at")

    def get_in_cluster(self, page: DocsPage) -> bool:
        return page.version_id is not None


class DocsPageDetailSerializer(DocsPageSerializer):
    class Meta(DocsPageSerializer.Meta):
        fields = (*DocsPageSerializer.Meta.fields, "text")


class DocsPageInput(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=actions.LONGEST_TITLE)
    text = serializers.CharField(max_length=actions.LONGEST_TEXT, help_text="Markdown.")
    position = serializers.IntegerField(
        required=False, min_value=1, help_text="Among the portal's pages, from 1; the end unless given."
    )


class NewDocsPage(DocsPageInput):
    slug = serializers.SlugField(
        max_length=actions.LONGEST_SLUG, required=False, help_text="Made of the title unless given."
    )


class DocsPageChange(DocsPageInput):
    title = serializers.CharField(max_length=actions.LONGEST_TITLE, required=False)
    text = serializers.CharField(max_length=actions.LONGEST_TEXT, required=False, help_text="Markdown.")
    revision = serializers.IntegerField(
        required=False, help_text="As you read it: the answer is 409 where somebody changed it since."
    )


PAGE = OpenApiParameter("page", str, OpenApiParameter.PATH, description="Slug of the page.")
ONE = [*PATH, PAGE]


class Docs(GenericViewSet[DocsPage]):
    queryset = DocsPage.objects.none()
    serializer_class = DocsPageSerializer
    pagination_class = None
    filter_backends = ()
    lookup_field = "page"
    anonymous_read = True
    scope_write = "portal:publish"

    def _version(self) -> ApiVersion:
        rows = ApiVersion.objects.visible_to(self.request.user).select_related("api__team")
        return get_object_or_404(rows, api__slug=self.kwargs["slug"], version=self.kwargs["version"])

    def _page(self) -> DocsPage:
        place = place_of(pages_of(self._version()), self.kwargs["page"])
        if place is None:
            raise Http404
        return place.page

    @extend_schema(
        summary="List the docs pages of a version, in order",
        operation_id="docs_list",
        parameters=PATH,
        responses=DocsPageSerializer(many=True),
    )
    def list(self, request: Request, slug: str, version: str) -> Response:
        return Response(DocsPageSerializer(pages_of(self._version()), many=True).data)

    @extend_schema(
        summary="Read a docs page",
        operation_id="docs_retrieve",
        parameters=ONE,
        responses=DocsPageDetailSerializer,
        examples=[OpenApiExample("Paging", PAGE_EXAMPLE, response_only=True)],
    )
    def retrieve(self, request: Request, slug: str, version: str, page: str) -> Response:
        return Response(DocsPageDetailSerializer(self._page()).data)

    @extend_schema(
        summary="Write a docs page, for all versions of the API",
        operation_id="docs_create",
        parameters=PATH,
        request=NewDocsPage,
        responses={201: DocsPageDetailSerializer},
    )
    @idempotent
    def create(self, request: Request, slug: str, version: str) -> Response:
        page = actions.write(api=self._version().api, by=person(request), **valid(NewDocsPage, request))
        return Response(DocsPageDetailSerializer(page).data, status=201)

    @extend_schema(
        summary="Change a docs page",
        description="One that comes with an object is changed there: 409.",
        operation_id="docs_partial_update",
        parameters=ONE,
        request=DocsPageChange,
        responses=DocsPageDetailSerializer,
    )
    def partial_update(self, request: Request, slug: str, version: str, page: str) -> Response:
        said = valid(DocsPageChange, request)
        seen = said.pop("revision", None)
        found = actions.change(page=self._page(), by=person(request), seen=seen, **said)
        return Response(DocsPageDetailSerializer(found).data)

    @extend_schema(summary="Delete a docs page", operation_id="docs_destroy", parameters=ONE)
    def destroy(self, request: Request, slug: str, version: str, page: str) -> Response:
        actions.delete(page=self._page(), by=person(request))
        return Response(status=204)
