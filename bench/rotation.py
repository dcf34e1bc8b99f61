"""Credentials and signing keys replaced under steady traffic: who failed while both count, and when the old one ends.

Each rotation runs beside calls at a steady rate through the real gateway: with the old one until its end, with the new
one from the moment that it is shown. A key and a client are rotated twice: by REST with an overlap that somebody cuts
short by revoking, and with an overlap of seconds that the clock ends. `plain_*` is the same traffic without a rotation.
"""

import base64
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.harness import ROOT, Recorder, percentile, portal
from bench.people import Person
from bench.traffic import Traffic

RATE = float(os.environ.get("BENCH_ROTATION_RATE", "200"))
SECONDS = float(os.environ.get("BENCH_ROTATION_SECONDS", "10"))
KINDS = ("api_key", "oauth_client", "signing_key")
# A plan that nobody gets to the limit of, and an API that offers it.
MANIFEST = """
apiVersion: portico.dev/v1alpha1
kind: Plan
metadata: {name: unhurried}
spec: {displayName: Unhurried, rate: {requests: 600000, per: Minute}, burst: 10000, approval: Automatic}
---
apiVersion: portico.dev/v1alpha1
kind: Api
metadata: {name: beacons, namespace: storefront}
spec:
  displayName: Beacons
  version: v1
  summary: For calls at a steady rate.
  type: REST
  ownerTeam: storefront
  definition:
    inline: '{"openapi": "3.0.3", "info": {"title": "Beacons", "version": "1"},
      "paths": {"/stores": {"get": {"responses": {"200": {"description": "All."}}}}}}'
  basePath: /beacons/v1
  upstreams: {production: {service: {name: demo-backend, namespace: portico-demo, port: 80}}}
  security: {oauth2: true, apiKey: true}
  plans: [unhurried]
  visibility: Public
  publication: {approval: Automatic}
"""
PATH = "/beacons/v1/stores"
# Who goes on asking for tokens with a secret that has ended is told to wait after a while.
REFUSED = (401, 429)
_PATIENCE_S = 30.0
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class Place:
    """A running portal with the demo's people: its address, the production gateway's, and its state folder."""

    portal: str
    gateway: str
    state: Path

    people: dict[str, Person] = field(default_factory=dict)

    @property
    def consumer(self) -> Person:
        return self.person("consumer")

    def close(self) -> None:
        for person in self.people.values():
            person.close()

    def step(self, *arguments: str) -> dict[str, Any]:
        """A step of `bench.rotation_steps`."""
        found: dict[str, Any] = json.loads(self.python("bench.rotation_steps", *arguments))
        return found

    def person(self, who: str) -> Person:
        """Somebody of the demo: consumer, publisher or admin."""
        if who not in self.people:
            email = f"{who}@demo.portico"
            password = json.loads((self.state / "demo-passwords.json").read_text())[email]
            self.people[who] = Person(self.portal, email, password)
        return self.people[who]

    def python(self, module: str, *arguments: str) -> str:
        """Run a module with the portal's own database; the last line that it printed."""
        folder = self.state / "postgres"
        password, port = ((folder / name).read_text().strip() for name in ("password", "port"))
        env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PORTICO_")},
            "DATABASE_URL": f"postgresql://portico:{password}@127.0.0.1:{port}/portico",
            "PORTICO_DEMO": "1",
            "PORTICO_STATE": str(self.state),
            "PORTICO_SECRET_KEY": (self.state / "secret_key").read_text().strip(),
        }
        command = [sys.executable, "-m", module, *arguments]
        done = subprocess.run(command, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout.splitlines()[-1]


@dataclass
class Life:
    """One credential under traffic: when it was shown, and the end that it was given (seconds since 1970)."""

    name: str
    shown: float
    ends: float | None = None


@dataclass
class Outcome:
    """What the traffic of one rotation came to. `refused_after_ms`: from each end to the first refused call."""

    calls: int = 0
    failures: list[str] = field(default_factory=list)
    refused: int = 0
    refused_after_ms: list[float] = field(default_factory=list)

    def count(self, traffic: Traffic, lives: list[Life]) -> None:
        """Between being shown and its end a credential must work; a call that the end overtook may go either way."""
        for life in lives:
            calls = traffic.of(life.name)
            inside = [call for call in calls if life.ends is None or call.answered < life.ends]
            after = [call for call in calls if life.ends is not None and call.sent >= life.ends]
            refused = [call for call in after if call.status in REFUSED]
            failed = [call for call in inside if call.status != 200]
            failed += [call for call in after if call.status not in {200, *REFUSED}]
            self.calls += len(calls)
            self.failures += [
                f"{call.status} {call.sent - life.shown:.3f} s after {life} was shown" for call in failed
            ]
            self.refused += len(refused)
            if refused and life.ends is not None:
                self.refused_after_ms.append((refused[0].answered - life.ends) * 1000)


def run(recorder: Recorder) -> None:
    with a_place() as place:
        application = subscribed(place)
        plain = plain_traffic(place, application, RATE, SECONDS)
        recorder.add("plain_calls", len(plain), "calls", n=len(plain))
        recorder.add("plain_failed", sum(took is None for took in plain), "calls", n=len(plain))
        recorder.add(
            "plain_p99_ms", percentile([took for took in plain if took], 99) * 1000, "ms", n=len(plain)
        )
        for kind in KINDS:
            outcome = ROTATIONS[kind](place, application, RATE, SECONDS)
            recorder.add(f"{kind}_calls", outcome.calls, "calls", n=outcome.calls)
            recorder.add(
                f"{kind}_failed_inside", len(outcome.failures), "calls", goal="<= 0", n=outcome.calls
            )
            recorder.add(f"{kind}_refused_after", outcome.refused, "calls", goal=">= 1", n=outcome.calls)
            if ends := outcome.refused_after_ms:
                recorder.add(f"{kind}_first_refused_ms", max(ends), "ms", n=len(ends))


@contextmanager
def a_place() -> Iterator[Place]:
    """The demo with one API and plan more."""
    with tempfile.TemporaryDirectory(prefix="portico-manifests-") as folder:
        manifests = Path(folder) / "manifests"
        shutil.copytree(ROOT / "deploy" / "demo" / "manifests", manifests)
        (manifests / "beacons.yaml").write_text(MANIFEST)
        with (
            portal(PORTICO_CLUSTER=f"directory:{manifests}", PORTICO_CLUSTER_NAME="demo") as running,
            closing(Place(running.url, running.gateways["production"], running.state)) as place,
        ):
            yield place


def subscribed(place: Place) -> str:
    """An application that may call the API, by the gateway's word: its id."""
    name = f"Steady {secrets.token_hex(4)}"
    application: str = place.consumer.post("/applications/", {"name": name, "team": "web-shop"})["id"]
    request = {"application": application, "api": "beacons", "plan": "unhurried"}
    made = until(lambda: place.consumer.tried("/subscriptions/", request), "the API is in the catalog")
    proven = f"/receipts/?subscription={made['id']}&status=complete"
    until(lambda: place.consumer.get(proven)["results"], "the subscription is in force")
    return application


def plain_traffic(place: Place, application: str, rate: float, seconds: float) -> list[float | None]:
    """Seconds that each call took with a key that nobody touches; None for a failed one."""
    key = _issue(place, application, "api_key")["api_key"]
    with Traffic(place.gateway + PATH, rate, {"key": lambda: {"x-api-key": key}}) as traffic:
        traffic.goes_on(seconds)
    return [call.answered - call.sent if call.status == 200 else None for call in traffic.calls]


def rotate_key(place: Place, application: str, rate: float, seconds: float) -> Outcome:
    issued = _issue(place, application, "api_key")

    def carried(issued: Mapping[str, Any]) -> Callable[[], dict[str, str]]:
        return lambda: {"x-api-key": issued.get("api_key") or issued["secret"]}

    with Traffic(place.gateway + PATH, rate) as traffic:
        lives = _twice(place, issued, seconds, traffic, carried)
    outcome = Outcome()
    outcome.count(traffic, lives)
    return outcome


def rotate_client(place: Place, application: str, rate: float, seconds: float) -> Outcome:
    """Calls with the newest token of each client, while each goes on asking for tokens at a tenth of the rate."""
    issued = _issue(place, application, "oauth_client")
    newest: dict[str, str] = {}

    def hear(who: str, status: int, text: str) -> None:
        if status == 200:
            newest[who] = json.loads(text)["access_token"]

    def proof(issued: Mapping[str, Any]) -> dict[str, str]:
        pair = f"{issued['id']}:{issued.get('client_secret') or issued['secret']}"
        return {**_FORM, "Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    grant = "grant_type=client_credentials"
    minting = Traffic(f"{place.portal}/o/token/", rate / 10, body=grant, heard=hear, threads=2)
    calling = Traffic(place.gateway + PATH, rate)
    with minting, calling:

        def carried(issued: Mapping[str, Any]) -> Callable[[], dict[str, str]]:
            headers = proof(issued)
            return lambda: headers

        lives = _twice(
            place, issued, seconds, minting, carried, begin=lambda life: _call_with(calling, newest, life)
        )
    outcome = Outcome()
    outcome.count(minting, lives)
    outcome.count(calling, lives)
    return outcome


def _call_with(calling: Traffic, newest: Mapping[str, str], life: Life) -> None:
    """As soon as the client has its first token, calls are made with its newest one."""
    until(lambda: life.name in newest, "a first token")
    calling.callers[life.name] = lambda: {"authorization": f"Bearer {newest[life.name]}"}


def _twice(
    place: Place,
    issued: Mapping[str, Any],
    seconds: float,
    traffic: Traffic,
    carried: Callable[[Mapping[str, Any]], Callable[[], dict[str, str]]],
    begin: Callable[[Life], None] = lambda _: None,
) -> list[Life]:
    """The first by REST, ended by hand in its overlap; the second ended by the clock. Leaves the third working."""
    lives: list[Life] = []

    def shown(issued: Mapping[str, Any]) -> Life:
        life = Life(issued["id"], time.time())
        lives.append(life)
        traffic.callers[life.name] = carried(issued)
        begin(life)
        return life

    first = shown(issued)
    traffic.goes_on(seconds / 2)
    second_issued = place.consumer.post(f"/credentials/{first.name}/rotate/", {"overlap": 900})
    second = shown(second_issued)
    traffic.goes_on(seconds)
    first.ends = time.time()
    place.consumer.post(f"/credentials/{first.name}/revoke/", {"reason": "Nobody uses it"})
    _refused(traffic, first)
    third_issued = place.step("rotate", second.name, str(max(2, round(seconds))))
    second.ends = third_issued["ends"]
    shown(third_issued)
    _refused(traffic, second)
    traffic.goes_on(seconds / 4)
    return lives


def _refused(traffic: Traffic, life: Life) -> None:
    """Until the last five calls were refused, and then a little."""
    until(lambda: _all_refused(traffic, life), "the old one is refused")


def _all_refused(traffic: Traffic, life: Life) -> bool:
    after = [call for call in traffic.of(life.name) if life.ends is not None and call.sent >= life.ends]
    return len(after) >= 5 and all(call.status in REFUSED for call in after[-5:])


def rotate_signing_key(place: Place, application: str, rate: float, seconds: float) -> Outcome:
    """Tokens signed before and after, until those of the retired key have come to their end."""
    client = _issue(place, application, "oauth_client")
    newest: dict[str, str] = {}
    with Traffic(place.gateway + PATH, rate) as traffic:

        def use(name: str) -> Life:
            newest[name] = _minted(place, client)
            traffic.callers[name] = lambda: {"authorization": f"Bearer {newest[name]}"}
            return Life(name, time.time())

        lives = [use("before")]
        place.step("publish-long-ago")
        traffic.goes_on(seconds / 2)
        place.person("admin").post("/signing-keys/rotate/", {})
        # Each process may sign with the former key for five seconds more, and anybody's token of either key counts.
        lives.append(use("meanwhile"))
        traffic.goes_on(max(seconds, 6))
        lives.append(use("after"))
        traffic.goes_on(seconds / 2)
        for life in lives[:2]:
            if _kid(newest[life.name]) != _kid(newest["after"]):
                life.ends = time.time()
        until(
            lambda: place.step("forget-retired") and _all_refused(traffic, lives[0]), "its tokens are refused"
        )
        traffic.goes_on(seconds / 4)
    outcome = Outcome()
    outcome.count(traffic, lives)
    # The end is one that was made by hand: how long after it is no figure.
    outcome.refused_after_ms.clear()
    return outcome


ROTATIONS: dict[str, Callable[[Place, str, float, float], Outcome]] = {
    "api_key": rotate_key,
    "oauth_client": rotate_client,
    "signing_key": rotate_signing_key,
}


def _issue(place: Place, application: str, kind: str) -> dict[str, Any]:
    issued: dict[str, Any] = place.consumer.post(
        f"/applications/{application}/credentials/",
        {"kind": kind, "environment": "production", "name": "Rotated"},
    )
    return issued


def _minted(place: Place, client: Mapping[str, Any]) -> str:
    minted = place.consumer.post(f"/credentials/{client['id']}/tokens/", {"lifetime": 900})
    text: str = minted["access_token"]
    return text


def _kid(token: str) -> str:
    head = token.partition(".")[0]
    kid: str = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"]
    return kid


def until(condition: Callable[[], Any], what: str) -> Any:
    """Wait for something true and return it. Raises RuntimeError after a while."""
    deadline = time.monotonic() + _PATIENCE_S
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise RuntimeError(f"in vain for {_PATIENCE_S:.0f} s: {what}")
        time.sleep(0.1)
    return found
