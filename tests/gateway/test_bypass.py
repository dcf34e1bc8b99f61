"""Attempts to get to a backend without a right, at the real Envoy: with headers, paths and methods.

What is refused must not have been seen by the backend; what is let through must be lawful, and clean.
"""

import json
from typing import Any

import pytest

from gateway.targets.envoy.listeners import _HIDDEN_DOTS, _OVERRIDES
from tests.gateway.conftest import KEY, Gateway, digest_of
from tests.gateway.envoy import PROBE_SECRET, Echo
from tests.gateway.raw import send
from tests.gateway.test_key_limits import log_line

pytestmark = pytest.mark.gateway
PETS = "/pets/v1/pets"
HOST = b"Host: gateway\r\n"
KEYED = b"x-api-key: " + KEY.encode() + b"\r\n"
CLOSE = b"Connection: close\r\n"


def ask(gateway: Gateway, request: bytes) -> tuple[list[tuple[int, str | None]], list[str]]:
    """What was answered, and what the backend saw of it."""
    Echo.seen.clear()
    answers = send(gateway.envoy.options.listeners["production"], request)
    return [(answer.status, answer.reason) for answer in answers], list(Echo.seen)


def get(target: str, *headers: bytes, method: str = "GET", version: str = "HTTP/1.1") -> bytes:
    line = f"{method} {target} {version}\r\n".encode("latin-1")
    return line + b"".join(headers) + CLOSE + b"\r\n"


# ---- headers that are not the caller's ----------------------------------------------------------------------------
CHAIN = (
    *(
        f"x-portal-{name}"
        for name in ("client", "app", "sub", "jti", "iat", "keyhash", "keyapp", "keyclient")
    ),
    *(
        f"x-portal-{name}"
        for name in ("issuer", "outclient", "outside", "limits", "address", "probe", "other")
    ),
    *("x-portico-probe", "x-portico-probe-keyhash", "x-portico-probe-address", "x-portico-reason"),
)
ENVOYS = tuple(
    f"x-envoy-{name}"
    for name in (
        *("original-path", "original-host", "original-url", "internal", "external-address", "force-trace"),
        *("upstream-rq-timeout-ms", "upstream-rq-per-try-timeout-ms", "expected-rq-timeout-ms", "retry-on"),
        *("retry-grpc-on", "max-retries", "upstream-alt-stat-name", "retriable-status-codes", "ip-tags"),
        *("retriable-header-names", "hedge-on-per-try-timeout", "decorator-operation", "attempt-count"),
        *("downstream-service-cluster", "downstream-service-node", "is-timeout-retry", "peer-metadata"),
        *("ratelimited", "immediate-health-check-fail", "fault-abort-request", "fault-delay-request"),
    )
)


@pytest.mark.parametrize("name", [*CHAIN, *ENVOYS, *_OVERRIDES])
def test_spoofed_header(envoy: Gateway, name: str) -> None:
    """In three spellings and two values: lets nobody in, changes nobody's call, and no backend sees it."""
    underscored = name.replace("-", "_")
    spoofs = [(name, "app_web"), (name.upper(), "spoofed"), (underscored, "spoofed"), (name.title(), "x")]

    nobody = envoy.envoy.call(PETS, headers=spoofs)
    assert (nobody.status, nobody.reason) == (401, "not_authenticated")
    stranger = envoy.envoy.call(PETS, headers=spoofs, token=envoy.token(app="app_none"))
    assert (stranger.status, stranger.reason) == (403, "not_subscribed")
    plain, public = envoy.envoy.call(PETS, key=KEY), envoy.envoy.call("/open/x")
    for path, key, usual in ((PETS, KEY, plain), ("/open/x", "", public)):
        answer = envoy.envoy.call(path, key=key, headers=spoofs)
        assert (answer.status, set(answer.body["headers"])) == (200, set(usual.body["headers"]))
        assert "spoofed" not in json.dumps(answer.body)


GUESSES = (
    [("x-portico-probe", "")],
    [("x-portico-probe", "1")],
    [("x-portico-probe", PROBE_SECRET[:-1])],
    [("x-portico-probe", PROBE_SECRET + "0")],
    [("x-portico-probe", PROBE_SECRET.upper())],
    [("x-portico-probe", f'"{PROBE_SECRET}"')],
    [("x-portico-probe", PROBE_SECRET), ("x-portico-probe", PROBE_SECRET)],
    [("x-portico-probe", "1"), ("x-portico-probe", PROBE_SECRET)],
    [("x-portico-probe", "\xff")],
    [("x_portico_probe", PROBE_SECRET)],
    [("x-portal-probe", "1")],
)


def test_guessed_probe(envoy: Gateway) -> None:
    """No guess names a key's hash, or is answered as a probe; even the right secret once too often is none."""
    calls = []
    for headers in GUESSES:
        named = [*headers, ("x-portico-probe-keyhash", digest_of(KEY))]
        nobody, good = (envoy.envoy.call(PETS, headers=named, key=key) for key in ("", KEY))
        calls.append(good.headers["x-request-id"])

        assert (nobody.status, nobody.reason, good.status) == (401, "not_authenticated", 200), headers
        assert not [name for name in good.body["headers"] if "probe" in name], headers
    assert not [call for call in calls if "probe" in log_line(envoy.envoy, call)]


def test_probe_with_the_secret_reaches_no_backend(envoy: Gateway) -> None:
    Echo.seen.clear()
    for path in (PETS, "/open/x", "/pets/v1/status"):
        assert envoy.envoy.call(path, headers={"x-portico-probe": PROBE_SECRET}, key=KEY).status == 204
    assert not Echo.seen


# ---- credentials, twice, oversized and elsewhere ------------------------------------------------------------------
@pytest.mark.parametrize(
    ("headers", "status", "reason"),
    [
        ([("authorization", "Bearer {token}"), ("authorization", "Bearer {token}")], 401, "token_invalid"),
        ([("authorization", "Bearer {token}"), ("authorization", "Bearer x")], 401, "token_invalid"),
        ([("authorization", "Bearer x"), ("authorization", "Bearer {token}")], 401, "token_invalid"),
        ([("authorization", "Bearer {token},x")], 401, "token_invalid"),
        ([("authorization", "Basic x"), ("authorization", "Bearer {token}")], 200, None),
        ([("authorization", "{token}")], 401, "not_authenticated"),
        ([("authorization", "Basic {token}")], 401, "not_authenticated"),
        ([("authorization", "Bearer")], 401, "not_authenticated"),
        ([("authorization", "Bearer ")], 401, "not_authenticated"),
        ([("proxy-authorization", "Bearer {token}")], 401, "not_authenticated"),
        ([("cookie", "access_token={token}; authorization=Bearer {token}")], 401, "not_authenticated"),
        ([("x-authorization", "Bearer {token}")], 401, "not_authenticated"),
        ([("x-api-key", KEY), ("x-api-key", KEY)], 401, "key_unknown"),
        ([("x-api-key", KEY), ("x-api-key", "")], 401, "key_unknown"),
        ([("x-api-key", ""), ("X-API-Key", KEY)], 401, "key_unknown"),
        ([("x-api-key", "")], 401, "key_unknown"),
        ([("x-api-key", digest_of(KEY))], 401, "key_unknown"),
        ([("x-api-key", KEY + "\xa0")], 401, "key_unknown"),
        ([("x-api-key", f"  {KEY}\t")], 200, None),
        ([("x_api_key", KEY)], 401, "not_authenticated"),
        ([("apikey", KEY)], 401, "not_authenticated"),
        ([("x-api-key", ""), ("authorization", "Bearer {token}")], 401, "key_unknown"),
        ([("x-api-key", "wrong"), ("authorization", "Bearer {token}")], 401, "key_unknown"),
        ([("x-api-key", "\xff\xfe"), ("authorization", "Bearer {token}")], 401, "key_unknown"),
        ([("x-api-key", KEY), ("authorization", "Bearer x")], 200, None),
        ([("x-api-key", KEY), ("connection", "x-portal-app, x-portal-client")], 200, None),
        ([("authorization", "Bearer " + "a" * 50_000)], 401, "token_invalid"),
        ([("x-api-key", "k" * 50_000)], 401, "key_unknown"),
        ([("x-api-key", "k" * 70_000)], 431, "too_large"),
        ([("x-api-key", KEY), ("x-large", "a" * 70_000)], 431, "too_large"),
        ([("x-api-key", KEY), *((f"x-{number}", "") for number in range(120))], 431, "too_large"),
    ],
)
def test_credential(envoy: Gateway, headers: list[tuple[str, str]], status: int, reason: str | None) -> None:
    """Where a call passes, the backend learns who calls, and gets no credential."""
    token = envoy.token()
    Echo.seen.clear()
    answer = envoy.envoy.call(
        PETS, headers=[(name, value.replace("{token}", token)) for name, value in headers]
    )

    assert (answer.status, answer.reason) == (status, reason)
    assert len(Echo.seen) == (status == 200)
    if status == 200:
        seen = answer.body["headers"]
        assert not {"authorization", "x-api-key", "connection"} & set(seen)
        assert seen["x-portal-app"] == "app_web"


@pytest.mark.parametrize(("query"), ["access_token={token}", "x-api-key={key}", "apikey={key}"])
def test_credential_in_the_query(envoy: Gateway, query: str) -> None:
    answer = envoy.envoy.call(f"{PETS}?{query.format(token=envoy.token(), key=KEY)}")

    assert answer.reason == "not_authenticated"


@pytest.mark.parametrize(("path", "kept"), [("/pets/v1/status", set()), ("/open/x", {"authorization"})])
def test_credential_of_a_public_call(envoy: Gateway, path: str, kept: set[str]) -> None:
    """A publisher must not collect the keys of others' applications; a public API may have its own authorization."""
    answer = envoy.envoy.call(path, key=KEY, token="x.y.z")

    assert answer.status == 200
    assert {"authorization", "x-api-key", "x-portal-keyhash"} & set(answer.body["headers"]) == kept


# ---- paths --------------------------------------------------------------------------------------------------------
NOT_FOUND, CLOSED = (404, "unknown_path"), (401, "not_authenticated")
BAD, DOTS = (400, "bad_request"), (400, "bad_path")


@pytest.mark.parametrize(
    ("path", "nobody", "with_key"),
    [
        # `nobody` and `with_key`: the answer without and with a good key, or the path that the backend sees.
        ("/open/../pets/v1/pets", CLOSED, "/up/pets"),
        ("/open/%2e%2e/pets/v1/pets", CLOSED, "/up/pets"),
        ("/open/%2E./pets/v1/pets", CLOSED, "/up/pets"),
        ("/open\\..\\pets/v1/pets", CLOSED, "/up/pets"),
        ("/open/..%2fpets/v1/pets", BAD, BAD),
        ("/open/..%2Fpets/v1/pets", BAD, BAD),
        ("/open/..%5cpets/v1/pets", BAD, BAD),
        ("/open/..%5Cpets/v1/pets", BAD, BAD),
        ("/open/%252e%252e/pets", "/%252e%252e/pets", "/%252e%252e/pets"),
        ("/open/..%252fpets", "/..%252fpets", "/..%252fpets"),
        ("/open/..;/pets/v1/pets", CLOSED, "/up/pets"),
        ("/open/..;a=b/pets/v1/pets", CLOSED, "/up/pets"),
        ("/open/%2e%2e;/pets", DOTS, DOTS),
        ("/open/.%2e;a=b/pets", DOTS, DOTS),
        ("/graph/%2e%2e;/admin", DOTS, DOTS),
        *((f"/open/x{text}y", DOTS, DOTS) for text in _HIDDEN_DOTS[1:]),
        ("/open/%C0%AE%C0%AE/pets", DOTS, DOTS),
        ("/open/a%00", BAD, BAD),
        ("/open/a\0", BAD, BAD),
        ("/open/a\x7f", BAD, BAD),
        ("/open/a\xe9", BAD, BAD),
        ("/open/a#/pets", BAD, BAD),
        ("/open/..", NOT_FOUND, NOT_FOUND),
        ("/open/./x", "/x", "/x"),
        ("/open//x", "/x", "/x"),
        ("//open/x", "/x", "/x"),
        ("/open?/../pets/v1/pets", "/?/../pets/v1/pets", "/?/../pets/v1/pets"),
        ("/open;x/y", NOT_FOUND, NOT_FOUND),
        ("/openx", NOT_FOUND, NOT_FOUND),
        ("/OPEN/x", NOT_FOUND, NOT_FOUND),
        ("/%6fpen/x", "/x", "/x"),
        ("//pets/v1/pets", CLOSED, "/up/pets"),
        ("/pets//v1///pets", CLOSED, "/up/pets"),
        ("/pets/v1/./pets", CLOSED, "/up/pets"),
        ("/pets/v1/%70ets", CLOSED, "/up/pets"),
        ("/pets/v1/pets/", NOT_FOUND, NOT_FOUND),
        ("/pets/v1/pets%20", NOT_FOUND, NOT_FOUND),
        ("/pets/v1/pets.", NOT_FOUND, NOT_FOUND),
        ("/pets/v1/pets;x=1", NOT_FOUND, NOT_FOUND),
        ("/pets/v1;x/pets", NOT_FOUND, NOT_FOUND),
        ("/pets/v1/pets%3f", NOT_FOUND, NOT_FOUND),
        ("/pets/v1/Pets", NOT_FOUND, NOT_FOUND),
        ("/pets/v1/status/..", CLOSED, "/up/"),
        ("/pets/v1/status/../pets", CLOSED, "/up/pets"),
        ("/pets/v1/status/%2e%2e/pets", CLOSED, "/up/pets"),
        ("/pets/v1/status;/pets", NOT_FOUND, NOT_FOUND),
        ("/pets/v1/pets/%2e%2e", CLOSED, "/up/"),
        ("/pets/v1/pets/x%2fy", BAD, BAD),
        ("/pets/v1/pets/../../../shut/x", (403, "blocked_api"), (403, "blocked_api")),
        ("/../../pets/v1/pets", CLOSED, "/up/pets"),
        ("pets/v1/pets", BAD, BAD),
    ],
)
def test_path(
    envoy: Gateway, path: str, nobody: tuple[int, str] | str, with_key: tuple[int, str] | str
) -> None:
    for expected, headers in ((nobody, (HOST,)), (with_key, (HOST, KEYED))):
        answers, seen = ask(envoy, get(path, *headers))
        if isinstance(expected, str):
            assert (answers, seen) == ([(200, None)], [f"GET {expected}"])
        else:
            assert (answers, seen) == ([expected], [])


@pytest.mark.parametrize(
    "path",
    [
        "/pets/v1/pets/7",
        "/pets/v1//pets/7",
        "/pets/v1/%70ets/%37",
        "/pets/v1/pets/x/../7",
        "/pets/v1/pets/7;a",
    ],
)
def test_no_spelling_of_a_path_spares_its_scope(envoy: Gateway, path: str) -> None:
    answer = envoy.envoy.call(path, token=envoy.token(scope="pets:write"))

    assert (answer.status, answer.reason) == (403, "scope_missing")


# ---- methods ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("DELETE", PETS, 404, "unknown_path"),
        ("TRACE", PETS, 404, "unknown_path"),
        ("OPTIONS", PETS, 404, "unknown_path"),
        ("get", PETS, 400, "bad_request"),
        ("GETX", PETS, 400, "bad_request"),
        ("CONNECT", "gateway:80", 403, "not_subscribed"),
        ("CONNECT", "127.0.0.1:22", 403, "not_subscribed"),
        ("CONNECT", PETS, 400, "bad_request"),
        ("OPTIONS", "*", 404, "bad_request"),
        ("GET", "*", 400, "bad_request"),
    ],
)
def test_method(envoy: Gateway, method: str, path: str, status: int, reason: str) -> None:
    assert ask(envoy, get(path, HOST, KEYED, method=method)) == ([(status, reason)], [])


@pytest.mark.parametrize("name", _OVERRIDES)
def test_method_override_is_not_passed_on(envoy: Gateway, name: str) -> None:
    """Some backends would take it for another operation, whose scopes nobody asked for."""
    answer = envoy.envoy.call(PETS, headers={name: "DELETE"}, token=envoy.token())

    assert (answer.status, answer.body["method"], answer.body["path"]) == (200, "GET", "/up/pets")
    assert name not in answer.body["headers"]


# ---- what the log believes ----------------------------------------------------------------------------------------
def test_log_of_a_refused_upgrade_believes_nobody(envoy: Gateway) -> None:
    """It is refused before the first filter."""
    spoofs = {"x-portal-app": "app_web", "x-portal-client": "cred_key", "x-envoy-original-path": "/other"}
    answer = envoy.envoy.call(PETS, headers={**spoofs, "connection": "upgrade", "upgrade": "other"})
    line: dict[str, Any] = log_line(envoy.envoy, answer.headers["x-request-id"])

    assert not {"application", "credential", "probe"} & set(line)
    assert (line["path"], line["reason"]) == (PETS, "bad_request")
