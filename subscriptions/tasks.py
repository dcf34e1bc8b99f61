"""Mails about requests and decisions, and the expiry sweep."""

from celery import shared_task
from django.conf import settings
from django.core.mail import send_mail
from django.db.models import Q
from django.template.loader import render_to_string
from django.utils import timezone

from portal.accounts.models import Team, TeamRole
from portal.locks import advisory_lock

from .models import Subscription, SubscriptionStatus


@shared_task
def tell_reviewers(public_id: str) -> None:
    """Mail the API's team that a request waits. Sent twice if the task runs twice: better than never."""
    subscription = _subscription(public_id)
    if subscription and subscription.status in {
        SubscriptionStatus.PENDING,
        SubscriptionStatus.CHANGE_PENDING,
    }:
        _send(subscription, subscription.api.team, "requested")


@shared_task
def tell_consumers(public_id: str) -> None:
    """Mail the application's maintainers what was decided."""
    subscription = _subscription(public_id)
    if subscription:
        _send(subscription, subscription.application.team, "decided")


@shared_task
def expire_due() -> None:
    """End subscriptions whose date has passed."""
    from . import actions  # noqa: PLC0415  actions enqueue the tasks above

    with advisory_lock("expire_due") as acquired:
        if acquired:
            due = Subscription.objects.filter(
                status=SubscriptionStatus.ACTIVE, expires_at__lte=timezone.now()
            )
            for subscription in due.iterator():
                actions.expire(subscription=subscription)


def _subscription(public_id: str) -> Subscription | None:
    return (
        Subscription.objects.select_related(
            "application__team", "api__team", "plan", "requested_plan", "created_by"
        )
        .filter(public_id=public_id)
        .first()
    )


def _send(subscription: Subscription, team: Team | None, what: str) -> None:
    people = Q(memberships__role__in=[TeamRole.OWNER, TeamRole.MAINTAINER])
    to = (
        list(team.members.filter(people, is_active=True).values_list("email", flat=True).distinct())
        if team
        else []
    )
    if not to:
        return
    context = {
        "subscription": subscription,
        "approval": subscription.approvals.first(),
        "url": f"{settings.PORTAL_URL}{subscription.get_absolute_url()}",
    }
    subject = " ".join(render_to_string(f"subscriptions/mail/{what}_subject.txt", context).split())
    send_mail(subject, render_to_string(f"subscriptions/mail/{what}.txt", context), None, to)
