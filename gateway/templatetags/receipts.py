"""Receipts on the pages of lower apps."""

from typing import Any

from django import template
from django.db import models

from apis.models import ApiVersion
from gateway import hops
from gateway.models import Receipt, VersionProblem

register = template.Library()


@register.inclusion_tag("gateway/_receipt.html", takes_context=True)
def receipt_for(context: template.Context, subject: models.Model) -> dict[str, Any]:
    """The newest receipt of a subscription, credential or version; nothing where it has none yet."""
    receipt = Receipt.objects.about(subject).with_subjects().first()
    return receipt_context(receipt) | {"csrf_token": context.get("csrf_token")}


@register.simple_tag
def held_back(version: ApiVersion) -> VersionProblem | None:
    """Why the gateway does not serve this version, where it cannot."""
    return VersionProblem.objects.filter(version=version).first()


def receipt_context(receipt: Receipt | None) -> dict[str, Any]:
    """What gateway/_receipt.html needs."""
    if receipt is None:
        return {"receipt": None}
    status, word = hops.state_word(receipt)
    return {
        "receipt": receipt,
        "hops": hops.hops_of(receipt),
        "status": status,
        "word": word,
        "total": hops.total_ms(receipt),
    }
