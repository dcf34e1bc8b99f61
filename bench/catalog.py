"""The catalog over HTTP at 1,000 APIs: the page and the search, beside the bare SQL and an empty answer of the same web.

`python -m bench.catalog <count>` fills the database that DATABASE_URL names.
"""

import http.client
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from bench.harness import ROOT, Recorder, percentile
from portal.embedded.postgres import EmbeddedPostgres
from portal.embedded.processes import free_port

APIS = int(os.environ.get("BENCH_CATALOG_APIS", "1000"))
CALLS = 300
WARM_UP = 30
LISTS = (
    "/",
    "/?page=2",
    "/?type=rest",
    "/?tag=money&plan=standard",
    "/?team=team-7&sort=updated",
    "/?environment=sandbox&status=published&page=3",
    "/?sort=newest&view=list",
)
WORDS = [
    "orders",
    "payments",
    "shipping",
    "ledger",
    "customer",
    "invoice",
    "tax",
    "stock",
    "review",
    "price",
    "media",
    "account",
    "refund",
    "parcel",
]
SEARCHES = tuple(
    f"/?q={word}" for word in ("orders", "paym", "ledger+tax", "stock+level", "ordres", "custmoer", "zzz")
)


def run(recorder: Recorder) -> None:
    with tempfile.TemporaryDirectory(prefix="portico-catalog-", ignore_cleanup_errors=True) as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres")
        env = {
            **os.environ,
            "DATABASE_URL": server.start(),
            "PORTICO_DEMO": "1",
            "PORTICO_STATE": folder,
            "PORTICO_STATIC_ROOT": f"{folder}/static",
            "PORTICO_LOG_LEVEL": "WARNING",
        }
        try:
            for command in (
                ["manage.py", "migrate", "-v0"],
                ["manage.py", "collectstatic", "--noinput", "-v0"],
            ):
                subprocess.run([sys.executable, *command], cwd=ROOT, env=env, check=True)
            subprocess.run([sys.executable, "-m", "bench.catalog", str(APIS)], cwd=ROOT, env=env, check=True)
            _measure(recorder, env)
        finally:
            server.stop()


def _measure(recorder: Recorder, env: dict[str, str]) -> None:
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "portal.wsgi", "--bind", f"127.0.0.1:{port}"]
    command += ["--worker-class", "gthread", "--workers", "2", "--threads", "4", "--no-control-socket"]
    web = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(port)
        recorder.add("list_p95_ms", _p95(_asks(port, LISTS)), "ms", goal="<= 50", n=CALLS)
        recorder.add("search_p95_ms", _p95(_asks(port, SEARCHES)), "ms", goal="<= 50", n=CALLS)
        recorder.add("empty_answer_p95_ms", _p95(_asks(port, ("/healthz",))), "ms", n=CALLS)
        with psycopg.connect(env["DATABASE_URL"], autocommit=True) as connection:
            recorder.add("bare_sql_p95_ms", _p95(_bare(connection)), "ms", n=CALLS)
    finally:
        web.terminate()
        web.wait(10)


def _asks(port: int, paths: tuple[str, ...]) -> Callable[[int], None]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def ask(n: int) -> None:
        connection.request("GET", paths[n % len(paths)])
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{paths[n % len(paths)]} answered {answer.status}")

    return ask


def _bare(connection: psycopg.Connection) -> Callable[[int], None]:
    """The least that a list needs: how many there are, and twenty of them."""

    def ask(n: int) -> None:
        connection.execute("SELECT count(*) FROM apis_api WHERE visibility = 'public'").fetchall()
        connection.execute(
            "SELECT * FROM apis_api WHERE visibility = 'public' ORDER BY name, slug LIMIT 20 OFFSET %s",
            [n % 5 * 20],
        ).fetchall()

    return ask


def _p95(ask: Callable[[int], None]) -> float:
    for n in range(WARM_UP):
        ask(n)
    took = []
    for n in range(CALLS):
        began = time.perf_counter()
        ask(n)
        took.append((time.perf_counter() - began) * 1000)
    return percentile(took, 95)


def _wait(port: int, patience: float = 30.0) -> None:
    until = time.monotonic() + patience
    while True:
        try:
            _asks(port, ("/healthz",))(0)
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return


def fill(count: int) -> None:
    """`count` published APIs of forty teams with plans, tags and environments spread over them, always the same."""
    from django.db import connection, transaction

    from apis.models import Api, ApiType, ApiVersion, Plan, Publication, Visibility
    from portal.accounts.models import Team

    chance = random.Random(7)
    teams = Team.objects.bulk_create(Team(slug=f"team-{n}", name=f"Team {n}") for n in range(40))
    plans = Plan.objects.bulk_create(
        Plan(
            slug=slug,
            name=slug.title(),
            rate_requests=n + 1,
            rate_seconds=60,
            burst=5,
            cluster="bench",
            kind="Plan",
            object_name=slug,
        )
        for n, slug in enumerate(("free", "standard", "partner", "restricted"))
    )
    with transaction.atomic():
        apis = Api.objects.bulk_create(
            Api(
                slug=f"api-{n}",
                key=f"api-{n}",
                cluster="bench",
                namespace=f"team-{n % 40}",
                name=f"{chance.choice(WORDS).title()} {chance.choice(WORDS)} {n}",
                summary=f"Reads and writes {' '.join(chance.sample(WORDS, 4))}.",
                description="A paragraph about it. " * 60,
                type=chance.choice(ApiType.values),
                team=teams[n % 40],
                visibility=Visibility.PUBLIC,
                tags=chance.sample(
                    ["money", "commerce", "logistics", "personal-data", "internal-only", "beta"], 2
                ),
            )
            for n in range(count)
        )
        versions = ApiVersion.objects.bulk_create(
            ApiVersion(
                api=api,
                version="1.0.0",
                status=Publication.DEPRECATED if n % 9 == 0 else Publication.PUBLISHED,
                base_path=f"/{api.slug}/v1",
                upstreams={name: {"url": "http://x"} for name in ("production", "sandbox")[: 1 + n % 2]},
                security={"oauth2": True},
                conditions=[
                    {"type": "Accepted", "status": "True", "reason": "Accepted", "message": "Taken. " * 20}
                ],
                cluster="bench",
                kind="Api",
                namespace=api.namespace,
                object_name=api.slug,
            )
            for n, api in enumerate(apis)
        )
        offers = ApiVersion.plans.through
        offers.objects.bulk_create(
            offers(apiversion=version, plan=plan) for version in versions for plan in chance.sample(plans, 2)
        )
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE apis_api SET current_version_id = v.id, search_text = concat_ws(' ', name, slug, key, summary), "
            "search = setweight(to_tsvector('english', name), 'A') || setweight(to_tsvector('english', summary), 'B') "
            "FROM apis_apiversion v WHERE v.api_id = apis_api.id"
        )
        cursor.execute("VACUUM ANALYZE")


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    fill(int(sys.argv[1]))
