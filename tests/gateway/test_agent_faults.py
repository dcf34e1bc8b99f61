"""What goes wrong around the agent while calls go on: nobody is let in who should be refused, nobody refused who should pass.

The good call with a token and with a key; the others with a revoked key, with a token that was revoked before it ended,
without a subscription and without anything. What is changed meanwhile is in force soon after the fault has passed.
"""
# ruff: noqa: F811  the fixtures are another module's

import datetime as dt
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg
import pytest
from django.conf import settings as configured
from django.db import connection, connections
from django.utils import timezone

from bench.traffic import Traffic
from gateway.models import Receipt
from keymanager import actions as credential_actions, tokens
from subscriptions import actions
from subscriptions.models import Subscription
from tests import factories
from tests.gateway.envoy import RunningEnvoy, wait_until
from tests.gateway.running import RunningAgent, agent, boss, running, story  # noqa: F401  fixtures
from tests.gateway.test_broken import good  # noqa: F401  a fixture

pytestmark = [pytest.mark.gateway, pytest.mark.django_db(transaction=True)]
soon = partial(wait_until, seconds=5)
Headers = Mapping[str, str]


@dataclass
class World:
    """The gateway under calls. `changing` is a subscription that a test may suspend, with its own key."""

    envoy: RunningEnvoy
    good: Subscription
    boss: object
    callers: dict[str, Headers]
    changing: Subscription
    changing_key: str

    def status(self, headers: Headers) -> int:
        return self.envoy.call("/orders/v1/items", headers=dict(headers)).status

    def changing_status(self) -> int:
        return self.status({"x-api-key": self.changing_key})

    def issue(self) -> factories.Issued:
        return factories.KeyFactory(application=self.good.application, by=self.boss)

    @contextmanager
    def called(self, *, down: bool = False) -> Iterator[Traffic]:
        """Calls all the while. With `down` Envoy may be away meanwhile, which is no answer at all."""
        address = self.envoy.options.listeners["production"]
        url = f"http://{address.host}:{address.port}/orders/v1/items"
        callers: dict[str, Callable[[], Headers]] = {
            who: lambda headers=headers: headers for who, headers in self.callers.items()
        }
        with Traffic(url, rate=80, callers=callers, at_end=connections.close_all, threads=2) as traffic:
            yield traffic
            goal = len(traffic.calls) + 2 * len(callers)
            wait_until(lambda: len(traffic.calls) >= goal, what=lambda: traffic.failed)
        away = {0} if down else set()
        for who in callers:
            expected = {"good": {200}, "unsubscribed": {403}}.get(who.partition(" ")[0], {401})
            assert {made.status for made in traffic.of(who)} - away == expected, who


@pytest.fixture
def world(good: Subscription, running: RunningEnvoy, boss: object) -> World:
    application = good.application
    token = tokens.mint(application=application, environment="production")
    key, revoked = (factories.KeyFactory(application=application, by=boss) for _ in range(2))
    client = factories.ClientFactory(application=application, by=boss)
    changing = factories.SubscriptionFactory(api=good.api, status="active")
    changing_key = factories.KeyFactory(application=changing.application, by=boss)
    stranger = factories.KeyFactory(application=factories.ApplicationFactory(), by=boss)
    revoked_token = tokens.mint_for(credential=client.credential)
    callers = {
        "good token": {"authorization": f"Bearer {token}"},
        "good key": {"x-api-key": key.secret},
        "revoked key": {"x-api-key": revoked.secret},
        "revoked token": {"authorization": f"Bearer {revoked_token}"},
        "unsubscribed": {"x-api-key": stranger.secret},
        "nobody": {},
    }
    found = World(running, good, boss, callers, changing, changing_key.secret)
    for who in ("good key", "revoked key", "revoked token"):
        wait_until(lambda who=who: found.status(callers[who]) == 200)
    wait_until(lambda: found.changing_status() == 200)
    wait_until(lambda: found.status(callers["unsubscribed"]) == 403)
    credential_actions.revoke(credential=revoked.credential, by=boss)
    credential_actions.revoke(credential=client.credential, by=boss)
    for who in ("revoked key", "revoked token"):
        wait_until(lambda who=who: found.status(callers[who]) == 401)
    return found


def refused_soon(world: World, *keys: str) -> None:
    for key in keys:
        soon(lambda key=key: world.status({"x-api-key": key}) == 401)


# ---- killed -------------------------------------------------------------------------------------------------------
def test_killed_in_the_middle_of_a_write(world: World, agent: RunningAgent) -> None:
    """At the deny list, at the map of keys and at that of subscriptions; then Envoy too, on what was left."""
    agent.close()
    issued = world.issue()
    credential_actions.revoke(credential=issued.credential, by=world.boss)
    fresh = world.issue()
    actions.suspend(subscription=world.changing, by=world.boss, reason="Test")
    with world.called():
        for number in (1, 3, 2):
            assert dying_agent(number) == -signal.SIGKILL
        left = [path.name for path in world.envoy.options.resources.glob(".*.new")]
        assert left, "it was killed in the middle"
        with closing(RunningAgent().start()):
            refused_soon(world, issued.secret)
            soon(lambda: world.status({"x-api-key": fresh.secret}) == 200)
            soon(lambda: world.changing_status() == 403)
    world.envoy.stop(kill=True)
    world.envoy.start()
    with world.called():
        assert world.changing_status() == 403


def dying_agent(number: int) -> int:
    """Its exit code. It works on the test's database and folders."""
    database = connection.settings_dict
    account = f"{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}"
    own = {
        "DATABASE_URL": f"postgresql://{account}/{database['NAME']}",
        "PORTICO_SECRET_KEY": configured.SECRET_KEY,
        "PORTICO_ENCRYPTION_KEY": configured.ENCRYPTION_KEY,
        "PORTICO_STATE": str(configured.STATE_DIR),
        "PORTICO_GATEWAY_DIR": str(configured.GATEWAY_DIR),
        "PORTICO_URL": configured.PORTAL_URL,
        **{f"PORTICO_GATEWAY_{name.upper()}_URL": url for name, url in configured.GATEWAY_URLS.items()},
    }
    command = [sys.executable, "-m", "tests.gateway.dying", str(number)]
    return subprocess.run(
        command, env={**os.environ, **own}, cwd=configured.BASE_DIR, timeout=60, check=False
    ).returncode


# ---- the database -------------------------------------------------------------------------------------------------
@contextmanager
def no_database() -> Iterator[None]:
    """Nobody but the test has a connection to it, or gets one."""
    database = connection.settings_dict
    wanted = {"host": database["HOST"], "port": database["PORT"], "user": database["USER"]}
    name = f'"{database["NAME"]}"'
    connection.ensure_connection()
    mine = connection.connection.info.backend_pid
    with psycopg.connect(
        **wanted, password=database["PASSWORD"], dbname="postgres", autocommit=True
    ) as other:
        other.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        try:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> %s",
                [database["NAME"], mine],
            )
            yield
        finally:
            other.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def test_database_is_away(world: World) -> None:
    """What was agreed holds, through a restart of Envoy too, and a key that ends meanwhile ends."""
    ending, kept = world.issue(), world.issue()
    wait_until(lambda: world.status({"x-api-key": ending.secret}) == 200)
    ends_at = timezone.now() + dt.timedelta(seconds=4)
    type(ending.credential).objects.filter(pk=ending.credential.pk).update(expires_at=ends_at)
    # Any change has the list read anew.
    later = world.issue()
    wait_until(lambda: world.status({"x-api-key": later.secret}) == 200)
    with world.called(down=True):
        with no_database():
            assert world.status({"x-api-key": ending.secret}) == 200 or timezone.now() >= ends_at
            world.envoy.stop(kill=True)
            world.envoy.start()
            wait_until(lambda: world.status({"x-api-key": ending.secret}) == 401)
            credential_actions.revoke(credential=kept.credential, by=world.boss)
            actions.suspend(subscription=world.changing, by=world.boss, reason="Test")
        refused_soon(world, ending.secret, kept.secret)
        soon(lambda: world.changing_status() == 403)


# ---- the disk -----------------------------------------------------------------------------------------------------
@pytest.fixture
def small_disk(running: RunningEnvoy) -> Iterator[Path]:
    """The gateway's folder on a disk of its own, of 8 MB. Made before the agent starts."""
    folder = running.options.directory
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size=8m,uid={os.getuid()}", "tmpfs", str(folder)]
    for rights in ([], ["sudo", "-n"]):
        if shutil.which((rights or mount)[0]) and not run(*rights, *mount):
            break
    else:
        pytest.skip("no small disk can be made here; that needs the right to mount")
    yield folder
    # Envoy still has files open there.
    run(*rights, "umount", "--lazy", str(folder))


def run(*command: str) -> int:
    return subprocess.run(command, capture_output=True, check=False).returncode


def test_disk_is_full(small_disk: Path, world: World) -> None:
    """A revocation has room of its own. What does not fit says so, and is in force once there is room again."""
    revoked = [world.issue() for _ in range(3)]
    wait_until(lambda: world.status({"x-api-key": revoked[-1].secret}) == 200)
    with world.called():
        fill(small_disk / "filler")
        actions.suspend(subscription=world.changing, by=world.boss, reason="Test")
        told = Receipt.objects.about(world.changing).filter(
            event="suspended", problem__contains="No space left"
        )
        wait_until(told.exists)
        assert world.changing_status() == 200
        for issued in revoked:
            credential_actions.revoke(credential=issued.credential, by=world.boss)
            refused_soon(world, issued.secret)
            fill(small_disk / "more")
        fresh = world.issue()
        (small_disk / "filler").unlink()
        (small_disk / "more").unlink()
        soon(lambda: world.status({"x-api-key": fresh.secret}) == 200)
        soon(lambda: world.changing_status() == 403)


def fill(path: Path) -> None:
    """Take all that is left, to the last page."""
    for size in (1 << 16, 1 << 12):
        with suppress(OSError), path.open("ab", buffering=0) as file:
            while file.write(b"x" * size):
                pass


# ---- files --------------------------------------------------------------------------------------------------------
def test_older_file_is_put_in_place_by_hand(world: World) -> None:
    """It is good in itself, and Envoy takes it: who is refused by now is let in until the agent has seen it."""
    file = world.envoy.options.resources / "recent.json"
    older = file.read_bytes()
    with world.called():
        actions.suspend(subscription=world.changing, by=world.boss, reason="Test")
        soon(lambda: world.changing_status() == 403)
        by_hand = file.with_name("by-hand")
        by_hand.write_bytes(older)
        by_hand.rename(file)
        soon(lambda: file.read_bytes() != older)
        soon(lambda: world.changing_status() == 403)


@pytest.mark.parametrize("name", ["deny.json", "subs.pb"])
def test_envoy_starts_on_a_truncated_file(world: World, agent: RunningAgent, name: str) -> None:
    """While no agent is there to mend it the gateway stays closed. It opens soon after one has come back."""
    agent.close()
    path = world.envoy.options.resources / name
    path.write_bytes(path.read_bytes()[:-20])
    world.envoy.stop(kill=True)
    world.envoy.start()
    assert 200 not in {world.status(headers) for headers in world.callers.values()}
    with closing(RunningAgent().start()):
        for who in ("good token", "good key"):
            soon(lambda who=who: world.status(world.callers[who]) == 200)
        with world.called():
            assert world.changing_status() == 200


# ---- the clock ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("minutes", [50, -50])
def test_clock_is_set(world: World, monkeypatch: pytest.MonkeyPatch, minutes: int) -> None:
    """The portal's and the agent's, wrongly, and right again later. Envoy's stays, as on a machine of its own."""
    ending, revoked = world.issue(), world.issue()
    wait_until(lambda: world.status({"x-api-key": revoked.secret}) == 200)
    ends_at = timezone.now() + dt.timedelta(minutes=30)
    type(ending.credential).objects.filter(pk=ending.credential.pk).update(expires_at=ends_at)
    by_the_clock = 401 if minutes > 0 else 200
    real_time, real_now, off = time.time, timezone.now, dt.timedelta(minutes=minutes)
    with world.called():
        with monkeypatch.context() as patched:
            patched.setattr(time, "time", lambda: real_time() + off.total_seconds())
            patched.setattr(timezone, "now", lambda: real_now() + off)
            soon(lambda: world.status({"x-api-key": ending.secret}) == by_the_clock)
            credential_actions.revoke(credential=revoked.credential, by=world.boss)
            refused_soon(world, revoked.secret)
            client = factories.ClientFactory(application=world.good.application, by=world.boss)
            token = tokens.mint_for(credential=client.credential)
            credential_actions.revoke(credential=client.credential, by=world.boss)
        soon(lambda: world.status({"x-api-key": ending.secret}) == 200)
        refused_soon(world, revoked.secret)
        soon(lambda: world.status({"authorization": f"Bearer {token}"}) == 401)
