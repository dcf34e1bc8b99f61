"""The deny list on its way to a real Envoy, ahead of everything else."""
# ruff: noqa: F811  the fixtures are another module's

import threading

import pytest

from gateway import compile  # noqa: A004  the module is named for what it does
from gateway.actions import notify
from keymanager import actions as credential_actions, tokens
from subscriptions import actions
from subscriptions.models import Subscription
from tests import factories
from tests.gateway.envoy import RunningEnvoy, wait_until
from tests.gateway.running import RunningAgent, agent, boss, proven, running, story  # noqa: F401  fixtures

pytestmark = [pytest.mark.gateway, pytest.mark.django_db(transaction=True)]


def test_revocation_waits_for_no_compile(
    agent: RunningAgent, running: RunningEnvoy, story: Subscription, boss, monkeypatch
) -> None:
    """While the agent is at its long work a key, a client and the end of an overlap are refused all the same."""
    actions.approve(subscription=story, by=boss)
    key, ending = (factories.KeyFactory(application=story.application, by=boss) for _ in range(2))
    client = factories.ClientFactory(application=story.application, by=boss)
    proven(client.credential, "issued")
    token = tokens.mint_for(credential=client.credential)
    held, goes_on, real = threading.Event(), threading.Event(), compile.access

    def slow() -> compile.Access:
        held.set()
        assert goes_on.wait(60)
        return real()

    monkeypatch.setattr(compile, "access", slow)
    monkeypatch.setitem(credential_actions.OVERLAPS, 2, "2 seconds")
    try:
        notify()
        wait_until(held.is_set)
        credential_actions.rotate(credential=ending.credential, overlap=2, by=boss)
        assert running.call("/orders/v1/items", key=ending.secret).status == 200
        credential_actions.revoke(credential=key.credential, by=boss)
        credential_actions.revoke(credential=client.credential, by=boss)
        wait_until(lambda: running.call("/orders/v1/items", key=key.secret).reason == "token_revoked")
        wait_until(lambda: running.call("/orders/v1/items", token=token).reason == "token_revoked")
        wait_until(lambda: running.call("/orders/v1/items", key=ending.secret).reason == "token_revoked")
    finally:
        goes_on.set()
    proven(key.credential, "revoked")
    proven(client.credential, "revoked")
