"""From an approval to the first 200, and from a revocation to the first 401, as a consumer's calls through Envoy see it.

Beside them, in the same run: the write alone (how long the approving and the revoking request took) and one call.
"""

import http.client
import os
import time
from urllib.parse import urlsplit

from bench.harness import Portal, Recorder, percentile, portal
from bench.people import Person

CHANGES = int(os.environ.get("BENCH_REVOCATION_CHANGES", "100"))
API, PLAN, PATH = "product-catalogue", "gold", "/catalogue/v1/products"
PATIENCE_S = 30.0
# Well below what is measured, and slow enough to leave the cores to the portal.
POLL_S = 0.005


def run(recorder: Recorder) -> None:
    with portal() as running:
        consumer, publisher = _people(running)
        gateway = http.client.HTTPConnection(urlsplit(running.gateways["production"]).netloc, timeout=10)
        figures: dict[str, list[float]] = {}
        for n in range(CHANGES):
            for name, took in _one_change(n, consumer, publisher, gateway).items():
                figures.setdefault(name, []).append(took * 1000)
    for name, goal in (
        ("approve_to_200", "<= 2000"),
        ("revoke_to_401", "<= 2000"),
        ("approve_write", None),
        ("revoke_write", None),
        ("one_call", None),
    ):
        recorder.add(f"{name}_p50_ms", percentile(figures[name], 50), "ms", n=CHANGES)
        recorder.add(f"{name}_p99_ms", percentile(figures[name], 99), "ms", goal=goal, n=CHANGES)


def _people(running: Portal) -> tuple[Person, Person]:
    found = {person["email"].split("@")[0]: person for person in running.demo["people"]}
    consumer, publisher = (
        Person(running.url, found[who]["email"], found[who]["password"]) for who in ("consumer", "publisher")
    )
    return consumer, publisher


def _one_change(
    n: int, consumer: Person, publisher: Person, gateway: http.client.HTTPConnection
) -> dict[str, float]:
    """Seconds from the request that approves (revokes) to the first call let through (refused), and the rest."""
    application = consumer.post("/applications/", {"name": f"Bench {n}", "team": "web-shop"})["id"]
    issued = consumer.post(
        f"/applications/{application}/credentials/",
        {"kind": "api_key", "environment": "production", "name": "bench"},
    )
    request = {"application": application, "api": API, "plan": PLAN}
    subscription = consumer.post("/subscriptions/", request)["id"]
    key = issued["api_key"]
    _until(gateway, key, 403)
    began = time.perf_counter()
    publisher.post(f"/subscriptions/{subscription}/approve/", {})
    written = time.perf_counter()
    _until(gateway, key, 200)
    open_at = time.perf_counter()
    _call(gateway, key)
    called = time.perf_counter()
    consumer.post(f"/credentials/{issued['id']}/revoke/", {})
    revoked = time.perf_counter()
    _until(gateway, key, 401)
    return {
        "approve_write": written - began,
        "approve_to_200": open_at - began,
        "one_call": called - open_at,
        "revoke_write": revoked - called,
        "revoke_to_401": time.perf_counter() - called,
    }


def _until(gateway: http.client.HTTPConnection, key: str, wanted: int) -> None:
    """Call until the answer is `wanted`; a call in between that is neither the old nor the new answer ends the run."""
    deadline = time.monotonic() + PATIENCE_S
    while (status := _call(gateway, key)) != wanted:
        if time.monotonic() > deadline or status not in {200, 401, 403, 429}:
            raise RuntimeError(f"the gateway answered {status}, not {wanted}")
        time.sleep(POLL_S)


def _call(gateway: http.client.HTTPConnection, key: str) -> int:
    gateway.request("GET", PATH, headers={"X-API-Key": key})
    answer = gateway.getresponse()
    answer.read()
    return answer.status
