"""Receipts for scripts and pipelines: wait until a change is proven, or ask the gateway once more."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from portal.accounts.people import person

from .. import actions
from ..models import Receipt, ReceiptStatus
from . import serializers

_EXAMPLE = OpenApiExample("Proven", serializers.EXAMPLE, response_only=True)


class ReceiptFilter(django_filters.FilterSet):
    status = django_filters.ChoiceFilter(choices=ReceiptStatus.choices)
    event = django_filters.CharFilter()
    subscription = django_filters.CharFilter(field_name="subscription__public_id", help_text="sub_…")
    credential = django_filters.CharFilter(field_name="credential__public_id", help_text="cred_…")
    api = django_filters.CharFilter(
        field_name="version__api__slug", help_text="Receipts of the API's versions."
    )

    class Meta:
        model = Receipt
        fields: tuple[str, ...] = ()


@extend_schema_view(
    list=extend_schema(summary="List receipts, the newest first", examples=[_EXAMPLE]),
    retrieve=extend_schema(
        summary="Read a receipt",
        description="Ask again while `status` is `running`; usually that is over within a second.",
        examples=[_EXAMPLE],
    ),
)
class Receipts(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Receipt]):
    queryset = Receipt.objects.none()
    serializer_class = serializers.ReceiptSerializer
    filterset_class = ReceiptFilter
    lookup_field = "public_id"
    lookup_url_kwarg = "id"

    def get_queryset(self) -> QuerySet[Receipt]:
        return Receipt.objects.visible_to(person(self.request)).with_subjects()

    @extend_schema(
        summary="Probe again",
        description="Asks the gateway about the same subject once more. The answer is a new receipt, still running.",
        request=None,
        responses={201: serializers.ReceiptSerializer},
    )
    @action(detail=True, methods=["post"])
    def probe(self, request: Request, **_: Any) -> Response:
        again = actions.probe_again(receipt=self.get_object(), by=person(request))
        return Response(self.get_serializer(again).data, status=status.HTTP_201_CREATED)
