"""From a click to the gateway: real Postgres, real Envoy, the agent's own loop."""
# ruff: noqa: F811  the fixtures are another module's

from contextlib import closing

import pytest
from django.db import connection
from django.utils import timezone

from apis import actions as api_actions
from apis.models import ApiVersion, Plan
from gateway import actions as gateway_actions, agent as agent_module, sweep
from gateway.models import Receipt, ReceiptStatus, Revision, VersionHealth, VersionProblem
from gateway.usage import quotas
from subscriptions import actions
from subscriptions.models import Subscription
from tests import factories
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
    assert receipt.evidence["accepted"].startswith("recent.json update_success")
    assert "recent.json" in receipt.evidence["written"]

    actions.suspend(subscription=story, by=boss, reason="Too many errors")
    assert proven(story, "suspended").probes[0]["answered"] == "403 suspended"
    assert call(running, story).reason == "suspended"

    actions.resume(subscription=story, by=boss)
    proven(story, "resumed")
    assert call(running, story).status == 200

    actions.cancel(subscription=story, by=boss)
    proven(story, "cancelled")
    assert call(running, story).reason == "not_subscribed"


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


def test_large_map_waits_until_nothing_changes(
    agent: RunningAgent, running: RunningEnvoy, story: Subscription, boss, monkeypatch
) -> None:
    """Each whole compile would write it; a change that comes while Envoy reads it would wait for that."""
    large = running.options.resources / "subs.pb"
    before = large.read_bytes()
    monkeypatch.setattr(agent_module, "RECONCILE_S", 0.2)
    actions.approve(subscription=story, by=boss)
    proven(story, "approved")
    tell(story.api.current_version, "published")
    proven(story.api.current_version, "published")
    assert (call(running, story).status, large.read_bytes()) == (200, before)

    monkeypatch.setattr(agent_module, "QUIET_S", 0.0)
    tell(story.api.current_version, "published")
    wait_until(lambda: large.read_bytes() != before)
    assert call(running, story).status == 200
