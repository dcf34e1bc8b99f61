"""Every call is counted once, whatever is killed: the counting process, the worker, Postgres, the log under them all."""

import os
import secrets
import signal
from collections import Counter

import psycopg
import pytest

from bench.calls import Calls
from portal.embedded.postgres import EmbeddedPostgres
from tests.journeys.caller import Caller, personal_token
from tests.stack import CONSUMER, Stack, call, until

pytestmark = pytest.mark.gateway

CALLS = 20_000
KILLED = ["usage", "worker", "postgres", "usage", "postgres", "usage"]
SECONDS = 60.0


def test_usage_is_exact_to_the_call(stack: Stack):
    consumer = Caller(stack, personal_token(stack, CONSUMER, "portal:read", "portal:subscribe"))
    began = position(stack)
    name = f"Counted {secrets.token_hex(3)}"
    application = consumer.post("/applications/", 201, name=name, team="web-shop")["id"]
    key = consumer.post(
        f"/applications/{application}/credentials/", 201, kind="api_key", environment="production", name="Key"
    )["api_key"]
    consumer.post("/subscriptions/", 201, application=application, api="product-catalogue", plan="standard")
    gateway = stack.gateways["production"]
    open_to_it, closed_to_it = f"{gateway}/catalogue/v1/products", f"{gateway}/orders/v2/orders"
    made = Counter[int]()

    def opened() -> bool:
        status = call(open_to_it, headers={"x-api-key": key}).status
        if status != 401:
            made[status] += 1
        return status == 200

    until(opened, "the new key works")

    calls = Calls([open_to_it, closed_to_it], {"x-api-key": key}, CALLS).start()
    for n, part in enumerate(KILLED):
        until(lambda n=n: calls.errors or calls.done >= CALLS * n // len(KILLED), "calls are made", SECONDS)
        kill(stack, part)
    statuses = made + calls.wait()
    assert set(statuses) == {200, 403, 429}, statuses
    until(lambda: sum(counted(stack, application).values()) >= statuses.total(), "all is counted", SECONDS)
    expected = {(2, ""): statuses[200], (4, "plan_rate"): statuses[429], (4, "not_subscribed"): statuses[403]}
    assert counted(stack, application) == expected
    until(lambda: counted(stack, application, "hour") == expected, "hours are summed up", SECONDS)
    until(lambda: counted(stack, application, "day") == expected, "days are summed up", SECONDS)
    ended = position(stack)
    assert ended[0] > began[0], "the log was rotated"
    assert ended[1] == 0


def kill(stack: Stack, part: str) -> None:
    before = stack.pids()[part]
    os.kill(before, signal.SIGKILL)
    until(lambda: stack.pids().get(part, before) != before, f"{part} is started again", SECONDS)


def position(stack: Stack) -> tuple[int, int]:
    """How many logs were begun, and how many lines could not be read."""
    found = query(stack, "SELECT number, malformed FROM gateway_logposition")
    return found[0] if found else (0, 0)


def counted(stack: Stack, application: str, unit: str = "minute") -> dict[tuple[int, str], int]:
    """(status class, reason) -> calls of the application; nothing while Postgres is away."""
    rows = query(
        stack,
        f"SELECT status_class, reason, sum(calls)::bigint FROM gateway_{unit}calls"
        " JOIN gateway_callseries AS series ON series.id = series_id"
        " JOIN subscriptions_application AS application ON application.id = series.application_id"
        f" WHERE application.public_id = '{application}' GROUP BY 1, 2",
    )
    return {(status_class, reason): calls for status_class, reason, calls in rows}


def query(stack: Stack, sql: str) -> list[tuple]:
    folder = stack.state / "postgres"
    try:
        url = EmbeddedPostgres(folder, port=int((folder / "port").read_text())).url
        with psycopg.connect(url) as connection:
            return connection.execute(sql).fetchall()
    except psycopg.OperationalError:
        return []
