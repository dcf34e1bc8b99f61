"""The requests that wait for the reader, in the top bar of every page."""

from django import template
from django.db import connection

from apis.models import Api
from portal.accounts.models import Viewer
from portal.accounts.roles import Permission, teams_with

from ..models import Subscription

register = template.Library()
# As Subscription.objects.reviewable_by(user).waiting(), which a test holds it to: half of the time of the page's smallest
# statement is what the ORM takes to write it down, and every page asks this one.
_WAITING = f"""
    SELECT count(*) FROM {Subscription._meta.db_table} asked JOIN {Api._meta.db_table} api ON api.id = asked.api_id
    WHERE asked.status IN ('pending', 'change_pending') AND (%s OR api.team_id = ANY(%s))
"""  # noqa: S608  our own names


@register.simple_tag(takes_context=True)
def approvals_waiting(context: template.Context) -> int:
    """How many requests wait for the reader's decision."""
    user = getattr(context.get("request"), "user", None)
    return waiting(user) if user else 0


def waiting(user: Viewer) -> int:
    if not user.is_authenticated:
        return 0
    teams = teams_with(user, Permission.REVIEW)
    if not teams and not user.is_admin:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, [user.is_admin, teams])
        return int(cursor.fetchone()[0])
