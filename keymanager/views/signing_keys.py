"""The keys that sign tokens, for administrators."""

from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from keymanager import actions, signing
from keymanager.models import SigningKey
from portal.accounts.people import person
from portal.accounts.roles import Permission, check


@login_required
def signing_keys(request: HttpRequest) -> HttpResponse:
    check(request.user, Permission.MANAGE_PORTAL)
    signing.ensure_signing_keys()
    keys = list(SigningKey.objects.order_by("-created_at", "-id")[:20])
    active = next(key for key in keys if key.status == SigningKey.Status.ACTIVE)
    due = (active.activated_at or active.created_at) + timedelta(days=settings.SIGNING_KEY_DAYS)
    published = set(SigningKey.objects.published().values_list("pk", flat=True))
    context = {
        "keys": keys,
        "published": published,
        "due": due,
        "days": settings.SIGNING_KEY_DAYS,
        "issuer": settings.ISSUER,
        "algorithm": settings.SIGNING_ALGORITHM,
        "switching": active.algorithm != settings.SIGNING_ALGORITHM,
    }
    return render(request, "keymanager/signing_keys.html", context)


@login_required
@require_POST
def rotate(request: HttpRequest) -> HttpResponse:
    key = actions.rotate_signing_key(by=person(request))
    messages.success(
        request,
        _("{kid} signs from now on. Tokens of the old key stay good until they end.").format(kid=key.kid),
    )
    return redirect("keymanager:signing-keys")
