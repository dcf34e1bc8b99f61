"""Each part killed under traffic: the supervisor restores it, what was accepted is kept, and the gateway stays right.

The whole time somebody calls with a good key, with a revoked one and with none, and somebody writes through REST.
"""

import os
import secrets
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.journeys.caller import Caller, personal_token
from tests.journeys.test_manifest_edit import write
from tests.stack import CONSUMER, PUBLISHER, Stack, call, until

pytestmark = pytest.mark.gateway

RESTORED_SECONDS = 60.0
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


def test_fault_loses_no_accepted_write(traffic: Traffic):
    traffic.stop()
    assert len(traffic.accepted) > 20
    for application in traffic.accepted:
        assert traffic.consumer.get(f"/applications/{application}/")["id"] == application


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
