"""The inventory: every credential of one's teams, or of all for an administrator, and the same as a CSV file."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from apis.models import Environment
from keymanager.inventory import SORTS, STATES, CredentialFilter, as_csv, credentials_of
from keymanager.models import CredentialKind
from portal.htmx import wants_part
from portal.listing import listing_of
from subscriptions.models import Application

TEAMS_MAX = 500


@login_required
@require_GET
def inventory(request: HttpRequest) -> HttpResponse:
    found = CredentialFilter(request.GET, queryset=credentials_of(request.user), request=request)
    applications = Application.objects.visible_to(request.user)
    teams = applications.order_by("team__name").values_list("team__slug", "team__name").distinct()
    context = {
        "listing": listing_of(request, found.qs, SORTS),
        "asked": {name: value for name, value in request.GET.items() if value},
        "filtered": any(
            value for name, value in request.GET.items() if name in CredentialFilter.base_filters
        ),
        "teams": teams[:TEAMS_MAX],
        "states": STATES,
        "kinds": CredentialKind.choices,
        "environments": Environment.choices,
    }
    template = "keymanager/inventory.html"
    return render(request, f"{template}#results" if wants_part(request) else template, context)


@login_required
@require_GET
def export(request: HttpRequest) -> StreamingHttpResponse:
    """What the filters of the page leave, in its order."""
    found = CredentialFilter(request.GET, queryset=credentials_of(request.user), request=request)
    sort = SORTS.get(request.GET.get("sort", ""), SORTS["newest"])
    name = f"credentials-{timezone.now():%Y-%m-%d}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingHttpResponse(
        as_csv(found.qs.order_by(*sort.fields)), content_type="text/csv; charset=utf-8", headers=headers
    )
