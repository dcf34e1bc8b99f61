"""What other apps changed, turned into receipts and a wake-up of the agent. Runs inside their transactions, but for
`on_shown`."""

from typing import Any

from apis.models import ApiVersion
from apis.signals import version_changed
from keymanager.models import Credential, CredentialKind
from keymanager.signals import credential_changed, credential_shown, issuer_changed
from portal.accounts.models import User
from subscriptions.models import Subscription
from subscriptions.signals import subscription_changed

from . import actions, listen, receipts

# These do not touch traffic: nothing to prove.
_WITHOUT_TRAFFIC = frozenset({"requested", "plan_change_requested", "rejected", "discovered"})

_SHOWN_AFTER_S = 3.0


def connect() -> None:
    """Listen to the other apps' signals. Done once, by the app's `ready`."""
    version_changed.connect(on_version_changed, dispatch_uid="gateway.version")
    subscription_changed.connect(on_changed, dispatch_uid="gateway.subscription")
    credential_changed.connect(on_changed, dispatch_uid="gateway.credential")
    credential_shown.connect(on_shown, dispatch_uid="gateway.shown")
    issuer_changed.connect(on_issuer_changed, dispatch_uid="gateway.issuer")


def on_version_changed(*, instance: ApiVersion, event: str, by: User | None = None, **_: Any) -> None:
    if event not in _WITHOUT_TRAFFIC:
        actions.open_receipt(subject=instance, event=event, by=by)
        actions.notify("versions")


def on_changed(*, instance: Subscription | Credential, event: str, by: User | None = None, **_: Any) -> None:
    if event not in _WITHOUT_TRAFFIC:
        actions.open_receipt(subject=instance, event=event, by=by)


def on_shown(*, instance: Credential, **_: Any) -> None:
    """Whoever sees a key may call with it at once: it is shown when the gateway knows it, or does not in time.

    A client of ours needs no waiting for: the gateway knows its tokens by their signature.
    """
    if instance.kind != CredentialKind.OAUTH_CLIENT and listen.at_work():
        receipts.await_accepted(instance, seconds=_SHOWN_AFTER_S)


def on_issuer_changed(**_: Any) -> None:
    """No receipt: what an issuer's tokens open is proven for each of its clients."""
    actions.notify()
