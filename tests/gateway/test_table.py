"""One table of what the gateway does: each refusal, header and kind of API, in both environments, with both kinds of
credential. Every row says the status, the reason, the answer's headers, what the backend saw and the line in the log.
"""

import contextlib
import datetime as dt
import http.client
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from gateway.snapshot import KeyIdentity, KeyLimits, OutsideIssuer, Snapshot, Version
from gateway.targets.envoy.replies import REPLIES
from tests.gateway import tokens
from tests.gateway.conftest import Gateway, digest_of, sample_snapshot
from tests.gateway.envoy import ENVIRONMENTS, Answer, RunningEnvoy, echo_backend, wait_until
from tests.gateway.kinds import Kinds, Talk, grpc_backend, silent_backend
from tests.gateway.raw import Http2, send
from tests.gateway.test_key_limits import log_line

pytestmark = pytest.mark.gateway
CORP = "https://sso.corp.example"
DAY = dt.datetime(2027, 1, 31, tzinfo=dt.UTC)
PETS = "/pets/v1/pets"
SHOP = {"origin": "https://shop.example"}
ASKED = {**SHOP, "access-control-request-method": "GET"}


@dataclass(frozen=True)
class Case:
    """A call and what it leads to. In `answer`, `seen` and `log` a value is an expression that must match the whole, and
    None is what must not be there. `by` is the kind of credential, `app` whose it is; the last of `times` calls counts.
    """

    name: str
    by: str = "token"
    app: str = "app_web"
    path: str = PETS
    method: str = "GET"
    claims: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1
    status: int = 200
    reason: str | None = None
    answer: dict[str, str | None] = field(default_factory=dict)
    seen: dict[str, str | None] = field(default_factory=dict)
    log: dict[str, str | None] = field(default_factory=dict)


CHALLENGE = {"www-authenticate": 'Bearer realm="portico".*'}
BAD_TOKEN = {"www-authenticate": 'Bearer realm="portico", error="invalid_token"'}
WHO = {"api": "pets", "version": "1.0", "operation": "GET /pets", "plan": "gold", "application": "app_web"}
NOBODY = {"credential": None, "application": None, "plan": None, "jti": None}
LIMITS = {"x-ratelimit-limit": "200.*", "x-ratelimit-remaining": "[0-9]+", "x-ratelimit-reset": "[0-9]+"}
CLEAN = {"authorization": None, "x-api-key": None, "x-portal-sub": None, "x-portal-keyapp": None}


def refused(name: str, status: int, reason: str, **more: Any) -> Case:
    return Case(name, status=status, reason=reason, **more)


def of_either(by: str) -> list[Case]:
    """What is the same for a token and a key."""
    who = {"credential": f"cred_{by}.*", "jti": "jti-1" if by == "token" else None}
    return [
        Case("operation", by, answer=LIMITS, seen={**CLEAN, "x-portal-app": "app_web"}, log={**WHO, **who}),
        Case("base path", by, path="/pets/v1/", log={"operation": "GET /"}),
        Case("query", by, path=PETS + "?secret=1", log={"path": PETS}),
        Case("other version", by, path="/pets/v10/ten", log={"version": "10"}),
        Case("request id", by, headers={"x-request-id": "mine"}, answer={"x-request-id": "[0-9a-f-]{36}"}),
        Case(
            "mediation",
            by,
            headers={"x-secret": "1", "x-tier": "free"},
            answer={"x-served-by": "portico", "x-powered-by": None},
            seen={"x-secret": None, "x-tier": "100% gold"},
        ),
        Case(
            "a backend's reason", by, path="/graph", answer={"x-portico-reason": None}, log={"reason": None}
        ),
        Case("CORS", by, headers=SHOP, answer={"access-control-allow-origin": SHOP["origin"]}),
        Case("CORS exposes", by, headers=SHOP, answer={"access-control-expose-headers": "x-request-id"}),
        Case(
            "CORS stranger", by, headers={"origin": "https://x"}, answer={"access-control-allow-origin": None}
        ),
        Case("no lifecycle", by, answer={"deprecation": None, "sunset": None, "link": None}),
        Case(
            "lifecycle",
            by,
            path="/old/x",
            answer={
                "deprecation": f"@{int(DAY.timestamp())}",
                "sunset": "Sun, 31 Jan 2027 00:00:00 GMT",
                "link": '<https://docs.example/100%25>; rel="deprecation"',
            },
        ),
        refused(
            "no subscription", 403, "not_subscribed", by=by, app="app_none", log={"application": "app_none"}
        ),
        refused("suspended", 403, "suspended", by=by, app="app_held", log={"application": "app_held"}),
        refused(
            "quota",
            429,
            "quota_exceeded",
            by=by,
            app="app_over",
            answer={"retry-after": "Sun, 31 Jan 2027.*"},
        ),
        refused(
            "rate", 429, "plan_rate", by=by, app=f"app_tiny_{by}", times=4, answer={"retry-after": "[0-9]+"}
        ),
        refused("revoked", 401, "token_revoked", by=by, app="gone", claims={"client_id": "cred_gone"}),
        refused("blocked", 403, "blocked_api", by=by, path="/shut/x", log={"api": "shut"}),
        refused("unknown path", 404, "unknown_path", by=by, path="/pets/v1/no", log={"api": None, **NOBODY}),
        refused("unknown method", 404, "unknown_path", by=by, method="DELETE", log={"api": None}),
        refused(
            "hidden dots", 400, "bad_path", by=by, path="/graph/%2e%2e;/x", log={"api": "graph", **NOBODY}
        ),
        refused("no backend", 503, "upstream_unavailable", by=by, path="/gone/x", log={"plan": "gold"}),
        refused("slow backend", 504, "upstream_timeout", by=by, path="/slow/x", log={"plan": "gold"}),
        refused(
            "upgrade",
            403,
            "bad_request",
            by=by,
            headers={"connection": "upgrade", "upgrade": "x"},
            log=NOBODY,
        ),
        refused("large header", 431, "too_large", by=by, headers={"x-large": "a" * 70_000}),
        refused("wrong kind", 401, "not_authenticated", by=by, path=f"/no{by}/x", answer=CHALLENGE),
    ]


TABLE = [
    *of_either("token"),
    *of_either("key"),
    Case("outside token", "outside", app="billing", seen={"x-portal-app": "app_web"}, log=WHO),
    Case("public operation", "", path="/pets/v1/status", log={**NOBODY, "operation": "GET /status"}),
    Case("public API", "", path="/open/x", log={"api": "open", **NOBODY}),
    Case("scope", claims={"scope": "pets:read"}, path="/pets/v1/pets/7", log={"operation": r"GET /pets/\{id\}"}),
    Case("key has no scopes", "key", path="/pets/v1/pets/7"),
    Case("preflight", "", method="OPTIONS", headers=ASKED, answer={"access-control-allow-methods": "GET, POST"}),
    Case("limited key", "limited", path="/graph", log={"credential": "cred_limited"}),
    refused("no credential", 401, "not_authenticated", by="", answer=CHALLENGE, log={"api": "pets", **NOBODY}),
    refused("no credential, browser", 401, "not_authenticated", by="", headers=SHOP, answer={
        "access-control-allow-origin": SHOP["origin"], "x-served-by": None, "deprecation": None,
    }),
    refused("preflight stranger", 404, "unknown_path", by="", method="OPTIONS", headers={
        **ASKED, "origin": "https://x"}, answer={"access-control-allow-origin": None}),
    refused("expired", 401, "token_expired", claims={"exp": 1}, answer=BAD_TOKEN, log=NOBODY),
    refused("forged", 401, "token_invalid", claims={"iss": "https://x"}, answer=BAD_TOKEN, log=NOBODY),
    refused("other environment", 401, "wrong_audience", claims={"aud": "http://other"}, answer=BAD_TOKEN, log=NOBODY),
    refused("other API", 401, "wrong_audience", claims={"subs": {"graph": "gold"}, "subs_only": True}),
    refused("token revoked", 401, "token_revoked", claims={"jti": "jti-gone"}, answer=BAD_TOKEN),
    refused("scope missing", 403, "scope_missing", path="/pets/v1/pets/7", answer={
        "www-authenticate": '.*error="insufficient_scope"'}),
    refused("unknown key", 401, "key_unknown", by="key", app="nobody", answer=CHALLENGE, log=NOBODY),
    refused("expired key", 401, "key_expired", by="key", app="expired", answer=CHALLENGE, log=NOBODY),
    refused("key's API", 403, "key_not_for_api", by="limited", log={"credential": "cred_limited"}),
    refused("key's network", 403, "address_not_allowed", by="away", log={"credential": "cred_away"}),
    refused("outside stranger", 401, "client_unknown", by="outside", app="x", answer=BAD_TOKEN),
]  # fmt: skip
ROWS = [(case, environment) for case in TABLE for environment in ENVIRONMENTS]


@dataclass
class World:
    """A gateway in front of every kind of backend, and the key of an issuer that it trusts."""

    gateway: Gateway
    corp_key: tokens.jwk.JWK

    @property
    def envoy(self) -> RunningEnvoy:
        return self.gateway.envoy

    def credential(
        self, by: str, environment: str, app: str = "app_web", **claims: Any
    ) -> list[tuple[str, str]]:
        if by == "token":
            token = self.gateway.token(environment, **{"app": app, "client_id": "cred_token", **claims})
        elif by == "outside":
            claims = {"iss": CORP, "client_id": app, "jti": None, "app": None}
            token = tokens.mint(self.corp_key, tokens.claims("https://pets.example", **claims))
        else:
            return [("x-api-key", key_of(by, app, environment))] if by else []
        return [("authorization", f"Bearer {token}")]

    def call(self, case: Case, environment: str) -> Answer:
        sent = [*self.credential(case.by, environment, case.app, **case.claims), *case.headers.items()]
        calls = [
            self.envoy.call(case.path, method=case.method, environment=environment, headers=sent)
            for _ in range(case.times)
        ]
        return calls[-1]


def key_of(by: str, app: str, environment: str) -> str:
    return f"ptk_{environment}_{by}_{app}"


def keys_in(environment: str) -> dict[str, KeyIdentity]:
    apps = ("app_web", "app_none", "app_held", "app_over", "app_tiny_key")
    known = {
        **{key_of("key", app, environment): KeyIdentity(f"cred_key_{app}", app) for app in apps},
        key_of("key", "gone", environment): KeyIdentity("cred_gone", "app_web"),
        key_of("limited", "app_web", environment): KeyIdentity(
            "cred_limited", "app_web", KeyLimits(apis=("graph",))
        ),
        key_of("away", "app_web", environment): KeyIdentity(
            "cred_away", "app_web", KeyLimits(ranges=("203.0.113.0/24",))
        ),
    }
    return {digest_of(key): who for key, who in known.items()}


def snapshot_of(backend: str, grpc: str, silent: str, own: tokens.jwk.JWK, corp: tokens.jwk.JWK) -> Snapshot:
    base = sample_snapshot(backend, tokens.jwks(own))
    more = (
        Version(
            "old", "1", "/old", backend, deprecated_at=DAY, sunset_at=DAY, link="https://docs.example/100%25"
        ),
        Version("slow", "1", "/slow", silent, timeout_s=0.2),
        Version("notoken", "1", "/notoken", backend, tokens=False),
        Version("nokey", "1", "/nokey", backend, keys=False),
        Version("live", "1", "/live/v1", f"{backend}/ws", kind="asyncapi"),
        Version("calls", "1", "/calls", grpc, kind="grpc"),
    )
    billing = {"billing": KeyIdentity("cred_out", "app_web")}
    outside = (OutsideIssuer(CORP, tokens.jwks(corp), ("https://pets.example",), "client_id", billing),)
    states = {
        name: replace(
            state,
            versions=(*state.versions, *more),
            keys=keys_in(name),
            expired_keys=frozenset({digest_of(key_of("key", "expired", name))}),
            outside=outside,
        )
        for name, state in base.environments.items()
    }
    added = {f"app_web:{version.api}": "gold" for version in more}
    tiny = {"app_tiny_token:pets": "tiny", "app_tiny_key:pets": "tiny"}
    return replace(
        base,
        environments=states,
        subscriptions={**base.subscriptions, **added, **tiny},
        refused_until={"app_over:pets": DAY},
    )


@pytest.fixture(scope="module")
def world(envoy_here: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    own, corp = tokens.signing_key(), tokens.signing_key("corp")
    with contextlib.ExitStack() as stack:
        backends = [
            stack.enter_context(one) for one in (echo_backend(Kinds), grpc_backend(), silent_backend())
        ]
        running = RunningEnvoy.on_free_ports(tmp_path_factory.mktemp("table"))
        gateway = Gateway(running, own, snapshot_of(*backends, own, corp))
        running.write(gateway.snapshot)
        running.start()
        stack.callback(running.stop)
        yield World(gateway, corp)


@pytest.fixture(scope="module")
def made(world: World) -> dict[tuple[str, str, str], tuple[Answer, dict[str, Any]]]:
    """All calls of the table, and the line that each left in the log, which Envoy writes once a second."""
    answers = [world.call(case, environment) for case, environment in ROWS]
    ids = {answer.headers["x-request-id"] for answer in answers if "x-request-id" in answer.headers}

    def lines() -> dict[str, dict[str, Any]]:
        return {line.get("request_id", line.get("details")): line for line in world.envoy.access_log()}

    wait_until(lambda: ids <= lines().keys())
    found = lines()
    return {
        (case.name, case.by, environment): (
            answer,
            found[answer.headers.get("x-request-id", "http1.headers_too_large")],
        )
        for (case, environment), answer in zip(ROWS, answers, strict=True)
    }


@pytest.mark.parametrize(
    ("case", "environment"),
    ROWS,
    ids=lambda value: value if isinstance(value, str) else f"{value.name}-{value.by}",
)
def test_row(made: dict[Any, tuple[Answer, dict[str, Any]]], case: Case, environment: str) -> None:
    answer, line = made[case.name, case.by, environment]

    assert (answer.status, answer.reason) == (case.status, case.reason)
    assert differing(answer.headers, case.answer) == {}
    if case.seen:
        assert differing(answer.body["headers"], case.seen) == {}
    if case.reason:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["x-portico-reason"] == case.reason
        assert answer.body["request_id"] == answer.headers.get("x-request-id")
        assert {"type", "title", "detail"} <= set(answer.body)
        assert "x-served-by" not in answer.headers
    assert differing(line, {"status": str(case.status), "reason": case.reason, **case.log}) == {}
    if "request_id" in line:
        assert line["environment"] == environment


def differing(found: dict[str, Any], expected: dict[str, str | None]) -> dict[str, Any]:
    """What is not as expected."""
    return {
        name: found.get(name)
        for name, pattern in expected.items()
        if not (name not in found if pattern is None else re.fullmatch(pattern, str(found.get(name, ""))))
    }


def test_table_has_every_reason() -> None:
    assert {case.reason for case in TABLE if case.reason} == {str(reply.reason) for reply in REPLIES}
    assert len(ROWS) >= 60


# ---- kinds of APIs ------------------------------------------------------------------------------------------------
WAYS = [(environment, by) for environment in ENVIRONMENTS for by in ("token", "key")]


def logged(world: World, request_id: str, environment: str, api: str) -> dict[str, Any]:
    line = log_line(world.envoy, request_id)
    assert (line["environment"], line["api"], line["operation"]) == (environment, api, "any")
    return line


def test_graphql_over_http(world: World) -> None:
    body = b'{"query": "{ pets { name } }"}'
    ids = {}
    for environment, by in WAYS:
        credential = world.credential(by, environment)
        lines = [f"{name}: {value}" for name, value in [*credential, ("Host", "x"), ("Connection", "close")]]
        head = "\r\n".join(["POST /graph HTTP/1.1", *lines, f"Content-Length: {len(body)}", "", ""])
        (answer,) = send(world.envoy.options.listeners[environment], head.encode() + body)
        assert (answer.status, json.loads(answer.body)["body"]) == (200, body.decode())
        assert b'"/graphql/"' in answer.body
        ids[answer.headers["x-request-id"]] = environment
    for request_id, environment in ids.items():
        assert logged(world, request_id, environment, "graph")["plan"] == "gold"


def test_websocket(world: World) -> None:
    ids = {}
    for environment, by in WAYS:
        address = world.envoy.options.listeners[environment]
        talk = Talk(address, "/live/v1/chat", world.credential(by, environment))
        assert (talk.accepted, talk.say("hello"), talk.say("again")) == (True, "HELLO", "AGAIN")
        talk.close()
        ids[talk.headers["x-request-id"]] = environment
        stranger = Talk(address, "/live/v1/chat", world.credential(by, environment, "app_none"))
        assert (stranger.accepted, stranger.headers["x-portico-reason"]) == (False, "not_subscribed")
        stranger.close()
        nobody = Talk(address, "/live/v1/chat", [])
        assert (nobody.accepted, nobody.headers["x-portico-reason"]) == (False, "not_authenticated")
        nobody.close()
    for request_id, environment in ids.items():
        assert logged(world, request_id, environment, "live")["status"] == 101


def test_events_are_not_held_back(world: World) -> None:
    """The backend says its second event when the first has come through."""
    ids = {}
    for environment, by in WAYS:
        Kinds.first_was_read.clear()
        address = world.envoy.options.listeners[environment]
        connection = http.client.HTTPConnection(address.host, address.port, timeout=10)
        connection.request("GET", "/live/v1/events", headers=dict(world.credential(by, environment)))
        response = connection.getresponse()
        assert (response.status, response.headers["content-type"]) == (200, "text/event-stream")
        assert response.readline() == b"data: first\n"
        Kinds.first_was_read.set()
        assert response.read() == b"\ndata: second\n\n"
        ids[response.headers["x-request-id"]] = environment
        connection.close()
    for request_id, environment in ids.items():
        assert logged(world, request_id, environment, "live")["status"] == 200


def test_grpc(world: World) -> None:
    """Message and trailers pass; a refusal is one that a gRPC client understands, and has the reason too."""
    message = b"\0\0\0\0\5hello"
    target = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "x"),
        (":path", "/calls/pets.Pets/List"),
    ]
    kind = [*target, ("content-type", "application/grpc"), ("te", "trailers")]
    ids = {}
    for environment, by in WAYS:
        with Http2(world.envoy.options.listeners[environment]) as connection:
            answer = connection.call([*kind, *world.credential(by, environment)], message)
            refusal = connection.call([*kind, *world.credential(by, environment, "app_none")], message)
        assert (answer.status, answer.body, answer.trailers["grpc-status"]) == (200, message, "0")
        assert answer.headers["x-asked-path"] == "/pets.Pets/List"
        assert answer.headers["x-asked-x-portal-app"] == "app_web"
        assert not {"x-asked-authorization", "x-asked-x-api-key"} & set(answer.headers)
        assert (refusal.status, refusal.headers["grpc-status"], refusal.reason) == (
            200,
            "7",
            "not_subscribed",
        )
        ids[answer.headers["x-request-id"]] = environment
    for request_id, environment in ids.items():
        assert logged(world, request_id, environment, "calls")["plan"] == "gold"
