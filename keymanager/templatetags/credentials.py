"""The key manager's parts of an application's page."""

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django import template
from django.db.models import F, Prefetch
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _, ngettext

from apis.models import Api
from keymanager.forms import OVERLAP_HELP, TokenForm
from keymanager.models import Credential, CredentialKind, CredentialStatus, TrustedIssuer
from keymanager.rows import row_of
from portal.accounts.roles import Permission, can
from portal.listing import page_of, pager
from portal.templatetags.allowed import refusal
from portal.templatetags.portico import ago, lasting, pill
from subscriptions.models import Application

register = template.Library()
# Warnings above the list.
SHOWN = 5
SOON = timedelta(days=14)
# A name with its colon, a text, a number or word, a mark: what a line of JSON is made of.
_JSON = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:)|("(?:[^"\\]|\\.)*")|([-\w.]+)|([{}\[\],])')


@register.inclusion_tag("keymanager/_credentials.html", takes_context=True)
def credentials_of(context: template.Context, application: Application) -> dict[str, Any]:
    """The section with every credential of the application, in pages of its own: live ones first, then the newest."""
    request = context["request"]
    names = Prefetch("allowed_apis", Api.objects.only("name"))
    rows = application.credentials.select_related("issuer").prefetch_related(names)
    page = page_of(
        request,
        rows.order_by(F("revoked_at").desc(nulls_first=True), "-created_at", "-id"),
        name="credentials",
    )
    usable = list(application.credentials.usable().order_by(F("expires_at").asc(nulls_last=True), "pk"))
    soon = timezone.now() + SOON
    ending = [row for row in usable if row.expires_at and row.expires_at < soon]
    return {
        "request": request,
        "application": application,
        "rows": [row_of(credential, credential_pill(credential)) for credential in page.object_list],
        "why": refusal(context, Permission.MANAGE_CREDENTIALS, application.team),
        "expiring": [row for row in ending[:SHOWN] if row.rotatable],
        "has_clients": any(row.kind != CredentialKind.API_KEY for row in usable),
        "may_manage": can(request.user, Permission.MANAGE_CREDENTIALS, application.team),
        "outside": TrustedIssuer.objects.in_force().exists(),
        **pager(page, "credentials"),
    }


@register.inclusion_tag("keymanager/_token_panel.html", takes_context=True)
def token_panel_of(context: template.Context, application: Application) -> dict[str, Any]:
    """The section that mints a token by hand, for those who may manage credentials."""
    may = can(context["request"].user, Permission.MANAGE_CREDENTIALS, application.team)
    return {"application": application, "form": TokenForm(application=application) if may else None}


@register.simple_tag
def credential_count(application: Application) -> str:
    """How many credentials end with the application, as words."""
    count = application.credentials.live().count()
    return (
        ngettext(
            "{count} credential, and every token they got",
            "{count} credentials, and every token they got",
            count,
        ).format(count=count)
        if count
        else _("no credential: there is none")
    )


@register.simple_tag
def credential_pill(credential: Credential) -> SafeString:
    """Its status in the words of what that means now."""
    if credential.status == CredentialStatus.REVOKED:
        return pill("idle", _("Revoked"))
    if credential.expired:
        return pill("idle", _("Expired"))
    if not credential.trusted:
        return pill("warn", _("Issuer not trusted here"))
    if credential.status == CredentialStatus.RETIRING:
        left = lasting(credential.retires_at - timezone.now()) if credential.retires_at else ""
        return pill(
            "info",
            _("Overlap, {left} left").format(left=left) if credential.usable else _("Overlap is over"),
            "clock",
        )
    if credential.expires_at and credential.expires_at < timezone.now() + SOON:
        return pill("warn", _("Expires {ago}").format(ago=ago(credential.expires_at)), "clock")
    return pill("ok", _("Active"))


@register.filter
def overlap_help(seconds: object) -> str:
    """When an overlap of that length is the right one."""
    return OVERLAP_HELP.get(int(str(seconds)), "")


@register.filter
def minutes(seconds: int) -> str:
    """`10 min`."""
    return f"{seconds // 60} min"


@register.filter
def claims_as_code(claims: Mapping[str, Any]) -> SafeString:
    """A token's claims as indented JSON in the colours of the code panels."""
    lines = json.dumps(claims, indent=2).splitlines()
    return format_html_join("\n", "{}", ((_coloured(line),) for line in lines))


def _coloured(line: str) -> SafeString:
    found = [line[: len(line) - len(line.lstrip())]]
    for name, colon, text, word, mark in _JSON.findall(line):
        if name:
            found.append(format_html('<span class="nt">{}</span><span class="p">{}</span> ', name, colon))
        else:
            found.append(
                format_html(
                    '<span class="{}">{}</span>', "s" if text else "mi" if word else "p", text or word or mark
                )
            )
    return format_html_join("", "{}", ((part,) for part in found))
