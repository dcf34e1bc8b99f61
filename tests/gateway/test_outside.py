"""Tokens of outside issuers at the real Envoy: whose they are, what they open, and what they cannot pretend."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from jwcrypto import jwk

from gateway.snapshot import EnvironmentState, KeyIdentity, OutsideIssuer, Snapshot
from tests.gateway import tokens
from tests.gateway.conftest import CUTOFF, KEY, Gateway, sample_snapshot
from tests.gateway.envoy import PROBE_SECRET, Answer, RunningEnvoy, wait_until

pytestmark = pytest.mark.gateway
CORP, SOCIAL = "https://sso.corp.example/realms/a", "https://social.example/"
PATH = "/pets/v1/pets"


@dataclass
class World:
    """A gateway that trusts two outside issuers in production and one of them in sandbox, and both issuers' keys."""

    gateway: Gateway
    corp_key: jwk.JWK
    social_key: jwk.JWK

    def corp(self, *, key: jwk.JWK | None = None, header: dict[str, str] | None = None, **claims: Any) -> str:
        return tokens.mint(key or self.corp_key, corp_claims(**claims), **header or {})

    def social(self, *, key: jwk.JWK | None = None, **claims: Any) -> str:
        payload = corp_claims(iss=SOCIAL, aud="social-api", azp="app-1", client_id=None, **claims)
        return tokens.mint(key or self.social_key, payload)

    def call(self, token: str, path: str = PATH, **more: Any) -> Answer:
        return self.gateway.envoy.call(path, token=token, **more)

    def seen(self, token: str, path: str = PATH, **more: Any) -> tuple[int, str | None]:
        answer = self.call(token, path, **more)
        return answer.status, answer.reason


def corp_claims(**changes: Any) -> dict[str, Any]:
    base = {"iss": CORP, "client_id": "billing", "sub": "somebody", "app": None, "jti": "their-1"}
    return tokens.claims("https://pets.example", **{**base, **changes})


def outside(world_keys: tuple[jwk.JWK, jwk.JWK]) -> dict[str, tuple[OutsideIssuer, ...]]:
    corp_clients = {
        "billing": KeyIdentity("cred_out", "app_web"),
        "gone": KeyIdentity("cred_gone", "app_web"),
        "small": KeyIdentity("cred_small", "app_tiny"),
        "cut": KeyIdentity("cred_cut", "app_cut"),
        "7": KeyIdentity("cred_seven", "app_web"),
    }
    corp = OutsideIssuer(
        CORP, tokens.jwks(world_keys[0]), ("https://pets.example", "other"), "client_id", corp_clients
    )
    social = OutsideIssuer(
        SOCIAL,
        tokens.jwks(world_keys[1]),
        ("social-api",),
        "azp",
        {"app-1": KeyIdentity("cred_soc", "app_web")},
    )
    return {"production": (corp, social), "sandbox": (replace(corp, clients={}),)}


def with_outside(
    snapshot: Snapshot, issuers: dict[str, tuple[OutsideIssuer, ...]]
) -> dict[str, EnvironmentState]:
    return {
        name: replace(state, outside=issuers.get(name, ())) for name, state in snapshot.environments.items()
    }


@pytest.fixture(scope="module")
def world(envoy_here: None, backend: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    # All keys have the same id: which of them counts must follow from the issuer alone.
    own, corp, social = (tokens.signing_key("k1") for _ in range(3))
    running = RunningEnvoy.on_free_ports(tmp_path_factory.mktemp("outside"))
    snapshot = sample_snapshot(backend, tokens.jwks(own))
    snapshot = replace(snapshot, environments=with_outside(snapshot, outside((corp, social))))
    running.write(snapshot)
    running.start()
    yield World(Gateway(running, own, snapshot), corp, social)
    running.stop()


def test_good_token(world: World) -> None:
    """The application's plan and limits hold; the backend is told the credential and the application, not the token."""
    answer = world.call(world.corp())
    headers = answer.body["headers"]

    assert answer.status == 200
    assert (headers["x-portal-client"], headers["x-portal-app"]) == ("cred_out", "app_web")
    assert not {"authorization", "x-portal-issuer", "x-portal-outclient", "x-portal-outside"} & headers.keys()
    assert world.seen(world.social()) == (200, None)
    assert world.seen(world.corp(aud=["x", "other"])) == (200, None)
    assert world.seen(world.corp(client_id=7)) == (200, None)


@pytest.mark.parametrize(
    ("iat", "expected"),
    [(CUTOFF, (200, None)), (CUTOFF - 1, (401, "token_revoked")), (None, (401, "token_revoked"))],
    ids=["then", "before", "unsaid"],
)
def test_token_of_before_its_application_ended_all(
    world: World, iat: int | None, expected: tuple[int, str | None]
) -> None:
    assert world.seen(world.corp(client_id="cut", iat=iat)) == expected


def test_own_tokens_and_keys_go_on(world: World) -> None:
    assert world.seen(world.gateway.token()) == (200, None)
    assert world.seen("", key=KEY) == (200, None)
    assert world.seen("") == (401, "not_authenticated")


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"client_id": "nobody"}, (401, "client_unknown")),
        ({"client_id": None}, (401, "client_unknown")),
        ({"client_id": ""}, (401, "client_unknown")),
        ({"client_id": "-"}, (401, "client_unknown")),
        ({"client_id": "Billing"}, (401, "client_unknown")),
        ({"client_id": "billing "}, (401, "client_unknown")),
        ({"client_id": "billing\t"}, (401, "client_unknown")),
        ({"client_id": "bill\x00ing"}, (401, "client_unknown")),
        ({"client_id": "x\r\nx-portal-app: app_web"}, (401, "client_unknown")),
        ({"client_id": ["billing"]}, (401, "client_unknown")),
        ({"client_id": None, "azp": "billing"}, (401, "client_unknown")),
        ({"client_id": "app-1"}, (401, "client_unknown")),
        ({"client_id": "gone"}, (401, "token_revoked")),
        ({"exp": 1}, (401, "token_expired")),
        ({"exp": None}, (401, "token_invalid")),
        ({"nbf": 99999999999}, (401, "token_invalid")),
        ({"aud": "https://elsewhere.example"}, (401, "wrong_audience")),
        ({"aud": None}, (401, "wrong_audience")),
        ({"aud": "http://production"}, (401, "wrong_audience")),
        ({"iss": None}, (401, "token_invalid")),
        ({"iss": CORP + "/"}, (401, "token_invalid")),
        ({"iss": "https://unknown.example"}, (401, "token_invalid")),
    ],
)
def test_refused_token(world: World, claims: dict[str, Any], expected: tuple[int, str]) -> None:
    assert world.seen(world.corp(**claims)) == expected


def test_issuers_in_any_order_give_the_same_reason(world: World) -> None:
    """The second of several issuers is refused for what is wrong with its token, too."""
    assert world.seen(world.social(exp=1)) == (401, "token_expired")
    assert world.seen(tokens.mint(world.social_key, corp_claims(iss=SOCIAL, azp="app-1"))) == (
        401,
        "wrong_audience",
    )
    assert world.seen(world.gateway.token(exp=1)) == (401, "token_expired")
    assert world.seen(world.gateway.token(aud="other")) == (401, "wrong_audience")


def test_key_of_another_issuer(world: World) -> None:
    """All three keys have the id k1: each issuer's tokens are checked with its own key only."""
    own, corp, social = world.gateway.key, world.corp_key, world.social_key
    mine = tokens.claims(world.gateway.audience())
    forged = [
        world.corp(key=own),
        world.corp(key=social),
        world.social(key=corp),
        world.social(key=own),
        tokens.mint(corp, mine),
        tokens.mint(social, mine),
        tokens.mint(corp, {**mine, "iss": SOCIAL, "azp": "app-1", "aud": "social-api"}),
    ]

    assert {world.seen(token) for token in forged} == {(401, "token_invalid")}


def test_token_without_a_key_id(world: World) -> None:
    assert world.seen(world.corp(header={"kid": ""})) == (200, None)
    assert world.seen(world.corp(key=world.social_key, header={"kid": ""})) == (401, "token_invalid")


def test_forged_algorithm(world: World) -> None:
    good = corp_claims()
    header, payload, signature = world.corp().split(".")
    forged = [
        tokens.unsigned(good),
        tokens.unsigned(good, alg="None"),
        tokens.unsigned(good, alg="RS256", signature=signature),
        tokens.hmac_signed(world.corp_key.export_to_pem(), good),
        f"{header}.{payload}.",
        f"{header}.{payload}.{signature[:-4]}AAAA",
    ]

    assert {world.seen(token) for token in forged} == {(401, "token_invalid")}


@pytest.mark.parametrize(
    "claims",
    [
        {"app": "app_tiny", "client_id": "nobody"},
        {"app": "app_web", "client_id": "cred_web"},
        {"client_id": None, "app": "app_web", "outside_issuer": SOCIAL, "outside_client": "app-1"},
        {"client_id": "nobody", "outside_issuer": CORP, "outside_client": "billing"},
        {"client_id": f"x {CORP}|billing"},
    ],
)
def test_claims_of_ours_mean_nothing_in_it(world: World, claims: dict[str, Any]) -> None:
    assert world.seen(world.corp(**claims)) == (401, "client_unknown")


def test_claims_of_ours_change_nobody(world: World) -> None:
    """A mapped client that calls itself another application stays what it is mapped to; a `jti` of ours says nothing."""
    token = world.corp(app="app_tiny", subs={"a": "b"}, subs_only=True, jti="jti-gone", azp="app-1")
    headers = world.call(token).body["headers"]

    assert (headers["x-portal-client"], headers["x-portal-app"]) == ("cred_out", "app_web")
    assert world.seen(world.corp(client_id="small", app="app_web"), "/tokenonly/x") == (403, "not_subscribed")


@pytest.mark.parametrize(
    "headers",
    [
        {"x-portal-app": "app_web", "x-portal-client": "cred_web"},
        {"x-portal-issuer": CORP, "x-portal-outclient": "billing"},
        {"x-portal-outside": f"{CORP}|billing"},
        {"X-Portal-Outside": "|", "x-portal-app": "app_web"},
        {"x-portal-keyapp": "app_web", "x-portal-keyclient": "cred_key"},
    ],
)
def test_spoofed_headers(world: World, headers: dict[str, str]) -> None:
    assert world.seen(world.corp(client_id="nobody"), headers=headers) == (401, "client_unknown")
    assert world.seen("", headers=headers) == (401, "not_authenticated")


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"scope": "pets:read"}, 200),
        ({"scope": None, "scp": "openid pets:read"}, 200),
        ({"scope": None, "scp": ["openid", "pets:read"]}, 200),
        ({"scope": ["pets:read"]}, 200),
        ({"scope": "pets:reader"}, 403),
        ({"scope": None}, 403),
        ({"scope": None, "scp": {"pets:read": True}}, 403),
        ({"scope": None, "roles": ["pets:read"]}, 403),
    ],
)
def test_scopes(world: World, claims: dict[str, Any], status: int) -> None:
    answer = world.call(world.corp(**claims), "/pets/v1/pets/1")

    assert (answer.status, answer.reason) == (status, None if status == 200 else "scope_missing")


def test_plan_rate(world: World) -> None:
    answers = [world.seen(world.corp(client_id="small")) for _ in range(8)]

    assert answers[:3] == [(200, None)] * 3
    assert answers[-1] == (429, "plan_rate")


def test_kinds_of_apis(world: World) -> None:
    assert world.seen(world.corp(), "/keyonly/x") == (401, "not_authenticated")
    assert world.seen(world.corp(), "/tokenonly/x") == (200, None)
    assert world.seen(world.corp(client_id="nobody"), "/open/x") == (200, None)


def test_environment(world: World) -> None:
    """In sandbox nobody has added a client of the one issuer, and the other issuer is not trusted at all."""
    assert world.seen(world.corp(), environment="sandbox") == (401, "client_unknown")
    assert world.seen(world.social(), environment="sandbox") == (401, "token_invalid")


def test_probe_names_the_client(world: World) -> None:
    """In a token of the portal's own, which passes the same map; the answer is the gateway's."""

    def probe(issuer: str, client: str) -> tuple[int, str | None]:
        claims = {"client_id": None, "app": None, "outside_issuer": issuer, "outside_client": client}
        return world.seen(world.gateway.token(**claims), headers={"x-portico-probe": PROBE_SECRET})

    assert probe(CORP, "billing") == (204, None)
    assert probe(CORP, "gone") == (401, "token_revoked")
    assert probe(CORP, "nobody") == (401, "client_unknown")
    assert probe("https://unknown.example", "billing") == (401, "client_unknown")


def test_log_names_the_credential(world: World) -> None:
    """And has no id of the token, which only our own have."""
    request_id = world.call(world.corp()).headers["x-request-id"]

    def line() -> dict[str, Any]:
        found = [row for row in world.gateway.envoy.access_log() if row.get("request_id") == request_id]
        return found[0] if found else {}

    wait_until(line)
    assert (line()["credential"], line()["application"], line()["plan"]) == ("cred_out", "app_web", "gold")
    assert "jti" not in line()


def test_issuer_disabled_and_restart(world: World) -> None:
    """The files say all that Envoy needs: the same answers after a restart."""
    before = world.gateway.snapshot
    world.gateway.envoy.stop(kill=True)
    world.gateway.envoy.start()
    assert world.seen(world.corp()) == (200, None)

    world.gateway.change(environments=with_outside(before, {}))
    wait_until(lambda: world.seen(world.corp()) == (401, "token_invalid"))
    assert world.seen(world.gateway.token()) == (200, None)
    world.gateway.change(environments=before.environments)
    wait_until(lambda: world.seen(world.corp()) == (200, None))
