from django import template

from ..models import Subscription

register = template.Library()


@register.simple_tag(takes_context=True)
def approvals_waiting(context: template.Context) -> int:
    """How many requests wait for the reader's decision, for the top bar."""
    user = getattr(context.get("request"), "user", None)
    return Subscription.objects.reviewable_by(user).waiting().count() if user else 0
