from typing import Any

from rest_framework import serializers

from ..models import AuditEvent, Membership, NamespaceGrant, Team, TeamRole, User


class MembershipSerializer(serializers.ModelSerializer[Membership]):
    user = serializers.CharField(source="user.public_id", read_only=True)
    name = serializers.CharField(source="user.name", read_only=True)
    email = serializers.EmailField(source="user.email", read_only=True)

    class Meta:
        model = Membership
        fields = ("user", "name", "email", "role", "created_at")


class TeamSerializer(serializers.ModelSerializer[Team]):
    class Meta:
        model = Team
        fields = ("slug", "name", "personal", "created_at")


class TeamInput(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120)


class MemberInput(serializers.Serializer[Any]):
    email = serializers.EmailField(help_text="Of somebody who has signed up.")
    role = serializers.ChoiceField(choices=TeamRole.choices, default=TeamRole.MEMBER)


class RoleInput(serializers.Serializer[Any]):
    role = serializers.ChoiceField(choices=TeamRole.choices)


class MeSerializer(serializers.ModelSerializer[User]):
    id = serializers.CharField(source="public_id", read_only=True)

    class Meta:
        model = User
        fields = ("id", "name", "email", "is_admin")


class GrantSerializer(serializers.ModelSerializer[NamespaceGrant]):
    team = serializers.SlugRelatedField(slug_field="slug", queryset=Team.objects.filter(personal=False))

    class Meta:
        model = NamespaceGrant
        fields = ("cluster", "namespace", "team", "auto_publish")
        validators: tuple[object, ...] = ()


class AuditEventSerializer(serializers.ModelSerializer[AuditEvent]):
    by = serializers.CharField(source="by_name", read_only=True)

    class Meta:
        model = AuditEvent
        fields = ("at", "event", "by", "target_type", "target_id", "target_name", "note", "data")
