"""How promises are kept, for monitoring."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ..listen import at_work
from ..propagation import measured


class DaySerializer(serializers.Serializer[Any]):
    date = serializers.CharField()
    changes = serializers.IntegerField()
    p50_ms = serializers.FloatField(source="p50")
    p99_ms = serializers.FloatField(source="p99")


class MeasuredSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(source="promise.name")
    over = serializers.CharField(source="promise.over_text")
    promise_ms = serializers.IntegerField(source="promise.ms")
    changes = serializers.IntegerField()
    kept = serializers.IntegerField(help_text="Of them, within the promise.")
    p50_ms = serializers.FloatField(source="p50", allow_null=True)
    p99_ms = serializers.FloatField(source="p99", allow_null=True)
    days = DaySerializer(many=True)


class StatusSerializer(serializers.Serializer[Any]):
    gateway_agent = serializers.BooleanField(help_text="Whether decisions are carried to the gateway now.")
    promises = MeasuredSerializer(many=True)


class PortalStatus(APIView):
    permission_classes = (AllowAny,)

    @extend_schema(
        summary="Read the portal's status",
        description="How long changes took to be listed, and decisions to be in force, by the gateway's own probes.",
        responses=StatusSerializer,
    )
    def get(self, request: Request) -> Response:
        found = {"gateway_agent": at_work(), "promises": measured()}
        return Response(StatusSerializer(found).data)
