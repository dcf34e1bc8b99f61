"""Every credential that a person may see: filters for pages and REST, orders, and the whole as CSV."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import django_filters
from django import forms
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from apis.models import Environment
from portal.accounts.models import Viewer
from portal.lazily import gettext_lazy as _
from portal.listing import Sort

from .models import Credential, CredentialKind, CredentialStatus

if TYPE_CHECKING:
    from .querysets import CredentialQuerySet

SORTS = {
    "newest": Sort(_("Newest first"), ("-created_at", "-pk")),
    "oldest": Sort(_("Oldest first"), ("created_at", "pk")),
    "unused": Sort(_("Longest unused first"), ("idle_since", "pk")),
    "used": Sort(_("Last used first"), ("-idle_since", "-pk")),
    "expires": Sort(_("Expiring first"), ("expires_at", "pk")),
    "application": Sort(_("By application"), ("application__name", "pk")),
    "name": Sort(_("By name"), ("name", "pk")),
}
STATES = {
    "working": _("Working"),
    "overlap": _("In its overlap"),
    "expired": _("Expired"),
    "revoked": _("Revoked"),
}
_DAYS_MAX = 3650
# What makes a spreadsheet read a cell as a formula, in the forms that some of them take as well.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_COLUMNS = (
    *("id", "kind", "name", "prefix", "environment", "state", "application", "application_name", "team"),
    *("created_at", "created_by", "age_days", "last_used_at", "expires_at", "retires_at", "revoked_at"),
    *("allowed_apis", "allowed_ranges", "issuer", "external_id"),
)


class Days(django_filters.NumberFilter):
    field_class = forms.IntegerField


class CredentialFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(
        method="named", label="Part of the name, of the application's name or of what it is recognised by."
    )
    kind = django_filters.ChoiceFilter(choices=CredentialKind.choices)
    environment = django_filters.ChoiceFilter(choices=Environment.choices)
    status = django_filters.ChoiceFilter(choices=CredentialStatus.choices)
    state = django_filters.ChoiceFilter(
        choices=list(STATES.items()),
        method="in_state",
        label="What the status, the overlap and the expiry come to.",
    )
    team = django_filters.CharFilter(field_name="application__team__slug", label="Slug of the owning team.")
    application = django_filters.CharFilter(field_name="application__public_id", label="app_…")
    unused_days = Days(
        method="unused", min_value=1, max_value=_DAYS_MAX, label="Not seen in use for so many days."
    )
    expires_days = Days(
        method="expires", min_value=1, max_value=_DAYS_MAX, label="Expires within so many days."
    )

    class Meta:
        model = Credential
        fields: tuple[str, ...] = ()

    def named(self, rows: "CredentialQuerySet", name: str, value: str) -> "CredentialQuerySet":
        recognised = (
            Q(prefix__gt="", prefix=value.rstrip("•"))
            | Q(public_id=value)
            | Q(external_id__gt="", external_id=value)
        )
        return rows.filter(Q(name__icontains=value) | Q(application__name__icontains=value) | recognised)

    def in_state(self, rows: "CredentialQuerySet", name: str, value: str) -> "CredentialQuerySet":
        if value == "revoked":
            return rows.filter(status=CredentialStatus.REVOKED)
        if value == "working":
            return rows.usable()
        if value == "overlap":
            return rows.usable().filter(status=CredentialStatus.RETIRING)
        return rows.live().filter(expires_at__lte=timezone.now())

    def unused(self, rows: "CredentialQuerySet", name: str, value: int) -> "CredentialQuerySet":
        return rows.live().unused(days=value)

    def expires(self, rows: "CredentialQuerySet", name: str, value: int) -> "CredentialQuerySet":
        return rows.expiring(days=value)


def credentials_of(user: Viewer) -> "CredentialQuerySet":
    """What the person may see, with what a list shows of each. `idle_since`: when it was last seen, or made."""
    rows = Credential.objects.visible_to(user).select_related(
        "application__team", "created_by", "replaces", "issuer"
    )
    return rows.prefetch_related("allowed_apis").annotate(idle_since=Coalesce("last_used_at", "created_at"))


def as_csv(rows: "CredentialQuerySet") -> Iterator[str]:
    """Lines of a CSV file, read in chunks. No cell is a formula to a spreadsheet, whatever people call things."""
    # Few applications and people have many credentials: read apart, each is one object in a chunk. The APIs would be a
    # queryset for each row.
    apis = Credential.allowed_apis.through.objects.filter(credential=OuterRef("pk")).order_by("api__slug")
    rows = (
        rows.select_related(None)
        .prefetch_related(None)
        .prefetch_related("application__team", "created_by", "issuer")
    )
    rows = rows.annotate(api_slugs=ArraySubquery(apis.values("api__slug")))
    chunk = io.StringIO()
    writer = csv.writer(chunk)
    writer.writerow(_COLUMNS)
    for number, row in enumerate(rows.iterator(chunk_size=2000), start=1):
        writer.writerow([_harmless(cell) for cell in _cells(row)])
        if number % 500 == 0:
            yield chunk.getvalue()
            chunk.seek(0)
            chunk.truncate()
    yield chunk.getvalue()


def _cells(row: Credential) -> Iterable[str]:
    application = row.application
    return (
        *(row.public_id, row.kind, row.name, row.prefix, row.environment, row.state),
        *(application.public_id, application.name, application.team.slug),
        *(_iso(row.created_at), str(row.created_by or ""), str((timezone.now() - row.created_at).days)),
        *(_iso(row.last_used_at), _iso(row.expires_at), _iso(row.retires_at), _iso(row.revoked_at)),
        " ".join(row.api_slugs),  # type: ignore[attr-defined]
        " ".join(row.allowed_ranges),
        row.issuer.url if row.issuer else "",
        row.external_id,
    )


def _iso(moment: datetime | None) -> str:
    return moment.isoformat(timespec="seconds") if moment else ""


def _harmless(text: str) -> str:
    """With an apostrophe before what a spreadsheet would compute (OWASP, CSV injection)."""
    return f"'{text}" if text.lstrip().startswith(_FORMULA) or text[:1] in {"\t", "\r", "\n"} else text
