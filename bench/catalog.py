"""The catalog over HTTP at 100,000 APIs, while five of them change each second: list, search, REST and a signed-in reader.

Beside them the same without changes, words that nobody searched for before, and what is there to compare with: the
bare SQL, and an empty answer of the same web. `*_cpu_ms` is what the web processes spend on a request.

`python -m bench.catalog <count>` fills the database that DATABASE_URL names.
"""

import http.client
import itertools
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

APIS = int(os.environ.get("BENCH_CATALOG_APIS", "100000"))
CALLS = 300
WARM_UP = 30
CHANGES_A_SECOND = 5
READER = "bench@example.com"
LISTS = (
    "/",
    "/?page=2",
    "/?type=rest",
    "/?tag=tag-3&plan=standard",
    "/?team=team-7&sort=updated",
    "/?environment=sandbox&status=published&page=3",
    "/?sort=newest&view=list",
    "/?page=4000",
)
REST_LISTS = ("/api/v1/apis/", "/api/v1/apis/?tag=tag-3&type=rest", "/api/v1/apis/?team=team-7&sort=updated")
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
SYLLABLES = (
    "ba",
    "ce",
    "di",
    "fo",
    "gu",
    "ha",
    "je",
    "ki",
    "lo",
    "mu",
    "na",
    "pe",
    "ri",
    "so",
    "tu",
    "ve",
    "wa",
    "xi",
    "yo",
)
RARER = 3000
SEARCHES = tuple(
    f"/?q={text}"
    for text in ("orders", "paym", "ledger+tax", "stock+level", "ordres", "custmoer", "team+7", "zzz")
)


def vocabulary() -> list[str]:
    """The most common first: an API has the first of them in half of all cases, the last in one of three thousand."""
    chance = random.Random(5)
    rarer = ("".join(chance.choices(SYLLABLES, k=chance.choice((2, 2, 3, 3, 4)))) for _ in range(RARER))
    return list(dict.fromkeys([*WORDS, *rarer]))


def _new_searches(count: int) -> tuple[str, ...]:
    """Words as people put them together, hardly any twice: one, two or three, some begun, some with a swapped letter."""
    chance = random.Random(11)
    known = vocabulary()
    shares = [1 / rank for rank in range(1, len(known) + 1)]

    def typed() -> str:
        words = chance.choices(known, shares, k=chance.choice((1, 2, 2, 3)))
        how = chance.random()
        if how < 0.3:
            words[-1] = words[-1][: chance.randint(2, 4)]
        elif how < 0.5:
            at = chance.randrange(1, len(words[-1]) - 1)
            words[-1] = words[-1][:at] + words[-1][at + 1] + words[-1][at] + words[-1][at + 2 :]
        elif how < 0.7:
            words.append(str(chance.randrange(APIS)))
        return "+".join(words)

    return tuple(f"/?q={typed()}" for _ in range(count))


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
    command += [
        "--worker-class",
        "gthread",
        "--workers",
        "2",
        "--threads",
        "4",
        "--no-control-socket",
    ]
    web = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(port)
        # Asked at once after the start: it waits for what is left of reading the catalog.
        recorder.add("first_answer_ms", max(_first_answers(port, n=8)), "ms", n=8)
        reader = _sign_in(env)
        writer = subprocess.Popen([sys.executable, "-m", "bench.catalog", "write"], cwd=ROOT, env=env)
        try:
            for name, asks, cookie in (
                ("list", LISTS, ""),
                ("search", SEARCHES, ""),
                ("search_new", _new_searches(WARM_UP + CALLS), ""),
                ("rest_list", REST_LISTS, ""),
                ("signed_in_list", LISTS, reader),
            ):
                _add(recorder, name, web.pid, _asking(port, asks, cookie))
        finally:
            writer.terminate()
            writer.wait(10)
        _add(recorder, "quiet_list", web.pid, _asking(port, LISTS))
        _add(recorder, "quiet_search", web.pid, _asking(port, SEARCHES))
        recorder.add("web_rss_mb", max(_rss(pid) for pid in _workers(web.pid)), "MB")
        recorder.add(
            "empty_answer_p95_ms", percentile(_times(_asking(port, ("/healthz",))), 95), "ms", n=CALLS
        )
        with psycopg.connect(env["DATABASE_URL"], autocommit=True) as connection:
            recorder.add("bare_sql_p95_ms", percentile(_times(_bare(connection)), 95), "ms", n=CALLS)
    finally:
        web.terminate()
        web.wait(10)


def _add(recorder: Recorder, name: str, pid: int, ask: Callable[[int], None]) -> None:
    before = _cpu_ms(pid)
    took = _times(ask)
    recorder.add(f"{name}_p95_ms", percentile(took, 95), "ms", goal="<= 50", n=CALLS)
    recorder.add(f"{name}_cpu_ms", (_cpu_ms(pid) - before) / (CALLS + WARM_UP), "ms", n=CALLS)


def _workers(pid: int) -> list[int]:
    return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _cpu_ms(pid: int) -> float:
    """What the workers have used so far."""
    ticks = 0
    for worker in _workers(pid):
        fields = Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return 1000 * ticks / os.sysconf("SC_CLK_TCK")


def _rss(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def _asking(port: int, paths: tuple[str, ...], cookie: str = "") -> Callable[[int], None]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Cookie": cookie} if cookie else {}

    def ask(n: int) -> None:
        connection.request("GET", paths[n % len(paths)], headers=headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{paths[n % len(paths)]} answered {answer.status}")

    return ask


def _first_answers(port: int, *, n: int) -> list[float]:
    """Milliseconds of one request on each of `n` new connections, so that each worker has answered."""
    return [_once(_asking(port, ("/",)), 0) for _ in range(n)]


def _once(ask: Callable[[int], None], n: int) -> float:
    began = time.perf_counter()
    ask(n)
    return (time.perf_counter() - began) * 1000


def _sign_in(env: dict[str, str]) -> str:
    """The session cookie of a member of two teams."""
    command = [sys.executable, "-m", "bench.catalog", "session"]
    return subprocess.run(
        command, cwd=ROOT, env=env, check=True, capture_output=True, text=True
    ).stdout.strip()


def _bare(connection: psycopg.Connection) -> Callable[[int], None]:
    """The least that a list needs: how many there are, and twenty of them."""

    def ask(n: int) -> None:
        connection.execute("SELECT count(*) FROM apis_api WHERE visibility = 'public'").fetchall()
        connection.execute(
            "SELECT * FROM apis_api WHERE visibility = 'public' ORDER BY name, slug LIMIT 20 OFFSET %s",
            [n % 5 * 20],
        ).fetchall()

    return ask


def _times(ask: Callable[[int], None]) -> list[float]:
    """Milliseconds of each call, after a few that do not count."""
    for n in range(WARM_UP):
        ask(n)
    return [_once(ask, n) for n in range(WARM_UP, WARM_UP + CALLS)]


def _wait(port: int, patience: float = 30.0) -> None:
    until = time.monotonic() + patience
    while True:
        try:
            _asking(port, ("/healthz",))(0)
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return


FILL = """
SELECT setseed(0.7);
INSERT INTO accounts_team (slug, name, personal, created_at)
SELECT 'team-' || n, 'Team ' || n, false, now() FROM generate_series(0, 199) n;
INSERT INTO apis_plan (slug, key, name, description, rate_requests, rate_seconds, burst, quota_period, time_zone, approval,
    content_hash, cluster, kind, namespace, object_name, uid, generation)
SELECT slug, slug, initcap(slug), '', n, 60, 5, '', 'UTC', 'manual', '', 'bench', 'Plan', '', slug, '', 1
FROM unnest(ARRAY['free', 'standard', 'partner', 'restricted']) WITH ORDINALITY plan(slug, n);
INSERT INTO apis_api (slug, cluster, namespace, key, name, summary, description, type, team_id, contact, visibility,
    tags, created_at, updated_at)
SELECT 'api-' || n, 'bench', team.slug, 'api-' || n, initcap(w[1]) || ' ' || w[2] || ' ' || n,
    concat_ws(' ', 'Reads and writes', w[3], w[4], w[5], w[6], w[7], w[8]) || '.', repeat('A paragraph about it. ', 60),
    (ARRAY['rest', 'graphql', 'asyncapi', 'grpc', 'soap'])[1 + floor(random() * 5)], team.id, '',
    CASE n %% 10 WHEN 0 THEN 'internal' WHEN 1 THEN 'team' ELSE 'public' END,
    ARRAY['tag-' || floor(power(300, random())), 'tag-' || floor(power(300, random()))],
    now() - n * interval '1 second', now() - n * interval '1 second'
FROM (
    SELECT n, array_agg(word ORDER BY random()) AS w
    FROM (
        SELECT n, floor(power(%(known)s::int + 1, random()))::int AS rank
        FROM generate_series(0, %(count)s - 1) n, generate_series(1, 8)
    ) AS picked
    JOIN unnest(%(words)s::text[]) WITH ORDINALITY AS words(word, rank) USING (rank)
    GROUP BY n
) AS named
JOIN accounts_team team ON team.slug = 'team-' || n %% 200;
INSERT INTO apis_apiversion (api_id, version, status, status_note, base_path, upstreams, security, mediation,
    presentation, stated_only, conditions, wants_approval, successor, deprecated_in_object, content_hash, stale,
    cluster, kind, namespace, object_name, uid, generation, discovered_at, seen_at, definition_url,
    definition_etag, definition_pending)
SELECT id, '1.0.0', CASE WHEN id %% 9 = 0 THEN 'deprecated' ELSE 'published' END, '', '/' || slug || '/v1',
    CASE WHEN id %% 2 = 0 THEN '{"production": {"url": "http://x"}}'
        ELSE '{"production": {"url": "http://x"}, "sandbox": {"url": "http://x"}}' END::jsonb,
    '{"oauth2": true}', '{}', '{}', '{}',
    '[{"type": "Accepted", "status": "True", "reason": "Accepted", "message": "Taken."}]', 'manual', '', false, '',
    false, 'bench', 'Api', namespace, slug, '', 1, now(), now(), '', '', false
FROM apis_api;
INSERT INTO apis_apiversion_plans (apiversion_id, plan_id)
SELECT version.id, plan.id FROM apis_apiversion version, apis_plan plan WHERE (version.id + plan.id) %% 4 < 2;
UPDATE apis_api SET current_version_id = version.id FROM apis_apiversion version WHERE version.api_id = apis_api.id;
"""


def fill(count: int) -> None:
    """`count` published APIs of two hundred teams with plans, tags and environments spread over them, always the same."""
    from apis import catalog
    from apis.models import Api

    words = vocabulary()
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        for statement in FILL.split(";\n"):
            # Only what has a place for it takes a parameter.
            used = {"count": count, "words": words, "known": len(words)} if "%(" in statement else {}
            connection.execute(statement if used else statement.replace("%%", "%"), used or None)
    catalog.index_names(list(Api.objects.values_list("pk", flat=True)))
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("VACUUM FULL ANALYZE")


def session() -> str:
    """A session cookie of somebody who is a member of two of the teams."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

    from portal.accounts.models import Membership, Team, User
    from portal.accounts.sessions import SessionStore

    user = User.objects.create_user(READER, name="Bench Reader")
    Membership.objects.bulk_create(
        Membership(team=team, user=user) for team in Team.objects.filter(slug__in=("team-1", "team-2"))
    )
    store = SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = "allauth.account.auth_backends.AuthenticationBackend"
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.save()
    return f"{settings.SESSION_COOKIE_NAME}={store.session_key}"


def write() -> None:
    """Change an API and its version, as the sync does, five times a second until stopped."""
    from django.db import transaction

    from apis import catalog
    from apis.models import ApiVersion

    versions = ApiVersion.objects.order_by("pk")
    pks = list(versions.values_list("pk", flat=True)[:2000])
    for n in itertools.count():
        began = time.monotonic()
        with transaction.atomic():
            version = versions.select_for_update(of=("self",)).select_related("api").get(pk=pks[n % len(pks)])
            api = version.api
            version.presentation = {
                "summary": f"{api.summary[:200]} {WORDS[n % len(WORDS)]}",
                "tags": api.tags,
            }
            version.save()
            catalog.refresh(api)
        time.sleep(max(0.0, 1 / CHANGES_A_SECOND - (time.monotonic() - began)))


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    if sys.argv[1] == "session":
        print(session())
    elif sys.argv[1] == "write":
        write()
    else:
        fill(int(sys.argv[1]))
