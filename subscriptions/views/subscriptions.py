"""One subscription: ask for it, see it, change it."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from apis.first_call import page_of_first_call
from apis.models import Api, ApiVersion
from portal.accounts.models import AuditEvent
from portal.accounts.people import person
from portal.accounts.roles import Permission, permissions_of
from portal.lazily import gettext_lazy as _

from .. import actions
from ..forms import ChangePlanForm, ReasonForm, SubscribeForm
from ..models import RequestForm, Subscription, SubscriptionStatus
from ..request_forms.forms import AnswersForm

# Why a live subscription cannot have another plan just now.
_NO_PLAN_CHANGE: dict[str, str] = {
    SubscriptionStatus.PENDING: _("It waits for its approval first"),
    SubscriptionStatus.CHANGE_PENDING: _("Another plan was asked for already"),
    SubscriptionStatus.SUSPENDED: _("It is suspended: its publisher has to resume it first"),
}


@login_required
def subscribe(request: HttpRequest, slug: str) -> HttpResponse:
    api = get_object_or_404(Api.objects.visible_to(request.user), slug=slug)
    initial = {name: request.GET[name] for name in ("plan", "application") if name in request.GET}
    form = SubscribeForm(request.POST or None, user=person(request), api=api, initial=initial)
    asked = RequestForm.objects.current_of(api)
    answers = AnswersForm(request.POST or None, questions=asked.questions if asked else (), prefix="answers")
    if request.method == "POST" and form.is_valid() & answers.is_valid():
        act = actions.subscribe if "application" in form.cleaned_data else actions.subscribe_new
        subscription = act(api=api, **form.cleaned_data, answers=answers.answers, by=person(request))
        if subscription.status == SubscriptionStatus.PENDING:
            messages.info(
                request,
                gettext("Sent to {team} for approval. You get a mail when they answer.").format(
                    team=api.team or gettext("the administrators")
                ),
            )
        return redirect(f"{subscription.get_absolute_url()}{_next(request)}")
    open_for_new = ApiVersion.objects.served().filter(api=api, status="published").exists()
    context = {"form": form, "answers": answers, "api": api, "open_for_new": open_for_new}
    return render(request, "subscriptions/subscribe.html", context)


@login_required
def subscription(request: HttpRequest, public_id: str) -> HttpResponse:
    return render(request, "subscriptions/subscription.html", _context(request, _visible(request, public_id)))


@login_required
def change_plan(request: HttpRequest, public_id: str) -> HttpResponse:
    row = _visible(request, public_id)
    form = ChangePlanForm(request.POST or None, subscription=row)
    if request.method == "POST" and form.is_valid():
        row = actions.change_plan(subscription=row, **form.cleaned_data, by=person(request))
        waits = row.status == SubscriptionStatus.CHANGE_PENDING
        messages.info(
            request,
            gettext("Sent for approval. {plan} goes on until then.").format(plan=row.plan)
            if waits
            else gettext("Now on {plan}.").format(plan=row.plan),
        )
        return redirect(row)
    return render(request, "subscriptions/change_plan.html", {**_context(request, row), "form": form})


@login_required
@require_POST
def withdraw_plan_change(request: HttpRequest, public_id: str) -> HttpResponse:
    return redirect(
        actions.withdraw_plan_change(subscription=_visible(request, public_id), by=person(request))
    )


@login_required
def cancel(request: HttpRequest, public_id: str) -> HttpResponse:
    row = _visible(request, public_id)
    if request.method == "POST":
        actions.cancel(subscription=row, by=person(request))
        messages.success(
            request,
            gettext("Cancelled. {application} can no longer call {api}.").format(
                application=row.application, api=row.api
            ),
        )
        return redirect(row)
    return render(request, "subscriptions/cancel.html", _context(request, row))


@login_required
@require_POST
def approve(request: HttpRequest, public_id: str) -> HttpResponse:
    return redirect(
        actions.approve(
            subscription=_visible(request, public_id), by=person(request), reason=_reason(request)
        )
    )


@login_required
@require_POST
def reject(request: HttpRequest, public_id: str) -> HttpResponse:
    return redirect(
        actions.reject(subscription=_visible(request, public_id), by=person(request), reason=_reason(request))
    )


@login_required
@require_POST
def suspend(request: HttpRequest, public_id: str) -> HttpResponse:
    return redirect(
        actions.suspend(
            subscription=_visible(request, public_id), by=person(request), reason=_reason(request)
        )
    )


@login_required
@require_POST
def resume(request: HttpRequest, public_id: str) -> HttpResponse:
    return redirect(actions.resume(subscription=_visible(request, public_id), by=person(request)))


def _next(request: HttpRequest) -> str:
    """Where the person came from to get access, to be offered once they have it: as a query, or nothing."""
    wanted = request.GET.get("next", "")
    fit = url_has_allowed_host_and_scheme(wanted, {request.get_host()})
    return f"?{urlencode({'next': wanted})}" if fit else ""


def _first_call(request: HttpRequest, row: Subscription) -> str:
    """Back to where they wanted to call it from, else to the easiest operation. Empty where the API serves nothing."""
    if _next(request):
        return request.GET["next"]
    version = row.api.current_version
    return page_of_first_call(version) if version and version.served else ""


def _visible(request: HttpRequest, public_id: str) -> Subscription:
    rows = Subscription.objects.visible_to(request.user).select_related(
        "application__team",
        "api__team",
        "api__current_version",
        "plan",
        "requested_plan",
        "created_by",
        "form",
    )
    return get_object_or_404(rows, public_id=public_id)


def _reason(request: HttpRequest) -> str:
    form = ReasonForm(request.POST)
    return str(form.cleaned_data["reason"]) if form.is_valid() else ""


def _context(request: HttpRequest, row: Subscription) -> dict[str, Any]:
    """Both sides look at the same page; what each may do follows from their teams and the status."""
    consumer = permissions_of(request.user, row.application.team)
    publisher = permissions_of(request.user, row.api.team)
    waits = row.status in {SubscriptionStatus.PENDING, SubscriptionStatus.CHANGE_PENDING}
    may_suspend = Permission.SUSPEND in publisher
    may_call = Permission.VIEW_APPLICATION in consumer and row.status in Subscription.ENFORCED
    return {
        "first_call": _first_call(request, row) if may_call else "",
        "subscription": row,
        "sees_application": Permission.VIEW_APPLICATION in consumer,
        "can_cancel": Permission.SUBSCRIBE in consumer and row.may_become(SubscriptionStatus.CANCELLED),
        "is_live": row.status in Subscription.LIVE,
        "no_plan_change": _NO_PLAN_CHANGE.get(row.status, ""),
        "can_withdraw": Permission.SUBSCRIBE in consumer and row.status == SubscriptionStatus.CHANGE_PENDING,
        "can_review": Permission.REVIEW in publisher and waits,
        "can_suspend": may_suspend and row.may_become(SubscriptionStatus.SUSPENDED),
        "can_resume": may_suspend and row.status == SubscriptionStatus.SUSPENDED,
        "history": AuditEvent.objects.about(row)[:50],
    }
