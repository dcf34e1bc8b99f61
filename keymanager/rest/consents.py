"""What one lets applications do, for scripts: the same rows and action as the page."""

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.viewsets import GenericViewSet

from keymanager.models import Consent
from keymanager.oauth import grants
from portal.accounts.people import person

EXAMPLE = OpenApiExample(
    "Connected",
    {
        "id": "con_5k2m9x7q1c8v5b3n",
        "application": "app_4k2m9x7q1c8v5b3n",
        "name": "Checkout web",
        "team": "storefront",
        "environment": "production",
        "scopes": ["openid", "orders:read"],
        "resources": [],
        "created_at": "2026-11-23T10:00:00Z",
    },
)


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class WordsField(serializers.CharField):
    """A text with spaces between its words, as a list."""

    def to_representation(self, value: str) -> list[str]:  # type: ignore[override]
        return value.split()


class ConsentSerializer(serializers.ModelSerializer[Consent]):
    id = serializers.CharField(source="public_id")
    application = serializers.CharField(source="application.public_id")
    name = serializers.CharField(source="application.name", help_text="The application's.")
    team = serializers.CharField(source="application.team.slug")
    scopes = WordsField()
    resources = WordsField(help_text="Base URLs of the APIs that it is for; none: all of the application's.")

    class Meta:
        model = Consent
        fields = ("id", "application", "name", "team", "environment", "scopes", "resources", "created_at")
        read_only_fields = fields


@extend_schema_view(
    list=extend_schema(summary="List the applications that may act for you", examples=[EXAMPLE]),
    retrieve=extend_schema(summary="Read what you let an application do", examples=[EXAMPLE]),
    destroy=extend_schema(
        summary="Let an application act for you no longer",
        description="It gets no more tokens for you, and those that it holds are refused within seconds.",
    ),
)
class Consents(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.DestroyModelMixin, GenericViewSet[Consent]
):
    queryset = Consent.objects.none()
    serializer_class = ConsentSerializer
    lookup_field = "public_id"
    lookup_url_kwarg = "id"

    def get_queryset(self) -> QuerySet[Consent]:
        return Consent.objects.visible_to(self.request.user).select_related("application__team", "user")

    def perform_destroy(self, instance: Consent) -> None:
        grants.withdraw(consent=instance, by=person(self.request))
