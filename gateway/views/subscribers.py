"""A tab of an API's page for its publishers: who subscribes, under which plan, and how much they call."""

import csv
import io

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from apis.models import Plan
from apis.views.versions import Shown, context_of, load
from portal.accounts.roles import Permission, can
from portal.htmx import wants_part
from portal.lazily import gettext_lazy as _
from portal.listing import Sort, listing_of
from subscriptions.models import Subscription

from .. import subscribers as work

SORTS = {
    "newest": Sort(_("Newest first"), ("-created_at", "-id")),
    "name": Sort(_("By application"), ("application__name", "id")),
    "team": Sort(_("By team"), ("application__team__name", "application__name", "id")),
}
MOST_IN_FILE = 10_000


@login_required
@require_safe
def subscribers(request: HttpRequest, slug: str, version: str) -> HttpResponse:
    shown = _reviewed(request, slug, version)
    asked = _asked(request)
    rows = work.subscribers_of(shown.api, **asked)
    listing = listing_of(request, rows, SORTS)
    context = context_of(request, shown, "subscribers") | {
        "listing": listing,
        "rows": work.with_calls(shown.api, list(listing.page.object_list)),
        "all_plans": Plan.objects.filter(subscriptions__api=shown.api).distinct().order_by("name"),
        "statuses": Subscription.Status.choices,
        "can_suspend": can(request.user, Permission.SUSPEND, shown.api.team),
        **asked,
    }
    template = "gateway/subscribers.html"
    return render(request, f"{template}#results" if wants_part(request) else template, context)


@login_required
@require_safe
def export(request: HttpRequest, slug: str, version: str) -> HttpResponse:
    """What the filters leave, as a file."""
    shown = _reviewed(request, slug, version)
    rows = work.subscribers_of(shown.api, **_asked(request)).order_by("application__name", "id")
    text = io.StringIO()
    csv.writer(text).writerows(work.csv_rows(work.with_calls(shown.api, list(rows[:MOST_IN_FILE]))))
    name = f"subscribers-{slug}-{timezone.now():%Y-%m-%d}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8", headers=headers)


def _reviewed(request: HttpRequest, slug: str, version: str) -> Shown:
    """The version, for the team that decides who subscribes; for everybody else the page is not there."""
    shown = load(request, slug, version)
    if not can(request.user, Permission.REVIEW, shown.api.team):
        raise Http404
    return shown


def _asked(request: HttpRequest) -> dict[str, str]:
    names = {"text": "q", "status": "status", "plan": "plan"}
    return {name: request.GET.get(key, "").replace("\0", "").strip()[:200] for name, key in names.items()}
