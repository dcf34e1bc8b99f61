from typing import Any

from rest_framework import serializers

from apis.models import Api, Plan
from portal.accounts.models import Team

from ..models import Application, Approval, Subscription


class ApplicationSerializer(serializers.ModelSerializer[Application]):
    id = serializers.CharField(source="public_id", read_only=True, help_text="app_…")
    team = serializers.SlugRelatedField[Team](
        slug_field="slug", read_only=True, help_text="Slug of the owning team."
    )

    class Meta:
        model = Application
        fields = ("id", "name", "team", "description", "created_at")
        read_only_fields = ("created_at",)


class ApplicationInput(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120)
    description = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")


class NewApplicationInput(ApplicationInput):
    team = serializers.SlugField(help_text="Slug of the team that will own it.")


class TransferInput(serializers.Serializer[Any]):
    team = serializers.SlugField(help_text="Slug of the team that takes it: one of yours.")


class ApprovalSerializer(serializers.ModelSerializer[Approval]):
    plan = serializers.SlugRelatedField[Plan](slug_field="slug", read_only=True)
    by = serializers.CharField(
        read_only=True, allow_null=True, help_text="Null: the plan approves by itself."
    )

    class Meta:
        model = Approval
        fields = ("outcome", "plan", "reason", "by", "at")


class SubscriptionSerializer(serializers.ModelSerializer[Subscription]):
    id = serializers.CharField(source="public_id", read_only=True, help_text="sub_…")
    application = serializers.CharField(source="application.public_id", read_only=True)
    api = serializers.SlugRelatedField[Api](slug_field="slug", read_only=True)
    plan = serializers.SlugRelatedField[Plan](slug_field="slug", read_only=True)
    requested_plan = serializers.SlugRelatedField[Plan](
        slug_field="slug",
        read_only=True,
        allow_null=True,
        help_text="The plan asked for while change_pending.",
    )
    approvals = ApprovalSerializer(many=True, read_only=True)

    class Meta:
        model = Subscription
        fields = (
            "id",
            "application",
            "api",
            "plan",
            "requested_plan",
            "status",
            "reason",
            "created_at",
            "requested_at",
            "expires_at",
            "approvals",
        )


class NewSubscriptionInput(serializers.Serializer[Any]):
    application = serializers.CharField(max_length=24, help_text="app_… of one of your teams.")
    api = serializers.SlugField(help_text="Slug of the API.")
    plan = serializers.SlugField(help_text="Slug of a plan that the API offers.")
    reason = serializers.CharField(
        max_length=2000,
        required=False,
        allow_blank=True,
        default="",
        help_text="Whoever approves reads this.",
    )


class PlanInput(serializers.Serializer[Any]):
    plan = serializers.SlugField()
    reason = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")


class ReasonInput(serializers.Serializer[Any]):
    reason = serializers.CharField(
        max_length=2000,
        required=False,
        allow_blank=True,
        default="",
        help_text="Needed to reject and to suspend.",
    )
