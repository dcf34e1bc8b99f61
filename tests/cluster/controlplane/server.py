"""Start and stop etcd and kube-apiserver on free loopback ports, with an admin's kubeconfig."""

import ctypes
import json
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1


class ControlPlane:
    """One etcd and one kube-apiserver. `stop` and `start` keep data, ports and certificates, for fault tests.

    There is no controller manager: namespaces stay Terminating (use a fresh one per test), nothing is garbage
    collected and default service accounts do not appear.
    """

    def __init__(self, *, programs: Path, folder: Path) -> None:
        self.programs = programs
        self.folder = folder
        self.kubeconfig = folder / "kubeconfig"
        self.port, self._etcd_port, self._peer_port = _free_ports(3)
        self._certificates = folder / "certificates"
        self._token = secrets.token_urlsafe(24)
        self._etcd: subprocess.Popen[bytes] | None = None
        self._server: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        tokens = folder / "tokens.csv"
        tokens.write_text(f"{self._token},admin,admin,system:masters\n")
        tokens.chmod(0o600)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def etcd_url(self) -> str:
        return f"http://127.0.0.1:{self._etcd_port}"

    def start(self, timeout: float = 120) -> None:
        """Start both and return when the API server is ready. The wait is in seconds; raises RuntimeError after it."""
        self._etcd = self._run("etcd", *self._etcd_flags())
        self._server = self._run("kube-apiserver", *self._server_flags())
        deadline = time.monotonic() + timeout
        while not self._ready():
            if (
                self._server.poll() is not None
                or self._etcd.poll() is not None
                or time.monotonic() > deadline
            ):
                self.stop()
                raise RuntimeError(f"the control plane did not start:\n{self._last_words()}")
            time.sleep(0.1)
        _write_kubeconfig(self.kubeconfig, self.url, self._certificates / "apiserver.crt", self._token)

    def stop(self) -> None:
        """Stop both; the API server first, since it does not end while its etcd is away.

        It would wait a minute for open watches; nothing is lost when it is not let to, since etcd has the data.
        """
        for process, patience in ((self._server, 3), (self._etcd, 15)):
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(patience)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        self._server = self._etcd = None

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl as the admin and return what it printed. Raises CalledProcessError, with stderr."""
        done = subprocess.run(
            [self.programs / "kubectl", f"--kubeconfig={self.kubeconfig}", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, arguments, done.stdout, done.stderr)
        return done.stdout

    def apply(self, *documents: Mapping[str, Any], manager: str = "kubectl") -> None:
        """Apply manifests as a person would, server-side."""
        text = "\n---\n".join(json.dumps(document) for document in documents)
        self.kubectl("apply", "--server-side", f"--field-manager={manager}", "-f", "-", stdin=text)

    def install(self, folder: Path) -> None:
        """Install the CRDs of a folder and wait until they are served."""
        self.kubectl("apply", "--server-side", "-f", str(folder))
        self.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", str(folder))

    def create_namespace(self) -> str:
        """Create a namespace with a fresh name and return the name."""
        name = f"test-{secrets.token_hex(4)}"
        status, answer = self.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        if status != 201:
            raise RuntimeError(f"no namespace: {answer}")
        return name

    def account(self, namespace: str, rules: Sequence[Mapping[str, Sequence[str]]]) -> Path:
        """Create a service account that may do what the ClusterRole rules say; return a kubeconfig of its own."""
        name = f"account-{secrets.token_hex(4)}"
        rbac = "rbac.authorization.k8s.io"
        meta = {"name": name}
        self.apply(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {**meta, "namespace": namespace}},
            {"apiVersion": f"{rbac}/v1", "kind": "ClusterRole", "metadata": meta, "rules": list(rules)},
            {
                "apiVersion": f"{rbac}/v1",
                "kind": "ClusterRoleBinding",
                "metadata": meta,
                "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": name},
                "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
            },
        )
        token = self.kubectl("create", "token", name, f"--namespace={namespace}").strip()
        path = self.folder / f"{name}.kubeconfig"
        _write_kubeconfig(path, self.url, self._certificates / "apiserver.crt", token)
        return path

    def _etcd_flags(self) -> list[str]:
        client, peer = f"http://127.0.0.1:{self._etcd_port}", f"http://127.0.0.1:{self._peer_port}"
        return [
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]

    def _server_flags(self) -> list[str]:
        key = self._certificates / "apiserver.key"
        return [
            f"--etcd-servers=http://127.0.0.1:{self._etcd_port}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.port}",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            f"--cert-dir={self._certificates}",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--disable-admission-plugins=ServiceAccount",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
        ]

    def _run(self, program: str, *flags: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{program}.log").open("ab") as log:
            return subprocess.Popen(
                [self.programs / program, *flags],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509  one call, no locks
            )

    def request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, Any]:
        """Ask the API server as the admin, without the half second that kubectl takes; return status and answer."""
        status, text = self._ask(method, path, None if body is None else json.dumps(body).encode())
        return status, json.loads(text)

    def _ask(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        context = ssl.create_default_context(cafile=str(self._certificates / "apiserver.crt"))
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, method=method, data=body, headers=headers)
        try:
            with opener.open(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read()

    def _ready(self) -> bool:
        try:
            return self._ask("GET", "/readyz", None)[0] == 200
        except OSError:
            return False

    def _last_words(self) -> str:
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"{log.name}: {log.read_text(errors='replace')[-1500:]}" for log in logs)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _write_kubeconfig(path: Path, url: str, authority: Path, token: str) -> None:
    path.touch(mode=0o600)
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": url, "certificate-authority": str(authority)}}],
        "users": [{"name": "test", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    }
    path.write_text(json.dumps(config))
