import json
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apis.models import Api, Plan
from portal.accounts.models import Team

from ..models import Application, Approval, RequestForm, Subscription


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
    form = serializers.IntegerField(
        source="form.number", read_only=True, default=None, help_text="Number of the request form answered."
    )
    answers = serializers.DictField(
        child=serializers.JSONField(), read_only=True, help_text="name of the question -> answer"
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
            "form",
            "answers",
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

    answers = serializers.DictField(
        child=serializers.JSONField(allow_null=True),
        required=False,
        default=dict,
        help_text="To the API's request form: name of the question -> text, number or boolean.",
    )


class RequestFormSerializer(serializers.ModelSerializer[RequestForm]):
    schema = serializers.SerializerMethodField(
        help_text="The questions, in order: a flat JSON Schema object. Null: nothing is asked."
    )

    class Meta:
        model = RequestForm
        fields = ("number", "schema", "created_at")
        extra_kwargs = {
            "number": {"help_text": "Counts up with each change; 0: nothing is asked."},
            "created_at": {"allow_null": True},
        }

    @extend_schema_field({"type": "object", "additionalProperties": True, "nullable": True})
    def get_schema(self, form: RequestForm) -> Any:
        return json.loads(form.schema) if form.schema else None


class RequestFormInput(serializers.Serializer[Any]):
    schema = serializers.DictField(
        child=serializers.JSONField(),
        help_text="A flat JSON Schema object; docs/how-to/request-forms.md says what it takes.",
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
