"""Keys for some APIs and from some networks, and tokens of before a moment, at the real Envoy."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from gateway.snapshot import KeyIdentity, KeyLimits
from gateway.targets.envoy.files import render
from gateway.targets.envoy.policies import at_least
from tests.gateway import tokens
from tests.gateway.conftest import CUT_KEY, CUTOFF, KEY, Gateway, digest_of, sample_snapshot
from tests.gateway.envoy import ENVIRONMENTS, PROBE_SECRET, RunningEnvoy, wait_until

PETS = "/pets/v1/pets"


@pytest.fixture(params=ENVIRONMENTS)
def environment(request: pytest.FixtureRequest) -> str:
    return request.param


# ---- which API, and from where ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("key", "path", "status", "reason"),
    [
        ("ptk_live_one_api", "/graph", 200, None),
        ("ptk_live_one_api", PETS, 403, "key_not_for_api"),
        ("ptk_live_one_api", "/tokenonly/x", 401, "not_authenticated"),
        ("ptk_live_one_api", "/shut/x", 403, "blocked_api"),
        ("ptk_live_one_api", "/nothing", 404, "unknown_path"),
        ("ptk_live_one_api", "/pets/v1/status", 200, None),
        ("ptk_live_two_apis", "/graph/a", 200, None),
        ("ptk_live_two_apis", PETS, 200, None),
        ("ptk_live_two_apis", "/pets/v10/ten", 200, None),
        ("ptk_live_two_apis", "/keyonly/x", 403, "key_not_for_api"),
        ("ptk_live_open_only", PETS, 403, "key_not_for_api"),
        ("ptk_live_open_only", "/open/x", 200, None),
        ("ptk_live_here", PETS, 200, None),
        ("ptk_live_here", "/graph", 200, None),
        ("ptk_live_here_v6", PETS, 403, "address_not_allowed"),
        ("ptk_live_away", PETS, 403, "address_not_allowed"),
        ("ptk_live_away", "/open/x", 200, None),
        ("ptk_live_pets_here", PETS, 200, None),
        ("ptk_live_pets_here", "/graph", 403, "key_not_for_api"),
        ("ptk_live_pets_away", PETS, 403, "address_not_allowed"),
        ("ptk_live_pets_away", "/graph", 403, "key_not_for_api"),
        ("ptk_live_anywhere", PETS, 200, None),
    ],
)
def test_limited_key(
    envoy: Gateway, environment: str, key: str, path: str, status: int, reason: str | None
) -> None:
    answer = envoy.envoy.call(path, key=key, environment=environment)

    assert (answer.status, answer.reason) == (status, reason)


def test_refusal_for_an_address_says_which(envoy: Gateway) -> None:
    assert envoy.envoy.call(PETS, key="ptk_live_away").body["address"] == "127.0.0.1"


@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-for": "203.0.113.7"},
        {"x-forwarded-for": "203.0.113.7, 203.0.113.7"},
        {"x-real-ip": "203.0.113.7"},
        {"forwarded": "for=203.0.113.7"},
        {"x-envoy-external-address": "203.0.113.7"},
        {"x-portal-address": "203.0.113.7"},
        {"X-Portal-Address": "203.0.113.7", "x-portal-probe": "1"},
        {"x-portal-limits": "-"},
        {"x-portal-limits": ""},
        {"x-portico-probe-address": "203.0.113.7"},
        {"x-portico-probe-address": "203.0.113.7", "x-portico-probe": PROBE_SECRET[:-1]},
        {"x-portal-sub": "app_web:pets"},
    ],
)
def test_spoofed_address_opens_nothing(envoy: Gateway, headers: dict[str, str]) -> None:
    answer = envoy.envoy.call(PETS, key="ptk_live_pets_away", headers=headers)

    assert (answer.status, answer.reason) == (403, "address_not_allowed")


def test_limits_stay_inside(envoy: Gateway) -> None:
    seen = envoy.envoy.call(PETS, key="ptk_live_pets_here").body["headers"]

    assert not {"x-portal-limits", "x-portal-address", "x-portal-iat", "x-portico-probe-address"} & set(seen)


@pytest.mark.parametrize(
    ("address", "status", "reason"),
    [
        ("203.0.113.1", 204, None),
        ("203.0.114.1", 403, "address_not_allowed"),
        ("2001:db8::1", 204, None),
        ("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 204, None),
        ("2001:db9::1", 403, "address_not_allowed"),
        ("::ffff:203.0.113.1", 403, "address_not_allowed"),
        ("", 403, "address_not_allowed"),
        ("nonsense", 403, "address_not_allowed"),
        (None, 403, "address_not_allowed"),
    ],
)
def test_probe_names_its_address(
    envoy: Gateway, environment: str, address: str | None, status: int, reason: str | None
) -> None:
    headers = {
        "x-portico-probe": PROBE_SECRET,
        "x-portico-probe-keyhash": digest_of("ptk_live_away"),
        **({} if address is None else {"x-portico-probe-address": address}),
    }
    answer = envoy.envoy.call(PETS, headers=headers, environment=environment)

    assert (answer.status, answer.reason) == (status, reason)


@pytest.fixture(scope="module")
def behind_proxy(
    envoy_here: None, backend: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningEnvoy]:
    """An Envoy that believes the last entry of X-Forwarded-For."""
    running = RunningEnvoy.on_free_ports(tmp_path_factory.mktemp("px"), trusted_hops=1)
    running.write(sample_snapshot(backend, tokens.jwks(tokens.signing_key())))
    running.start()
    yield running
    running.stop()


@pytest.mark.gateway
@pytest.mark.parametrize(
    ("forwarded", "status"),
    [
        ("203.0.113.7", 200),
        ("198.51.100.1, 203.0.113.7", 200),
        ("203.0.113.7, 198.51.100.1", 403),
        ("2001:db8::7", 200),
        ("2001:db9::7", 403),
        ("", 403),
        ("nonsense", 403),
    ],
)
def test_address_behind_a_proxy(
    behind_proxy: RunningEnvoy, environment: str, forwarded: str, status: int
) -> None:
    headers = {"x-forwarded-for": forwarded} if forwarded else {}
    answer = behind_proxy.call(PETS, key="ptk_live_away", headers=headers, environment=environment)

    assert (answer.status, answer.reason) == (status, None if status == 200 else "address_not_allowed")


def test_new_limits_come_with_their_key(envoy: Gateway) -> None:
    """And end with it: limits that Envoy has not heard of, or no more, let nobody in."""
    identity = KeyIdentity("cred_new", "app_web", KeyLimits(("graph",), ("127.0.0.0/16",)))
    before = envoy.snapshot.environments
    state = before["production"]
    changed = replace(state, keys={**state.keys, digest_of("ptk_live_new"): identity})

    def reason(path: str) -> str | None:
        return envoy.envoy.call(path, key="ptk_live_new").reason

    assert reason("/graph") == "key_unknown"
    envoy.change(environments={**before, "production": changed})
    wait_until(lambda: reason("/graph") is None)
    assert reason(PETS) == "key_not_for_api"
    limits = envoy.envoy.options.resources / "limits.json"
    limits.with_name("new").write_bytes(
        render(replace(envoy.snapshot, environments=before), envoy.envoy.options)["limits.json"]
    )
    limits.with_name("new").rename(limits)
    wait_until(lambda: reason("/graph") == "key_unknown")
    envoy.change(environments=before)
    assert envoy.envoy.call(PETS, key="ptk_live_here").status == 200


# ---- tokens of before a moment ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("claims", "status", "reason"),
    [
        ({"iat": CUTOFF}, 200, None),
        ({"iat": CUTOFF + 1}, 200, None),
        ({"iat": CUTOFF + 99}, 200, None),
        ({"iat": CUTOFF - 1}, 401, "token_revoked"),
        ({"iat": CUTOFF - 100_000}, 401, "token_revoked"),
        ({"iat": 0}, 401, "token_revoked"),
        ({"iat": CUTOFF + 0.5}, 401, "token_revoked"),
        ({"iat": -CUTOFF - 1}, 401, "token_invalid"),
        ({"iat": None}, 401, "token_revoked"),
        ({"iat": str(CUTOFF + 1)}, 401, "token_invalid"),
        ({"iat": CUTOFF - 1, "app": "app_web"}, 200, None),
        ({"iat": CUTOFF - 1, "app": "app_none"}, 403, "not_subscribed"),
    ],
)
def test_token_of_before(
    envoy: Gateway, environment: str, claims: dict[str, Any], status: int, reason: str | None
) -> None:
    token = envoy.token(environment, **{"app": "app_cut", **claims})
    answer = envoy.envoy.call(PETS, token=token, environment=environment)

    assert (answer.status, answer.reason) == (status, reason)


def test_spoofed_time_of_issue_helps_no_token(envoy: Gateway) -> None:
    token = envoy.token(app="app_cut", iat=CUTOFF - 1)
    for headers in ({"x-portal-iat": str(CUTOFF)}, {"x-portal-keyapp": "app_cut"}):
        assert envoy.envoy.call(PETS, token=token, headers=headers).reason == "token_revoked"


def test_key_of_an_application_without_tokens_works_on(envoy: Gateway) -> None:
    assert envoy.envoy.call(PETS, key=CUT_KEY).status == 200


@pytest.mark.parametrize("number", [1, 9, 10, 19, 99, 100, 1090, 1_763_999_999, 1_999_999_999, 9_999_999_999])
def test_at_least(number: int) -> None:
    """Beside it, and at every change of a digit."""
    expression = re.compile(at_least(number))
    near = {number + delta * 10**place for place in range(11) for delta in (-1, 0, 1)} | {0, 1, number * 10}

    assert [n for n in near if n >= 0 and bool(expression.fullmatch(str(n))) != (n >= number)] == []
    assert not any(expression.fullmatch(text) for text in ("", "-1", f"{number}.5", f"{number} ", "x"))


# ---- what the log says --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("call", "credential", "application"),
    [
        ({"path": PETS, "key": "ptk_live_away"}, "cred_limited", "app_web"),
        ({"path": "/graph", "key": "ptk_live_pets_here"}, "cred_limited", "app_web"),
        ({"path": "/shut/x", "key": "ptk_live_anywhere"}, "cred_limited", "app_web"),
        ({"path": "/tokenonly/x", "key": "ptk_live_anywhere"}, "cred_limited", "app_web"),
        ({"path": PETS, "claims": {"app": "app_none"}}, "cred_web", "app_none"),
        ({"path": PETS, "claims": {"app": "app_held"}}, "cred_web", "app_held"),
        ({"path": PETS, "claims": {"app": "app_over"}}, "cred_web", "app_over"),
        ({"path": PETS, "claims": {"jti": "jti-gone"}}, "cred_web", "app_web"),
        ({"path": PETS, "claims": {"client_id": "cred_gone"}}, "cred_gone", "app_web"),
        ({"path": PETS, "claims": {"app": "app_cut", "iat": 1}}, "cred_web", "app_cut"),
        ({"path": "/pets/v1/pets/7", "claims": {}}, "cred_web", "app_web"),
        ({"path": PETS, "key": "unknown"}, None, None),
        ({"path": PETS, "claims": {"exp": 1}}, None, None),
        ({"path": PETS}, None, None),
        ({"path": "/nothing", "key": "ptk_live_anywhere"}, None, None),
    ],
)
def test_log_of_a_refusal_says_who_and_why(
    envoy: Gateway, environment: str, call: dict[str, Any], credential: str | None, application: str | None
) -> None:
    """Whatever was proved of the caller; an expired token's claims are nobody's word."""
    token = envoy.token(environment, **call["claims"]) if "claims" in call else ""
    answer = envoy.envoy.call(call["path"], key=call.get("key", ""), token=token, environment=environment)

    line = log_line(envoy.envoy, answer.headers["x-request-id"])
    assert (line.get("credential"), line.get("application")) == (credential, application)
    assert line["reason"] == answer.reason == answer.headers["x-portico-reason"] != None  # noqa: E711
    assert line["environment"] == environment


def test_log_of_an_answer_has_no_reason(envoy: Gateway) -> None:
    """The backend's own is not believed."""
    answer = envoy.envoy.call("/graph", key=KEY)

    assert "x-portico-reason" not in answer.headers
    assert "reason" not in log_line(envoy.envoy, answer.headers["x-request-id"])


def log_line(envoy: RunningEnvoy, request_id: str) -> dict[str, Any]:
    """The call's line, once Envoy has written it."""
    found: list[dict[str, Any]] = []

    def written() -> bool:
        found[:] = [line for line in envoy.access_log() if line.get("request_id") == request_id]
        return bool(found)

    wait_until(written)
    return found[0]
