"""Ending all tokens of an application, for scripts and pipelines."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from keymanager import revocation
from keymanager.models import TokenCutoff
from portal.accounts.people import person
from portal.rest.inputs import valid
from subscriptions.models import Application

from .serializers import RevokeInput


class TokenCutoffSerializer(serializers.ModelSerializer[TokenCutoff]):
    application = serializers.CharField(source="application.public_id", read_only=True)
    not_before = serializers.DateTimeField(
        read_only=True, help_text="No access token that was issued before it counts, and no refresh token."
    )

    class Meta:
        model = TokenCutoff
        fields = ("application", "not_before")


class RevokeIssuedTokens(APIView):
    @extend_schema(
        summary="End every token that an application has got so far",
        description=(
            "In both environments; its credentials live on and get new tokens, which work from the next second on. "
            "People who signed in through its clients sign in again."
        ),
        request=RevokeInput,
        responses=TokenCutoffSerializer,
        examples=[
            OpenApiExample("A leak", {"reason": "Tokens in a public log"}, request_only=True),
            OpenApiExample(
                "Revoked",
                {"application": "app_7hq2w5r8t1y4u6i9", "not_before": "2026-11-23T14:02:32Z"},
                response_only=True,
            ),
        ],
    )
    def post(self, request: Request, application: str) -> Response:
        row = get_object_or_404(Application.objects.visible_to(person(request)), public_id=application)
        data = valid(RevokeInput, request)
        cutoff = revocation.revoke_issued_tokens(application=row, by=person(request), **data)
        return Response(TokenCutoffSerializer(cutoff).data)
