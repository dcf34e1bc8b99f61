from typing import Any

from django.conf import settings
from rest_framework import serializers

from apis.models import Environment
from keymanager.actions import OVERLAPS, SILENCES
from keymanager.models import Credential, CredentialKind, RevokedToken, SigningKey
from keymanager.oauth.redirects import REDIRECT_URIS_MAX

CREDENTIAL_EXAMPLE = {
    "id": "cred_4k2m9x7q1c8v5b3n",
    "application": "app_7hq2w5r8t1y4u6i9",
    "kind": "oauth_client",
    "environment": "sandbox",
    "name": "Checkout web",
    "status": "active",
    "usable": True,
    "prefix": "",
    "issuer": None,
    "external_id": "",
    "replaces": None,
    "created_at": "2026-11-23T14:02:31Z",
    "expires_at": None,
    "retires_at": None,
    "revoked_at": None,
    "team": "storefront",
    "created_by": "Cora Consumer",
    "last_used_at": "2026-11-23T15:10:00Z",
    "allowed_apis": [],
    "allowed_ranges": [],
    "silent_days": None,
}
SECRET = "pcs_8VdM2wLq0Yt7RzXk1NcJ5bHf9GpAe4UuBs6TvWxYzK3nQm1P"  # noqa: S105  an example


class CredentialSerializer(serializers.ModelSerializer[Credential]):
    id = serializers.CharField(
        source="public_id", read_only=True, help_text="cred_…; also the client_id of an OAuth client."
    )
    application = serializers.CharField(source="application.public_id", read_only=True)
    usable = serializers.BooleanField(read_only=True, help_text="Active or in its overlap, and not expired.")
    prefix = serializers.CharField(
        read_only=True, help_text="The beginning of an API key, to recognise it by."
    )
    replaces: serializers.SlugRelatedField[Credential] = serializers.SlugRelatedField(
        slug_field="public_id", read_only=True, allow_null=True
    )

    issuer: serializers.SlugRelatedField[Credential] = serializers.SlugRelatedField(
        slug_field="public_id",
        read_only=True,
        allow_null=True,
        help_text="iss_… of an external client; null where this portal issues it.",
    )
    external_id = serializers.CharField(
        read_only=True, help_text="How the issuer of an external client names it."
    )
    team = serializers.CharField(source="application.team.slug", read_only=True)
    created_by = serializers.StringRelatedField[Any](
        read_only=True, allow_null=True, help_text="Null where that person was deleted."
    )
    allowed_apis: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(
        slug_field="slug",
        many=True,
        read_only=True,
        help_text="Of an API key: it opens these only. Empty: all that the application is subscribed to.",
    )
    allowed_ranges = serializers.ListField(
        child=serializers.CharField(),
        read_only=True,
        help_text="Of an API key: networks it may be used from. Empty: from anywhere.",
    )

    class Meta:
        model = Credential
        fields = (
            "id",
            "application",
            "kind",
            "environment",
            "name",
            "status",
            "usable",
            "prefix",
            "issuer",
            "external_id",
            "replaces",
            "created_at",
            "expires_at",
            "retires_at",
            "revoked_at",
            "team",
            "created_by",
            "last_used_at",
            "allowed_apis",
            "allowed_ranges",
            "silent_days",
        )


class IssuedSerializer(CredentialSerializer):
    """A new credential. This answer is the only place where its secret ever stands."""

    client_id = serializers.CharField(required=False, help_text="Of an OAuth client.")
    client_secret = serializers.CharField(required=False, help_text="Of an OAuth client. Shown once.")
    api_key = serializers.CharField(required=False, help_text="Shown once.")

    class Meta(CredentialSerializer.Meta):
        fields = (*CredentialSerializer.Meta.fields, "client_id", "client_secret", "api_key")  # type: ignore[assignment]


# The fields that credentials of one kind only have.
_ONLY_OF: dict[str, tuple[str, ...]] = {
    CredentialKind.OAUTH_CLIENT: ("redirect_uris", "public"),
    CredentialKind.API_KEY: ("allowed_apis", "allowed_ranges"),
    CredentialKind.EXTERNAL_CLIENT: ("issuer", "external_id"),
}


class NewCredentialInput(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(CredentialKind.choices)
    environment = serializers.ChoiceField(Environment.choices)
    name = serializers.CharField(max_length=120)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    allowed_apis = serializers.ListField(
        child=serializers.CharField(max_length=120),
        max_length=200,
        default=list,
        help_text="API keys only: slugs of subscribed APIs. Empty: all.",
    )
    allowed_ranges = serializers.ListField(
        child=serializers.CharField(max_length=64),
        max_length=50,
        default=list,
        help_text="API keys only: networks in CIDR notation. Empty: any.",
    )

    redirect_uris = serializers.ListField(
        child=serializers.CharField(max_length=500),
        max_length=REDIRECT_URIS_MAX,
        default=list,
        help_text="OAuth clients only: where people return after they sign in. https, or http on 127.0.0.1 or [::1].",
    )
    public = serializers.BooleanField(
        default=False,
        help_text="OAuth clients only: it cannot keep a secret, so it gets none, and tokens for people only.",
    )

    issuer = serializers.CharField(
        max_length=24, default="", help_text="External clients only: iss_…, who issues its tokens."
    )
    external_id = serializers.CharField(
        max_length=255, default="", help_text="External clients only: how its issuer names it."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A client's limits are its scopes; nobody signs in through a key; only an external client has an issuer."""
        of_kind = _ONLY_OF[attrs["kind"]]
        others = {name for names in _ONLY_OF.values() for name in names} - set(of_kind)
        if given := [name for name in sorted(others) if attrs.pop(name)]:
            raise serializers.ValidationError(dict.fromkeys(given, "This kind of credential takes none."))
        if attrs["kind"] == CredentialKind.EXTERNAL_CLIENT and not all(attrs[name] for name in of_kind):
            raise serializers.ValidationError(dict.fromkeys(of_kind, "An external client needs this."))
        return attrs


class RotateInput(serializers.Serializer[Any]):
    overlap = serializers.ChoiceField(
        [(seconds, label) for seconds, label in OVERLAPS.items()],
        default=3600,
        help_text="Seconds for which the old one goes on working; 0 ends it at once.",
    )
    silent_days = serializers.ChoiceField(
        list(SILENCES.items()),
        required=False,
        allow_null=True,
        default=None,
        help_text="End the old one earlier, once it has been unused for so many days. Must be shorter than the overlap.",
    )


class RevokeInput(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")


class TokenInput(serializers.Serializer[Any]):
    scopes = serializers.ListField(
        child=serializers.CharField(max_length=120),
        max_length=200,
        required=False,
        allow_null=True,
        default=None,
        help_text="All that the application's active subscriptions open, where none are given.",
    )
    lifetime = serializers.IntegerField(
        min_value=1,
        max_value=settings.MAX_TOKEN_SECONDS,
        default=settings.ACCESS_TOKEN_SECONDS,
        help_text="Seconds.",
    )


class TokenSerializer(serializers.Serializer[Any]):
    """As RFC 6749 section 5.1 writes it."""

    access_token = serializers.CharField()
    token_type = serializers.CharField()
    expires_in = serializers.IntegerField()
    scope = serializers.CharField()


class RevokeTokenInput(serializers.Serializer[Any]):
    token = serializers.CharField(max_length=20_000, help_text="The whole token. It is not kept.")


class RevokedTokenSerializer(serializers.ModelSerializer[RevokedToken]):
    credential = serializers.CharField(source="credential.public_id", read_only=True)
    by = serializers.CharField(read_only=True, allow_null=True, help_text="Null: the client itself.")

    class Meta:
        model = RevokedToken
        fields = ("jti", "credential", "revoked_at", "expires_at", "by")


class SigningKeySerializer(serializers.ModelSerializer[SigningKey]):
    class Meta:
        model = SigningKey
        fields = ("kid", "algorithm", "status", "public_jwk", "created_at", "activated_at", "retired_at")
