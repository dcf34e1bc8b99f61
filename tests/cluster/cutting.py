"""A way to the API server on which connections break: TLS ends here, and lists can be cut in the middle of a page."""

import json
import re
import select
import socket
import ssl
import threading
from pathlib import Path

from tests.cluster.controlplane import ControlPlane

CUT_AFTER = 500
# Not the one with limit=1, by which the watch learns where to begin.
LIST = re.compile(rb"GET [^ ]*/apis\?[^ ]*limit=\d\d+[^ ]* HTTP")


class CuttingProxy:
    """`arm(count, page)`: the next `count` lists of Apis that get so far lose their connection in that page."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self.cuts = 0
        self.kubeconfig = folder / "cutting.kubeconfig"
        self._armed = self._page = self._cut_page = 0
        self._lock = threading.Lock()
        config = json.loads(plane.kubeconfig.read_text())
        authority = Path(config["clusters"][0]["cluster"]["certificate-authority"])
        self._plane = plane
        self._server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._server_side.load_cert_chain(authority, authority.with_suffix(".key"))
        self._client_side = ssl.create_default_context(cafile=str(authority))
        # Tickets of TLS 1.3 make a socket readable on which nothing can be read.
        self._client_side.maximum_version = ssl.TLSVersion.TLSv1_2
        self._listener = socket.create_server(("127.0.0.1", 0))
        config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(json.dumps(config))
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, count: int, *, page: int) -> None:
        self._armed, self._cut_page = count, page

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with (
                self._server_side.wrap_socket(connection, server_side=True) as near,
                socket.create_connection(("127.0.0.1", self._plane.port)) as plain,
                self._client_side.wrap_socket(plain, server_hostname="127.0.0.1") as far,
            ):
                self._pass(near, far)
        except OSError:
            return

    def _pass(self, near: ssl.SSLSocket, far: ssl.SSLSocket) -> None:
        """Bytes both ways, until one side ends or the answer under way is cut."""
        left: int | None = None
        while True:
            ready = [each for each in (near, far) if each.pending()] or select.select([near, far], [], [])[0]
            for each in ready:
                data = each.recv(65536)
                if not data:
                    return
                if each is near:
                    left = CUT_AFTER if self._is_to_be_cut(data) else left
                    far.sendall(data)
                elif left is None:
                    near.sendall(data)
                else:
                    near.sendall(data[:left])
                    left -= len(data)
                    if left <= 0:
                        return

    def _is_to_be_cut(self, request: bytes) -> bool:
        if not LIST.search(request):
            return False
        with self._lock:
            self._page = self._page + 1 if b"continue=" in request.split(b"\r\n", 1)[0] else 1
            if self._page != self._cut_page or not self._armed:
                return False
            self._armed -= 1
            self.cuts += 1
            return True
