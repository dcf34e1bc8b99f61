"""OAuth clients as the token end point needs them, kept in this process's memory while nothing about them changes.

What changes a client or what it may do sends a notice (`connect`), which reaches the other processes as a NOTIFY of
Postgres in the transaction of the change: `changes` hears it within milliseconds. A process that has not been able to
listen for a second uses nothing that it remembers.
"""

import threading
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.db.models.signals import post_save
from oauth2_provider.models import AbstractApplication

from apis.signals import version_changed
from keymanager.entitlements import Entitlements, entitlements_of
from keymanager.models import Credential
from keymanager.signals import credential_changed
from subscriptions.models import Application
from subscriptions.signals import subscription_changed

CHANNEL = "portico_clients"
# The payload of a notice that is not about one application.
_EVERYBODY = "*"
# Beyond it the oldest are read again.
_REMEMBERED_MAX = 10_000
# A client in use is read again so often whatever happens: the sweep that heals a notice nobody sent.
_MAX_AGE_S = 10.0
# These change nothing that a token carries.
_WITHOUT_EFFECT = frozenset(
    {"requested", "plan_change_requested", "rejected", "discovered", "token_revoked", "tokens_revoked"}
)


@dataclass(frozen=True, slots=True)
class Client:
    """A confidential client for the client credentials grant, usable until `until` (seconds since 1970)."""

    public_id: str
    application: str
    application_pk: int
    environment: str
    secret_hash: str
    entitlements: Entitlements
    until: float


class _Held:
    """The clients of this process, and how often it has forgotten any."""

    clients: dict[str, Client] = {}
    forgotten: int = 0
    # Of those who write: nothing may be remembered between the look at `forgotten` and the writing.
    lock = threading.Lock()


def remembered(client_id: str) -> Client | None:
    """The client as this process knows it. No query; the caller sees to it that the process hears of changes."""
    client = _Held.clients.get(client_id)
    return client if client is not None and time.time() < client.until else None


def read(client_id: str) -> Client | None:
    """The client from the database, remembered from now on. Two queries; None where there is no such usable client."""
    before = _Held.forgotten
    client = _read(client_id)
    with _Held.lock:
        # What was forgotten meanwhile may have been read before it changed.
        if client is not None and before == _Held.forgotten:
            while len(_Held.clients) >= _REMEMBERED_MAX:
                del _Held.clients[next(iter(_Held.clients))]
            _Held.clients[client_id] = client
    return client


def forget(payload: str = _EVERYBODY) -> None:
    """Remember nothing more about an application's clients, by its row's key, or about anybody's."""
    with _Held.lock:
        _Held.forgotten += 1
        _Held.clients = {
            client_id: client
            for client_id, client in _Held.clients.items()
            if payload != _EVERYBODY and str(client.application_pk) != payload
        }


def connect() -> None:
    """Listen to what changes clients. Done once, by the app's `ready`."""
    credential_changed.connect(_on_change, dispatch_uid="keymanager.clients.credential")
    subscription_changed.connect(_on_change, dispatch_uid="keymanager.clients.subscription")
    version_changed.connect(_on_version, dispatch_uid="keymanager.clients.version")
    post_save.connect(_on_application, sender=Application, dispatch_uid="keymanager.clients.application")


def _on_change(*, instance: Any, event: str, **_: Any) -> None:
    if event not in _WITHOUT_EFFECT:
        _tell(str(instance.application_id))


def _on_version(*, event: str, **_: Any) -> None:
    if event not in _WITHOUT_EFFECT:
        _tell(_EVERYBODY)


def _on_application(*, instance: Application, created: bool, **_: Any) -> None:
    if not created:
        _tell(str(instance.pk))


def _tell(payload: str) -> None:
    """Here at once, for what follows in this transaction, and again with its end; elsewhere with its end."""
    forget(payload)
    # A full sync changes thousands of versions: once a transaction is enough, and one that is undone is undone here too.
    if any(waiting[1] is forget for waiting in connection.run_on_commit):
        return
    transaction.on_commit(forget if payload == _EVERYBODY else partial(forget, payload))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, payload])


def _read(client_id: str) -> Client | None:
    now = time.time()
    credential = (
        Credential.objects.usable()
        .select_related("oauth_application", "application")
        .filter(
            public_id=client_id,
            oauth_application__client_type=AbstractApplication.CLIENT_CONFIDENTIAL,
            oauth_application__authorization_grant_type=AbstractApplication.GRANT_CLIENT_CREDENTIALS,
        )
        .first()
    )
    if credential is None or credential.oauth_application is None:
        return None
    entitlements = entitlements_of(credential.application, credential.environment)
    ends = (credential.expires_at, credential.retires_at, entitlements.changes_at)
    return Client(
        public_id=credential.public_id,
        application=credential.application.public_id,
        application_pk=credential.application_id,
        environment=credential.environment,
        secret_hash=credential.oauth_application.client_secret,
        entitlements=entitlements,
        until=min([now + _MAX_AGE_S, *(end.timestamp() for end in ends if end is not None)]),
    )
