"""What enforcement costs: calls through the gateway beside calls through a plain Envoy in front of the same backend.

With 10,000 APIs, 100,000 credentials and as many subscriptions loaded (BENCH_ENFORCEMENT_APIS, BENCH_ENFORCEMENT_LOAD),
in turns on the same core: first the plain Envoy (no filters, one route, no log), then the gateway with API keys and with
tokens. `*_ratio` compare within a round. Throughput has both cores: one for the Envoy, one for the backend and what
calls it. For the time of a call all three share one, so that no core has to be woken. `*_cpu_us` is what a call takes of
the Envoy's processor. After that a hundred changes (BENCH_ENFORCEMENT_CHANGES) under a steady load.
"""

import contextlib
import http.client
import json
import os
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bench import revocation, volleys
from bench.harness import Recorder, percentile
from bench.rotation import Place, a_place, subscribed, until
from bench.traffic import Traffic
from gateway.targets.envoy import envoy_binary
from portal.embedded.processes import free_port

APIS = int(os.environ.get("BENCH_ENFORCEMENT_APIS", "10000"))
LOAD = int(os.environ.get("BENCH_ENFORCEMENT_LOAD", "100000"))
CHANGES = int(os.environ.get("BENCH_ENFORCEMENT_CHANGES", "100"))
ROUNDS = int(os.environ.get("BENCH_ENFORCEMENT_ROUNDS", "5"))
SECONDS = float(os.environ.get("BENCH_ENFORCEMENT_SECONDS", "2"))
RATE = float(os.environ.get("BENCH_ENFORCEMENT_RATE", "200"))
_ANSWER = '{"ok":true}'
_PATIENCE_S = 180.0
_TYPE = "type.googleapis.com/envoy.extensions.filters."
Figures = dict[str, list[float]]


@dataclass
class Envoy:
    """An Envoy that is called: where, by whom, and the process whose time it takes."""

    name: str
    pid: int
    port: int
    requests: Sequence[bytes]
    per_s: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    p50_us: list[float] = field(default_factory=list)
    p99_us: list[float] = field(default_factory=list)
    calls: int = 0

    def measure(self, backend: int) -> None:
        """One round of each kind."""
        busy, other = _two_cores()
        _pin(self.pid, busy)
        _pin(backend, other)
        _pin(os.getpid(), other)
        volleys.throughput(self.port, self.requests, seconds=0.3)
        began = _cpu_s(self.pid)
        seen = volleys.throughput(self.port, self.requests, seconds=SECONDS)
        self.cpu_us.append((_cpu_s(self.pid) - began) / seen.calls * 1e6)
        self.per_s.append(seen.per_s)
        _pin(backend, busy)
        _pin(os.getpid(), busy)
        took = volleys.latencies(self.port, self.requests, seconds=SECONDS / 2)
        self.p50_us.append(percentile(took, 50) * 1e6)
        self.p99_us.append(percentile(took, 99) * 1e6)
        self.calls += seen.calls + len(took)


def run(recorder: Recorder) -> None:
    with a_place() as place, tempfile.TemporaryDirectory(prefix="portico-plain-") as folder:
        subscribed(place)  # waits for the plan and the API that are called
        port = free_port()
        with _envoy(Path(folder), "backend", port, _answering(port)) as backend:
            gateway = _gateway_pid(place)
            recorder.add("gateway_empty_rss_mb", _rss_mb(gateway), "MB")
            victims = list(revocation.victims(place, CHANGES // 2))
            callers = _loaded(place, f"http://127.0.0.1:{port}")
            plain_port = free_port()
            with _envoy(Path(folder), "plain", plain_port, _passing(plain_port, port)) as plain:
                recorder.add("plain_rss_mb", _rss_mb(plain), "MB")
                _compare(recorder, _envoys(place, callers, plain, plain_port), backend)
            for pid in (os.getpid(), gateway, backend):
                _pin(pid, *_two_cores())
            recorder.add("gateway_rss_mb", _rss_mb(gateway), "MB", n=APIS)
            _changes(recorder, place, victims, callers[0])
            recorder.add("gateway_rss_after_changes_mb", _rss_mb(gateway), "MB", n=CHANGES)


def _gateway_pid(place: Place) -> int:
    pid: int = json.loads((place.state / "run.json").read_text())["processes"]["envoy"]
    return pid


def _loaded(place: Place, backend: str) -> list[dict[str, str]]:
    """All rows are written, and the gateway holds them: the callers."""
    began = time.monotonic()
    many = place.python("bench.revocation_rows", str(LOAD))
    callers: list[dict[str, str]] = json.loads(place.python("bench.enforcement_rows", str(APIS), backend))
    written = time.monotonic()
    gateway = http.client.HTTPConnection(urlsplit(place.gateway).netloc, timeout=30)
    waited = [("/beacons/v1/stores", many), *((caller["path"], caller["key"]) for caller in callers)]
    for path, key in waited:
        _until_200(gateway, path, key)
    gateway.close()
    print(
        f"   {APIS} APIs, {LOAD} credentials: rows {written - began:.0f} s, at the gateway"
        f" {time.monotonic() - written:.1f} s later"
    )
    return callers


def _until_200(gateway: http.client.HTTPConnection, path: str, key: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        gateway.request("GET", path, headers={"x-api-key": key})
        answer = gateway.getresponse()
        answer.read()
        if answer.status == 200:
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"{path} was answered {answer.status} for {_PATIENCE_S:g} s")
        time.sleep(0.2)


def _envoys(place: Place, callers: list[dict[str, str]], plain: int, plain_port: int) -> list[Envoy]:
    """The plain one gets what the gateway gets with a token, which is the longer request."""
    pid, port = _gateway_pid(place), urlsplit(place.gateway).port or 80
    keys, tokens = [], []
    for caller in callers:
        keys.append(volleys.get(caller["path"], "bench", [("x-api-key", caller["key"])]))
        bearer = ("authorization", f"Bearer {_token(place, caller['application'])}")
        tokens.append(volleys.get(caller["path"], "bench", [bearer]))
    return [
        Envoy("plain", plain, plain_port, tokens),
        Envoy("key", pid, port, keys),
        Envoy("token", pid, port, tokens),
    ]


def _token(place: Place, application: str) -> str:
    new = {"kind": "oauth_client", "environment": "production", "name": "Bench"}
    issued = place.consumer.post(f"/applications/{application}/credentials/", new)
    # Longer than the rounds go on.
    token: str = place.consumer.post(f"/credentials/{issued['id']}/tokens/", {"lifetime": 900})[
        "access_token"
    ]
    return token


def _compare(recorder: Recorder, envoys: list[Envoy], backend: int) -> None:
    for number in range(ROUNDS):
        for envoy in envoys if number % 2 == 0 else reversed(envoys):
            envoy.measure(backend)
    for envoy in envoys:
        for name, unit in (("per_s", "calls/s"), ("cpu_us", "us"), ("p50_us", "us"), ("p99_us", "us")):
            value = statistics.median(getattr(envoy, name))
            recorder.add(f"{envoy.name}_{name}", value, unit, n=envoy.calls)
    plain = envoys[0]
    for envoy in envoys[1:]:
        _ratio(recorder, f"{envoy.name}_p50_ratio", envoy.p50_us, plain.p50_us, "<= 3.0")
        _ratio(recorder, f"{envoy.name}_throughput_ratio", envoy.per_s, plain.per_s, ">= 0.35")
        _ratio(recorder, f"{envoy.name}_cpu_ratio", envoy.cpu_us, plain.cpu_us)
    p50s = [max(pair) for pair in zip(envoys[1].p50_us, envoys[2].p50_us, strict=True)]
    rates = [min(pair) for pair in zip(envoys[1].per_s, envoys[2].per_s, strict=True)]
    _ratio(recorder, "p50_ratio", p50s, plain.p50_us, "<= 3.0")
    _ratio(recorder, "throughput_ratio", rates, plain.per_s, ">= 0.35")


def _ratio(
    recorder: Recorder, name: str, ours: list[float], plain: list[float], goal: str | None = None
) -> None:
    """The median of the rounds' own: what else the machine does meets both of a round alike."""
    ratios = [one / other for one, other in zip(ours, plain, strict=True)]
    recorder.add(name, statistics.median(ratios), "x", goal=goal, n=len(ratios))


# ---- changes ------------------------------------------------------------------------------------------------------
def _changes(
    recorder: Recorder, place: Place, victims: list[tuple[str, revocation.Headers]], caller: dict[str, str]
) -> None:
    """Half of them revocations, half approvals, each made when the one before is in force."""
    figures: Figures = {}
    headers = {"x-api-key": caller["key"]}
    gateway = http.client.HTTPConnection(urlsplit(place.gateway).netloc, timeout=30)
    with Traffic(place.gateway + caller["path"], RATE, {"steady": lambda: headers}, threads=2) as traffic:
        for public_id, own in victims:
            revocation.revoke(place.consumer, gateway, public_id, own, figures)
        revocation.approvals(place, gateway, figures, CHANGES - len(victims))
    failed = [call for call in traffic.calls if call.status != 200]
    recorder.add("steady_calls_failed", len(failed), "calls", goal="<= 0", n=len(traffic.calls))
    revocation.report(recorder, "", figures)


# ---- Envoys of our own, and cores ---------------------------------------------------------------------------------
@contextlib.contextmanager
def _envoy(folder: Path, name: str, port: int, resources: dict[str, object]) -> Iterator[int]:
    """Run one on this configuration; its process, once it listens on the port."""
    file = folder / f"{name}.json"
    file.write_text(json.dumps({"static_resources": resources}))
    command = [str(envoy_binary()), "-c", str(file), "--concurrency", "2", "--log-level", "error"]
    process = subprocess.Popen([*command, "--disable-hot-restart"])
    try:
        until(lambda: _listens(port), f"{name} listens")
        yield process.pid
    finally:
        process.terminate()
        process.wait(20)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def _answering(port: int) -> dict[str, object]:
    body = {"status": 200, "body": {"inline_string": _ANSWER}}
    return {"listeners": [_listener(port, {"direct_response": body})]}


def _passing(port: int, backend: int) -> dict[str, object]:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": backend}}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    cluster = {
        "name": "backend",
        "type": "STATIC",
        "load_assignment": {"cluster_name": "backend", "endpoints": endpoints},
    }
    return {"listeners": [_listener(port, {"route": {"cluster": "backend"}})], "clusters": [cluster]}


def _listener(port: int, route: dict[str, object]) -> dict[str, object]:
    router = {"@type": _TYPE + "http.router.v3.Router"}
    manager = {
        "@type": _TYPE + "network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "route_config": {
            "virtual_hosts": [
                {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, **route}]}
            ]
        },
        "http_filters": [{"name": "router", "typed_config": router}],
    }
    return {
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


def _two_cores() -> tuple[int, int]:
    """Two of those that this machine has; the same one twice where there is one."""
    cores = range(os.cpu_count() or 1)
    return cores[0], cores[-1]


def _pin(pid: int, *cores: int) -> None:
    """All threads of a process to these cores. Where the system cannot, they go where it puts them."""
    set_affinity: Callable[[int, set[int]], None] | None = getattr(os, "sched_setaffinity", None)
    if set_affinity is None:
        return
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            set_affinity(int(thread.name), set(cores))


def _cpu_s(pid: int) -> float:
    """Processor seconds of a process so far, by its threads' own clocks, which are finer than ticks."""
    total = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            total += int((thread / "schedstat").read_text().split()[0])
    return total / 1e9


def _rss_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024
