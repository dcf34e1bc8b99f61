"""What is enforced for a version, for scripts of its publishers, and the change of the object that says so."""

from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apis.enforcement import actions
from apis.enforcement.parts import Wish
from apis.enforcement.shown import CREDENTIALS, enforced, last_change
from apis.enforcement.where import place_of
from apis.models import ApiVersion, Environment
from apis.permissions import can_publish
from portal.accounts.people import person
from portal.rest.inputs import valid

from .changes import PATH

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
EXAMPLE = {"plans": ["free", "gold"], "timeouts": {"production": 15}, "preview": True}


def texts(most: int, longest: int) -> serializers.ListField:
    return serializers.ListField(child=serializers.CharField(max_length=longest), max_length=most)


class RulesSerializer(serializers.Serializer[Any]):
    """Headers that are set, in place of what is there, and removed."""

    set = serializers.DictField(child=serializers.CharField(max_length=1000, allow_blank=True), default=dict)
    remove = serializers.ListField(child=serializers.CharField(max_length=100), max_length=20, default=list)


class EnforcedScopesSerializer(serializers.Serializer[Any]):
    method = serializers.CharField()
    path = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())


class EnforcedUpstreamSerializer(serializers.Serializer[Any]):
    environment = serializers.CharField()
    url = serializers.CharField()
    timeout_seconds = serializers.IntegerField()


class PlaceSerializer(serializers.Serializer[Any]):
    file = serializers.CharField(help_text="file:line in a folder of manifests, else empty.")
    fields = serializers.DictField(  # type: ignore[assignment]  # its own name
        child=serializers.CharField(), help_text="Which fields of the object say what."
    )
    editable = serializers.BooleanField(help_text="Whether PATCH can change the object.")
    why = serializers.CharField(help_text="Why not.")


class LastChangeSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    by = serializers.CharField()
    generation = serializers.IntegerField()
    fields = serializers.ListField(child=serializers.CharField())  # type: ignore[assignment]
    state = serializers.CharField(help_text="`waiting`, `taken` or `refused`, by the catalog.")


class EnforcementSerializer(serializers.Serializer[Any]):
    """As the gateway does it for what stands in the catalog."""

    generation = serializers.IntegerField(help_text="Of the object, as the catalog read it last.")
    credentials = serializers.ListField(child=serializers.CharField(), help_text=", ".join(CREDENTIALS))
    scopes = EnforcedScopesSerializer(many=True, help_text="The operations that need some; 300 at most.")
    upstreams = EnforcedUpstreamSerializer(many=True)
    cors = serializers.JSONField(allow_null=True)
    request_headers = RulesSerializer()
    response_headers = RulesSerializer()
    rewrite_prefix = serializers.CharField(
        allow_null=True, help_text="What takes the base path's place towards the backend; null takes it away."
    )
    plans = serializers.ListField(child=serializers.CharField())
    place = PlaceSerializer()
    last_change = LastChangeSerializer(allow_null=True)


class HeldSerializer(serializers.Serializer[Any]):
    manager = serializers.CharField(max_length=200)
    field = serializers.CharField(max_length=2000)


class ScopesInput(serializers.Serializer[Any]):
    method = serializers.ChoiceField(choices=METHODS)
    path = serializers.CharField(max_length=500)
    scopes = texts(10, 100)


class EnforcementChange(serializers.Serializer[Any]):
    plans = serializers.ListField(
        child=serializers.CharField(max_length=63),
        max_length=20,
        required=False,
        help_text="Names, the recommended one first.",
    )
    oauth2 = serializers.BooleanField(required=False)
    api_key = serializers.BooleanField(required=False)
    public = serializers.BooleanField(required=False)
    scopes = serializers.ListField(
        child=ScopesInput(),
        max_length=300,
        required=False,
        help_text="In place of all those that the object states.",
    )
    timeouts = serializers.DictField(
        child=serializers.IntegerField(min_value=1, max_value=600),
        required=False,
        help_text="Environment to seconds.",
    )
    cors_origins = serializers.ListField(
        child=serializers.CharField(max_length=260),
        max_length=20,
        required=False,
        help_text="None turns CORS off.",
    )
    request_headers = RulesSerializer(required=False)
    response_headers = RulesSerializer(required=False)
    generation = serializers.IntegerField(
        required=False, help_text="As you read it: the answer is 409 where the object was changed since."
    )
    preview = serializers.BooleanField(
        default=False, help_text="Say what would be changed, and change nothing."
    )
    take_over = serializers.ListField(
        child=HeldSerializer(),
        max_length=50,
        default=list,
        help_text="What other field managers shall lose: entries of `held` of a preview.",
    )

    def validate_timeouts(self, timeouts: dict[str, int]) -> dict[str, int]:
        if unknown := timeouts.keys() - set(Environment.values):
            raise serializers.ValidationError(f"There is no environment {', '.join(sorted(unknown))[:80]}.")
        return timeouts


class ObjectChangeSerializer(serializers.Serializer[Any]):
    field = serializers.CharField(help_text="A path such as `spec.plans`.")
    before = serializers.JSONField(allow_null=True, help_text="Null where it was not stated.")
    after = serializers.JSONField()


class EnforcementChanged(serializers.Serializer[Any]):
    applied = serializers.BooleanField()
    generation = serializers.IntegerField(help_text="Of the object: as it was read, or once it is applied.")
    changes = ObjectChangeSerializer(many=True)
    patch = serializers.CharField(help_text="The change as a manifest.")
    held = HeldSerializer(many=True, help_text="Fields that other managers set, and would lose.")


class Enforcement(APIView):
    scope_write = "portal:publish"

    def _version(self, request: Request, slug: str, version: str) -> ApiVersion:
        rows = ApiVersion.objects.visible_to(request.user).select_related("api__team")
        found = get_object_or_404(rows.prefetch_related("plans"), api__slug=slug, version=version)
        if not can_publish(request.user, found.api):
            raise Http404
        return found

    @extend_schema(
        summary="Read what is enforced for a version, and where it is stated",
        operation_id="versions_enforcement_retrieve",
        parameters=PATH,
        responses=EnforcementSerializer,
    )
    def get(self, request: Request, slug: str, version: str) -> Response:
        found = self._version(request, slug, version)
        said = enforced(found) | {
            "generation": found.generation,
            "place": place_of(found),
            "last_change": last_change(found),
        }
        return Response(EnforcementSerializer(said).data)

    @extend_schema(
        summary="Change what is enforced, on the object in the cluster",
        description=(
            "For objects of `portico.dev/v1alpha1`. What is left out stays. The object is changed by server-side apply as "
            "field manager `portico`; the catalog follows it, so the answer is not yet what is enforced."
        ),
        operation_id="versions_enforcement_partial_update",
        parameters=PATH,
        request=EnforcementChange,
        responses={
            200: EnforcementChanged,
            409: OpenApiResponse(
                description="Another field manager set a field and `take_over` does not name it, or the object changed."
            ),
            503: OpenApiResponse(description="The cluster does not answer."),
        },
        examples=[OpenApiExample("Offer plans", EXAMPLE, request_only=True)],
    )
    def patch(self, request: Request, slug: str, version: str) -> Response:
        found = self._version(request, slug, version)
        said = valid(EnforcementChange, request)
        wish, by, seen = _wish(said), person(request), said.get("generation")
        proposal = actions.propose(version=found, wish=wish, by=by, seen=seen)
        obj = proposal.obj
        if not said["preview"]:
            take_over = frozenset((held["manager"], held["field"]) for held in said["take_over"])
            obj = actions.change(version=found, wish=wish, by=by, seen=obj.generation, take_over=take_over)
        answer = {
            "applied": not said["preview"],
            "generation": obj.generation,
            "changes": proposal.changes,
            "patch": proposal.patch,
            "held": [{"manager": manager, "field": field} for manager, field in proposal.held],
        }
        return Response(EnforcementChanged(answer).data)


def _wish(said: dict[str, Any]) -> Wish:
    """The body in the words of the object."""
    words = {"oauth2": "oauth2", "api_key": "apiKey", "public": "public", "scopes": "scopes"}
    security = {theirs: _plain(said[ours]) for ours, theirs in words.items() if ours in said}
    wish = Wish()
    if security:
        wish["security"] = security
    for part in ("plans", "timeouts", "cors_origins", "request_headers", "response_headers"):
        if part in said:
            wish[part] = _plain(said[part])
    return wish


def _plain(value: Any) -> Any:
    """Ordered mappings of the serializer as plain ones, which YAML can write."""
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, list) else value
