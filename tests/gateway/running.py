"""The agent's own loop on a real Postgres, beside a real Envoy, and what tests of it need."""

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
from django.db import connection, transaction

from apis.models import ApiVersion
from apis.signals import version_changed
from gateway.agent import Agent
from gateway.models import Receipt, ReceiptStatus
from gateway.publish import Publisher, envoy_options
from keymanager import signing, tokens
from subscriptions.models import Subscription
from tests import factories
from tests.gateway.envoy import Answer, RunningEnvoy, free_port, wait_until


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


def answers(subject: object, event: str) -> list[str]:
    """What the probes of its receipt saw."""
    return [probe["answered"] for probe in proven(subject, event).probes]


@pytest.fixture(autouse=True)
def one_signing_key() -> None:
    """The key ring is remembered by the process, the database is emptied after every test."""
    signing.forget()
