"""The request form of an API for scripts."""

import json

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apis.models import Api
from portal.accounts.people import person
from portal.rest.inputs import valid

from ..models import RequestForm
from ..rest import serializers
from .actions import set_request_form

SLUG = OpenApiParameter("slug", str, OpenApiParameter.PATH, description="Slug of the API.")
TAKEN = {
    "schema": {
        "type": "object",
        "properties": {"purpose": {"type": "string", "title": "What will you build?", "maxLength": 500}},
        "required": ["purpose"],
    }
}


class RequestFormView(APIView):
    anonymous_read = True
    scope_write = "portal:publish"

    @extend_schema(
        summary="Read what an API asks of whoever wants access",
        parameters=[SLUG],
        responses=serializers.RequestFormSerializer,
    )
    def get(self, request: Request, slug: str) -> Response:
        api = self._api(slug)
        return self._answer(RequestForm.objects.current_of(api))

    @extend_schema(
        summary="Ask this of everybody who wants access from now on",
        parameters=[SLUG],
        request=serializers.RequestFormInput,
        responses=serializers.RequestFormSerializer,
        examples=[OpenApiExample("One question", TAKEN, request_only=True)],
    )
    def put(self, request: Request, slug: str) -> Response:
        api, data = self._api(slug), valid(serializers.RequestFormInput, request)
        return self._answer(set_request_form(api=api, schema=json.dumps(data["schema"]), by=person(request)))

    @extend_schema(summary="Ask nothing any more", parameters=[SLUG], responses={204: None})
    def delete(self, request: Request, slug: str) -> Response:
        set_request_form(api=self._api(slug), schema="", by=person(request))
        return Response(status=204)

    def _api(self, slug: str) -> Api:
        return get_object_or_404(Api.objects.visible_to(self.request.user), slug=slug)

    def _answer(self, form: RequestForm | None) -> Response:
        nothing = {"number": 0, "schema": None, "created_at": None}
        return Response(serializers.RequestFormSerializer(form).data if form else nothing)
