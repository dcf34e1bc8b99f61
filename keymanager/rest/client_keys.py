"""The public keys of an OAuth client, for scripts and pipelines."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from keymanager.models import Credential
from keymanager.oauth import client_keys
from portal.accounts.people import person

EXAMPLE = OpenApiExample(
    "One key",
    {"keys": [{"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1…", "y": "x_FEzRu9m36…", "kid": "2026-11"}]},
)


class ClientKeysSerializer(serializers.Serializer[Credential]):
    """A JWK set (RFC 7517) of 1 to 5 public keys: RSA of 2048 to 4096 bits for RS256, or EC on P-256 for ES256."""

    keys = serializers.ListField(child=serializers.DictField(), source="client_keys")


class ClientKeys(APIView):
    def _credential(self, request: Request, public_id: str) -> Credential:
        rows = Credential.objects.visible_to(person(request)).select_related("application__team")
        return get_object_or_404(rows, public_id=public_id)

    @extend_schema(
        summary="Read the public keys of an OAuth client", responses=ClientKeysSerializer, examples=[EXAMPLE]
    )
    def get(self, request: Request, id: str) -> Response:  # noqa: A002
        return Response(ClientKeysSerializer(self._credential(request, id)).data)

    @extend_schema(
        summary="Let an OAuth client prove itself with keys of its own",
        description="For the client authentication `private_key_jwt` (RFC 7523). The keys replace those it had.",
        request=ClientKeysSerializer,
        responses=ClientKeysSerializer,
        examples=[EXAMPLE],
    )
    def put(self, request: Request, id: str) -> Response:  # noqa: A002
        row = client_keys.register(
            credential=self._credential(request, id), document=request.data, by=person(request)
        )
        return Response(ClientKeysSerializer(row).data)

    @extend_schema(summary="Take the public keys of an OAuth client away", responses={204: None})
    def delete(self, request: Request, id: str) -> Response:  # noqa: A002
        client_keys.withdraw(credential=self._credential(request, id), by=person(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
