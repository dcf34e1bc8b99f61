"""Why was I refused, for scripts."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.accounts.people import person

from ..why.answer import answer
from ..why.asked import MAX_CHARACTERS


class WhySerializer(serializers.Serializer[Any]):
    ask = serializers.CharField(
        max_length=MAX_CHARACTERS,
        help_text="A request id, a curl line, an access token, an API key or its beginning. Not kept.",
    )


class LinkSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    state = serializers.ChoiceField(
        choices=["ok", "bad", "idle"], help_text="idle: not known, or not reached."
    )
    text = serializers.CharField()
    after = serializers.BooleanField(help_text="Not reached: a link before it refused.")


class AnswerSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(help_text="As in the refusal; empty where nothing refuses.")
    title = serializers.CharField()
    text = serializers.CharField()
    remedy = serializers.CharField()
    now = serializers.CharField(help_text="Of a recorded call: what a call now would get.")
    request_id = serializers.CharField(source="call.request_id", default="")
    links = LinkSerializer(many=True)


class Why(APIView):
    @extend_schema(
        summary="Ask why a call was refused",
        description="Changes nothing. Posted, because what is asked about may be a secret.",
        request=WhySerializer,
        responses=AnswerSerializer,
    )
    def post(self, request: Request) -> Response:
        asked = WhySerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        return Response(AnswerSerializer(answer(asked.validated_data["ask"], by=person(request))).data)
