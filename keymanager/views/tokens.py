"""Access tokens by hand: mint one to try things, revoke one that leaked."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from keymanager import actions, revocation, signing
from keymanager.first_calls import token_calls
from keymanager.forms import RevokeForm, RevokeTokenForm, TokenForm
from keymanager.models import TokenCutoff
from portal.accounts.people import person
from portal.accounts.roles import Permission, check
from portal.errors import Invalid
from portal.htmx import wants_part
from subscriptions.models import Application

from .secrets import show_once


@login_required
def panel(request: HttpRequest, public_id: str) -> HttpResponse:
    """The token panel as a page of its own; POST mints. htmx gets the region `#jwt` alone."""
    application = get_object_or_404(
        Application.objects.visible_to(request.user).select_related("team"), public_id=public_id
    )
    check(request.user, Permission.MANAGE_CREDENTIALS, application.team)
    form = TokenForm(request.POST or None, application=application)
    minted = _mint(request, form) if request.method == "POST" and form.is_valid() else None
    template = "keymanager/_minted.html" if wants_part(request) else "keymanager/token.html"
    return show_once(request, template, application=application, form=form, minted=minted)


def _mint(request: HttpRequest, form: TokenForm) -> dict[str, Any] | None:
    """The token and what there is to say about it; None with the reason in the form where it is refused."""
    credential, scopes, lifetime = (form.cleaned_data[name] for name in ("credential", "scopes", "lifetime"))
    try:
        text = actions.mint_token(credential=credential, scopes=scopes, lifetime=lifetime, by=person(request))
    except Invalid as refusal:
        form.add_error(refusal.field, f"{refusal.message} {refusal.remedy}")
        return None
    claims = signing.verify(text)
    return {
        "text": text,
        "parts": text.split("."),
        "algorithm": signing.key_ring().algorithm,
        "claims": claims,
        "scopes": claims["scope"].split(),
        "subs": list(claims["subs"].items()),
        "lifetime": lifetime,
        "calls": token_calls(
            token=text,
            application=credential.application,
            environment=credential.environment,
            scopes=claims["scope"].split(),
        ),
    }


@login_required
def revoke(request: HttpRequest) -> HttpResponse:
    """End one token by pasting it. It is never shown again, nor kept."""
    form = RevokeTokenForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            revoked = actions.revoke_token(token=form.cleaned_data["token"], by=person(request))
        except Invalid as refusal:
            form.add_error("token", f"{refusal.message} {refusal.remedy}")
        else:
            messages.success(
                request,
                _("The token {jti} is revoked. The receipt shows when the gateway refuses it.").format(
                    jti=revoked.jti
                ),
            )
            return redirect(revoked.credential)
    return show_once(request, "keymanager/revoke_token.html", form=form)


@login_required
def revoke_all(request: HttpRequest, public_id: str) -> HttpResponse:
    """End every token that the application has got so far."""
    application = get_object_or_404(
        Application.objects.visible_to(request.user).select_related("team"), public_id=public_id
    )
    check(request.user, Permission.MANAGE_CREDENTIALS, application.team)
    form = RevokeForm(request.POST or None)
    clients = revocation.clients_of(application)
    if request.method == "POST" and form.is_valid():
        cutoff = revocation.revoke_issued_tokens(
            application=application, by=person(request), reason=form.cleaned_data["reason"]
        )
        messages.success(
            request,
            _(
                "Tokens issued before {not_before:%H:%M:%S} UTC are revoked. The receipt of each client shows when the gateway refuses them."
            ).format(not_before=cutoff.not_before),
        )
        return redirect(clients[0] if len(clients) == 1 else application)
    context = {
        "form": form,
        "application": application,
        "clients": clients,
        "people": revocation.people_signed_in(application),
        "cutoff": TokenCutoff.objects.filter(application=application).first(),
    }
    return render(request, "keymanager/revoke_tokens.html", context)
