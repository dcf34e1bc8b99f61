"""client_credentials tokens a second and CPU a token, RS256 and ES256, in turns with others on the same machine: the
framework's own defaults, and oidc-provider of npm in memory where Node is here.

`python -m bench.tokens` fills the database that DATABASE_URL names and prints a client's id and secret.
"""

import base64
import contextlib
import http.client
import os
import selectors
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlparse

import psycopg

from bench import wrong_secrets
from bench.harness import ROOT, Recorder, percentile
from portal.embedded.postgres import EmbeddedPostgres
from portal.embedded.processes import free_port
from tests.npm import installed

REFERENCE = ROOT / "bench" / "token_reference"
# Where npm puts the reference: a folder that Git leaves alone.
NODE_FOLDER = ROOT / ".bench" / "oidc_provider"
ROUNDS = 3
SECONDS = float(os.environ.get("BENCH_TOKENS_SECONDS", "5"))
CONCURRENCY = 8
CROWD = 32
WARM_UP_S = 1.0
GRANT = b"grant_type=client_credentials"
# Ory Hydra with ES256 and its cheapest hash on the same two cores: 1,072/s at 1.6 ms of CPU. Twice that is 0.8 ms.
ES256_CPU_MS = 0.78
_PATIENCE_S = 30.0


@dataclass
class Server:
    """A running server and what was measured of it. `children`: it is they who work."""

    port: int
    process: subprocess.Popen[bytes]
    client: tuple[str, str]
    path: str = "/o/token/"
    children: bool = True
    per_s: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    tokens: int = 0

    def measure(self) -> None:
        """One round: so many seconds of asking, by so many connections."""
        load(self, WARM_UP_S)
        busy, began = self.cpu_seconds(), time.perf_counter()
        count = len(load(self, SECONDS))
        took = time.perf_counter() - began
        self.tokens += count
        self.per_s.append(count / took)
        self.cpu_ms.append((self.cpu_seconds() - busy) * 1000 / count)

    @property
    def authorization(self) -> str:
        return f"Basic {base64.b64encode(':'.join(self.client).encode()).decode()}"

    @property
    def request(self) -> bytes:
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nAuthorization: {self.authorization}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(GRANT)}\r\n\r\n"
        )
        return head.encode() + GRANT

    def cpu_seconds(self) -> float:
        """User and system time of those who work."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children")
        pids = children.read_text().split() if self.children else [str(pid)]
        return sum(_ticks(one) for one in pids) / os.sysconf("SC_CLK_TCK")


def run(recorder: Recorder) -> None:
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="portico-tokens-", ignore_cleanup_errors=True)
        )
        postgres = EmbeddedPostgres(Path(folder) / "postgres")
        env = {
            **os.environ,
            "DATABASE_URL": postgres.start(),
            "PORTICO_DEMO": "1",
            "PORTICO_STATE": folder,
            "PORTICO_LOG_LEVEL": "WARNING",
        }
        stack.callback(postgres.stop)
        client = filled(env)
        servers = {
            algorithm.lower(): stack.enter_context(ours(env, client, algorithm))
            for algorithm in ("ES256", "RS256")
        }
        if shutil.which("npm"):
            servers["oidc_provider"] = stack.enter_context(oidc_provider())
        else:
            print("   left out: oidc-provider, there is no npm here")
        servers["framework_default"] = stack.enter_context(framework(env))
        for _ in range(ROUNDS):
            for server in servers.values():
                server.measure()
        crowd = load(servers["rs256"], SECONDS, CROWD)
        difference = abs(float(told([sys.executable, "-m", "bench.wrong_secrets"], env)))
    report(recorder, servers, crowd)
    recorder.add("wrong_secret_t", difference, "t", goal=f"<= {wrong_secrets.LIMIT}", n=wrong_secrets.GUESSES)


def report(recorder: Recorder, servers: dict[str, Server], crowd: list[float]) -> None:
    for name, server in servers.items():
        recorder.add(f"{name}_per_s", statistics.median(server.per_s), "tokens/s", n=server.tokens)
        goal = f"<= {ES256_CPU_MS}" if name == "es256" else None
        recorder.add(f"{name}_cpu_ms", statistics.median(server.cpu_ms), "ms", goal=goal, n=server.tokens)
    recorder.add("rs256_p99_ms_c32", percentile(crowd, 99) * 1000, "ms", goal="<= 50", n=len(crowd))
    if "oidc_provider" in servers:
        pairs = zip(servers["rs256"].per_s, servers["oidc_provider"].per_s, strict=True)
        ratio = statistics.median(mine / theirs for mine, theirs in pairs)
        recorder.add("rs256_vs_oidc_provider_ratio", ratio, "x", goal=">= 1.0", n=ROUNDS)


def filled(env: dict[str, str]) -> tuple[str, str]:
    """One client of an application that has five subscriptions: its id and secret."""
    manage(["manage.py", "migrate", "-v0"], env)
    client_id, secret = told([sys.executable, "-m", "bench.tokens"], env).split()
    return client_id, secret


@contextlib.contextmanager
def ours(env: dict[str, str], client: tuple[str, str], algorithm: str) -> Iterator[Server]:
    """The portal's web process with its own signing keys, on a copy of the database."""
    name = f"portico_{algorithm.lower()}"
    url = urlparse(env["DATABASE_URL"])
    with psycopg.connect(url._replace(path="/postgres").geturl(), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE {name} TEMPLATE "{url.path.lstrip("/")}"')
    env = {
        **env,
        "DATABASE_URL": url._replace(path=f"/{name}").geturl(),
        "PORTICO_SIGNING_ALGORITHM": algorithm,
    }
    with gunicorn("portal.wsgi", ROOT, env, client) as server:
        yield server


@contextlib.contextmanager
def framework(env: dict[str, str]) -> Iterator[Server]:
    """django-oauth-toolkit as it comes, on a database of its own in the same Postgres."""
    with psycopg.connect(env["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("CREATE DATABASE reference")
    env = {**env, "DJANGO_SETTINGS_MODULE": "reference_settings", "PYTHONPATH": str(REFERENCE)}
    manage(["-m", "django", "migrate", "-v0"], env, REFERENCE)
    client = ("reference", "reference-secret")
    options = ["--client-id", client[0], "--client-secret", client[1]]
    manage(
        ["-m", "django", "createapplication", *options, "confidential", "client-credentials"], env, REFERENCE
    )
    with gunicorn("reference_wsgi", REFERENCE, env, client) as server:
        yield server


@contextlib.contextmanager
def oidc_provider() -> Iterator[Server]:
    """The npm package as its lock file pins it, in one process of Node, which signs on threads of its own."""
    folder = installed(REFERENCE / "oidc_provider", NODE_FOLDER)
    port, client = free_port(), ("reference", "reference-secret")
    command = ["node", "server.mjs", str(port), *client]
    env = {**os.environ, "NODE_ENV": "production"}
    process = start(command, folder, env)
    with serving(Server(port, process, client, path="/token", children=False)) as server:
        yield server


def told(command: list[str], env: dict[str, str]) -> str:
    """What the command prints."""
    done = subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True, text=True)
    return done.stdout


def manage(command: list[str], env: dict[str, str], folder: Path = ROOT) -> None:
    subprocess.run([sys.executable, *command], cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def gunicorn(wsgi: str, folder: Path, env: dict[str, str], client: tuple[str, str]) -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", wsgi, "--bind", f"127.0.0.1:{port}", "--keep-alive", "60"]
    command += [
        "--worker-class",
        "gthread",
        "--workers",
        "2",
        "--threads",
        "4",
        "--no-control-socket",
    ]
    with serving(Server(port, start(command, folder, env), client)) as server:
        yield server


def start(command: list[str], folder: Path, env: dict[str, str]) -> subprocess.Popen[bytes]:
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, cwd=folder, env=env, stdout=quiet, stderr=quiet)


@contextlib.contextmanager
def serving(server: Server) -> Iterator[Server]:
    try:
        wait(server)
        yield server
    finally:
        server.process.terminate()
        server.process.wait(10)


def load(server: Server, seconds: float, concurrency: int = CONCURRENCY) -> list[float]:
    """Ask for tokens on so many connections for so long; how many seconds each took. Raises where one was refused.

    One thread and ready-made bytes: what asks takes little of the processors from what is measured.
    """
    request, took = server.request, []
    with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
        for _ in range(concurrency):
            asking = Asking(
                stack.enter_context(socket.create_connection(("127.0.0.1", server.port), _PATIENCE_S)),
                request,
            )
            selector.register(asking.socket, selectors.EVENT_READ, asking)
            asking.ask()
        until, open_ = time.perf_counter() + seconds, concurrency
        while open_:
            for key, _ in selector.select(_PATIENCE_S) or [(None, 0)]:
                if key is None:
                    raise RuntimeError("the token end point does not answer")
                if not key.data.answered():
                    continue
                now = time.perf_counter()
                took.append(now - key.data.began)
                if now < until:
                    key.data.ask()
                else:
                    selector.unregister(key.data.socket)
                    open_ -= 1
    return took


class Asking:
    """One connection that is kept alive, and the answer that is coming on it."""

    def __init__(self, connection: socket.socket, request: bytes) -> None:
        self.socket, self._request = connection, request
        self._received, self.began = b"", 0.0

    def ask(self) -> None:
        self._received, self.began = b"", time.perf_counter()
        self.socket.sendall(self._request)

    def answered(self) -> bool:
        """Read what has come; whether that is all. Raises where it is not a token."""
        more = self.socket.recv(65_536)
        self._received += more
        head, end, body = self._received.partition(b"\r\n\r\n")
        if more and not end:
            return False
        if not head.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(f"the token end point answered {self._received[:300]!r}")
        _, length, after = head.lower().partition(b"content-length:")
        if length:
            return len(body) >= int(after.partition(b"\r\n")[0])
        return body.endswith(b"0\r\n\r\n")


def wait(server: Server) -> None:
    """Until it gives a token."""
    until = time.monotonic() + _PATIENCE_S
    headers = {
        "Authorization": server.authorization,
        "Content-Type": "application/x-www-form-urlencoded",
    }
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=_PATIENCE_S)
        try:
            connection.request("POST", server.path, GRANT, headers)
            answer = connection.getresponse()
            if answer.status != 200:
                raise RuntimeError(f"the token end point answered {answer.status}: {answer.read()[:300]!r}")
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return
        finally:
            connection.close()


def _ticks(pid: str) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def fill() -> None:
    """One application with five subscriptions to APIs of ten operations, and a client, whose id and secret are printed."""
    from apis.models import Api, ApiVersion, Operation, Plan, Publication
    from keymanager import actions
    from portal.accounts.models import Team, User
    from subscriptions.models import Application, Subscription, SubscriptionStatus

    admin = User.objects.create_user("bench@example.com", "bench only", name="Bench", is_admin=True)
    team = Team.objects.create(slug="bench", name="Bench")
    application = Application.objects.create(team=team, name="Bench")
    plan = Plan.objects.create(
        slug="gold",
        name="Gold",
        rate_requests=60,
        rate_seconds=60,
        burst=5,
        cluster="bench",
        kind="Plan",
        object_name="gold",
    )
    for n in range(5):
        name = {"cluster": "bench", "namespace": "bench"}
        api = Api.objects.create(slug=f"api-{n}", name=f"API {n}", key=f"api-{n}", team=team, **name)
        version = ApiVersion.objects.create(
            api=api,
            version="1.0.0",
            status=Publication.PUBLISHED,
            base_path=f"/api-{n}",
            upstreams={"production": {"url": "http://127.0.0.1:9", "timeout_seconds": 15}},
            kind="Api",
            object_name=api.slug,
            **name,
        )
        Operation.objects.bulk_create(
            Operation(version=version, position=p, method="GET", path=f"/{p}", scopes=[f"api-{n}:{p % 3}"])
            for p in range(10)
        )
        Subscription.objects.create(
            application=application, api=api, plan=plan, status=SubscriptionStatus.ACTIVE
        )
    issued = actions.issue_client(application=application, environment="production", name="Bench", by=admin)
    print(issued.credential.public_id, issued.secret)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    import django

    django.setup()
    fill()
