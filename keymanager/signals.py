"""The notices that the gateway acts on."""

from django.dispatch import Signal

# Sent inside the transaction of the change.
# sender=Credential, instance=Credential, event: str (issued, rotated, revoked, retired, token_revoked,
# tokens_revoked), by: User | None
credential_changed = Signal()

# A new credential is about to be shown, its transaction is over: receivers may wait until it works.
# sender=Credential, instance=Credential
credential_shown = Signal()

# sender=TrustedIssuer, instance=TrustedIssuer, by: User | None, event: str (trusted, edited, disabled, enabled, deleted,
# keys_changed, keys_fetched_again)
issuer_changed = Signal()
