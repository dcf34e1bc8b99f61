"""Which operations, claims, keys and probes the real Envoy lets through. Headers and log lines: test_table; tricks: test_bypass."""

import time
from typing import Any

import pytest

from tests.gateway import tokens
from tests.gateway.conftest import KEY, REVOKED_KEY, SANDBOX_KEY, Gateway, digest_of
from tests.gateway.envoy import PROBE_SECRET, wait_until

pytestmark = pytest.mark.gateway


@pytest.mark.parametrize(
    ("method", "path", "claims", "status", "reason"),
    [
        ("GET", "/pets/v1/pets", {}, 200, None),
        ("GET", "/pets/v1/pets?limit=1", {}, 200, None),
        ("GET", "/pets/v1", {}, 200, None),
        ("GET", "/pets/v1/", {}, 200, None),
        ("GET", "/pets/v1/pets/mine", {}, 200, None),
        ("GET", "/pets/v1/pets/7", {"scope": "pets:read"}, 200, None),
        ("GET", "/pets/v1/pets/7", {"scope": "other pets:read more"}, 200, None),
        ("GET", "/pets/v1/pets/7", {"scope": "pets:rea pets:readx"}, 403, "scope_missing"),
        ("GET", "/pets/v1/pets/7", {"scope": None}, 403, "scope_missing"),
        ("GET", "/pets/v1/pets/7.json", {}, 200, None),
        ("POST", "/pets/v1/pets", {"scope": "pets:read"}, 403, "scope_missing"),
        ("POST", "/pets/v1/pets", {"scope": "pets:admin"}, 403, "scope_missing"),
        ("POST", "/pets/v1/pets", {"scope": "pets:admin pets:write"}, 200, None),
        ("DELETE", "/pets/v1/pets", {}, 404, "unknown_path"),
        ("GET", "/pets/v1/pets/7/owners", {}, 404, "unknown_path"),
        ("GET", "/pets/v1/pets/", {}, 404, "unknown_path"),
        ("GET", "/Pets/v1/pets", {}, 404, "unknown_path"),
        ("GET", "/pets/v1x/pets", {}, 404, "unknown_path"),
        ("GET", "/pets/v10/ten", {}, 200, None),
        ("GET", "/pets/v10/pets", {}, 404, "unknown_path"),
        ("GET", "/", {}, 404, "unknown_path"),
        ("POST", "/graph", {}, 200, None),
        ("POST", "/graph/any/path", {}, 200, None),
        ("GET", "/graphs", {}, 404, "unknown_path"),
        ("GET", "/tokenonly/x", {}, 200, None),
        ("GET", "/keyonly/x", {}, 401, "not_authenticated"),
        ("GET", "/shut/x", {}, 403, "blocked_api"),
        ("GET", "/gone/x", {}, 503, "upstream_unavailable"),
        ("GET", "/pets/v1/pets", {"app": "app_none"}, 403, "not_subscribed"),
        ("GET", "/pets/v1/pets", {"app": None}, 403, "not_subscribed"),
        ("GET", "/pets/v1/pets", {"app": "app_web:pets"}, 403, "not_subscribed"),
        ("GET", "/pets/v1/pets", {"app": "(nobody)"}, 403, "not_subscribed"),
        ("GET", "/pets/v1/pets", {"app": "app_held"}, 403, "suspended"),
        ("GET", "/pets/v1/pets", {"app": "app_over"}, 429, "quota_exceeded"),
        ("GET", "/pets/v1/pets", {"jti": "jti-gone"}, 401, "token_revoked"),
        ("GET", "/pets/v1/pets", {"client_id": "cred_gone"}, 401, "token_revoked"),
        ("GET", "/pets/v1/pets", {"exp": 1}, 401, "token_expired"),
        ("GET", "/pets/v1/pets", {"exp": None}, 401, "token_invalid"),
        ("GET", "/pets/v1/pets", {"nbf": 99999999999}, 401, "token_invalid"),
        ("GET", "/pets/v1/pets", {"iss": "https://elsewhere"}, 401, "token_invalid"),
        ("GET", "/pets/v1/pets", {"aud": ["http://sandbox"]}, 401, "wrong_audience"),
        ("GET", "/pets/v1/pets", {"aud": "http://production"}, 200, None),
        ("GET", "/pets/v1/pets", {"aud": None}, 401, "wrong_audience"),
        ("GET", "/pets/v1/pets", {"subs": {"graph": "gold"}}, 200, None),
        ("GET", "/pets/v1/pets", {"subs": {"pets": "gold"}, "subs_only": True}, 200, None),
        ("GET", "/pets/v10/ten", {"subs": {"pets": "gold"}, "subs_only": True}, 200, None),
        ("POST", "/graph", {"subs": {"pets": "gold"}, "subs_only": True}, 401, "wrong_audience"),
        (
            "GET",
            "/pets/v1/pets",
            {"subs": {"pet": "x", "petss": "x"}, "subs_only": True},
            401,
            "wrong_audience",
        ),
        ("GET", "/pets/v1/pets", {"subs": {}, "subs_only": True}, 401, "wrong_audience"),
        ("GET", "/pets/v1/pets", {"subs": None, "subs_only": True}, 401, "wrong_audience"),
        ("GET", "/pets/v1/pets", {"subs": "pets", "subs_only": True}, 401, "wrong_audience"),
        ("GET", "/pets/v1/status", {"subs": {}, "subs_only": True}, 200, None),
        ("GET", "/odd/a%20b/%C3%BC/1", {}, 200, None),
        ("GET", "/odd/c.d+e/(f)", {}, 200, None),
        ("GET", "/odd/cxd+e/(f)", {}, 404, "unknown_path"),
    ],
)
def test_token(
    envoy: Gateway, method: str, path: str, claims: dict[str, Any], status: int, reason: str | None
) -> None:
    answer = envoy.envoy.call(path, method=method, token=envoy.token(**claims))

    assert (answer.status, answer.reason) == (status, reason)


@pytest.mark.parametrize(
    ("path", "key", "environment", "status", "reason"),
    [
        ("/pets/v1/pets", KEY, "production", 200, None),
        ("/pets/v1/pets/7", KEY, "production", 200, None),
        ("/keyonly/x", KEY, "production", 200, None),
        ("/tokenonly/x", KEY, "production", 401, "not_authenticated"),
        ("/tokenonly/x", "ptk_live_unknown", "production", 401, "key_unknown"),
        ("/pets/v1/pets", SANDBOX_KEY, "sandbox", 200, None),
        ("/pets/v1/pets", SANDBOX_KEY, "production", 401, "key_unknown"),
        ("/pets/v1/pets", KEY, "sandbox", 401, "key_unknown"),
        ("/pets/v1/pets", KEY + "x", "production", 401, "key_unknown"),
        ("/pets/v1/pets", KEY.upper(), "production", 401, "key_unknown"),
        ("/pets/v1/pets", "-", "production", 401, "key_unknown"),
        ("/pets/v1/pets", "k" * 5000, "production", 401, "key_unknown"),
        ("/pets/v1/pets", REVOKED_KEY, "production", 401, "token_revoked"),
        ("/shut/x", KEY, "production", 403, "blocked_api"),
        ("/pets/v1/nothing", "wrong", "production", 404, "unknown_path"),
        ("/open/x", "wrong", "production", 200, None),
    ],
)
def test_key(envoy: Gateway, path: str, key: str, environment: str, status: int, reason: str | None) -> None:
    answer = envoy.envoy.call(path, key=key, environment=environment)

    assert (answer.status, answer.reason) == (status, reason)


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("/pets/v1/pets", 401, "not_authenticated"),
        ("/keyonly/x", 401, "not_authenticated"),
        ("/pets/v1/status", 200, None),
        ("/open/anything", 200, None),
        ("/shut/x", 403, "blocked_api"),
        ("/nothing", 404, "unknown_path"),
    ],
)
def test_no_credential(envoy: Gateway, path: str, status: int, reason: str | None) -> None:
    answer = envoy.envoy.call(path)

    assert (answer.status, answer.reason) == (status, reason)


def test_token_in_its_own_environment_only(envoy: Gateway) -> None:
    token = envoy.token("sandbox")

    assert envoy.envoy.call("/pets/v1/pets", token=token, environment="sandbox").status == 200
    assert envoy.envoy.call("/pets/v1/pets", token=token).reason == "wrong_audience"


def test_token_forged(envoy: Gateway) -> None:
    good = tokens.claims(envoy.audience())
    stranger = tokens.signing_key("k1")
    header, payload, signature = envoy.token().split(".")
    forged = [
        tokens.unsigned(good),
        tokens.unsigned(good, alg="None"),
        tokens.unsigned(good, alg="RS256", signature=signature),
        tokens.hmac_signed(envoy.key.export_to_pem(), good),
        tokens.mint(stranger, good),
        f"{header}.{payload}.{signature[:-4]}AAAA",
        f"{header}.{payload}.",
        f"{header}.{payload}",
        "x",
        "...",
    ]
    answers = [envoy.envoy.call("/pets/v1/pets", token=token) for token in forged]

    assert {(answer.status, answer.reason) for answer in answers} == {(401, "token_invalid")}


@pytest.mark.parametrize("scheme", ["bearer", "Basic", "Bearer"])
def test_token_scheme(envoy: Gateway, scheme: str) -> None:
    answer = envoy.envoy.call("/pets/v1/pets", headers={"authorization": f"{scheme} abc"})

    assert answer.status == 401


def test_forwarded_request(envoy: Gateway) -> None:
    """The base path gives way to the upstream's; the caller is named; internal headers and the token stay here."""
    headers = {"x-secret": "1", "x-tier": "free", "x-portico-probe": "guess"}
    answer = envoy.envoy.call("/pets/v1/pets?b=2", headers=headers, token=envoy.token())
    seen = answer.body["headers"]

    assert answer.body["path"] == "/up/pets?b=2"
    assert seen["x-tier"] == "100% gold"
    assert (seen["x-portal-client"], seen["x-portal-app"]) == ("cred_web", "app_web")
    assert not {"x-secret", "authorization", "x-portal-sub", "x-portal-jti", "x-portico-probe"} & set(seen)
    assert answer.headers["x-served-by"] == "portico"
    assert "x-powered-by" not in answer.headers


@pytest.mark.parametrize(
    ("path", "forwarded"), [("/graph", "/graphql/"), ("/graph/a", "/graphql/a"), ("/open", "/")]
)
def test_forwarded_path_of_a_whole_version(envoy: Gateway, path: str, forwarded: str) -> None:
    assert envoy.envoy.call(path, token=envoy.token()).body["path"] == forwarded


def test_rate_of_the_plan(envoy: Gateway) -> None:
    """Three at once, then 429; another application of the same plan has a bucket of its own, other clients do not."""
    statuses = [envoy.envoy.call("/pets/v1/pets", token=envoy.token(app="app_tiny")).status for _ in range(6)]
    refused = envoy.envoy.call(
        "/pets/v1/pets", token=envoy.token(app="app_tiny", client_id="cred_other", jti="j2")
    )

    assert statuses == [200, 200, 200, 429, 429, 429]
    assert (refused.status, refused.reason) == (429, "plan_rate")
    assert int(refused.headers["retry-after"]) > 0
    assert envoy.envoy.call("/pets/v1/pets", token=envoy.token(app="app_tiny2")).status == 200


@pytest.mark.parametrize(
    ("credential", "expected"),
    [
        ({"token": {}}, (204, None)),
        ({"token": {"app": "app_tiny2"}}, (204, None)),
        ({"token": {"app": "app_none"}}, (403, "not_subscribed")),
        ({"token": {"jti": "jti-gone"}}, (401, "token_revoked")),
        ({"keyhash": KEY}, (204, None)),
        ({"keyhash": "unknown"}, (401, "key_unknown")),
        ({}, (401, "not_authenticated")),
    ],
)
def test_probe(envoy: Gateway, credential: dict[str, Any], expected: tuple[int, str | None]) -> None:
    """Ten of them, above what the smallest plan allows at once: a probe takes nothing from the rate."""
    headers = {"x-portico-probe": PROBE_SECRET}
    if "keyhash" in credential:
        headers["x-portico-probe-keyhash"] = digest_of(credential["keyhash"])
    token = envoy.token(**credential["token"]) if "token" in credential else ""
    answers = [envoy.envoy.call("/pets/v1/pets", headers=headers, token=token) for _ in range(10)]

    assert {(answer.status, answer.reason) for answer in answers} == {expected}


@pytest.mark.parametrize(("path", "status"), [("/nothing", 404), ("/shut/x", 403), ("/open/x", 204)])
def test_probe_without_credential(envoy: Gateway, path: str, status: int) -> None:
    assert envoy.envoy.call(path, headers={"x-portico-probe": PROBE_SECRET}).status == status


def test_access_log_names_the_call_and_marks_probes(envoy: Gateway) -> None:
    call = envoy.envoy.call("/pets/v1/pets?secret=1", token=envoy.token())
    probe = envoy.envoy.call("/pets/v1/pets", token=envoy.token(), headers={"x-portico-probe": PROBE_SECRET})

    def lines() -> dict[str, dict[str, Any]]:
        return {line.get("request_id", ""): line for line in envoy.envoy.access_log()}

    wait_until(lambda: probe.headers["x-request-id"] in lines())
    line = lines()[call.headers["x-request-id"]]
    assert (line["api"], line["application"], line["credential"], line["plan"]) == (
        "pets",
        "app_web",
        "cred_web",
        "gold",
    )
    assert (line["operation"], line["status"], line["environment"]) == ("GET /pets", 200, "production")
    assert (line["path"], line["jti"]) == ("/pets/v1/pets", "jti-1")
    assert "probe" not in line
    assert lines()[probe.headers["x-request-id"]]["probe"] == "1"
    text = envoy.envoy.options.access_log.read_text()
    assert PROBE_SECRET not in text
    assert KEY not in text


def test_token_expires_on_time(envoy: Gateway) -> None:
    """Envoy allows five seconds of clock skew."""
    token = envoy.token(exp=int(time.time()) - 3)

    assert envoy.envoy.call("/pets/v1/pets", token=token).status == 200
    assert (
        envoy.envoy.call("/pets/v1/pets", token=envoy.token(exp=int(time.time()) - 8)).reason
        == "token_expired"
    )
