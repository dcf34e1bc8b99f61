"""Attempts to get to a backend without a right by the form of the call: hosts, versions, upgrades, and where it ends."""

import contextlib
import json

import pytest

from tests.gateway.conftest import KEY, Gateway
from tests.gateway.envoy import Echo
from tests.gateway.raw import Http2, send
from tests.gateway.test_bypass import BAD, CLOSE, CLOSED, HOST, KEYED, PETS, ask, get

pytestmark = pytest.mark.gateway
# What follows an attempt on the same connection. If the gateway and a reader behind it disagreed about where the
# attempt ends, the backend would see SMUGGLED.
SMUGGLED = b"GET /open/smuggled HTTP/1.1\r\n" + HOST + b"\r\n"
LAST = b"GET /open/last HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n"


# ---- hosts, versions of HTTP, upgrades ----------------------------------------------------------------------------
PASSED = ([(200, None)], ["GET /up/pets"])


@pytest.mark.parametrize(
    ("target", "headers", "with_key"),
    [
        (PETS, b"Host: other.example\r\n", PASSED),
        (PETS, b"Host: 127.0.0.1:22\r\n", PASSED),
        (PETS, b"Host:\r\n", PASSED),
        (PETS, b"Host: gateway\r\nHost: other.example\r\n", PASSED),
        (PETS, b"Host: user:secret@gateway\r\n", PASSED),
        (PETS, HOST + b"X-Forwarded-Host: open\r\n", PASSED),
        (f"http://other.example{PETS}", HOST, PASSED),
        (f"http://other.example/open/..{PETS}", HOST, PASSED),
        (f"http://user:secret@other.example{PETS}", HOST, PASSED),
        (f"https://other.example{PETS}", HOST, ([(403, "bad_request")], [])),
        ("file:///etc/passwd", HOST, ([BAD], [])),
        (PETS, b"", ([BAD], [])),
        (PETS, b"Host: gate way\r\n", ([BAD], [])),
        (PETS, b"Host: gateway/open\r\n", ([BAD], [])),
        (PETS, b"Host: gateway\\open\r\n", ([BAD], [])),
        (PETS, HOST + b"Upgrade: websocket\r\nConnection: upgrade\r\n", ([(403, "bad_request")], [])),
        (PETS, HOST + b"Upgrade: other\r\nConnection: upgrade\r\n", ([(403, "bad_request")], [])),
        (
            PETS,
            HOST + b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AA\r\n",
            PASSED,
        ),
    ],
)
def test_host_or_upgrade(
    envoy: Gateway, target: str, headers: bytes, with_key: tuple[list[tuple[int, str | None]], list[str]]
) -> None:
    """The name that a call gives for the gateway, and what it would upgrade to, open nothing."""
    assert ask(envoy, get(target, headers, KEYED)) == with_key
    assert ask(envoy, get(target, headers)) == (([CLOSED], []) if with_key == PASSED else with_key)


def test_host_does_not_reach_the_backend(envoy: Gateway) -> None:
    request = get(f"http://other.example{PETS}", b"Host: a\r\nHost: b\r\nUpgrade: h2c\r\n", KEYED)
    (answer,) = send(envoy.envoy.options.listeners["production"], request)
    seen = json.loads(answer.body)["headers"]

    assert seen["host"] == envoy.snapshot.environments["production"].versions[0].upstream.split("/")[2]
    assert not {"upgrade", "http2-settings"} & set(seen)


@pytest.mark.parametrize(
    "version", ["HTTP/1.0", "HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "HTTP/3", "http/1.1", ""]
)
def test_version_of_http(envoy: Gateway, version: str) -> None:
    answers, seen = ask(envoy, get(PETS, HOST, KEYED, version=version))

    assert [status for status, _ in answers][:1] in ([426], [400])
    assert not seen


# ---- where a request ends -----------------------------------------------------------------------------------------
def post(headers: bytes, body: bytes = b"") -> bytes:
    """To an API that takes anything, with a key; then the two requests that it may swallow or let loose."""
    return b"POST /graph HTTP/1.1\r\n" + HOST + KEYED + headers + b"\r\n" + body + LAST


UNSUPPORTED = ([(501, "bad_request")], [])
REFUSED = ([BAD], [])
BOTH = ([(200, None), (200, None)], ["POST /graphql/", "GET /last"])
CHUNKED = b"Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (post(b"Content-Length: 6\r\n" + CHUNKED, b"0\r\n\r\n" + SMUGGLED), REFUSED),
        (post(CHUNKED + b"Content-Length: 3\r\n", b"0\r\n\r\n" + SMUGGLED), REFUSED),
        (post(CHUNKED + CHUNKED, b"0\r\n\r\n"), UNSUPPORTED),
        (post(CHUNKED + b"Transfer-Encoding: identity\r\n", b"0\r\n\r\n"), UNSUPPORTED),
        (post(b"Transfer-Encoding: identity, chunked\r\n", b"0\r\n\r\n"), UNSUPPORTED),
        (post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"), UNSUPPORTED),
        (post(b"Transfer-Encoding: chunked;q=1\r\n", b"0\r\n\r\n"), UNSUPPORTED),
        (post(b'Transfer-Encoding: "chunked"\r\n', b"0\r\n\r\n"), UNSUPPORTED),
        (post(b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n"), REFUSED),
        (post(b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n"), REFUSED),
        (post(b"Transfer-Encoding: CHUNKED\r\n", b"0\r\n\r\n"), BOTH),
        (post(b"Transfer_Encoding: chunked\r\nContent-Length: 0\r\n"), BOTH),
        (post(b"Transfer-Encoding:\r\n chunked\r\n", b"0\r\n\r\n"), BOTH),
        (post(b"X-Folded: a\r\n Content-Length: 99\r\nContent-Length: 0\r\n"), BOTH),
        (post(CHUNKED, b"1;a=b\r\nx\r\n0;c\r\n\r\n"), BOTH),
        (post(CHUNKED, b"1\r\nx\r\n0\r\nx-portal-app: app_evil\r\n\r\n"), BOTH),
        (post(CHUNKED, b"2d\r\n" + SMUGGLED[:45].ljust(45) + b"\r\n0\r\n\r\n"), BOTH),
        (post(b"Content-Length: -1\r\n"), REFUSED),
        (post(b"Content-Length: +0\r\n"), REFUSED),
        (post(b"Content-Length: 0x0\r\n"), REFUSED),
        (post(b"Content-Length: 0, 0\r\n"), REFUSED),
        (post(b"Content-Length: 0\r\nContent-Length: 0\r\n"), REFUSED),
        (post(b"Content-Length: 0\r\nContent-Length: 5\r\n"), REFUSED),
        (post(b"Content-Length:\r\n"), REFUSED),
        (post(b"Content-Length: 1e1\r\n"), REFUSED),
        (post(b"Content-Length: 99999999999999999999\r\n"), REFUSED),
        (post(b"Content-Length: %d\r\n" % len(SMUGGLED), SMUGGLED), BOTH),
        (get("/graph", HOST, b"X-A: a\0b\r\n", KEYED), REFUSED),
        (get("/graph", HOST, b"no colon\r\n", KEYED), REFUSED),
        (get("/graph", HOST, b": nameless\r\n", KEYED), REFUSED),
        (get("/graph", HOST, KEYED.replace(b":", b" :")), REFUSED),
        (get("/graph x", HOST, KEYED), REFUSED),
        (b" " + get("/graph", HOST, KEYED), REFUSED),
        (get("/graph", HOST, b"X-A: a\r\n " + KEYED), ([CLOSED], [])),
        (get("/graph", HOST, b"X-A: a\r" + KEYED), ([CLOSED], [])),
        (get("/graph", HOST, KEYED).replace(b"\r\n", b"\n"), ([(200, None)], ["GET /graphql/"])),
        (b"\r\n" + get("/graph", HOST, KEYED), ([(200, None)], ["GET /graphql/"])),
        (
            b"GET /graph HTTP/1.1\r\n" + HOST + KEYED + b"\r\n" + get("/graph", HOST),
            ([(200, None), CLOSED], ["GET /graphql/"]),
        ),
    ],
)
def test_where_a_request_ends(
    envoy: Gateway, request_: bytes, expected: tuple[list[tuple[int, str | None]], list[str]]
) -> None:
    """What the gateway passes on it writes anew, so that nobody behind it can count differently."""
    assert ask(envoy, request_) == expected


@pytest.mark.parametrize(
    "chunk", [b"-1\r\nx", b"0x1\r\nx", b"1\nx", b"1;a\nb\r\nx", b"10000000000000001\r\nx", b"+1\r\nx"]
)
def test_broken_chunk(envoy: Gateway, chunk: bytes) -> None:
    """The call may have begun at the backend by then, but does not end, and nothing after it is a call."""
    answers, seen = ask(envoy, post(CHUNKED, chunk + b"\r\n0\r\n\r\n" + SMUGGLED))

    assert answers == [BAD]
    assert not seen


# ---- HTTP/2 -------------------------------------------------------------------------------------------------------
def request_h2(*more: tuple[str, str], path: str = PETS, method: str = "GET") -> list[tuple[str, str]]:
    pseudo = [(":method", method), (":scheme", "http"), (":authority", "gateway"), (":path", path)]
    return [*pseudo, *more]


NO_REQUESTS = (
    request_h2(path=f"http://other.example{PETS}"),
    request_h2(("x-api-key", KEY), ("te", "chunked")),
    request_h2(("x-api-key", KEY), ("transfer-encoding", "chunked")),
    request_h2(("x-api-key", KEY), ("connection", "x-portal-app")),
    request_h2(("x-api-key", KEY), ("content-length", "5")),
    request_h2(("X-API-Key", KEY)),
    request_h2(("x-a", "b\r\nx-portal-app: app_web"), ("x-api-key", KEY)),
    request_h2(("x-a\r\nx-portal-app", "app_web"), ("x-api-key", KEY)),
    request_h2((":path", "/open/x"), ("x-api-key", KEY)),
    request_h2(("x-api-key", KEY), (":method", "GET")),
    request_h2(("x-api-key", KEY), method="GET /open/x HTTP/1.1\r\nx: "),
    request_h2(("x-api-key", KEY), path="/graph HTTP/1.1\r\nx: y"),
)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (request_h2(("x-api-key", KEY)), (200, None)),
        (request_h2(), (401, "not_authenticated")),
        (request_h2(("x-portal-app", "app_web"), ("x-portal-keyapp", "app_web")), (401, "not_authenticated")),
        (
            request_h2(("x_portal_app", "spoofed"), ("x-envoy-other", "spoofed"), ("x-api-key", KEY)),
            (200, None),
        ),
        (request_h2(("x-api-key", KEY), ("x-api-key", KEY)), (401, "key_unknown")),
        (request_h2(path="/open/%2e%2e/pets/v1/pets"), (401, "not_authenticated")),
        (request_h2(path="/open/..%2fpets/v1/pets"), (400, "bad_request")),
        (request_h2(("x-api-key", KEY), ("host", "other.example")), (200, None)),
        (request_h2(("x-api-key", KEY), ("te", "trailers")), (200, None)),
    ],
)
def test_http2(envoy: Gateway, headers: list[tuple[str, str]], expected: tuple[int, str | None]) -> None:
    """Spoken without asking first."""
    Echo.seen.clear()
    with Http2(envoy.envoy.options.listeners["production"]) as connection:
        answer = connection.call(headers)

    assert answer
    assert (answer.status, answer.reason) == expected
    assert list(Echo.seen) == (["GET /up/pets"] if expected == (200, None) else [])
    assert b"spoofed" not in answer.body


def test_http2_that_is_no_request(envoy: Gateway) -> None:
    """Gets no answer at all. Each on a connection of its own, which the gateway may take a second to close."""
    Echo.seen.clear()
    with contextlib.ExitStack() as stack:
        address = envoy.envoy.options.listeners["production"]
        connections = [stack.enter_context(Http2(address)) for _ in NO_REQUESTS]
        for connection, headers in zip(connections, NO_REQUESTS, strict=True):
            connection.ask(headers)
        assert [connection.answer() for connection in connections] == [None] * len(NO_REQUESTS)
    assert not Echo.seen
