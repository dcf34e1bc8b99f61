"""What one lets applications do, and how to take it back."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from keymanager.models import Consent
from portal.accounts.people import person

from . import grants


@login_required
def consents(request: HttpRequest) -> HttpResponse:
    rows = Consent.objects.visible_to(request.user).select_related("application__team")
    return render(request, "keymanager/consents.html", {"consents": rows})


@login_required
@require_POST
def withdraw(request: HttpRequest, public_id: str) -> HttpResponse:
    rows = Consent.objects.visible_to(request.user).select_related("application__team", "user")
    consent = get_object_or_404(rows, public_id=public_id)
    grants.withdraw(consent=consent, by=person(request))
    messages.success(
        request, _("{application} may no longer act for you.").format(application=consent.application)
    )
    return redirect("keymanager:consents")
