"""How the real Envoy reaches a backend: over TLS that it checks, and once more where nothing was asked yet."""

import contextlib
import datetime as dt
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from h2.errors import ErrorCodes

from gateway.publish import envoy_options
from gateway.snapshot import Version
from tests.gateway import tokens
from tests.gateway.conftest import sample_snapshot
from tests.gateway.envoy import Backend, Echo, RunningEnvoy, wait_until
from tests.gateway.kinds import Grpc, grpc_backend
from tests.gateway.raw import Http2

pytestmark = pytest.mark.gateway
NOW = dt.datetime.now(dt.UTC)


@dataclass
class Authority:
    """A certificate authority whose certificates and keys lie in one folder."""

    folder: Path
    name: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, self.name)])
        self.certificate = self._signed(subject, self.key, x509.BasicConstraints(True, None))
        self.file = self.folder / f"{self.name}.pem"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, *names: str, days: int = 1) -> Path:
        """A file with a certificate for these hosts and its key, good until so many days from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
        certificate = self._signed(subject, key, x509.SubjectAlternativeName(map(_general, names)), days)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file = self.folder / f"{self.name}-{certificate.serial_number}.pem"
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + pem)
        return file

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, more: x509.ExtensionType, days: int = 1
    ) -> x509.Certificate:
        issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, self.name)])
        builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(NOW - dt.timedelta(days=9))
        builder = builder.not_valid_after(NOW + dt.timedelta(days=days))
        return builder.add_extension(more, critical=False).sign(self.key, hashes.SHA256())


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@contextlib.contextmanager
def tls_backend(certificate: Path, asked: list[str | None]) -> Iterator[int]:
    """Yield the port. The names that callers ask for (SNI) are added to `asked`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _, name, __: asked.append(name)
    server = Backend(("127.0.0.1", 0), Echo)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


GOOD, BAD = (200, None), (503, "upstream_unavailable")
CASES = {
    "name": ("localhost", ["localhost"], {}, GOOD),
    "address": ("127.0.0.1", ["127.0.0.1"], {}, GOOD),
    "one-of-several": ("localhost", ["other.example", "localhost"], {}, GOOD),
    "wildcard": ("api.localhost", ["*.localhost"], {}, GOOD),
    "other-name": ("localhost", ["other.example"], {}, BAD),
    "part-of-name": ("localhost", ["xlocalhost", "localhost.example"], {}, BAD),
    "name-for-address": ("127.0.0.1", ["localhost"], {}, BAD),
    "address-for-name": ("localhost", ["127.0.0.1"], {}, BAD),
    "expired": ("localhost", ["localhost"], {"days": -1}, BAD),
    "unknown-authority": ("localhost", ["localhost"], {"by": "stranger"}, BAD),
}


@dataclass
class World:
    envoy: RunningEnvoy
    authority: Authority
    asked: dict[str, list[str | None]]


@pytest.fixture(scope="module")
def world(envoy_here: None, backend: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One backend for each case, and an Envoy that trusts one authority."""
    folder = tmp_path_factory.mktemp("tls")
    ours, stranger = Authority(folder, "ours"), Authority(folder, "stranger")
    asked: dict[str, list[str | None]] = {name: [] for name in CASES}
    versions = []
    with contextlib.ExitStack() as stack:
        for name, (host, names, how, _) in CASES.items():
            issuer = stranger if how.get("by") else ours
            file = issuer.issue(*names, days=how.get("days", 1))
            port = stack.enter_context(tls_backend(file, asked[name]))
            versions.append(Version(name, "1", f"/{name}", f"https://{host}:{port}/up", public=True))
        grpc = stack.enter_context(grpc_backend())
        versions.append(Version("calls", "1", "/calls", grpc, kind="grpc", public=True))
        running = RunningEnvoy.on_free_ports(tmp_path_factory.mktemp("up"), ca_file=str(ours.file))
        snapshot = sample_snapshot(backend, tokens.jwks(tokens.signing_key()))
        states = {
            name: replace(state, versions=tuple(versions)) for name, state in snapshot.environments.items()
        }
        running.write(replace(snapshot, environments=states))
        running.start()
        stack.callback(running.stop)
        yield World(running, ours, asked)


@pytest.mark.parametrize("name", CASES)
def test_certificate_is_checked(world: World, name: str) -> None:
    """Against the authority of the settings, and for the host that the upstream names."""
    host, _, _, expected = CASES[name]

    def call() -> tuple[int, str | None]:
        answer = world.envoy.call(f"/{name}/x")
        return answer.status, answer.reason

    Echo.seen.clear()
    # A name takes a moment to be looked up.
    wait_until(lambda: call() == expected and world.asked[name])
    assert bool(Echo.seen) == (expected == GOOD)
    assert set(world.asked[name]) == {None if host == "127.0.0.1" else host}


def test_authorities_of_the_system_are_the_default(
    world: World, backend: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """They do not know ours, and without a setting nobody does."""
    running = RunningEnvoy.on_free_ports(tmp_path_factory.mktemp("sys"))
    with tls_backend(world.authority.issue("127.0.0.1"), []) as port:
        snapshot = sample_snapshot(backend, tokens.jwks(tokens.signing_key()))
        versions = (Version("open", "1", "/open", f"https://127.0.0.1:{port}", public=True),)
        states = {name: replace(state, versions=versions) for name, state in snapshot.environments.items()}
        running.write(replace(snapshot, environments=states))
        running.start()
        try:
            answer = running.call("/open/x")
        finally:
            running.stop()
    assert (answer.status, answer.reason) == BAD


def test_authorities_come_from_the_settings(settings: Any) -> None:
    settings.UPSTREAM_CA = "/etc/portico/backends.pem"
    assert envoy_options().ca_file == "/etc/portico/backends.pem"


REFUSED, BROKEN = ErrorCodes.REFUSED_STREAM, ErrorCodes.INTERNAL_ERROR


@pytest.mark.parametrize(
    ("resets", "grpc_status", "asked"),
    [([], "0", 1), ([REFUSED], "0", 2), ([REFUSED, REFUSED], "14", 2), ([BROKEN], "14", 1)],
)
def test_only_a_call_that_was_not_taken_is_made_again(
    world: World, resets: list[ErrorCodes], grpc_status: str, asked: int
) -> None:
    """And once: what a backend began with may have had its effect."""
    Grpc.resets[:], Grpc.asked[:] = resets, []
    target = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "x"),
        (":path", "/calls/pets.Pets/Add"),
    ]
    with Http2(world.envoy.options.listeners["production"]) as connection:
        answer = connection.call([*target, ("content-type", "application/grpc")], b"\0\0\0\0\0")

    assert answer
    assert {**answer.headers, **answer.trailers}["grpc-status"] == grpc_status
    assert Grpc.asked == ["/pets.Pets/Add"] * asked
