from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ..models import Receipt

EXAMPLE = {
    "id": "rcpt_4k2m9x7q1c8v5b3n",
    "event": "approved",
    "status": "complete",
    "subject": {"type": "subscription", "id": "sub_9d3f7h2k5m8p1r4t"},
    "revision": 41,
    "saved_at": "2026-11-23T14:01:50.212Z",
    "total_ms": 63.4,
    "hops": [
        {"hop": "saved", "at": "2026-11-23T14:01:50.212Z", "took_ms": 0.0, "evidence": ""},
        {
            "hop": "accepted",
            "at": "2026-11-23T14:01:50.248Z",
            "took_ms": 7.1,
            "evidence": "subs.pb update_success 14",
        },
    ],
    "probes": [
        {
            "environment": "production",
            "request": "GET /orders/v1/orders",
            "as": "a token of Checkout web",
            "expected": "204",
            "answered": "204",
            "request_id": "69ad113e-78f2-4bad-9532-43b23aa08668",
            "at": "2026-11-23T14:01:50.275Z",
        }
    ],
    "problem": "",
}


class SubjectSerializer(serializers.Serializer[Any]):
    type = serializers.ChoiceField(choices=["version", "subscription", "credential"])
    id = serializers.CharField(help_text="<api>/<version>, sub_… or cred_…")


class HopSerializer(serializers.Serializer[Any]):
    hop = serializers.ChoiceField(choices=Receipt.HOPS)
    at = serializers.DateTimeField(allow_null=True, help_text="Null: not reached.")
    took_ms = serializers.FloatField(allow_null=True, help_text="Since the hop before.")
    evidence = serializers.CharField(allow_blank=True)


class ProbeSerializer(serializers.Serializer[Any]):
    environment = serializers.CharField()
    request = serializers.CharField(help_text="Method and path, as sent to the gateway.")
    expected = serializers.CharField(
        help_text="Status, and the refusal's reason where one is due. 204: let through."
    )
    answered = serializers.CharField()
    request_id = serializers.CharField(allow_blank=True)
    at = serializers.DateTimeField()

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """`as` is a word of Python, so it cannot be a class attribute."""
        return super().get_fields() | {"as": serializers.CharField(help_text="Whose credential it carried.")}


class ReceiptSerializer(serializers.ModelSerializer[Receipt]):
    id = serializers.CharField(source="public_id", read_only=True, help_text="rcpt_…")
    subject = serializers.SerializerMethodField()
    revision = serializers.IntegerField(source="revision_id", read_only=True, allow_null=True)
    hops = serializers.SerializerMethodField()
    probes = ProbeSerializer(many=True, read_only=True)
    total_ms = serializers.SerializerMethodField(help_text="From saved to the last hop that is done.")

    class Meta:
        model = Receipt
        fields = (
            "id",
            "event",
            "status",
            "subject",
            "revision",
            "saved_at",
            "total_ms",
            "hops",
            "probes",
            "problem",
        )
        read_only_fields = fields

    @extend_schema_field(SubjectSerializer)
    def get_subject(self, receipt: Receipt) -> dict[str, str]:
        return {"type": receipt.subject_type, "id": receipt.subject.public_id}

    @extend_schema_field(HopSerializer(many=True))
    def get_hops(self, receipt: Receipt) -> list[dict[str, Any]]:
        rows, before = [], receipt.saved_at
        for hop in Receipt.HOPS:
            at = receipt.at(hop)
            took = round((at - before).total_seconds() * 1000, 1) if at else None
            rows.append({"hop": hop, "at": at, "took_ms": took, "evidence": receipt.evidence.get(hop, "")})
            before = at or before
        return rows

    def get_total_ms(self, receipt: Receipt) -> float:
        return round((receipt.last_at - receipt.saved_at).total_seconds() * 1000, 1)
