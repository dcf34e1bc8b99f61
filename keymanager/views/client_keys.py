"""The public keys of an OAuth client, with which it proves itself in place of its secret (RFC 7523)."""

import json

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import pluralize
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from keymanager.forms import ClientKeysForm
from keymanager.models import Credential, CredentialKind
from keymanager.oauth import client_keys
from portal.accounts.people import person
from portal.accounts.roles import Permission, check
from portal.errors import Invalid

from .credentials import visible_credential


@login_required
def keys(request: HttpRequest, public_id: str) -> HttpResponse:
    """See them, or put others in their place."""
    row = _manageable(request, public_id)
    form = ClientKeysForm(request.POST if request.method == "POST" else None, initial=_shown(row))
    if request.method == "POST":
        refused = _register(request, row, form)
        if not refused and form.is_valid():
            return redirect("keymanager:client-keys", public_id)
        form = form.emptied(*refused)
    context = {"form": form, "credential": row, "application": row.application}
    return render(request, "keymanager/client_keys.html", context)


def _register(request: HttpRequest, row: Credential, form: ClientKeysForm) -> list[str]:
    """Why the keys were refused."""
    if not form.is_valid():
        return []
    try:
        row = client_keys.register(credential=row, document=form.cleaned_data["keys"], by=person(request))
    except Invalid as refusal:
        return [f"{refusal.message} {refusal.remedy}".strip()]
    count = len(row.client_keys)
    messages.success(
        request,
        _("{name} proves itself with {count} key{pluralize} now.").format(
            name=row.name, count=count, pluralize=pluralize(count)
        ),
    )
    return []


def _shown(row: Credential) -> dict[str, str]:
    return {"keys": json.dumps({"keys": row.client_keys}, indent=2)} if row.client_keys else {}


@login_required
@require_POST
def withdraw(request: HttpRequest, public_id: str) -> HttpResponse:
    row = client_keys.withdraw(credential=_manageable(request, public_id), by=person(request))
    messages.success(request, _("{name} has no keys now: only its secret lets it in.").format(name=row.name))
    return redirect(row)


def _manageable(request: HttpRequest, public_id: str) -> Credential:
    row = visible_credential(request, public_id)
    if row.kind != CredentialKind.OAUTH_CLIENT:
        raise Http404
    check(request.user, Permission.MANAGE_CREDENTIALS, row.application.team)
    return row
