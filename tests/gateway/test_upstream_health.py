"""How the real Envoy finds out that a backend is not well, and that this closes nobody's API."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from gateway.snapshot import HealthCheck, Version, check_version
from gateway.targets.envoy.admin import _get
from tests.gateway import tokens
from tests.gateway.conftest import sample_snapshot
from tests.gateway.envoy import Backend, Echo, RunningEnvoy, echo_backend, free_port, wait_until
from tests.gateway.kinds import silent_backend

pytestmark = pytest.mark.gateway


class Sick(Echo):
    """Well, but for what its health check hears."""

    def answer(self) -> None:
        if self.path == "/sick":
            self.seen.append(f"{self.command} {self.path}")
            self.send_error(503)
        else:
            super().answer()

    do_GET = answer


@pytest.fixture
def late() -> str:
    """The address of a backend that nobody has started yet."""
    return f"127.0.0.1:{free_port()}"


@pytest.fixture
def running(envoy_here: None, late: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEnvoy]:
    """Public versions `sick`, `silent` and `late`, each with a backend of its own; the first two are asked for their health."""
    envoy = RunningEnvoy.on_free_ports(tmp_path_factory.mktemp("h"))
    with echo_backend(Sick) as sick, silent_backend() as silent:
        versions = (
            Version("sick", "1", "/sick", f"{sick}/up", public=True, health_check=HealthCheck("/sick", 5)),
            Version("silent", "1", "/silent", silent, public=True, health_check=HealthCheck("/", 600)),
            Version("late", "1", "/late", f"http://{late}", public=True),
        )
        assert [check_version(version) for version in versions] == [[], [], []]
        snapshot = sample_snapshot(sick, tokens.jwks(tokens.signing_key()))
        states = {name: replace(state, versions=versions) for name, state in snapshot.environments.items()}
        envoy.write(replace(snapshot, environments=states))
        envoy.start()
        yield envoy
        envoy.stop()


def flags(envoy: RunningEnvoy) -> str:
    """Of every address, as Envoy's admin says them."""
    lines = _get(envoy.options, "/clusters").decode().splitlines()
    return "\n".join(line for line in lines if "health_flags" in line)


def test_failed_health_check_closes_nothing(running: RunningEnvoy) -> None:
    """The one address that there is goes on being called: a wrong check must not be worse than none."""
    wait_until(lambda: "/failed_active_hc" in flags(running), what=lambda: flags(running))
    assert "GET /sick" in Echo.seen
    assert running.call("/sick/x").status == 200


def test_unreachable_address_is_marked_and_tried_again_at_once(running: RunningEnvoy, late: str) -> None:
    """Whoever starts a backend need not wait until the gateway forgives."""
    for _ in range(6):
        assert running.call("/late/x").reason == "upstream_unavailable"
    wait_until(lambda: "/failed_outlier_check" in flags(running), what=lambda: flags(running))
    host, _, port = late.partition(":")
    server = Backend((host, int(port)), Echo)
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert running.call("/late/x").status == 200
        server.shutdown()


def test_few_figures_of_each_upstream_are_kept(running: RunningEnvoy) -> None:
    """All of them of 10,000 upstreams would hold up each change for seconds. Health checks ask once a minute without the first."""
    assert running.call("/sick/x").status == 200
    lines = _get(running.options, "/stats?filter=^cluster\\.").decode().splitlines()
    kept = {line.partition(": ")[0].rpartition(".")[2] for line in lines}
    assert kept == {"upstream_cx_total", "ejections_active", "membership_healthy"}


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (HealthCheck("healthz"), "may not have"),
        (HealthCheck("/a b"), "may not have"),
        (HealthCheck("/x\r\nhost: y"), "may not have"),
        (HealthCheck("/x", 1), "between 5 and 600"),
    ],
)
def test_impossible_health_check_is_held_back(check: HealthCheck, words: str) -> None:
    problems = check_version(Version("a", "1", "/a", "http://b", health_check=check))
    assert [words in problem for problem in problems] == [True]
