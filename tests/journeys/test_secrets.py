"""No secret stands where it can be read back: planted through every way in, then looked for in everything that is kept.

Allowed are only the places in `ALLOWED`. Real processes: what they write is what is searched, and so are Postgres' own files.
"""

import base64
import binascii
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from django.utils.crypto import salted_hmac
from psycopg import sql

from tests.journeys.planting import Garden, database_url
from tests.stack import Stack, started, until

pytestmark = pytest.mark.gateway

MAIL_PASSWORD, METRICS_TOKEN = "pw-of-the-mail-server-6f1d", "token-of-the-metrics-90ab"
# name of what was planted -> where it may stand, and why.
ALLOWED = {
    # Demo mode's mail is read at /mail/, and a mailed link is in its mail: a table, and so Postgres' own files.
    # From the link to the new password allauth keeps it in the session, which is all that it opens afterwards: nothing.
    "reset key": ("accounts_portalmail", "django_session", "postgres/data/"),
    # The demo's supervisor makes these and keeps them for the next start, readable by its owner only.
    "database password": ("postgres/password",),
    "secret key": ("secret_key",),
    # Envoy has to know by what it tells a probe.
    "probe secret": ("gateway/xds/lds.json",),
}
# One half of these is told to browsers and clients as a matter of course; what matters is that logs have none of it.
_ENCODED = re.compile(rb"[A-Za-z0-9+/_-]{24,}={0,2}")


@pytest.fixture(scope="module")
def garden(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Garden]:
    own = {
        "PORTICO_EMAIL_USER": "mailer",
        "PORTICO_EMAIL_PASSWORD": MAIL_PASSWORD,
        "PORTICO_METRICS_TOKEN": METRICS_TOKEN,
    }
    with started(**own) as stack:
        yield Garden(stack)


def test_secrets_are_kept_nowhere(garden: Garden):
    stack = garden.stack
    settings_secrets(garden)
    garden.people()
    token = garden.personal_token("portal:read", "portal:subscribe")
    made = garden.credentials(token)
    access = garden.grants(made["client"], token)
    garden.device(made["application"])
    call_the_gateway(garden, made["key"], access)
    garden.wrongly()
    with psycopg.connect(database_url(stack), autocommit=True) as connection:
        break_down(garden, connection, made["client"], token)
        found = [*in_rows(garden, connection)]
        connection.execute("CHECKPOINT")
    found += in_files(garden)
    found += in_answers(garden)
    found += [
        f"a command line: {name}" for name, text in garden.planted.items() if text in command_lines(stack)
    ]
    assert len(garden.planted) > 30
    assert not found, "\n".join(sorted(set(found)))


def settings_secrets(garden: Garden) -> None:
    state = garden.stack.state
    garden.plant("mail password", MAIL_PASSWORD)
    garden.plant("metrics token", METRICS_TOKEN)
    garden.plant("database password", (state / "postgres" / "password").read_text().strip())
    key = garden.plant("secret key", (state / "secret_key").read_text().strip())
    probe = salted_hmac("gateway probe", "header", secret=key, algorithm="sha256").hexdigest()
    assert probe in (state / "gateway" / "xds" / "lds.json").read_text()
    garden.plant("probe secret", probe)


def call_the_gateway(garden: Garden, key: str, token: str) -> None:
    """Both credentials are let in: what is in the access log then is what is written of good calls."""
    address = f"{garden.stack.gateways['production']}/catalogue/v1/products"
    until(lambda: garden.ask(address, **{"x-api-key": key}).status == 200, "the key works")
    until(lambda: garden.ask(address, Authorization=f"Bearer {token}").status == 200, "the token works")


def break_down(garden: Garden, connection: psycopg.Connection, client: dict[str, str], token: str) -> None:
    """Tables are missing for a while: every view and task that needs them fails in the middle of its work."""
    gone = ("keymanager_credential", "accounts_user", "django_session")
    for table in gone:
        connection.execute(
            sql.SQL("ALTER TABLE {} RENAME TO {}").format(
                sql.Identifier(table), sql.Identifier(f"{table}_gone")
            )
        )
    try:
        pair = base64.b64encode(":".join(client.values()).encode()).decode()
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        for text in garden.planted.values():
            garden.ask(
                "/o/token/",
                body=f"grant_type=refresh_token&refresh_token={quote(text)}",
                Authorization=f"Basic {pair}",
                **form,
            )
        garden.ask("/api/v1/applications/", Authorization=f"Bearer {token}")
        garden.open("/account/")
        assert any(" 500 " in told for told in garden.refusals)
        log = garden.stack.state / "logs" / "worker.log"
        until(lambda: "Traceback" in log.read_text(), "a task has failed")
    finally:
        for table in gone:
            connection.execute(
                sql.SQL("ALTER TABLE {} RENAME TO {}").format(
                    sql.Identifier(f"{table}_gone"), sql.Identifier(table)
                )
            )


def in_rows(garden: Garden, connection: psycopg.Connection) -> Iterator[str]:
    """Every row of every table as text, queues and sessions among them; what is encoded in it is looked into."""
    tables = connection.execute(
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    ).fetchall()
    assert {"django_session", "accounts_auditevent"} <= {table for _, table in tables}
    assert any(schema == "pgmq" for schema, _ in tables)
    for schema, table in tables:
        name = sql.Identifier(schema, table)
        for (row,) in connection.execute(sql.SQL("SELECT t::text FROM {} t").format(name)):
            yield from _named(garden, _opened(row.encode()), table)


def in_files(garden: Garden) -> Iterator[str]:
    """Logs, the gateway's files, Postgres' files with what it has deleted, and all the rest."""
    stack = garden.stack
    for path in [stack.folder / "up.log", *stack.state.rglob("*")]:
        if path.is_file():
            where = str(path.relative_to(stack.state)) if path.is_relative_to(stack.state) else path.name
            yield from _named(garden, path.read_bytes(), where)


def in_answers(garden: Garden) -> Iterator[str]:
    """What refuses does not say what it was given."""
    for told in garden.refusals:
        for name, text in garden.planted.items():
            if text in told:
                yield f"the answer {' '.join(told.split(' ')[:2])}: {name}"


def command_lines(stack: Stack) -> str:
    return " ".join(Path(f"/proc/{pid}/cmdline").read_text() for pid in stack.pids().values())


def _named(garden: Garden, content: bytes, where: str) -> Iterator[str]:
    for name, text in garden.planted.items():
        if any(where.startswith(place) for place in ALLOWED.get(name, ())):
            continue
        if any(
            form in content
            for form in {text.encode(), quote(text, safe="").encode(), text.encode().hex().encode()}
        ):
            yield f"{where}: {name}"


def _opened(row: bytes) -> bytes:
    """The row and what can be decoded in it: a queue's messages and sessions are base64, the latter compressed at times."""
    parts = [row]
    for word in _ENCODED.findall(row):
        plain = word.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
        try:
            decoded = base64.b64decode(plain + b"=" * (-len(plain) % 4))
        except binascii.Error:
            continue
        parts.append(decoded)
        try:
            parts.append(zlib.decompress(decoded))
        except zlib.error:
            continue
    return b"\n".join(parts)
