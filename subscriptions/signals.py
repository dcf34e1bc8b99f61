"""The notice that gateway and key manager act on. Sent inside the transaction of the change."""

from django.dispatch import Signal

# sender=Subscription, instance=Subscription, event: str (requested, approved, rejected, suspended, resumed, plan_changed,
# cancelled, expired), by: User | None
subscription_changed = Signal()
