"""client_credentials tokens a second and CPU a token at concurrency 8, beside the framework's own defaults, in turns.

`python -m bench.tokens` fills the database that DATABASE_URL names and prints a client's id and secret.
"""

import base64
import contextlib
import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from bench.harness import ROOT, Recorder
from portal.embedded.postgres import EmbeddedPostgres
from portal.embedded.processes import free_port

REFERENCE = ROOT / "bench" / "token_reference"
ROUNDS = 3
SECONDS = float(os.environ.get("BENCH_TOKENS_SECONDS", "5"))
CONCURRENCY = 8
WARM_UP_S = 1.0
GRANT = "grant_type=client_credentials"


@dataclass
class Server:
    """A web server with two worker processes, and what was measured of it."""

    port: int
    process: subprocess.Popen[bytes]
    authorization: str
    per_s: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    tokens: int = 0

    def measure(self) -> None:
        """One round: so many seconds of asking, by so many connections."""
        load(self, WARM_UP_S)
        busy, began = cpu_seconds(self.process.pid), time.perf_counter()
        count = load(self, SECONDS)
        took = time.perf_counter() - began
        self.tokens += count
        self.per_s.append(count / took)
        self.cpu_ms.append((cpu_seconds(self.process.pid) - busy) * 1000 / count)


def run(recorder: Recorder) -> None:
    with tempfile.TemporaryDirectory(prefix="portico-tokens-", ignore_cleanup_errors=True) as folder:
        postgres = EmbeddedPostgres(Path(folder) / "postgres")
        env = {
            **os.environ,
            "DATABASE_URL": postgres.start(),
            "PORTICO_DEMO": "1",
            "PORTICO_STATE": folder,
            "PORTICO_LOG_LEVEL": "WARNING",
        }
        try:
            with ours(env) as portico, framework(env) as reference:
                for _ in range(ROUNDS):
                    portico.measure()
                    reference.measure()
        finally:
            postgres.stop()
    median = statistics.median
    recorder.add("rs256_per_s", median(portico.per_s), "tokens/s", n=portico.tokens)
    recorder.add("rs256_cpu_ms", median(portico.cpu_ms), "ms", n=portico.tokens)
    recorder.add("framework_default_per_s", median(reference.per_s), "tokens/s", n=reference.tokens)
    recorder.add("framework_default_cpu_ms", median(reference.cpu_ms), "ms", n=reference.tokens)


@contextlib.contextmanager
def ours(env: dict[str, str]) -> Iterator[Server]:
    """The portal's web process, with one client of an application that has five subscriptions."""
    manage(["manage.py", "migrate", "-v0"], env)
    filled = subprocess.run(
        [sys.executable, "-m", "bench.tokens"], cwd=ROOT, env=env, check=True, capture_output=True, text=True
    )
    with serving("portal.wsgi", ROOT, env, filled.stdout.split()) as server:
        yield server


@contextlib.contextmanager
def framework(env: dict[str, str]) -> Iterator[Server]:
    """django-oauth-toolkit as it comes, on a database of its own in the same Postgres."""
    with psycopg.connect(env["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("CREATE DATABASE reference")
    env = {**env, "DJANGO_SETTINGS_MODULE": "reference_settings", "PYTHONPATH": str(REFERENCE)}
    manage(["-m", "django", "migrate", "-v0"], env, REFERENCE)
    client = ["--client-id", "reference", "--client-secret", "reference-secret"]
    manage(
        ["-m", "django", "createapplication", *client, "confidential", "client-credentials"], env, REFERENCE
    )
    with serving("reference_wsgi", REFERENCE, env, ["reference", "reference-secret"]) as server:
        yield server


def manage(command: list[str], env: dict[str, str], folder: Path = ROOT) -> None:
    subprocess.run([sys.executable, *command], cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def serving(wsgi: str, folder: Path, env: dict[str, str], client: list[str]) -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", wsgi, "--bind", f"127.0.0.1:{port}", "--keep-alive", "60"]
    command += ["--worker-class", "gthread", "--workers", "2", "--threads", "4", "--no-control-socket"]
    process = subprocess.Popen(
        command, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    server = Server(port, process, base64.b64encode(":".join(client).encode()).decode())
    try:
        wait(server)
        yield server
    finally:
        process.terminate()
        process.wait(10)


def load(server: Server, seconds: float) -> int:
    """Ask for tokens on `CONCURRENCY` connections for so long; how many came. Raises where one was refused."""
    until = time.perf_counter() + seconds
    counts, refused = [0] * CONCURRENCY, []

    def ask(n: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        try:
            while time.perf_counter() < until:
                token(connection, server)
                counts[n] += 1
        except (OSError, RuntimeError, http.client.HTTPException) as error:
            refused.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(CONCURRENCY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if refused:
        raise RuntimeError(f"{len(refused)} of {CONCURRENCY} connections failed") from refused[0]
    return sum(counts)


def token(connection: http.client.HTTPConnection, server: Server) -> None:
    headers = {
        "Authorization": f"Basic {server.authorization}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    connection.request("POST", "/o/token/", GRANT, headers)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"the token end point answered {answer.status}: {body[:200]!r}")


def wait(server: Server, patience: float = 30.0) -> None:
    until = time.monotonic() + patience
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
            token(connection, server)
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return
        finally:
            connection.close()


def cpu_seconds(parent: int) -> float:
    """User and system time of a process's children, which do the work."""
    ticks = os.sysconf("SC_CLK_TCK")
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return sum(_ticks(child) for child in children) / ticks


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
