"""What a real Envoy writes is what is counted: the reasons it answers with, and whatever callers send."""

import datetime as dt
import socket

import pytest

from gateway.usage.access_log import AccessLog, Position
from gateway.usage.tally import Tally
from tests.gateway.conftest import KEY, REVOKED_KEY, SANDBOX_KEY
from tests.gateway.envoy import PROBE_SECRET, wait_until

_SPOOFED = b"x-portal-app: app_other\r\nx-portal-client: cred_other\r\nx-portal-keyapp: app_other\r\nx-portal-probe: 1\r\n"


@pytest.fixture
def read(envoy):
    """Tally what is logged from here on, once so many lines are there."""
    log = AccessLog(envoy.envoy.options, 10**9)
    now = dt.datetime.now(dt.UTC)
    # What earlier tests called is on its way for a second.
    marker = "/marker-" + str(now.timestamp())
    envoy.envoy.call(marker)
    wait_until(lambda: marker in log.live.read_text())
    start = log.read(Position()).after

    def tallied(lines):
        wait_until(lambda: len(log.read(start).lines) >= lines)
        tally = Tally(floor=now - dt.timedelta(days=1), ceiling=now + dt.timedelta(hours=1))
        tally.add(log.read(start).lines)
        assert tally.lines == lines
        return tally

    return tallied


def test_counted_reason_is_the_one_that_was_answered(envoy, read):
    calls = [
        {"path": "/pets/v1/pets", "token": envoy.token()},
        {"path": "/pets/v1/pets", "key": KEY},
        {"path": "/pets/v1/pets", "key": SANDBOX_KEY, "environment": "sandbox"},
        {"path": "/open/x"},
        {"path": "/nowhere"},
        {"path": "/pets/v1/nothing", "key": KEY},
        {"path": "/pets/v1/pets"},
        {"path": "/pets/v1/pets", "key": "ptk_live_unknown"},
        {"path": "/pets/v1/pets", "key": REVOKED_KEY},
        {"path": "/pets/v1/pets", "token": "rubbish"},
        {"path": "/pets/v1/pets", "token": envoy.token(exp=1)},
        {"path": "/pets/v1/pets", "token": envoy.token("sandbox")},
        {"path": "/pets/v1/pets", "token": envoy.token(app="app_nobody")},
        {"path": "/pets/v1/pets", "token": envoy.token(app="app_held")},
        {"path": "/pets/v1/pets", "token": envoy.token(app="app_over")},
        {"path": "/pets/v1/pets/1", "token": envoy.token(scope="")},
        {"path": "/shut/x", "key": KEY},
        {"path": "/gone/x", "key": KEY},
    ]
    answers = [envoy.envoy.call(**call) for call in calls]
    tally = read(len(calls))
    counted = sorted(
        (outcome.status_class, outcome.reason)
        for outcome, numbers in tally.counts.items()
        for _ in range(numbers.calls)
    )
    assert counted == sorted((answer.status // 100, answer.reason or "") for answer in answers)
    assert tally.malformed == 0
    assert {outcome.series.plan for outcome in tally.counts if not outcome.reason} == {"gold", ""}
    assert all(outcome.series.plan in {"gold", ""} for outcome in tally.counts)


def test_probe_is_told_from_a_call(envoy, read):
    answer = envoy.envoy.call("/pets/v1/pets", key=KEY, headers={"x-portico-probe": PROBE_SECRET})
    forged = envoy.envoy.call("/pets/v1/pets", key=KEY, headers={"x-portico-probe": "guessed"})
    spoofed = envoy.envoy.call("/pets/v1/pets", key=KEY, headers={"x-portal-probe": "1"})
    assert (answer.status, forged.status, spoofed.status) == (204, 200, 200)
    tally = read(3)
    assert (tally.probes, sum(numbers.calls for numbers in tally.counts.values())) == (1, 2)


@pytest.mark.parametrize(
    "target",
    [
        b'/pets/v1/x{"application":"app_other","status":200}',
        b"/pets/v1/\xff\xfe\xed\xa0\x80",
        b"/pets/v1/%00%0a%22",
        b"/pets/v1/" + b"x" * 20_000,
        b"/pets/v1/\\u0000\\ud800",
        '/pets/v1/☃"\\'.encode(),
        b"/pets/v1/\x7f\x01",
    ],
)
def test_whatever_is_sent_is_one_line(envoy, read, target):
    address = envoy.envoy.options.listeners["production"]
    with socket.create_connection((address.host, address.port), timeout=10) as connection:
        agent = b'user-agent: {"\xff\\"}\r\nx-portal-app: app_other\r\n'
        connection.sendall(
            b"GET " + target + b" HTTP/1.1\r\nhost: x\r\n" + agent + b"connection: close\r\n\r\n"
        )
        while connection.recv(65536):
            pass
    tally = read(1)
    assert (tally.malformed, tally.probes, len(tally.counts)) == (0, 0, 1)
    assert_nobody(tally)


@pytest.mark.parametrize("path", ["/pets/v1/pets", "/open/x", "/graph", "/nowhere"])
def test_call_refused_before_the_filters_is_nobodys(envoy, read, path):
    """Envoy refuses this upgrade itself, with the API found and the caller's headers still there."""
    address = envoy.envoy.options.listeners["production"]
    with socket.create_connection((address.host, address.port), timeout=10) as connection:
        headers = b"host: x\r\nconnection: upgrade\r\nupgrade: h2c-not\r\n" + _SPOOFED
        connection.sendall(b"GET " + path.encode() + b" HTTP/1.1\r\n" + headers + b"\r\n")
        assert connection.recv(65536).split(b" ")[1] in {b"400", b"401", b"403", b"404"}
    tally = read(1)
    assert (tally.probes, len(tally.counts)) == (0, 1)
    assert_nobody(tally)


def assert_nobody(tally):
    assert {outcome.series.application for outcome in tally.counts} == {""}
    assert {outcome.series.credential for outcome in tally.counts} == {""}
    assert (tally.used, tally.passed) == ({}, {})
