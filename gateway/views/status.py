"""Whether the portal keeps what it promises, for everybody: no names, no numbers of anybody's calls."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from ..listen import at_work
from ..propagation import measured


@require_safe
def status(request: HttpRequest) -> HttpResponse:
    found = measured()
    context = {
        "at_work": at_work(),
        "measured": any(one.changes for one in found),
        "all_kept": all(one.is_kept for one in found),
        "days": [(one.promise, day) for one in found for day in one.days],
    }
    return render(request, "gateway/status.html", context)
