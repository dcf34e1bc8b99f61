"""An outside issuer on this machine: its metadata, its key set and the tokens that it gives."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from jwcrypto import jwk

RSA = jwk.JWK.generate(kty="RSA", size=2048, kid="theirs-1", use="sig", alg="RS256")
EC = jwk.JWK.generate(kty="EC", crv="P-256", kid="theirs-2")
HOST = "sso.corp.svc"


def public(*keys: jwk.JWK) -> dict[str, Any]:
    return {"keys": [json.loads(key.export_public()) for key in keys]}


class OutsideServer:
    """What it answers, by path: (status, body)."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://{HOST}:{port}/realms/a"
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.asked: list[str] = []
        self.publish(RSA)

    def publish(self, *keys: jwk.JWK, **metadata: Any) -> None:
        """Serve these keys, and metadata that name them."""
        metadata = {"issuer": self.url, "jwks_uri": f"{self.url}/keys", **metadata}
        self.answer("/realms/a/.well-known/openid-configuration", metadata)
        self.answer("/realms/a/keys", public(*keys))

    def answer(self, path: str, body: Any, status: int = 200) -> None:
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers[path] = (status, text)

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append(handler.path)
        status, body = self.answers.get(handler.path, (404, b"{}"))
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


@contextmanager
def outside_server() -> Iterator[OutsideServer]:
    """A running one. Name its port for HOST in SERVICE_ADDRESSES, or it is not called."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told(self)

        def log_message(self, *args: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told = OutsideServer(http.server_port)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield told
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
