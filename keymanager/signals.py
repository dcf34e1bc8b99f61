"""The notice that the gateway acts on. Sent inside the transaction of the change."""

from django.dispatch import Signal

# sender=Credential, instance=Credential, event: str (issued, rotated, revoked, retired, token_revoked,
# tokens_revoked), by: User | None
credential_changed = Signal()
