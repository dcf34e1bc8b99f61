"""Outside issuers for scripts and pipelines: the same querysets and actions as the pages."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from apis.models import Environment
from keymanager.models import TrustedIssuer
from keymanager.outside import actions
from portal.accounts.people import person
from portal.rest.inputs import valid

ISSUER = {
    "name": "Corp SSO",
    "url": "https://sso.corp.example/realms/main",
    "audiences": ["https://apis.corp.example"],
    "client_claim": "azp",
    "environments": ["production"],
}


class IssuerSerializer(serializers.ModelSerializer[TrustedIssuer]):
    id = serializers.CharField(source="public_id", read_only=True, help_text="iss_…")
    enabled = serializers.BooleanField(source="in_force", read_only=True)
    keys = serializers.JSONField(read_only=True, help_text="Its public keys (JWK) that the gateway has.")
    problem = serializers.CharField(
        read_only=True, help_text="Why its keys cannot be fetched; those fetched before stay in force."
    )

    class Meta:
        model = TrustedIssuer
        fields = (
            "id",
            "name",
            "url",
            "audiences",
            "client_claim",
            "environments",
            "enabled",
            "key_source",
            "keys",
            "fetched_at",
            "problem",
            "problem_since",
            "created_at",
        )


class EditIssuerInput(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120)
    audiences = serializers.ListField(
        child=serializers.CharField(max_length=500),
        max_length=actions.AUDIENCES_MAX,
        help_text="One of them must be in a token's aud.",
    )
    environments = serializers.ListField(child=serializers.ChoiceField(Environment.choices))
    client_claim = serializers.CharField(
        max_length=120,
        default="client_id",
        help_text="The claim that names the client; dots lead into objects.",
    )
    given_keys = serializers.DictField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Its JWK set. Without one its keys are fetched by discovery, now and every five minutes.",
    )


class IssuerInput(EditIssuerInput):
    url = serializers.CharField(
        max_length=500, help_text="To the letter as the iss claim of its tokens. It cannot be changed later."
    )


@extend_schema_view(
    list=extend_schema(
        summary="List the outside issuers whose tokens the gateway takes",
        description="An administrator sees disabled ones too.",
    ),
    retrieve=extend_schema(summary="Read an outside issuer"),
)
class Issuers(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[TrustedIssuer]):
    queryset = TrustedIssuer.objects.none()
    serializer_class = IssuerSerializer
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    scope_write = "portal:admin"

    def get_queryset(self) -> QuerySet[TrustedIssuer]:
        return TrustedIssuer.objects.visible_to(self.request.user)

    @extend_schema(
        summary="Trust an outside issuer (administrators)",
        request=IssuerInput,
        responses={201: IssuerSerializer},
        examples=[OpenApiExample("By discovery", ISSUER, request_only=True)],
    )
    def create(self, request: Request) -> Response:
        row = actions.trust(**valid(IssuerInput, request), by=person(request))
        return Response(self.get_serializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Change an outside issuer (administrators)",
        request=EditIssuerInput,
        responses=IssuerSerializer,
        examples=[
            OpenApiExample("All fields", {k: v for k, v in ISSUER.items() if k != "url"}, request_only=True)
        ],
    )
    def update(self, request: Request, id: str) -> Response:  # noqa: A002
        data = valid(EditIssuerInput, request)
        row = actions.edit(issuer=self.get_object(), **data, by=person(request))
        return Response(self.get_serializer(row).data)

    @extend_schema(
        summary="Delete an outside issuer and revoke its clients' credentials (administrators)",
        responses={204: None},
    )
    def destroy(self, request: Request, id: str) -> Response:  # noqa: A002
        actions.delete(issuer=self.get_object(), by=person(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Fetch an outside issuer's keys now (administrators)",
        request=None,
        responses=IssuerSerializer,
    )
    @action(detail=True, methods=["post"])
    def refresh(self, request: Request, id: str) -> Response:  # noqa: A002
        row = actions.refresh(issuer=self.get_object(), by=person(request))
        return Response(self.get_serializer(row).data)

    @extend_schema(
        summary="Take no tokens of an outside issuer for now (administrators)",
        request=None,
        responses=IssuerSerializer,
    )
    @action(detail=True, methods=["post"])
    def disable(self, request: Request, id: str) -> Response:  # noqa: A002
        row = actions.disable(issuer=self.get_object(), by=person(request))
        return Response(self.get_serializer(row).data)

    @extend_schema(
        summary="Take an outside issuer's tokens again (administrators)",
        request=None,
        responses=IssuerSerializer,
    )
    @action(detail=True, methods=["post"])
    def enable(self, request: Request, id: str) -> Response:  # noqa: A002
        row = actions.enable(issuer=self.get_object(), by=person(request))
        return Response(self.get_serializer(row).data)
