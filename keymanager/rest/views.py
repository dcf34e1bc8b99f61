"""Credentials, tokens and signing keys for scripts and pipelines: the same querysets and actions as the pages."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from keymanager import actions, signing
from keymanager.inventory import CredentialFilter, credentials_of
from keymanager.models import Credential, CredentialKind, RevokedToken, SigningKey, TrustedIssuer
from keymanager.outside import actions as outside_actions
from keymanager.signals import credential_shown
from portal.accounts.people import person
from portal.accounts.roles import Permission, check
from portal.errors import Invalid
from portal.rest.idempotency import idempotent
from portal.rest.inputs import valid
from subscriptions.models import Application

from . import serializers

NO_STORE = {"Cache-Control": "no-store"}
APPLICATION = OpenApiParameter(
    "application", str, OpenApiParameter.PATH, description="app_… of one of your teams."
)
ISSUED_EXAMPLE = {
    **serializers.CREDENTIAL_EXAMPLE,
    "client_id": serializers.CREDENTIAL_EXAMPLE["id"],
    "client_secret": serializers.SECRET,
}
EXTERNAL_EXAMPLE = {
    "kind": "external_client",
    "environment": "production",
    "name": "Billing",
    "issuer": "iss_3k9x2m7q1c8v5b4n",
    "external_id": "billing-service",
}


@extend_schema_view(list=extend_schema(summary="List an application's credentials", parameters=[APPLICATION]))
class ApplicationCredentials(mixins.ListModelMixin, GenericViewSet[Credential]):
    queryset = Credential.objects.none()
    serializer_class = serializers.CredentialSerializer
    filterset_class = CredentialFilter
    shows_secret = True

    def get_queryset(self) -> QuerySet[Credential]:
        return credentials_of(self.request.user).filter(application=self._application())

    def _application(self) -> Application:
        return get_object_or_404(
            Application.objects.visible_to(self.request.user), public_id=self.kwargs["application"]
        )

    @extend_schema(
        summary="Issue an OAuth client or an API key, or add an external client",
        description=(
            "The answer is the only place where the secret ever stands. An external client has none here: tokens that its "
            "issuer gives it count as the application's."
        ),
        parameters=[APPLICATION],
        request=serializers.NewCredentialInput,
        responses={201: serializers.IssuedSerializer},
        examples=[
            OpenApiExample(
                "OAuth client",
                {"kind": "oauth_client", "environment": "sandbox", "name": "Checkout web"},
                request_only=True,
            ),
            OpenApiExample("External client", EXTERNAL_EXAMPLE, request_only=True),
            OpenApiExample("Issued", ISSUED_EXAMPLE, response_only=True, status_codes=["201"]),
        ],
    )
    @idempotent
    def create(self, request: Request, application: str) -> Response:
        data = valid(serializers.NewCredentialInput, request)
        kind, told = data.pop("kind"), {"application": self._application(), "by": person(request), **data}
        if kind == CredentialKind.EXTERNAL_CLIENT:
            return _issued(actions.Issued(self._add_client(**told), ""))
        issue = actions.issue_client if kind == CredentialKind.OAUTH_CLIENT else actions.issue_key
        return _issued(issue(**told))

    def _add_client(self, *, issuer: str, **told: Any) -> Credential:
        """Raises Invalid where the person sees no such issuer."""
        row = TrustedIssuer.objects.visible_to(self.request.user).filter(public_id=issuer).first()
        if row is None:
            raise Invalid("There is no such issuer.", remedy="List them at /issuers/.", field="issuer")
        return outside_actions.add_client(issuer=row, **told)


@extend_schema_view(
    list=extend_schema(
        summary="List every credential of your teams",
        description="An administrator sees all. `unused_days=90` leaves those not seen in use for 90 days.",
    ),
    retrieve=extend_schema(
        summary="Read a credential",
        examples=[OpenApiExample("A client", serializers.CREDENTIAL_EXAMPLE, response_only=True)],
    ),
)
class Credentials(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Credential]):
    queryset = Credential.objects.none()
    serializer_class = serializers.CredentialSerializer
    filterset_class = CredentialFilter
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    shows_secret = True

    def get_queryset(self) -> QuerySet[Credential]:
        return credentials_of(self.request.user)

    @extend_schema(
        summary="Replace a credential, with an overlap",
        description=(
            "Answers the new credential with its secret. The new OAuth client has a client_id of its own; the old one "
            "goes on working for `overlap` seconds."
        ),
        request=serializers.RotateInput,
        responses={201: serializers.IssuedSerializer},
        examples=[
            OpenApiExample("An hour", {"overlap": 3600}, request_only=True),
            OpenApiExample("Issued", ISSUED_EXAMPLE, response_only=True, status_codes=["201"]),
        ],
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def rotate(self, request: Request, id: str) -> Response:  # noqa: A002
        data = valid(serializers.RotateInput, request)
        return _issued(actions.rotate(credential=self.get_object(), by=person(request), **data))

    @extend_schema(
        summary="End a credential and every token it got",
        request=serializers.RevokeInput,
        responses=serializers.CredentialSerializer,
        examples=[OpenApiExample("A leak", {"reason": "Found in a public repository"}, request_only=True)],
    )
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, id: str) -> Response:  # noqa: A002
        data = valid(serializers.RevokeInput, request)
        row = actions.revoke(credential=self.get_object(), by=person(request), **data)
        return Response(self.get_serializer(row).data)

    @extend_schema(
        summary="Mint an access token of an OAuth client",
        description="For trying things by hand: the client's secret has no part in it. A service asks the token end point.",
        request=serializers.TokenInput,
        responses={201: serializers.TokenSerializer},
        examples=[
            OpenApiExample("Reading only", {"scopes": ["items:read"], "lifetime": 300}, request_only=True),
            OpenApiExample(
                "Minted",
                {
                    "access_token": "eyJhbGciOi…",
                    "token_type": "Bearer",
                    "expires_in": 300,
                    "scope": "items:read",
                },
                response_only=True,
                status_codes=["201"],
            ),
        ],
    )
    @action(detail=True, methods=["post"])
    def tokens(self, request: Request, id: str) -> Response:  # noqa: A002
        data = valid(serializers.TokenInput, request)
        text = actions.mint_token(credential=self.get_object(), by=person(request), **data)
        body = {
            "access_token": text,
            "token_type": "Bearer",
            "expires_in": data["lifetime"],
            "scope": signing.verify(text)["scope"],
        }
        return Response(body, status=status.HTTP_201_CREATED, headers=NO_STORE)


class RevokedTokens(GenericViewSet[RevokedToken]):
    queryset = RevokedToken.objects.none()
    serializer_class = serializers.RevokedTokenSerializer

    @extend_schema(
        summary="End one access token before its time",
        request=serializers.RevokeTokenInput,
        responses={201: serializers.RevokedTokenSerializer},
        examples=[OpenApiExample("A token", {"token": "eyJhbGciOi…"}, request_only=True)],
    )
    def create(self, request: Request) -> Response:
        data = valid(serializers.RevokeTokenInput, request)
        revoked = actions.revoke_token(token=data["token"], by=person(request))
        return Response(self.get_serializer(revoked).data, status=status.HTTP_201_CREATED)


@extend_schema_view(list=extend_schema(summary="List the keys that sign tokens (administrators)"))
class SigningKeys(mixins.ListModelMixin, GenericViewSet[SigningKey]):
    queryset = SigningKey.objects.none()
    serializer_class = serializers.SigningKeySerializer
    scope_read = scope_write = "portal:admin"

    def get_queryset(self) -> QuerySet[SigningKey]:
        check(self.request.user, Permission.MANAGE_PORTAL)
        return SigningKey.objects.all()

    @extend_schema(
        summary="Let the next key sign (administrators)",
        request=None,
        responses=serializers.SigningKeySerializer,
    )
    @action(detail=False, methods=["post"])
    def rotate(self, request: Request) -> Response:
        return Response(self.get_serializer(actions.rotate_signing_key(by=person(request))).data)


def _issued(issued: actions.Issued) -> Response:
    credential, secret = issued
    credential_shown.send(sender=Credential, instance=credential)
    if credential.kind == CredentialKind.OAUTH_CLIENT:
        # A public client has no secret.
        shown = {"client_id": credential.public_id} | ({"client_secret": secret} if secret else {})
    else:
        shown = {"api_key": secret} if secret else {}
    body = {**serializers.CredentialSerializer(credential).data, **shown}
    return Response(body, status=status.HTTP_201_CREATED, headers=NO_STORE)
