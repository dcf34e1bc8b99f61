"""Definitions fetched from a real server on this machine, which behaves as badly as servers can."""

import datetime as dt
import gzip
import ipaddress
import socket
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from apis.sources import DefinitionAddress
from apis.sync.fetch import Fetched, NotModified, fetch
from apis.sync.hosts import Deadline, is_refused, resolved
from portal.errors import ClusterUnavailable, Invalid

HOST = "orders.shop.svc"
TEXT = "openapi: 3.1.0\ninfo: {title: Ünïcode, version: '1'}\n"
LIMIT = 20 * 1024 * 1024


class Handler(BaseHTTPRequestHandler):
    """Answers as the function under the request's path does."""

    answers: dict[str, Callable[["Handler"], None]]
    seen: list[tuple[str, dict[str, str]]]
    done: threading.Event

    def do_GET(self) -> None:
        self.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        # The fetcher hangs up when it has seen enough.
        try:
            self.answers[self.path](self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def answer(self, body: bytes = b"", status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content_Length": str(len(body))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


class Server:
    """The server, its answers by path, and what it was asked."""

    def __init__(self, wrap: Callable[[socket.socket], socket.socket] | None = None) -> None:
        self.answers: dict[str, Callable[[Handler], None]] = {}
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.done = threading.Event()
        told = {"answers": self.answers, "seen": self.seen, "done": self.done}
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), type("Told", (Handler,), told))
        self.http.daemon_threads = False
        if wrap:
            self.http.socket = wrap(self.http.socket)
        self.port = self.http.server_port
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def stop(self) -> None:
        self.done.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server(settings) -> Iterator[Server]:
    found = Server()
    settings.SERVICE_ADDRESSES = {"orders.shop": f"127.0.0.1:{found.port}"}
    yield found
    found.stop()


def at(path: str = "/openapi.yaml", host: str = HOST, scheme: str = "http") -> DefinitionAddress:
    return DefinitionAddress(f"{scheme}://{host}:8080{path}", "here")


def text(body: bytes, status: int = 200, **headers: str) -> Callable[[Handler], None]:
    return lambda handler: handler.answer(body, status, **headers)


def test_text_is_fetched_with_its_tag(server):
    server.answers["/openapi.yaml"] = text(TEXT.encode(), ETag='"v1"')
    assert fetch(at()) == Fetched(TEXT, '"v1"')
    (_, headers) = server.seen[0]
    assert headers["host"] == f"{HOST}:8080"
    assert headers["accept-encoding"] == "gzip"
    assert "if-none-match" not in headers


def test_tag_is_sent_and_304_means_unchanged(server):
    server.answers["/openapi.yaml"] = text(b"", 304)
    assert fetch(at(), etag='W/"v1"') == NotModified()
    assert server.seen[0][1]["if-none-match"] == 'W/"v1"'


def test_tag_that_is_none_is_neither_sent_nor_kept(server):
    server.answers["/openapi.yaml"] = text(b"x", ETag="v1")
    assert fetch(at(), etag='"a"\r\nX-Evil: b') == Fetched("x", "")
    assert not {"if-none-match", "x-evil"} & set(server.seen[0][1])


def test_304_that_nobody_asked_for_is_wrong(server):
    server.answers["/openapi.yaml"] = text(b"", 304)
    with pytest.raises(Invalid, match="answers 304"):
        fetch(at())


@pytest.mark.parametrize(
    "body", [TEXT.encode(), b"\xef\xbb\xbf" + TEXT.encode()], ids=["plain", "with a byte order mark"]
)
def test_gzip_is_unpacked(server, body):
    server.answers["/openapi.yaml"] = text(gzip.compress(body), Content_Encoding="gzip")
    assert fetch(at()) == Fetched(TEXT)


def test_chunks_are_joined(server):
    def chunked(handler: Handler) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"4\r\nopen\r\n3\r\napi\r\n0\r\n\r\n")

    server.answers["/openapi.yaml"] = chunked
    assert fetch(at()) == Fetched("openapi")


@pytest.mark.parametrize(("status", "error"), [
    (201, Invalid), (204, Invalid), (401, Invalid), (403, Invalid), (404, Invalid), (410, Invalid),
    (408, ClusterUnavailable), (429, ClusterUnavailable), (500, ClusterUnavailable), (503, ClusterUnavailable),
])  # fmt: skip
def test_other_answers_are_errors_with_their_number(server, status, error):
    server.answers["/openapi.yaml"] = text(b"", status)
    with pytest.raises(error, match=f"http://{HOST}:8080/openapi.yaml: the server answers {status}") as found:
        fetch(at())
    assert found.value.remedy


def test_redirects_within_the_host_are_followed(server):
    server.answers["/openapi.yaml"] = text(b"", 301, Location="/a")
    server.answers["/a"] = text(b"", 307, Location=f"http://{HOST}:9999/b?c=d")
    server.answers["/b?c=d"] = text(b"", 302, Location="e")
    server.answers["/e"] = text(TEXT.encode())
    assert fetch(at()) == Fetched(TEXT)


def test_fourth_redirect_is_refused(server):
    server.answers["/openapi.yaml"] = text(b"", 302, Location="/openapi.yaml")
    with pytest.raises(Invalid, match="more than 3 times"):
        fetch(at())
    assert len(server.seen) == 4


@pytest.mark.parametrize(
    "location",
    [
        "http://other.shop.svc/",
        "//other.shop.svc/",
        "http://169.254.169.254/latest",
        "http://localhost/",
        f"http://user@{HOST}/",
        "file:///etc/passwd",
        "",
    ],
)
def test_redirect_to_elsewhere_is_refused(server, location):
    server.answers["/openapi.yaml"] = text(b"", 302, Location=location)
    with pytest.raises(Invalid, match="another host"):
        fetch(at())
    assert len(server.seen) == 1


@pytest.mark.parametrize("location", ["http://[", "/a\x7fb", "/\xe4"])
def test_redirect_that_is_no_address_is_an_error(server, location):
    server.answers["/openapi.yaml"] = text(b"", 302, Location=location)
    with pytest.raises(ClusterUnavailable):
        fetch(at())


def trickle(handler: Handler) -> None:
    """A byte now and then, each well before any timeout of a single read."""
    handler.send_response(200)
    handler.end_headers()
    while not handler.done.wait(0.02):
        handler.wfile.write(b"x")
        handler.wfile.flush()


def trickle_headers(handler: Handler) -> None:
    handler.send_response(200)
    handler.flush_headers()
    while not handler.done.wait(0.02):
        handler.wfile.write(b"x")
        handler.wfile.flush()


def silence(handler: Handler) -> None:
    handler.done.wait()


@pytest.mark.parametrize("answer", [trickle, trickle_headers, silence])
def test_slow_server_is_left_at_the_deadline(server, answer):
    server.answers["/openapi.yaml"] = answer
    with pytest.raises(ClusterUnavailable, match=r"within 0\.3 seconds"):
        fetch(at(), seconds=0.3)


def endless(handler: Handler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while not handler.done.is_set():
        handler.wfile.write(b"x" * 65536)


def promised(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(LIMIT + 1))
    handler.end_headers()
    handler.done.wait()


def bomb() -> bytes:
    """A gzip of 200 MB of zeros, about 200 kB."""
    packer = zlib.compressobj(wbits=31)
    return b"".join(packer.compress(b"\0" * 1_000_000) for _ in range(200)) + packer.flush()


@pytest.mark.parametrize("answer", [endless, promised, text(bomb(), Content_Encoding="gzip")])
def test_too_large_a_text_is_refused(server, answer):
    server.answers["/openapi.yaml"] = answer
    with pytest.raises(Invalid, match="larger than 20 MB"):
        fetch(at())


def test_largest_text_is_taken(server):
    server.answers["/openapi.yaml"] = text(b"x" * LIMIT)
    found = fetch(at())
    assert isinstance(found, Fetched)
    assert len(found.text) == LIMIT


@pytest.mark.parametrize(
    ("body", "headers", "words"),
    [
        (b"\xff\xfe", {}, "no text in UTF-8"),
        (b"x", {"Content_Encoding": "br"}, "packed as br"),
        (b"no gzip", {"Content_Encoding": "gzip"}, "no whole gzip"),
        (gzip.compress(b"text", mtime=0)[:-4], {"Content_Encoding": "gzip"}, "no whole gzip"),
        (gzip.compress(b"text", mtime=0) + b"more", {"Content_Encoding": "gzip"}, "no whole gzip"),
    ],
)
def test_body_that_is_no_text_is_refused(server, body, headers, words):
    server.answers["/openapi.yaml"] = text(body, **headers)
    with pytest.raises(Invalid, match=words):
        fetch(at())


def raw(data: bytes) -> Callable[[Handler], None]:
    def answer(handler: Handler) -> None:
        handler.wfile.write(data)
        handler.close_connection = True

    return answer


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nshort",
        b"HTTP/1.0 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"HTTP/1.0 200 OK\r\nA: " + b"b" * 100_000 + b"\r\n\r\n",
    ],
    ids=["nothing", "nonsense", "cut off", "cut off in a chunk", "many headers", "a long header"],
)
def test_broken_answer_is_an_error(server, data):
    server.answers["/openapi.yaml"] = raw(data)
    with pytest.raises(ClusterUnavailable, match="no usable answer"):
        fetch(at())


def test_server_that_is_not_there_is_an_error(settings):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings.SERVICE_ADDRESSES = {"orders.shop": f"127.0.0.1:{free.getsockname()[1]}"}
        with pytest.raises(ClusterUnavailable, match="Connection refused"):
            fetch(at())


@pytest.mark.parametrize("host", [HOST, "orders.shop", "Orders.Shop.svc.cluster.local"])
def test_service_is_found_by_each_of_its_names(server, host):
    server.answers["/openapi.yaml"] = text(b"x")
    assert fetch(at(host=host)) == Fetched("x")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "0.0.0.0", "2130706433"]
)
def test_this_machine_is_not_called_on_an_authors_word(server, host):
    with pytest.raises(Invalid, match="does not call"):
        fetch(DefinitionAddress(f"http://{host}:{server.port}/openapi.yaml", "here"))
    assert server.seen == []


@pytest.mark.parametrize(
    "url", ["ftp://orders.shop.svc/", "http:///x", "file:///etc/passwd", "http://a@orders.shop.svc/"]
)
def test_other_than_plain_http_addresses_are_refused(url):
    with pytest.raises(Invalid, match="not an http or https address"):
        fetch(DefinitionAddress(url, "here"))


def test_unknown_host_is_an_error():
    with pytest.raises(ClusterUnavailable, match="is not known"):
        resolved("nowhere.invalid", Deadline(5))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "2002:7f00:1::",
        "64:ff9b::a9fe:a9fe", "169.254.1.1", "fe80::1", "224.0.0.1", "ff02::1", "0.0.0.0", "::", "240.0.0.1",
        "255.255.255.255", "100.100.100.200", "168.63.129.16", "fd00:ec2::254",
    ],
)  # fmt: skip
def test_addresses_that_are_never_called(address):
    assert is_refused(ipaddress.ip_address(address), loopback=False)


@pytest.mark.parametrize(
    "address", ["10.96.0.10", "192.168.1.1", "fd12::5", "93.184.216.34", "64:ff9b::5db8:d822"]
)
def test_addresses_of_clusters_and_of_the_world_are_called(address):
    assert not is_refused(ipaddress.ip_address(address), loopback=False)


@pytest.fixture
def secure(settings, tmp_path) -> Iterator[tuple[Server, str]]:
    """A server with a certificate for the Service's name, and the file by which it is trusted."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "orders")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "both.pem").write_bytes(private + pem)
    (tmp_path / "trusted.pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    found = Server(lambda sock: context.wrap_socket(sock, server_side=True))
    found.answers["/openapi.yaml"] = text(TEXT.encode())
    settings.SERVICE_ADDRESSES = {"orders.shop": f"127.0.0.1:{found.port}"}
    yield found, str(tmp_path / "trusted.pem")
    found.stop()


def test_https_needs_a_trusted_certificate(secure):
    with pytest.raises(Invalid, match="certificate is not trusted"):
        fetch(at(scheme="https"))


def test_https_with_a_trusted_certificate(secure, monkeypatch):
    server, trusted = secure
    monkeypatch.setenv("SSL_CERT_FILE", trusted)
    assert fetch(at(scheme="https")) == Fetched(TEXT)
    server.answers["/openapi.yaml"] = text(b"", 302, Location=f"http://{HOST}/openapi.yaml")
    with pytest.raises(Invalid, match="another host"):
        fetch(at(scheme="https"))


def test_certificate_of_another_name_is_not_trusted(secure, monkeypatch, settings):
    server, trusted = secure
    monkeypatch.setenv("SSL_CERT_FILE", trusted)
    settings.SERVICE_ADDRESSES["other.shop"] = f"127.0.0.1:{server.port}"
    with pytest.raises(Invalid, match="certificate is not trusted"):
        fetch(at(host="other.shop.svc", scheme="https"))
