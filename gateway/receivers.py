"""What other apps changed, turned into receipts and a wake-up of the agent. Runs inside their transactions."""

from typing import Any

from apis.models import ApiVersion
from apis.signals import version_changed
from keymanager.models import Credential
from keymanager.signals import credential_changed
from portal.accounts.models import User
from subscriptions.models import Subscription
from subscriptions.signals import subscription_changed

from . import actions

# These do not touch traffic: nothing to prove.
_WITHOUT_TRAFFIC = frozenset({"requested", "plan_change_requested", "rejected", "discovered"})


def connect() -> None:
    """Listen to the three signals. Done once, by the app's `ready`."""
    version_changed.connect(on_version_changed, dispatch_uid="gateway.version")
    subscription_changed.connect(on_changed, dispatch_uid="gateway.subscription")
    credential_changed.connect(on_changed, dispatch_uid="gateway.credential")


def on_version_changed(*, instance: ApiVersion, event: str, by: User | None = None, **_: Any) -> None:
    if event not in _WITHOUT_TRAFFIC:
        actions.open_receipt(subject=instance, event=event, by=by)
        actions.notify("versions")


def on_changed(*, instance: Subscription | Credential, event: str, by: User | None = None, **_: Any) -> None:
    if event not in _WITHOUT_TRAFFIC:
        actions.open_receipt(subject=instance, event=event, by=by)
