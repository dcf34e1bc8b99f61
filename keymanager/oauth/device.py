"""The device grant's end point for devices, and its page for people."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from keymanager.models import Credential, DeviceRequest
from keymanager.resources import INVALID_TARGET
from portal.accounts import limits
from portal.accounts.limits import Limit
from portal.accounts.people import person

from . import devices, grants, oidc
from .authorize import signed_in_at

# Wrong codes of one person, and codes for devices of one client at one address, in ten minutes each.
_WRONG_CODES, _ASKED = 10, 60
_WINDOW = 600
_CODE_CHARACTERS_MAX = 40


def asked(request: HttpRequest, credential: Credential) -> dict[str, object] | str:
    """RFC 8628 3.2, or the error: `slow_down` where one address asks for too many codes."""
    entitlements = grants.opened(credential, request.POST.getlist("resource"))
    if entitlements is None:
        return INVALID_TARGET
    scopes = grants.wanted_scopes(entitlements, request.POST.get("scope", ""))
    if scopes is None:
        return "invalid_scope"
    if limits.count(
        Limit(f"device {credential.public_id} {limits.address_of(request)}", _ASKED, _WINDOW)
    ).wait:
        return "slow_down"
    codes = devices.ask(credential=credential, scopes=scopes, resources=entitlements.resources)
    page = f"{settings.PORTAL_URL}{reverse('keymanager:device')}"
    return {
        "device_code": codes.device,
        "user_code": codes.user,
        "verification_uri": page,
        "verification_uri_complete": f"{page}?user_code={codes.user}",
        "expires_in": devices.CODE_SECONDS,
        "interval": devices.INTERVAL_SECONDS,
    }


@login_required
def device(request: HttpRequest) -> HttpResponse:
    """Type the code, see who asks, allow or deny. A code in the address is only typed in, never acted on."""
    if request.method != "POST":
        return _page(request, code=request.GET.get("user_code", ""))
    by = person(request)
    code = request.POST.get("user_code", "")[:_CODE_CHARACTERS_MAX]
    limit = Limit(f"device code {by.public_id}", _WRONG_CODES, _WINDOW)
    if limits.wait_of_all([limit]):
        return _page(request, error=_("Too many wrong codes. Try again in ten minutes."), status=429)
    row = devices.waiting(code)
    if row is None:
        limits.count(limit)
        return _page(
            request,
            code=code,
            error=_("No device waits for this code. It may be over: each lives ten minutes."),
        )
    decision = request.POST.get("decision")
    if decision not in {"allow", "deny"}:
        return _page(request, code=code, row=row)
    devices.decide(device=row, allow=decision == "allow", signed_in_at=signed_in_at(request), by=by)
    told = "may act for you now. Go back to your device." if decision == "allow" else "got no access."
    messages.success(request, f"{row.credential.application} {told}")
    return redirect("keymanager:consents")


def _page(
    request: HttpRequest,
    *,
    code: str = "",
    row: DeviceRequest | None = None,
    error: str = "",
    status: int = 200,
) -> HttpResponse:
    scopes = row.scopes.split() if row else []
    context = {
        "code": code[:_CODE_CHARACTERS_MAX],
        "device": row,
        "application": row.credential.application if row else None,
        "credential": row.credential if row else None,
        "scopes": [(scope, oidc.SCOPES.get(scope, "")) for scope in scopes],
        "resources": row.resources.split() if row else [],
        "error": error,
    }
    response = render(request, "keymanager/device.html", context, status=status)
    response["Cache-Control"] = "no-store"
    return response
