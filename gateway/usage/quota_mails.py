"""Mails about quotas that are nearly or wholly used up, to the team of the application: once each in a period."""

from django.conf import settings
from django.core.mail import send_mail
from django.db.models import Q
from django.template.loader import render_to_string
from django.utils import timezone

from gateway.models import QuotaUse
from portal.accounts.models import TeamRole
from subscriptions.models import Subscription

from .quotas import NEARLY, Standing, standings


def tell() -> None:
    """Send what is due. Raises the mail server's errors; then it is due again."""
    nearly = Q(nearly_at__isnull=False, told_nearly_at__isnull=True, told_exhausted_at__isnull=True)
    exhausted = Q(exhausted_at__isnull=False, told_exhausted_at__isnull=True)
    for use in QuotaUse.objects.current().filter(nearly | exhausted).order_by("pk"):
        _tell(use, "told_exhausted_at" if use.exhausted_at else "told_nearly_at")


def _tell(use: QuotaUse, told: str) -> None:
    """Noted before it is sent, and not while: the counting waits for nobody's mail server."""
    rows = QuotaUse.objects.filter(pk=use.pk)
    if not rows.filter(**{f"{told}__isnull": True}).update(**{told: timezone.now()}):
        return
    try:
        _send(use)
    except Exception:
        rows.update(**{told: None})
        raise


def _send(use: QuotaUse) -> None:
    live = Subscription.objects.live().filter(application=use.application_id, api=use.api_id)
    found = standings(live.select_related("application__team", "api", "plan"))
    # On another plan by now, or with more than it had: nothing to tell.
    if not found or found[0].used < NEARLY * found[0].quota.requests:
        return
    standing = found[0]
    to = _people(standing)
    context = {
        "standing": standing,
        "subscription": standing.subscription,
        "url": f"{settings.PORTAL_URL}{standing.subscription.get_absolute_url()}",
    }
    subject = " ".join(render_to_string("gateway/mail/quota_subject.txt", context).split())
    send_mail(subject, render_to_string("gateway/mail/quota.txt", context), None, to)


def _people(standing: Standing) -> list[str]:
    team = standing.subscription.application.team
    leading = Q(memberships__role__in=[TeamRole.OWNER, TeamRole.MAINTAINER])
    return list(team.members.filter(leading, is_active=True).values_list("email", flat=True).distinct())
