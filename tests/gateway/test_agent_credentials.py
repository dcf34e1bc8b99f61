"""Keys, clients and tokens from a click to the gateway: real Postgres, real Envoy, the agent's own loop."""
# ruff: noqa: F811  the fixtures are another module's

import json
from itertools import cycle

import pytest
from django.db import connections
from django.utils import timezone

from apis.models import Plan
from bench.traffic import Traffic
from gateway.models import Receipt
from keymanager import actions as credential_actions, revocation, signing, tasks as credential_tasks, tokens
from keymanager.models import SigningKey
from keymanager.outside import actions as outside_actions
from subscriptions import actions
from subscriptions.models import Subscription
from tests import factories
from tests.gateway import tokens as outside_tokens
from tests.gateway.envoy import RunningEnvoy, wait_until
from tests.gateway.running import (  # noqa: F401  fixtures
    RunningAgent,
    agent,
    answers,
    boss,
    call,
    one_signing_key,
    proven,
    running,
    story,
    tell,
)

pytestmark = [pytest.mark.gateway, pytest.mark.django_db(transaction=True)]


def test_credentials_issued_rotated_revoked(
    agent: RunningAgent, running: RunningEnvoy, story: Subscription, boss
) -> None:
    actions.approve(subscription=story, by=boss)
    key = factories.KeyFactory(application=story.application, by=boss)
    client = factories.ClientFactory(application=story.application, by=boss)
    assert proven(key.credential, "issued").probes[0]["answered"] == "204"
    assert proven(client.credential, "issued").probes[0]["answered"] == "204"
    token = tokens.mint_for(credential=client.credential)
    assert running.call("/orders/v1/items", key=key.secret).status == 200
    assert running.call("/orders/v1/items", token=token).status == 200

    fresh = credential_actions.rotate(credential=key.credential, by=boss, overlap=3600)
    proven(key.credential, "rotated")
    proven(fresh.credential, "issued")
    assert running.call("/orders/v1/items", key=key.secret).status == 200
    assert running.call("/orders/v1/items", key=fresh.secret).status == 200

    credential_actions.revoke(credential=key.credential, by=boss)
    credential_actions.revoke_token(token=token, by=boss)
    proven(key.credential, "revoked")
    proven(client.credential, "token_revoked")
    assert running.call("/orders/v1/items", key=key.secret).status == 401
    assert running.call("/orders/v1/items", key=fresh.secret).status == 200
    assert running.call("/orders/v1/items", token=token).reason == "token_revoked"
    assert running.call("/orders/v1/items", token=tokens.mint_for(credential=client.credential)).status == 200

    late = tokens.mint_for(credential=client.credential)
    credential_actions.revoke(credential=client.credential, by=boss)
    proven(client.credential, "revoked")
    assert running.call("/orders/v1/items", token=late).reason == "token_revoked"


def test_revocations_end_in_a_refused_probe(
    agent: RunningAgent, running: RunningEnvoy, story: Subscription, boss
) -> None:
    """A key, a client, one token, and all tokens of an application: each receipt shows the refusal itself."""
    actions.approve(subscription=story, by=boss)
    keys = [
        factories.KeyFactory(application=story.application, by=boss, environment=environment).credential
        for environment in ("production", "sandbox")
    ]
    clients = [
        factories.ClientFactory(application=story.application, by=boss, environment=environment).credential
        for environment in ("production", "sandbox")
    ]
    old = [tokens.mint_for(credential=client) for client in clients]
    wait_until(
        lambda: all(Receipt.objects.about(row).get().status == "complete" for row in (*keys, *clients))
    )

    for client, token in zip(clients, old, strict=True):
        credential_actions.revoke_token(token=token, by=boss)
        assert answers(client, "token_revoked") == ["401 token_revoked"]
    old = [tokens.mint_for(credential=client) for client in clients]
    cutoff = revocation.revoke_issued_tokens(application=story.application, by=boss)
    for client, token in zip(clients, old, strict=True):
        assert answers(client, "tokens_revoked") == ["401 token_revoked"]
        refused = running.call("/orders/v1/items", token=token, environment=client.environment)
        assert refused.reason == "token_revoked"
    wait_until(lambda: timezone.now() >= cutoff.not_before)
    for client in clients:
        fresh = tokens.mint_for(credential=client)
        assert running.call("/orders/v1/items", token=fresh, environment=client.environment).status == 200
        credential_actions.revoke(credential=client, by=boss)
        assert answers(client, "revoked") == ["401 token_revoked"]
    for key in keys:
        credential_actions.revoke(credential=key, by=boss)
        assert answers(key, "revoked") == ["401 key_unknown"]


@pytest.mark.parametrize("environment", ["production", "sandbox"])
def test_limited_keys_are_proven_inside_and_outside(
    environment: str, agent: RunningAgent, running: RunningEnvoy, story: Subscription, backend: str, boss
) -> None:
    other = factories.ApiVersionFactory(
        api=factories.ApiFactory(slug="refunds"),
        base_path="/refunds/v1",
        upstreams={environment: {"url": backend}},
    )
    factories.SubscriptionFactory(application=story.application, api=other.api)
    tell(other, "published")
    proven(other, "published")
    actions.approve(subscription=story, by=boss)

    def issued(**limits: list[str]) -> credential_actions.Issued:
        return credential_actions.issue_key(
            application=story.application, environment=environment, name="Key", by=boss, **limits
        )

    one = issued(allowed_apis=["orders"])
    away = issued(allowed_ranges=["2001:db8::/32", "192.0.2.0/24"])
    here = issued(allowed_apis=["orders", "refunds"], allowed_ranges=["127.0.0.0/8"])

    assert answers(one.credential, "issued") == ["204", "403 key_not_for_api"]
    assert answers(away.credential, "issued") == ["204", "403 address_not_allowed"]
    assert answers(here.credential, "issued") == ["204", "403 address_not_allowed"]
    for key, orders, refunds in (
        (one, None, "key_not_for_api"),
        (away, "address_not_allowed", "address_not_allowed"),
        (here, None, None),
    ):
        called = [
            running.call(path, key=key.secret, environment=environment)
            for path in ("/orders/v1/items", "/refunds/v1/items")
        ]
        assert [answer.reason for answer in called] == [orders, refunds]

    fresh = credential_actions.rotate(credential=one.credential, by=boss, overlap=0)
    assert answers(one.credential, "revoked") == ["401 key_unknown"]
    assert answers(fresh.credential, "issued") == ["204", "403 key_not_for_api"]


def test_outside_issuer_from_trust_to_deletion(
    agent: RunningAgent, running: RunningEnvoy, story: Subscription, boss
) -> None:
    """A token of somebody else's issuer opens what the application that its client was added to may call."""
    theirs = outside_tokens.signing_key("theirs")
    actions.approve(subscription=story, by=boss)
    issuer = factories.IssuerFactory(by=boss, given_keys=json.loads(outside_tokens.jwks(theirs)))
    client = factories.ExternalClientFactory(
        application=story.application, issuer=issuer, external_id="billing", by=boss
    )

    def seen(**claims: object) -> tuple[int, str | None]:
        about = {"iss": issuer.url, "client_id": "billing", "app": None, **claims}
        token = outside_tokens.mint(theirs, outside_tokens.claims("https://apis.example", **about))
        answer = running.call("/orders/v1/items", token=token)
        return answer.status, answer.reason

    (probe,) = proven(client, "issued").probes
    assert (probe["answered"], "names the client billing of" in probe["as"]) == ("204", True)
    assert seen() == (200, None)
    assert seen(client_id="another") == (401, "client_unknown")

    cutoff = revocation.revoke_issued_tokens(application=story.application, by=boss)
    assert answers(client, "tokens_revoked") == ["401 token_revoked"]
    new = int(cutoff.not_before.timestamp())
    assert seen(iat=new - 1) == (401, "token_revoked")
    assert seen(iat=new) == (200, None)

    outside_actions.disable(issuer=issuer, by=boss)
    wait_until(lambda: seen() == (401, "token_invalid"))
    outside_actions.enable(issuer=issuer, by=boss)
    wait_until(lambda: seen(iat=new) == (200, None))

    credential_actions.revoke(credential=client, by=boss)
    assert proven(client, "revoked").probes[0]["answered"] in {"401 client_unknown", "401 token_revoked"}
    assert seen()[0] == 401
    again = factories.ExternalClientFactory(
        application=story.application, issuer=issuer, external_id="billing", by=boss
    )
    proven(again, "issued")
    assert seen(iat=new) == (200, None)

    outside_actions.delete(issuer=issuer, by=boss)
    proven(again, "revoked")
    wait_until(lambda: seen() == (401, "token_invalid"))


def test_signing_keys_rotate_under_traffic(
    agent: RunningAgent, running: RunningEnvoy, story: Subscription, boss, settings
) -> None:
    """Once by hand, and once to ES256 by the setting: no call fails, with tokens of the old keys nor of the new."""
    Plan.objects.update(rate_requests=100_000, burst=10_000)
    tell(story.api.current_version, "published")
    proven(story.api.current_version, "published")
    actions.approve(subscription=story, by=boss)
    proven(story, "approved")
    kept = [tokens.mint(application=story.application, environment="production")]
    fresh = cycle([True, False])

    def mint() -> str:
        if next(fresh):
            return tokens.mint(application=story.application, environment="production")
        return kept[-1]

    def published_long_ago() -> None:
        age = timezone.timedelta(seconds=settings.JWKS_CACHE_SECONDS + 1)
        SigningKey.objects.filter(status="next").update(created_at=timezone.now() - age)

    address = running.options.listeners["production"]
    url = f"http://{address.host}:{address.port}/orders/v1/items"
    callers = {"token": lambda: {"authorization": f"Bearer {mint()}"}}
    with Traffic(url, rate=50, callers=callers, at_end=connections.close_all, threads=1) as traffic:

        def twenty_more() -> None:
            goal = len(traffic.calls) + 20
            wait_until(lambda: len(traffic.calls) >= goal, what=lambda: traffic.failed)

        published_long_ago()
        credential_actions.rotate_signing_key(by=boss)
        twenty_more()
        settings.SIGNING_ALGORITHM = "ES256"
        credential_tasks.rotate_signing_keys()
        signing.forget()
        # Any change makes the gateway read the keys, as the minute does.
        proven(factories.KeyFactory(application=story.application, by=boss).credential, "issued")
        published_long_ago()
        credential_tasks.rotate_signing_keys()
        signing.forget()
        assert signing.key_ring().algorithm == "ES256"
        twenty_more()

    kept.append(tokens.mint(application=story.application, environment="production"))
    assert [running.call("/orders/v1/items", token=token).status for token in kept] == [200, 200]
    assert {call.status for call in traffic.calls} == {200}
