"""Where a signed-in person begins."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal.accounts.people import person
from portal.listing import page_of, pager

from .. import home as found
from ..usage.subscribed import by_urgency, rows_of


@login_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    user = person(request)
    page = page_of(request, by_urgency(found.subscriptions_of(user)), size=10)
    applications = list(found.applications_of(user)[: found.APPLICATIONS + 1])
    context = {
        "needed": found.needed_of(user),
        "steps": found.steps_of(user),
        "rows": rows_of(list(page.object_list)),
        "applications": applications[: found.APPLICATIONS],
        "more_applications": len(applications) > found.APPLICATIONS,
        "asked_by": found.asked_by(user),
        "asked_of": found.asked_of(user),
        "changes": found.changes_for(user),
        "underway": found.underway(user),
        **pager(page),
    }
    return render(request, "gateway/home.html", context)
