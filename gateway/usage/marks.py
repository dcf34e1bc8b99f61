"""Moments that explain a chart: when a quota was used up, from where on calls were refused."""

import datetime as dt
from dataclasses import dataclass

from django.db.models import Exists, F, OuterRef
from django.utils.translation import gettext as _

from gateway.models import QuotaUse

from .scopes import Scope

SHOWN = 3
_NAME = 24


@dataclass(frozen=True, slots=True)
class Mark:
    """One moment; `label` is short, for the drawing."""

    at: dt.datetime
    label: str


def quota_marks(scope: Scope, since: dt.datetime) -> list[Mark]:
    """When quotas of the scope's live subscriptions were used up since then, the newest few, oldest first. One query."""
    theirs = scope.subscriptions.filter(application=OuterRef("application"), api=OuterRef("api"))
    rows = QuotaUse.objects.filter(Exists(theirs), exhausted_at__gte=since)
    names = rows.order_by("-exhausted_at").values_list("exhausted_at", F(f"{scope.by}__name"))
    return [
        Mark(at, _("{shortened} quota used up").format(shortened=_shortened(name)))
        for at, name in reversed(names[:SHOWN])
    ]


def _shortened(name: str) -> str:
    return name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"
