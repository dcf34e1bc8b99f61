"""Envoy's own clock is set while it runs: by a library that stands between it and the system's clock, where one can be built."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.snapshot import PlanLimits
from tests.gateway import tokens
from tests.gateway.conftest import KEY, REVOKED_KEY, sample_snapshot
from tests.gateway.envoy import RunningEnvoy

pytestmark = [
    pytest.mark.gateway,
    pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler to build the clock with"),
    pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="preloading is done as Linux does it"),
]
HOUR = 3600
PETS = "/pets/v1/pets"
SOURCE = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static volatile long long *ahead_s;
__attribute__((constructor)) static void open_clock(void) {
  const char *path = getenv("TEST_CLOCK");
  int file = path ? open(path, O_RDONLY) : -1;
  void *found = file < 0 ? MAP_FAILED : mmap(0, 8, PROT_READ, MAP_SHARED, file, 0);
  if (found != MAP_FAILED) ahead_s = found;
}
int clock_gettime(clockid_t id, struct timespec *now) {
  int failed = syscall(SYS_clock_gettime, id, now);
  if (!failed && ahead_s && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) now->tv_sec += *ahead_s;
  return failed;
}
int gettimeofday(struct timeval *now, void *zone) {
  struct timespec found;
  clock_gettime(CLOCK_REALTIME, &found);
  now->tv_sec = found.tv_sec;
  now->tv_usec = found.tv_nsec / 1000;
  return 0;
}
time_t time(time_t *now) {
  struct timespec found;
  clock_gettime(CLOCK_REALTIME, &found);
  if (now) *now = found.tv_sec;
  return found.tv_sec;
}
"""
SetClock = Callable[[int], None]


@pytest.fixture(scope="module")
def world(
    envoy_here: None, backend: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RunningEnvoy, SetClock, Callable[..., str]]]:
    """Envoy, what sets its clock so many seconds ahead, and what mints tokens by the true one."""
    folder = tmp_path_factory.mktemp("clock")
    source, library, clock = folder / "clock.c", folder / "clock.so", folder / "ahead"
    source.write_text(SOURCE)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source], check=True)

    def set_ahead(seconds: int) -> None:
        with clock.open("r+b") as file:
            file.write(seconds.to_bytes(8, "little", signed=True))

    clock.write_bytes(bytes(8))
    signing = tokens.signing_key()
    envoy = RunningEnvoy.on_free_ports(folder)
    sample = sample_snapshot(backend, tokens.jwks(signing))
    seldom = PlanLimits("seldom", 1, 24 * HOUR, 1)
    envoy.write(
        replace(
            sample,
            plans=(*sample.plans, seldom),
            subscriptions={**sample.subscriptions, "app_seldom:pets": "seldom"},
        )
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LD_PRELOAD", str(library))
        patch.setenv("TEST_CLOCK", str(clock))
        envoy.start()
    yield (
        envoy,
        set_ahead,
        lambda **changes: tokens.mint(signing, tokens.claims("http://production", **changes)),
    )
    envoy.stop()


@pytest.mark.parametrize("ahead", [-50 * 60, 50 * 60, -HOUR * 24, HOUR * 24 * 400])
def test_envoys_clock_is_set(world, ahead: int) -> None:
    """Who was let in by more than the clock still is, who was refused for more than the clock still is, at any time."""
    envoy, set_ahead, minted = world
    token, ended = minted(), minted(exp=int(time.time()) - 10)
    revoked = {
        "key": {"key": REVOKED_KEY},
        "client": {"token": minted(client_id="cred_gone")},
        "token": {"token": minted(jti="jti-gone")},
        "nobody's": {"token": minted(app="app_none")},
    }
    wanted = {"key": "token_revoked", "client": "token_revoked", "token": "token_revoked"}
    wanted["nobody's"] = "not_subscribed"

    def refused() -> dict[str, str | None]:
        return {name: envoy.call(PETS, **call).reason for name, call in revoked.items()}

    assert (envoy.call(PETS, token=token).status, envoy.call(PETS, token=ended).reason) == (
        200,
        "token_expired",
    )
    assert refused() == wanted
    try:
        set_ahead(ahead)
        assert envoy.call(PETS, key=KEY).status == 200
        # By its clock: one that was taken a moment ago, and is remembered, too.
        assert envoy.call(PETS, token=token).reason == ("token_expired" if ahead > 0 else None)
        by_clock = wanted if ahead < 0 else {**dict.fromkeys(wanted, "token_expired"), "key": "token_revoked"}
        assert refused() == by_clock
    finally:
        set_ahead(0)
    assert (envoy.call(PETS, token=token).status, envoy.call(PETS, token=ended).reason) == (
        200,
        "token_expired",
    )
    assert refused() == wanted


def test_rate_goes_by_no_clock_that_is_set(world) -> None:
    envoy, set_ahead, minted = world
    token = minted(app="app_seldom", exp=int(time.time()) + 400 * 24 * HOUR)
    assert [envoy.call(PETS, token=token).status for _ in range(2)] == [200, 429]
    try:
        for ahead in (300 * 24 * HOUR, -300 * 24 * HOUR):
            set_ahead(ahead)
            assert envoy.call(PETS, token=token).status == 429
    finally:
        set_ahead(0)
