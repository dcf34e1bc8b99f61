"""The queue of requests that wait for the reader's decision."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Page
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from portal.accounts.people import person
from portal.errors import PorticoError
from portal.htmx import wants_part
from portal.lazily import gettext_lazy as _
from portal.listing import Sort, listing_of

from .. import actions
from ..models import Approval, Subscription

WAITING_SORTS = {
    "oldest": Sort(_("Longest waiting first"), ("requested_at", "pk")),
    "newest": Sort(_("Newest first"), ("-requested_at", "-pk")),
    "application": Sort(_("By application"), ("application__name", "pk")),
    "api": Sort(_("By API"), ("api__name", "pk")),
}
DECIDED_SORTS = {
    "newest": Sort(_("Newest first"), ("-at", "-pk")),
    "oldest": Sort(_("Oldest first"), ("at", "pk")),
}
OUTCOMES = {"approved": Approval.Outcome.APPROVED, "rejected": Approval.Outcome.REJECTED}


@login_required
def approvals(request: HttpRequest) -> HttpResponse:
    """Waiting requests; `?show=approved` and `?show=rejected` are the decided ones."""
    mine = Subscription.objects.reviewable_by(request.user)
    show = request.GET.get("show", "")
    query, api = request.GET.get("q", "").strip(), request.GET.get("api", "")
    rows: QuerySet[Any]
    if show in OUTCOMES:
        rows = Approval.objects.filter(subscription__in=mine, outcome=OUTCOMES[show])
        rows = rows.select_related("subscription__application__team", "subscription__api", "plan", "by")
        prefix, sorts = "subscription__", DECIDED_SORTS
    else:
        show = "waiting"
        rows = mine.waiting().select_related(
            "application__team", "api__current_version", "plan", "requested_plan", "created_by", "form"
        )
        prefix, sorts = "", WAITING_SORTS
    if query:
        named = Q(**{f"{prefix}application__name__icontains": query}) | Q(
            **{f"{prefix}application__team__name__icontains": query}
        )
        rows = rows.filter(named)
    if api:
        rows = rows.filter(**{f"{prefix}api__slug": api})
    listing = listing_of(request, rows, sorts)
    context = {
        "listing": listing,
        "show": show,
        "q": query,
        "api": api,
        "apis": mine.order_by("api__name").values_list("api__slug", "api__name").distinct()[:200],
        "waiting": mine.waiting().count(),
        **(_looked_at(listing.page, request.GET.get("request", "")) if show == "waiting" else {}),
    }
    template = "subscriptions/approvals.html"
    return render(request, f"{template}#queue" if wants_part(request) else template, context)


def _looked_at(page: Page[Subscription], wanted: str) -> dict[str, Any]:
    """The request shown beside the queue, the first where the wanted one is not on this page, and its neighbours."""
    page.object_list = rows = list(page.object_list)
    if not rows:
        return {}
    at = next((n for n, row in enumerate(rows) if row.public_id == wanted), 0)
    return {
        "chosen": rows[at],
        "number": page.start_index() + at,
        "before": rows[at - 1] if at else None,
        "after": rows[at + 1] if at + 1 < len(rows) else None,
    }


@login_required
@require_POST
def decide(request: HttpRequest) -> HttpResponse:
    """Approve or reject several at once. Each stands alone: one that fails says why, the others are done."""
    chosen = request.POST.getlist("request")[:100]
    reason = request.POST.get("reason", "")
    reject = request.POST.get("do") == "reject"
    done = 0
    for row in Subscription.objects.reviewable_by(request.user).filter(public_id__in=chosen):
        try:
            if reject:
                actions.reject(subscription=row, by=person(request), reason=reason)
            else:
                actions.approve(subscription=row, by=person(request), reason=reason)
            done += 1
        except PorticoError as error:
            messages.error(request, f"{row}: {error.message}")
    if done:
        messages.success(
            request,
            (gettext("{done} rejected.") if reject else gettext("{done} approved.")).format(done=done),
        )
    elif not chosen:
        messages.info(request, gettext("Nothing was selected, so nothing was decided."))
    return redirect("subscriptions:approvals")
