"""Each part killed under traffic: the supervisor restores it, what was accepted is kept, and the gateway stays right.

The whole time somebody calls with a good key, with a revoked one and with none, and somebody writes through REST.
"""

import contextlib
import os
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.journeys.caller import Caller, personal_token
from tests.journeys.test_manifest_edit import write
from tests.journeys.test_rest_story import token_of
from tests.stack import CONSUMER, PUBLISHER, Stack, bearer, call, until

pytestmark = pytest.mark.gateway

RESTORED_SECONDS = 60.0
CONVERGED_SECONDS = 5.0
# How long the database and the portal stay away.
OUTAGE_SECONDS = float(os.environ.get("PORTICO_OUTAGE_SECONDS", "12"))
PAUSE = 0.04
PARTS = ["web", "worker", "watch", "gateway", "envoy", "postgres"]


@dataclass
class Traffic:
    """Calls and writes that go on until they are stopped, and what they got."""

    consumer: Caller
    address: str
    good: str
    revoked: str
    served: list[int | str] = field(default_factory=list)
    refused: list[int | str] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        for work in (self._call_well, self._call_badly, self._write):
            self._threads.append(threading.Thread(target=self._repeat, args=(work,)))
            self._threads[-1].start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _repeat(self, work: Callable[[], None]) -> None:
        while not self._stop.wait(PAUSE):
            work()

    def _call_well(self) -> None:
        self.served.append(self.status_with({"x-api-key": self.good}))

    def _call_badly(self) -> None:
        for headers in ({"x-api-key": self.revoked}, {}):
            self.refused.append(self.status_with(headers))

    def _write(self) -> None:
        """Only what was answered with 201 counts as accepted."""
        try:
            made = self.consumer.post(
                "/applications/", 201, name=f"Fault {secrets.token_hex(6)}", team="web-shop"
            )
        except (AssertionError, OSError):
            return
        self.accepted.append(made["id"])

    def status_with(self, headers: dict[str, str]) -> int | str:
        try:
            return call(self.address, headers=headers).status
        except OSError as error:
            return type(error).__name__

    def forget(self) -> None:
        self.served.clear()
        self.refused.clear()


@pytest.fixture(scope="module")
def publisher(stack: Stack) -> Caller:
    return Caller(stack, personal_token(stack, PUBLISHER, "portal:read", "portal:publish"))


@pytest.fixture(scope="module")
def traffic(stack: Stack, publisher: Caller) -> Iterator[Traffic]:
    consumer = Caller(stack, personal_token(stack, CONSUMER, "portal:read", "portal:subscribe"))
    application = consumer.post(
        "/applications/", 201, name=f"Steady {secrets.token_hex(3)}", team="web-shop"
    )["id"]
    keys = [key(consumer, application) for _ in range(2)]
    wanted = consumer.post(
        "/subscriptions/", 202, application=application, api="product-catalogue", plan="gold"
    )
    publisher.post(f"/subscriptions/{wanted['id']}/approve/")
    consumer.post(f"/credentials/{keys[1]['id']}/revoke/")
    address = f"{stack.gateways['production']}/catalogue/v1/products"
    found = Traffic(consumer, address, keys[0]["api_key"], keys[1]["api_key"])
    until(lambda: found.status_with({"x-api-key": found.good}) == 200, "the good key works")
    until(lambda: found.status_with({"x-api-key": found.revoked}) == 401, "the revoked key is refused")
    found.start()
    yield found
    found.stop()


@pytest.mark.parametrize("part", PARTS)
def test_fault_is_survived(stack: Stack, traffic: Traffic, publisher: Caller, part: str):
    traffic.forget()
    before = stack.pids()[part]
    os.kill(before, signal.SIGKILL)
    until(lambda: stack.pids().get(part, before) != before, f"{part} is started again", RESTORED_SECONDS)
    if part == "envoy":
        until(
            lambda: traffic.served and traffic.served[-1] == 200, "the gateway serves again", RESTORED_SECONDS
        )
        down = set(traffic.served) - {200} | set(traffic.refused) - {401}
        assert all(isinstance(one, str) for one in down), f"it answered wrongly: {down}"
        traffic.forget()
    works_again(stack, traffic, publisher)
    until(lambda: len(traffic.served) > 20 and len(traffic.refused) > 40, "calls were made", RESTORED_SECONDS)
    assert set(traffic.served) == {200}
    assert set(traffic.refused) == {401}
    lost_nothing(traffic)


def test_outage_of_the_database_and_the_portal(stack: Stack, traffic: Traffic, publisher: Caller):
    """Both stay away, however often they are started again, and Envoy is killed meanwhile: it goes on as before."""
    application = until(lambda: traffic.accepted, "an application is made")[-1]
    ending = key(traffic.consumer, application)
    traffic.consumer.post(
        "/subscriptions/", 201, application=application, api="product-catalogue", plan="standard"
    )
    until(lambda: traffic.status_with({"x-api-key": ending["api_key"]}) == 200, "its key works")
    token = bearer(token_of(stack, client_of(traffic.consumer, application)))
    until(lambda: traffic.status_with(token) == 200, "the token works")
    traffic.forget()
    ends = time.monotonic() + OUTAGE_SECONDS
    with kept_down(stack, "web", "postgres"):
        until(lambda: time.monotonic() > ends - OUTAGE_SECONDS / 2, "half of it", OUTAGE_SECONDS)
        assert traffic.status_with(token) == 200
        assert_right(traffic)
        envoy = stack.pids()["envoy"]
        os.kill(envoy, signal.SIGKILL)
        until(lambda: stack.pids().get("envoy", envoy) != envoy, "Envoy is started without the database")
        until(lambda: traffic.status_with(token) == 200, "it serves without the portal")
        traffic.forget()
        until(lambda: time.monotonic() > ends, "the rest", OUTAGE_SECONDS)
        assert traffic.status_with(token) == 200
        with pytest.raises(OSError, match="refused"):
            call(f"{stack.portal}/readyz")
    until(
        lambda: answers(lambda: call(f"{stack.portal}/readyz").status) == 200, "all is back", RESTORED_SECONDS
    )
    traffic.consumer.post(f"/credentials/{ending['id']}/revoke/")
    until(
        lambda: traffic.status_with({"x-api-key": ending["api_key"]}) == 401,
        "a revocation is in force",
        CONVERGED_SECONDS,
    )
    works_again(stack, traffic, publisher)
    assert_right(traffic)
    lost_nothing(traffic)


def assert_right(traffic: Traffic) -> None:
    """Some calls later every answer was as agreed."""
    served, refused = len(traffic.served), len(traffic.refused)
    until(lambda: len(traffic.served) > served + 5 and len(traffic.refused) > refused + 10, "calls are made")
    assert set(traffic.served) == {200}
    assert set(traffic.refused) == {401}


def lost_nothing(traffic: Traffic) -> None:
    """Every write that was accepted is there."""
    until(lambda: len(traffic.accepted) > 20, "writes were accepted", RESTORED_SECONDS)
    for application in list(traffic.accepted):
        assert traffic.consumer.get(f"/applications/{application}/")["id"] == application


@contextlib.contextmanager
def kept_down(stack: Stack, *parts: str) -> Iterator[None]:
    """Kill each of these parts, and again whenever it is started."""
    over, killed = threading.Event(), set[int]()

    def pids() -> set[int]:
        found = {pid for part, pid in stack.pids().items() if part in parts}
        if "postgres" in parts:
            # It is recorded once it is ready, which it must not become.
            with contextlib.suppress(OSError, ValueError):
                found.add(int((stack.state / "postgres/data/postmaster.pid").read_text().split("\n")[0]))
        return found

    def kill() -> None:
        while not over.wait(0.02):
            # A number may be somebody else's later.
            for pid in pids() - killed:
                killed.add(pid)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert len(killed) > len(parts), "they were started again"


def client_of(consumer: Caller, application: str) -> tuple[str, str]:
    """A new client's id and secret."""
    made = consumer.post(
        f"/applications/{application}/credentials/",
        201,
        kind="oauth_client",
        environment="production",
        name="Client",
    )
    return made["client_id"], made["client_secret"]


def works_again(stack: Stack, traffic: Traffic, publisher: Caller) -> None:
    """A change in the cluster reaches the catalog, and a change in the portal reaches the gateway: every part has its share."""
    slug = f"fault-{secrets.token_hex(3)}"
    path = stack.manifests / "storefront" / f"{slug}.yaml"
    write(path, slug, displayName=slug, basePath=f"/{slug}")
    until(
        lambda: answers(lambda: call(f"{stack.portal}/api/v1/apis/{slug}/").status) == 200,
        "it is in the catalog",
        RESTORED_SECONDS,
    )
    until(
        lambda: call(f"{stack.gateways['production']}/{slug}/stores").status == 200,
        "the gateway serves it",
        RESTORED_SECONDS,
    )
    path.unlink()
    accepted = len(traffic.accepted)
    until(lambda: len(traffic.accepted) > accepted, "writes are accepted again", RESTORED_SECONDS)
    application = traffic.accepted[-1]
    fresh = key(traffic.consumer, application)
    traffic.consumer.post(
        "/subscriptions/", 201, application=application, api="product-catalogue", plan="standard"
    )
    until(
        lambda: traffic.status_with({"x-api-key": fresh["api_key"]}) == 200,
        "a new key works",
        RESTORED_SECONDS,
    )
    traffic.consumer.post(f"/credentials/{fresh['id']}/revoke/")
    until(
        lambda: traffic.status_with({"x-api-key": fresh["api_key"]}) == 401, "it is refused", RESTORED_SECONDS
    )


def answers(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except OSError:
        return None


def key(consumer: Caller, application: str) -> dict[str, Any]:
    return consumer.post(
        f"/applications/{application}/credentials/", 201, kind="api_key", environment="production", name="Key"
    )
