"""The small file ahead of the large map of subscriptions: both together say what is agreed, at any moment."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.publish import Publisher
from gateway.snapshot import PlanLimits, Reason, Snapshot, differing
from gateway.targets.envoy import files
from gateway.targets.envoy.policies import recent_keys
from tests.gateway import tokens
from tests.gateway.conftest import sample_snapshot
from tests.gateway.envoy import RunningEnvoy, wait_until

pytestmark = [pytest.mark.gateway, pytest.mark.django_db(transaction=True)]
APPLICATIONS = ("stays", "comes", "goes", "held", "back", "moves")


class Killed(BaseException):
    """Nothing runs after it."""


class World:
    """An Envoy, and one publisher after the other on its files."""

    def __init__(self, envoy: RunningEnvoy, backend: str) -> None:
        self.envoy = envoy
        self._key = tokens.signing_key()
        self._sample = sample_snapshot(backend, tokens.jwks(self._key))
        self.publisher = Publisher(envoy.options)

    def agreed(self, *, refusals: tuple[str, ...] = (), **plans: str) -> Snapshot:
        """Application -> plan for the API `pets`, and those of them that are suspended."""
        return replace(
            self._sample,
            subscriptions={f"app_{name}:pets": plan for name, plan in plans.items()},
            refusals={f"app_{name}:pets": Reason.SUSPENDED for name in refusals},
        )

    def answers(self) -> dict[str, str]:
        """What each application's call is answered: its limit, or the reason of the refusal."""
        return {name: self._answer(f"app_{name}") for name in APPLICATIONS}

    def _answer(self, application: str) -> str:
        token = tokens.mint(self._key, tokens.claims("http://production", app=application))
        answer = self.envoy.call("/pets/v1/pets", token=token)
        return answer.reason or answer.headers["x-ratelimit-limit"].partition(",")[0]

    @property
    def recent(self) -> frozenset[str]:
        return recent_keys((self.envoy.options.resources / files.RECENT_FILE).read_bytes())


@pytest.fixture
def world(envoy_here: None, backend: str, tmp_path: Path) -> Iterator[World]:
    """Envoy runs on a map that some changes have been made to since."""
    envoy = RunningEnvoy.on_free_ports(tmp_path / "gw")
    found = World(envoy, backend)
    found.publisher.write(found.agreed(**BEFORE), {})
    envoy.start()
    found.publisher.confirm()
    found.publisher.write(found.agreed(refusals=HELD, **AFTER), {}, whole=False)
    found.publisher.confirm()
    yield found
    envoy.stop(kill=True)


BEFORE = {"stays": "gold", "goes": "gold", "held": "gold", "moves": "gold"}
AFTER = {"stays": "gold", "comes": "gold", "held": "gold", "moves": "tiny"}
HELD = ("held",)
SEEN = {
    "stays": "200",
    "comes": "200",
    "goes": "not_subscribed",
    "held": "suspended",
    "back": "not_subscribed",
    "moves": "3",
}


def test_changes_go_into_the_small_file_alone(world: World) -> None:
    large = (world.envoy.options.resources / files.MAP_FILE).read_bytes()
    assert b"app_comes" not in large
    assert world.recent == {f"app_{name}:pets" for name in ("comes", "goes", "held", "moves")}
    assert world.answers() == SEEN


def test_small_file_is_empty_once_envoy_has_the_large_one(world: World) -> None:
    world.publisher.write(world.agreed(refusals=HELD, **AFTER), {})
    assert len(world.recent) == 4
    world.publisher.confirm()
    assert world.recent == frozenset()
    assert b"app_comes" in (world.envoy.options.resources / files.MAP_FILE).read_bytes()
    world.publisher.confirm()
    assert world.answers() == SEEN


def test_what_is_back_as_it_was_is_said_too(world: World) -> None:
    """Envoy may be on either map while it reads the new one: what both say otherwise is in the small file."""
    was = world.agreed(**BEFORE)
    world.publisher.write(was, {}, whole=False)
    assert world.recent == frozenset()
    world.publisher.write(world.agreed(refusals=HELD, **AFTER), {})
    world.publisher.write(was, {}, whole=False)
    assert world.recent == {f"app_{name}:pets" for name in ("comes", "goes", "held", "moves")}
    world.publisher.confirm()
    wait_until(lambda: world.answers() == {**SEEN, "comes": "not_subscribed"} | dict.fromkeys(BEFORE, "200"))


@pytest.mark.parametrize("writes", range(5))
def test_killed_at_any_write_it_says_what_was_agreed(
    world: World, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """While the large map is written anew and the small file is emptied; then Envoy too, on what was left on the disk."""
    real, left = files._write_synced, [writes]

    def write(path: Path, content: bytes) -> None:
        if left[0] == 0:
            real(path, content[: len(content) // 2])
            raise Killed
        left[0] -= 1
        real(path, content)

    monkeypatch.setattr(files, "_write_synced", write)
    try:
        world.publisher.write(world.agreed(refusals=HELD, **AFTER, back="gold"), {})
        world.publisher.confirm()
    except Killed:
        pass
    monkeypatch.undo()
    then = world.answers()
    assert then | {"back": ""} == SEEN | {"back": ""}
    world.envoy.stop(kill=True)
    world.envoy.start()
    assert world.answers() | {"back": ""} == then | {"back": ""}

    # The next one knows nothing of what Envoy runs on; meanwhile two were suspended and one let in.
    world.publisher = Publisher(world.envoy.options)
    world.publisher.write(world.agreed(refusals=("stays", "comes"), **AFTER), {})
    world.publisher.confirm()
    now = SEEN | {"stays": "suspended", "comes": "suspended", "held": "200"}
    wait_until(lambda: world.answers() == now, what=world.answers)
    assert world.recent == frozenset()


def test_without_envoy_no_more_maps_are_kept_than_few(world: World) -> None:
    """It comes back to what is agreed, however much has changed meanwhile."""
    world.envoy.stop(kill=True)
    for n in range(6):
        world.publisher.write(world.agreed(refusals=HELD, **AFTER, **{f"more{n}": "gold"}), {})
    assert len(world.publisher._maps) == 3
    world.envoy.start()
    assert world.answers() == SEEN
    world.publisher.confirm()
    assert len(world.publisher._maps) == 1


def test_a_plan_without_limits_lets_nobody_in(world: World) -> None:
    """Ahead of the map, a plan counts only where the map and the limits know it."""
    snapshot = world.agreed(**BEFORE, comes="new")
    body = files.render(snapshot, world.envoy.options, recent=["app_comes:pets"])[files.RECENT_FILE]
    files.replace_file(world.envoy.options.resources / files.RECENT_FILE, body)
    wait_until(lambda: world.answers()["comes"] == "not_subscribed")
    planned = replace(snapshot, plans=(*snapshot.plans, PlanLimits("new", 6, 60, 7)))
    world.publisher.write(planned, {}, whole=False)
    world.publisher.confirm()
    assert world.answers()["comes"] == "7"


def test_differing_tells_plans_and_refusals_apart() -> None:
    one = Snapshot(issuer=None, environments={}, subscriptions={"a:x": "suspended", "b:x": "gold"})  # type: ignore[arg-type]
    other = replace(one, refusals={"a:x": Reason.SUSPENDED})
    assert differing(one, other) == differing(other, one) == {"a:x"}
    assert differing(one, replace(one, subscriptions={"a:x": "suspended"})) == {"b:x"}
    assert differing(one, replace(one, subscriptions=dict(one.subscriptions))) == set()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", json.dumps({"resources": [{}]}).encode()])
def test_small_file_that_cannot_be_read_names_nobody(body: bytes) -> None:
    assert recent_keys(body) == frozenset()
