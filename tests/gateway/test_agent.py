"""From a click to the gateway: real Postgres, real Envoy, the agent's own loop."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import cycle

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from apis import actions as api_actions
from apis.models import ApiVersion, Plan
from apis.signals import version_changed
from bench.traffic import Traffic
from gateway import actions as gateway_actions, sweep
from gateway.agent import Agent
from gateway.models import Receipt, ReceiptStatus, Revision, VersionHealth, VersionProblem
from gateway.publish import Publisher, envoy_options
from gateway.usage import quotas
from keymanager import actions as credential_actions, revocation, signing, tasks as credential_tasks, tokens
from keymanager.models import SigningKey
from keymanager.outside import actions as outside_actions
from subscriptions import actions
from subscriptions.models import Subscription
from tests import factories
from tests.gateway import tokens as outside_tokens
from tests.gateway.envoy import Answer, RunningEnvoy, free_port, wait_until

pytestmark = [pytest.mark.gateway, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def running(envoy_here: None, settings, tmp_path_factory) -> Iterator[RunningEnvoy]:
    """Envoy's folder and ports, in the settings. Envoy is started by the test, after the agent's first write."""
    state = tmp_path_factory.mktemp("st")
    settings.STATE_DIR, settings.GATEWAY_DIR = state, state / "gateway"
    addresses = {name: f"127.0.0.1:{free_port()}" for name in ("production", "sandbox")}
    settings.GATEWAY_LISTEN = settings.GATEWAY_PROBE = addresses
    settings.GATEWAY_URLS = {name: f"http://{address}" for name, address in addresses.items()}
    envoy = RunningEnvoy(envoy_options())
    envoy.log = state / "logs" / "envoy.log"
    envoy.log.parent.mkdir()
    yield envoy
    envoy.stop()


class RunningAgent:
    """The agent in a thread of its own, with database connections of its own, as in a process of its own."""

    def __init__(self) -> None:
        self.stop_event = threading.Event()
        self.failed: BaseException | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        options = envoy_options()
        try:
            Agent(Publisher(options), options.probe_secret, stopping=self.stop_event.is_set).run()
        except BaseException as error:
            self.failed = error
        finally:
            connection.close()

    def start(self) -> "RunningAgent":
        self.thread.start()
        return self

    def close(self) -> None:
        self.stop_event.set()
        self.thread.join(timeout=10)
        assert not self.thread.is_alive()
        if self.failed:
            raise self.failed


@pytest.fixture
def story(backend: str) -> Subscription:
    """A manual subscription that waits, to an API with one plain and one scoped operation."""
    upstreams = {name: {"url": backend, "timeout_seconds": 5} for name in ("production", "sandbox")}
    version = factories.ApiVersionFactory(
        api=factories.ApiFactory(slug="orders"), upstreams=upstreams, base_path="/orders/v1"
    )
    return factories.SubscriptionFactory(api=version.api, status="pending")


@pytest.fixture
def agent(running: RunningEnvoy, story: Subscription) -> Iterator[RunningAgent]:
    with closing(RunningAgent().start()) as started:
        wait_until(running.options.bootstrap.exists)
        running.start()
        yield started


@transaction.atomic
def tell(version: ApiVersion, event: str) -> None:
    version_changed.send(sender=ApiVersion, instance=version, event=event, by=None)


def proven(subject: object, event: str) -> Receipt:
    """Wait until the newest receipt of this event is complete."""

    def newest() -> Receipt | None:
        return Receipt.objects.about(subject).filter(event=event).first()

    wait_until(
        lambda: (row := newest()) and row.status != ReceiptStatus.RUNNING,
        what=lambda: vars(newest() or object()),
    )
    receipt = newest()
    assert receipt is not None
    assert receipt.status == ReceiptStatus.COMPLETE, (receipt.problem, receipt.probes)
    return receipt


def call(envoy: RunningEnvoy, subscription: Subscription, **changes: object) -> Answer:
    token = tokens.mint(application=subscription.application, environment="production")
    return envoy.call("/orders/v1/items", token=token, **changes)


@pytest.fixture
def boss() -> object:
    return factories.UserFactory(is_admin=True)


def test_subscription_from_approval_to_cancellation(
    agent: RunningAgent, running: RunningEnvoy, story: Subscription, boss
) -> None:
    tell(story.api.current_version, "published")
    proven(story.api.current_version, "published")
    assert call(running, story).reason == "not_subscribed"

    actions.approve(subscription=story, by=boss)
    receipt = proven(story, "approved")
    assert call(running, story).status == 200
    assert [bool(receipt.at(hop)) for hop in Receipt.HOPS] == [True] * 5
    assert [probe["answered"] for probe in receipt.probes] == ["204", "204"]
    assert all(probe["request_id"] for probe in receipt.probes)
    assert receipt.evidence["accepted"].startswith("subs.pb update_success")
    assert "subs.pb" in receipt.evidence["written"]

    actions.suspend(subscription=story, by=boss, reason="Too many errors")
    assert proven(story, "suspended").probes[0]["answered"] == "403 suspended"
    assert call(running, story).reason == "suspended"

    actions.resume(subscription=story, by=boss)
    proven(story, "resumed")
    assert call(running, story).status == 200

    actions.cancel(subscription=story, by=boss)
    proven(story, "cancelled")
    assert call(running, story).reason == "not_subscribed"


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


def answers(subject: object, event: str) -> list[str]:
    """What the probes of its receipt saw."""
    return [probe["answered"] for probe in proven(subject, event).probes]


@pytest.mark.parametrize("environment", ["production", "sandbox"])
def test_limited_keys_are_proven_inside_and_outside(
    environment: str, agent: RunningAgent, running: RunningEnvoy, story: Subscription, backend: str, boss
) -> None:
    other = factories.ApiVersionFactory(
        api=factories.ApiFactory(slug="refunds"),
        base_path="/refunds/v1",
        upstreams={environment: {"url": backend}},
    )
    tell(other, "published")
    actions.approve(subscription=story, by=boss)
    factories.SubscriptionFactory(application=story.application, api=other.api)

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


def test_version_blocked_unblocked_and_retired(
    agent: RunningAgent, running: RunningEnvoy, story: Subscription, boss
) -> None:
    actions.approve(subscription=story, by=boss)
    proven(story, "approved")
    version = story.api.current_version

    api_actions.block(version=version, by=boss, reason="It leaks")
    proven(version, "blocked")
    assert call(running, story).reason == "blocked_api"

    api_actions.unblock(version=version, by=boss)
    proven(version, "unblocked")
    assert call(running, story).status == 200

    ApiVersion.objects.filter(pk=version.pk).update(withdrawn_at=timezone.now())
    version.refresh_from_db()
    tell(version, "withdrawn")
    proven(version, "withdrawn")
    assert call(running, story).reason == "unknown_path"


def test_bad_version_is_held_back_alone(
    agent: RunningAgent, running: RunningEnvoy, story: Subscription, boss
) -> None:
    bad = factories.ApiVersionFactory(upstreams={"production": {"url": "ftp://nowhere"}})
    worse = factories.ApiVersionFactory(upstreams={"production": "nonsense"})
    actions.approve(subscription=story, by=boss)
    tell(bad, "published")

    proven(story, "approved")
    assert call(running, story).status == 200
    wait_until(lambda: VersionProblem.objects.count() == 2)
    assert "ftp://nowhere" in bad.gateway_problem.message
    assert "cannot be read" in worse.gateway_problem.message
    wait_until(lambda: Receipt.objects.about(bad).get().status == ReceiptStatus.STUCK, seconds=30)
    assert "held back" in Receipt.objects.about(bad).get().problem


def test_changes_without_an_agent_are_made_up_for(running: RunningEnvoy, story: Subscription, boss) -> None:
    with closing(RunningAgent().start()):
        wait_until(running.options.bootstrap.exists)
        running.start()
    actions.approve(subscription=story, by=boss)
    assert call(running, story).status in (403, 404)

    with closing(RunningAgent().start()):
        proven(story, "approved")
        assert call(running, story).status == 200


def test_envoy_restarts_on_what_was_agreed(running: RunningEnvoy, story: Subscription, boss) -> None:
    """No agent runs while Envoy comes back, and a change made while it was away is proved when it has."""
    with closing(RunningAgent().start()):
        wait_until(running.options.bootstrap.exists)
        running.start()
        actions.approve(subscription=story, by=boss)
        proven(story, "approved")
    running.stop(kill=True)
    running.start()
    assert call(running, story).status == 200

    with closing(RunningAgent().start()):
        running.stop(kill=True)
        actions.suspend(subscription=story, by=boss, reason="Test")
        wait_until(
            lambda: Receipt.objects.about(story).filter(event="suspended", written_at__isnull=False).exists()
        )
        running.start()
        proven(story, "suspended")


def test_files_that_were_changed_by_hand_are_healed(
    agent: RunningAgent, running: RunningEnvoy, story: Subscription, boss
) -> None:
    actions.approve(subscription=story, by=boss)
    proven(story, "approved")
    good = (running.options.resources / "subs.pb").read_bytes()
    (running.options.resources / "subs.pb").write_bytes(b"")
    actions.suspend(subscription=story, by=boss, reason="Test")
    proven(story, "suspended")
    actions.resume(subscription=story, by=boss)
    proven(story, "resumed")

    assert (running.options.resources / "subs.pb").read_bytes() == good


def test_refused_configuration_keeps_the_last_good_one(
    agent: RunningAgent, running: RunningEnvoy, story: Subscription, boss, monkeypatch
) -> None:
    """Envoy says no; its files are put back, the revision keeps its words, and another change still goes through."""
    from gateway.targets.envoy import files

    actions.approve(subscription=story, by=boss)
    proven(story, "approved")
    good = (running.options.resources / "ratelimit.json").read_bytes()
    real = files.rate_limit_resource
    monkeypatch.setattr(files, "rate_limit_resource", lambda plans: real(plans) | {"no_such_field": 1})
    tell(story.api.current_version, "plan_changed")
    factories.PlanFactory(slug="other")

    wait_until(lambda: Revision.objects.exclude(rejection="").exists())
    assert "no_such_field" in Revision.objects.exclude(rejection="").first().rejection
    wait_until(lambda: (running.options.resources / "ratelimit.json").read_bytes() == good)
    assert call(running, story).status == 200


def test_lost_database_connections_are_made_anew(
    agent: RunningAgent, running: RunningEnvoy, story: Subscription, boss
) -> None:
    """As when Postgres is killed: every connection of the agent ends at once."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    actions.approve(subscription=story, by=boss)
    receipt = proven(story, "approved")

    assert call(running, story).status == 200
    assert receipt.evidence["probed"]


def test_only_one_agent_writes(agent: RunningAgent, running: RunningEnvoy, story: Subscription, boss) -> None:
    with closing(RunningAgent().start()):
        actions.approve(subscription=story, by=boss)
        proven(story, "approved")
        revisions = Revision.objects.count()
    actions.suspend(subscription=story, by=boss, reason="Test")
    proven(story, "suspended")

    assert Revision.objects.count() == revisions + 1


def test_access_ends_by_the_clock(
    agent: RunningAgent, running: RunningEnvoy, story: Subscription, boss
) -> None:
    actions.approve(subscription=story, by=boss)
    Subscription.objects.filter(pk=story.pk).update(expires_at=timezone.now() + timezone.timedelta(seconds=2))
    factories.KeyFactory(application=story.application, by=boss)

    wait_until(lambda: call(running, story).status == 200)
    wait_until(lambda: call(running, story).reason == "not_subscribed")


@pytest.fixture(autouse=True)
def _one_signing_key() -> Callable[[], None] | None:
    """The key ring is remembered by the process, the database is emptied after every test."""
    signing.forget()
    return None


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


def test_sweep_finds_what_is_not_as_agreed(
    agent: RunningAgent, running: RunningEnvoy, story: Subscription, boss
) -> None:
    """Told to nobody, so the gateway goes on: the sweep sees it, and a receipt shows how it was mended."""
    actions.approve(subscription=story, by=boss)
    proven(story, "approved")
    secret = running.options.probe_secret
    assert sweep.sweep(secret) == 0

    Subscription.objects.filter(pk=story.pk).update(status="suspended")
    assert call(running, story).status == 200
    assert sweep.sweep(secret) == 1
    receipt = proven(story, sweep.EVENT)
    assert [probe["answered"] for probe in receipt.probes] == ["403 suspended"] * 2
    assert call(running, story).reason == "suspended"
    assert sweep.sweep(secret) == 0


def test_sweep_notes_what_versions_answer(
    agent: RunningAgent, running: RunningEnvoy, story: Subscription, boss
) -> None:
    """What the gateway does not do as it must is seen, and opens a receipt, but no second one while that is stuck."""
    actions.approve(subscription=story, by=boss)
    proven(story, "approved")
    secret = running.options.probe_secret
    assert sweep.look_at_versions(secret, 0) == 0
    health = VersionHealth.objects.get(version__api=story.api)
    assert health.answering

    # Nobody told the gateway, so it goes on as before.
    ApiVersion.objects.filter(pk=health.version_id).update(status="blocked")
    for _ in range(2):
        wait_until(lambda: not Receipt.objects.filter(status=ReceiptStatus.RUNNING).exists())
        sweep.look_at_versions(secret, 0)
        health.refresh_from_db()
        assert not health.answering
    assert Receipt.objects.about(health.version).filter(event=sweep.EVENT).count() == 1
    ApiVersion.objects.filter(pk=health.version_id).update(status="published")
    sweep.look_at_versions(secret, 0)
    health.refresh_from_db()
    assert health.answering


def test_used_up_quota_is_what_its_probe_must_see(
    agent: RunningAgent, running: RunningEnvoy, story: Subscription, boss
) -> None:
    Plan.objects.filter(pk=story.plan_id).update(quota_requests=1, quota_period="day")
    actions.approve(subscription=story, by=boss)
    proven(story, "approved")
    quotas.add({(story.application.public_id, story.api.slug, timezone.now()): 1}, timezone.now())
    wait_until(lambda: call(running, story).reason == "quota_exceeded")
    assert sweep.sweep(running.options.probe_secret) == 0
    gateway_actions.probe_again(receipt=Receipt.objects.about(story)[0], by=boss)
    assert proven(story, "probed_again").probes[0]["answered"] == "429 quota_exceeded"
