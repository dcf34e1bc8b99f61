"""Outside issuers, for administrators; and adding a client of one to an application, for its team."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from keymanager.models import TrustedIssuer
from keymanager.outside import actions
from keymanager.outside.forms import EditIssuerForm, IssuerForm, NewExternalClientForm
from portal.accounts.models import AuditEvent
from portal.accounts.people import person
from portal.accounts.roles import Permission, check
from portal.errors import Conflict, Invalid
from subscriptions.models import Application

SHOWN = 100


@login_required
@require_GET
def issuers(request: HttpRequest) -> HttpResponse:
    check(request.user, Permission.MANAGE_PORTAL)
    return render(request, "keymanager/issuers.html", {"issuers": TrustedIssuer.objects.live()})


@login_required
def new(request: HttpRequest) -> HttpResponse:
    check(request.user, Permission.MANAGE_PORTAL)
    form = IssuerForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            row = actions.trust(**form.cleaned_data, by=person(request))
        except (Invalid, Conflict) as refusal:
            _show_refusal(form, refusal)
        else:
            messages.success(
                request,
                _("{row} is trusted. Teams can add its clients to their applications.").format(row=row),
            )
            return redirect(row)
    return render(request, "keymanager/issuer_form.html", {"form": form})


@login_required
@require_GET
def issuer(request: HttpRequest, public_id: str) -> HttpResponse:
    row = _issuer(request, public_id)
    credentials = row.credentials.filter(application__deleted_at__isnull=True)
    context = {
        "issuer": row,
        "credentials": credentials.select_related("application__team")[:SHOWN],
        "events": AuditEvent.objects.about(row)[:20],
    }
    return render(request, "keymanager/issuer.html", context)


@login_required
def edit(request: HttpRequest, public_id: str) -> HttpResponse:
    row = _issuer(request, public_id)
    form = EditIssuerForm(request.POST or None, initial=EditIssuerForm.values(row))
    if request.method == "POST" and form.is_valid():
        try:
            row = actions.edit(issuer=row, **form.cleaned_data, by=person(request))
        except (Invalid, Conflict) as refusal:
            _show_refusal(form, refusal)
        else:
            messages.success(request, _("{row} is saved.").format(row=row))
            return redirect(row)
    return render(request, "keymanager/issuer_form.html", {"form": form, "issuer": row})


@login_required
@require_POST
def refresh(request: HttpRequest, public_id: str) -> HttpResponse:
    row = actions.refresh(issuer=_issuer(request, public_id), by=person(request))
    if row.problem:
        messages.error(request, _("Its keys cannot be fetched. Those fetched before stay in force."))
    else:
        messages.success(request, _("Its keys are fetched."))
    return redirect(row)


@login_required
@require_POST
def disable(request: HttpRequest, public_id: str) -> HttpResponse:
    row = actions.disable(issuer=_issuer(request, public_id), by=person(request))
    messages.success(
        request, _("{row} is disabled: the gateway refuses its tokens within seconds.").format(row=row)
    )
    return redirect(row)


@login_required
@require_POST
def enable(request: HttpRequest, public_id: str) -> HttpResponse:
    row = actions.enable(issuer=_issuer(request, public_id), by=person(request))
    messages.success(request, _("{row} is enabled.").format(row=row))
    return redirect(row)


@login_required
def delete(request: HttpRequest, public_id: str) -> HttpResponse:
    row = _issuer(request, public_id)
    if request.method == "POST":
        actions.delete(issuer=row, by=person(request))
        messages.success(
            request, _("{row} is deleted, and its clients’ credentials are revoked.").format(row=row)
        )
        return redirect("keymanager:issuers")
    ending = row.credentials.live().filter(application__deleted_at__isnull=True)
    context = {
        "issuer": row,
        "form": forms.Form(),
        "count": ending.count(),
        "ending": ending.select_related("application__team")[:20],
    }
    return render(request, "keymanager/issuer_delete.html", context)


@login_required
def new_client(request: HttpRequest, public_id: str) -> HttpResponse:
    """Add a client of an outside issuer to an application. There is no secret to show."""
    application = get_object_or_404(
        Application.objects.visible_to(request.user).select_related("team"), public_id=public_id
    )
    check(request.user, Permission.MANAGE_CREDENTIALS, application.team)
    form = NewExternalClientForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            row = actions.add_client(application=application, **form.arguments(), by=person(request))
        except (Invalid, Conflict) as refusal:
            _show_refusal(form, refusal)
        else:
            messages.success(
                request,
                _("{name} is added. The receipt shows when the gateway takes its tokens.").format(
                    name=row.name
                ),
            )
            return redirect(row)
    context: dict[str, Any] = {"form": form, "application": application}
    return render(request, "keymanager/new_external.html", context)


def _issuer(request: HttpRequest, public_id: str) -> TrustedIssuer:
    check(request.user, Permission.MANAGE_PORTAL)
    return get_object_or_404(TrustedIssuer.objects.live(), public_id=public_id)


def _show_refusal(form: forms.Form, refusal: Invalid | Conflict) -> None:
    """At the field that it is about, where there is one."""
    field = refusal.field if isinstance(refusal, Invalid) and refusal.field in form.fields else None
    form.add_error(field, f"{refusal.message} {refusal.remedy}".strip())
