"""One's own tokens for the REST API."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from keymanager import actions
from keymanager.forms import PersonalTokenForm
from keymanager.models import PersonalToken
from portal.accounts.people import person

from .secrets import show_once


@login_required
def tokens(request: HttpRequest) -> HttpResponse:
    form = PersonalTokenForm(request.POST or None, scopes=actions.personal_scopes(person(request)))
    issued = None
    if request.method == "POST" and form.is_valid():
        issued = actions.issue_personal_token(**form.cleaned_data, by=person(request))
        form = PersonalTokenForm(scopes=actions.personal_scopes(person(request)))
    rows = PersonalToken.objects.visible_to(request.user).select_related("access_token")
    context = {"form": form, "tokens": rows, "issued": issued}
    if issued:
        address = f"{settings.PORTAL_URL}{reverse('rest-applications-list')}"
        context["line"] = f"curl -H 'Authorization: Bearer {issued.secret}' {address}"
        return show_once(request, "keymanager/personal_tokens.html", **context)
    return render(request, "keymanager/personal_tokens.html", context)


@login_required
@require_POST
def revoke(request: HttpRequest, public_id: str) -> HttpResponse:
    token = get_object_or_404(PersonalToken.objects.visible_to(request.user), public_id=public_id)
    actions.revoke_personal_token(token=token, by=person(request))
    messages.success(
        request, _("{name} is revoked. Whoever uses it gets 401 from now on.").format(name=token.name)
    )
    return redirect("keymanager:tokens")
