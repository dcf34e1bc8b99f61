"""Credentials of an application: make, see, rotate, revoke. A secret is shown in the answer to the POST, and nowhere else."""

from collections.abc import Callable
from datetime import timedelta

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from keymanager import actions
from keymanager.first_calls import key_calls, token_request
from keymanager.forms import NewClientForm, NewKeyForm, RevokeForm, RotateForm
from keymanager.models import Credential, CredentialKind
from keymanager.signals import credential_shown
from portal.accounts.models import AuditEvent
from portal.accounts.people import person
from portal.accounts.roles import Permission, can, check
from subscriptions.models import Application

from .secrets import show_once


@login_required
def new_client(request: HttpRequest, public_id: str) -> HttpResponse:
    return _new(request, public_id, CredentialKind.OAUTH_CLIENT, actions.issue_client)


@login_required
def new_key(request: HttpRequest, public_id: str) -> HttpResponse:
    return _new(request, public_id, CredentialKind.API_KEY, actions.issue_key)


def _new(
    request: HttpRequest, public_id: str, kind: CredentialKind, issue: Callable[..., actions.Issued]
) -> HttpResponse:
    application = get_object_or_404(
        Application.objects.visible_to(request.user).select_related("team"), public_id=public_id
    )
    check(request.user, Permission.MANAGE_CREDENTIALS, application.team)
    data = request.POST or None
    is_key = kind == CredentialKind.API_KEY
    form = NewKeyForm(data, application=application) if is_key else NewClientForm(data)
    if request.method == "POST" and form.is_valid():
        issued = issue(application=application, **form.arguments(), by=person(request))
        return _show_secret(request, issued)
    context = {
        "form": form,
        "application": application,
        "kind": kind,
        "is_key": is_key,
    }
    return render(request, "keymanager/new.html", context)


def _show_secret(request: HttpRequest, issued: actions.Issued, old: Credential | None = None) -> HttpResponse:
    credential, application = issued.credential, issued.credential.application
    credential_shown.send(sender=Credential, instance=credential)
    if credential.kind == CredentialKind.OAUTH_CLIENT:
        line = token_request(client_id=credential.public_id, secret=issued.secret) if issued.secret else ""
        how: dict[str, object] = {"line": line}
    else:
        how = {"calls": key_calls(key=issued.secret, credential=credential)}
    return show_once(
        request, "keymanager/secret.html", issued=issued, application=application, old=old, **how
    )


@login_required
def credential(request: HttpRequest, public_id: str) -> HttpResponse:
    row = visible_credential(request, public_id)
    context = {
        "credential": row,
        "application": row.application,
        "replacement": row.replaced_by.first(),
        "allowed_apis": row.allowed_apis.order_by("name"),
        "events": AuditEvent.objects.about(row)[:20],
        "may_manage": can(request.user, Permission.MANAGE_CREDENTIALS, row.application.team),
    }
    return render(request, "keymanager/credential.html", context)


@login_required
def rotate(request: HttpRequest, public_id: str) -> HttpResponse:
    row = visible_credential(request, public_id)
    check(request.user, Permission.MANAGE_CREDENTIALS, row.application.team)
    form = RotateForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        issued = actions.rotate(credential=row, **form.cleaned_data, by=person(request))
        row.refresh_from_db()
        return _show_secret(request, issued, old=row)
    now = timezone.now()
    context = {
        "form": form,
        "chosen": form.cleaned_data.get("overlap") if form.is_bound else form.fields["overlap"].initial,
        "credential": row,
        "application": row.application,
        "ends": [
            (seconds, label, now + timedelta(seconds=seconds)) for seconds, label in actions.OVERLAPS.items()
        ],
    }
    return render(request, "keymanager/rotate.html", context)


@login_required
def revoke(request: HttpRequest, public_id: str) -> HttpResponse:
    row = visible_credential(request, public_id)
    check(request.user, Permission.MANAGE_CREDENTIALS, row.application.team)
    form = RevokeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        row = actions.revoke(credential=row, by=person(request), reason=form.cleaned_data["reason"])
        messages.success(
            request,
            _("{name} is revoked. The receipt shows when the gateway refuses it.").format(name=row.name),
        )
        return redirect(row)
    subscriptions = row.application.subscriptions.filter(
        status__in=["active", "change_pending"]
    ).select_related("api")
    context = {
        "form": form,
        "credential": row,
        "application": row.application,
        "subscriptions": subscriptions[:20],
    }
    return render(request, "keymanager/revoke.html", context)


def visible_credential(request: HttpRequest, public_id: str) -> Credential:
    rows = Credential.objects.visible_to(request.user).select_related(
        "application__team", "created_by", "replaces", "issuer"
    )
    return get_object_or_404(rows, public_id=public_id)
