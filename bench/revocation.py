"""From a revocation to the first refused call, and from an approval to the first 200, as calls through Envoy see it.

With 100,000 credentials and as many subscriptions loaded (BENCH_REVOCATION_LOAD): a hundred keys and clients revoked one
right after the other, each watched with a key or a token that had just been let in. `approve_*` are changes of one
application each, among the same load. `small_*` is the same on the demo alone, in the same run, and beside them stand
the write alone (how long the request took) and one call.
"""

import http.client
import os
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from bench.harness import Recorder, percentile
from bench.people import Person
from bench.rotation import PATH, Place, a_place, subscribed

LOAD = int(os.environ.get("BENCH_REVOCATION_LOAD", "100000"))
CHANGES = int(os.environ.get("BENCH_REVOCATION_CHANGES", "100"))
APPROVALS = max(1, CHANGES // 10)
# An application holds at most fifty.
PER_APPLICATION = 20
API, PLAN, APPROVED_PATH = "product-catalogue", "gold", "/catalogue/v1/products"
PATIENCE_S = 60.0
# Well below what is measured, and slow enough to leave the cores to the portal.
POLL_S = 0.005
Headers = Mapping[str, str]
Figures = dict[str, list[float]]


def run(recorder: Recorder) -> None:
    with a_place() as place:
        gateway = http.client.HTTPConnection(urlsplit(place.gateway).netloc, timeout=10)
        subscribed(place)  # waits for the API that is called
        for prefix in ("small_", ""):
            figures: Figures = {}
            chosen = list(victims(place, APPROVALS if prefix else CHANGES))
            if not prefix:
                _load(place, gateway)
            for public_id, headers in chosen:
                revoke(place.consumer, gateway, public_id, headers, figures)
            approvals(place, gateway, figures, APPROVALS)
            report(recorder, prefix, figures)


def report(recorder: Recorder, prefix: str, figures: Figures) -> None:
    for name, values in figures.items():
        goal = "<= 2000" if name in {"revoke_to_401", "approve_to_200"} and not prefix else None
        recorder.add(f"{prefix}{name}_p50_ms", percentile(values, 50) * 1000, "ms", n=len(values))
        recorder.add(f"{prefix}{name}_p99_ms", percentile(values, 99) * 1000, "ms", goal=goal, n=len(values))


def _load(place: Place, gateway: http.client.HTTPConnection) -> None:
    began = time.monotonic()
    key = place.python("bench.revocation_rows", str(LOAD))
    written = time.monotonic()
    _until(gateway, PATH, {"x-api-key": key}, 200)
    print(
        f"   {LOAD} credentials: rows {written - began:.0f} s, at the gateway {time.monotonic() - written:.1f} s later"
    )


def victims(place: Place, count: int) -> list[tuple[str, Headers]]:
    """Keys and clients by turns: the public id, and what a call with it carries."""
    found: list[tuple[str, Headers]] = []
    application = ""
    for n in range(count):
        if n % PER_APPLICATION == 0:
            application = subscribed(place)
        kind = ("api_key", "oauth_client")[n % 2]
        new = {"kind": kind, "environment": "production", "name": f"Victim {n}"}
        issued = place.consumer.post(f"/applications/{application}/credentials/", new)
        if kind == "api_key":
            found.append((issued["id"], {"x-api-key": issued["api_key"]}))
        else:
            token = place.consumer.post(f"/credentials/{issued['id']}/tokens/", {"lifetime": 900})
            found.append((issued["id"], {"authorization": f"Bearer {token['access_token']}"}))
    return found


def revoke(
    consumer: Person,
    gateway: http.client.HTTPConnection,
    public_id: str,
    headers: Headers,
    figures: Figures,
) -> None:
    """Seconds from the request to the first refused call; what was let in just before must be refused."""
    _timed(figures, "one_call", lambda: _must(_call(gateway, PATH, headers), 200))
    began = time.perf_counter()
    consumer.post(f"/credentials/{public_id}/revoke/", {})
    figures.setdefault("revoke_write", []).append(time.perf_counter() - began)
    _until(gateway, PATH, headers, 401)
    figures.setdefault("revoke_to_401", []).append(time.perf_counter() - began)


def approvals(place: Place, gateway: http.client.HTTPConnection, figures: Figures, count: int) -> None:
    """Seconds from the request to the first call that is let in, so many times."""
    publisher = place.person("publisher")
    for n in range(count):
        name = f"Approved {n} {time.time():.0f}"
        application = place.consumer.post("/applications/", {"name": name, "team": "web-shop"})["id"]
        new = {"kind": "api_key", "environment": "production", "name": "bench"}
        issued = place.consumer.post(f"/applications/{application}/credentials/", new)
        request = {"application": application, "api": API, "plan": PLAN}
        subscription = place.consumer.post("/subscriptions/", request)["id"]
        headers = {"x-api-key": issued["api_key"]}
        _until(gateway, APPROVED_PATH, headers, 403)
        began = time.perf_counter()
        publisher.post(f"/subscriptions/{subscription}/approve/", {})
        figures.setdefault("approve_write", []).append(time.perf_counter() - began)
        _until(gateway, APPROVED_PATH, headers, 200)
        figures.setdefault("approve_to_200", []).append(time.perf_counter() - began)


def _timed(figures: Figures, name: str, work: Callable[[], None]) -> None:
    began = time.perf_counter()
    work()
    figures.setdefault(name, []).append(time.perf_counter() - began)


def _must(status: int, wanted: int) -> None:
    if status != wanted:
        raise RuntimeError(f"the gateway answered {status}, not {wanted}")


def _until(gateway: http.client.HTTPConnection, path: str, headers: Headers, wanted: int) -> None:
    """Call until the answer is `wanted`; a call in between that is neither the old nor the new answer ends the run."""
    deadline = time.monotonic() + PATIENCE_S
    while (status := _call(gateway, path, headers)) != wanted:
        if time.monotonic() > deadline or status not in {200, 401, 403, 429}:
            raise RuntimeError(f"the gateway answered {status}, not {wanted}")
        time.sleep(POLL_S)


def _call(gateway: http.client.HTTPConnection, path: str, headers: Headers) -> int:
    gateway.request("GET", path, headers=dict(headers))
    answer = gateway.getresponse()
    answer.read()
    return answer.status
