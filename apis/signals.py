"""The notice that gateway and key manager act on. Sent inside the transaction of the change."""

from django.dispatch import Signal

# sender=ApiVersion, instance=ApiVersion, event: str (published, updated, deprecated, blocked, withdrawn …), by: User | None
version_changed = Signal()
