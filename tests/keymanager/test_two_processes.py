"""Two real web processes on one database: what one of them changes or counts holds in the other."""

import base64
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit, urlunsplit

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from keymanager import actions
from keymanager.actions import Issued
from keymanager.models import Credential
from keymanager.oauth.clients import _MAX_AGE_S
from portal.accounts.models import FailedTries
from portal.embedded.processes import free_port
from subscriptions import actions as subscription_actions
from tests.stack import Answer, bearer, call, until

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).parents[2]
FAILURES = 3
# A process reads a client anew after so long whatever happens: what is waited for has to come before, by the notice.
PATIENCE = _MAX_AGE_S / 2


def database_url() -> str:
    """The tests' own database, as another process names it."""
    parts = urlsplit(settings.DATABASE_URL)
    return urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}"))


def web_process(folder: Path, port: int) -> subprocess.Popen[bytes]:
    env = {**os.environ, "DATABASE_URL": database_url(), "PORTICO_CLIENT_FAILURES": str(FAILURES)}
    command = [sys.executable, "-m", "gunicorn", "portal.wsgi", "--bind", f"127.0.0.1:{port}"]
    command += ["--workers", "1", "--threads", "4", "--worker-class", "gthread"]
    with (folder / f"{port}.log").open("wb") as log:
        return subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)


@pytest.fixture(scope="module")
def processes(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The addresses of two."""
    folder = tmp_path_factory.mktemp("web")
    ports = [free_port(), free_port()]
    running = [web_process(folder, port) for port in ports]
    try:
        addresses = [f"http://127.0.0.1:{port}" for port in ports]
        for address in addresses:
            until(lambda address=address: answers(address), f"{address} answers", seconds=90)
        yield addresses[0], addresses[1]
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(timeout=30)


def answers(address: str) -> bool:
    try:
        # The first question to the end point also makes the process begin to listen.
        return token(address, "cred_nobody", "x").status in {401, 429}
    except OSError:
        return False


def token(address: str, client_id: str, secret: str) -> Answer:
    pair = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    form = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": f"Basic {pair}"}
    body = urlencode({"grant_type": "client_credentials"})
    return call(f"{address}/o/token/", method="POST", headers=form, body=body)


def status_for(issued: Issued) -> Callable[[str], int]:
    return lambda address: token(address, issued.credential.public_id, issued.secret).status


def known_to(ask: Callable[[str], int], *addresses: str) -> None:
    """Asked often enough that a process answers from its memory."""
    for address in addresses:
        assert [ask(address) for _ in range(3)] == [200, 200, 200]


@pytest.fixture
def act(consumer) -> Callable[..., Answer]:
    """A change through the REST API of one of the processes."""
    secret = actions.issue_personal_token(
        by=consumer, name="CI", scopes=["portal:read", "portal:subscribe"], days=1
    ).secret
    headers = {**bearer(secret), "Content-Type": "application/json"}

    def post(address: str, path: str, body: str = "{}") -> Answer:
        return call(f"{address}/api/v1/{path}", method="POST", headers=headers, body=body)

    return post


def test_client_revoked_in_one_is_refused_in_the_other(processes, client_of, act):
    here, there = processes
    ask = status_for(client_of)
    known_to(ask, here, there)
    answer = act(here, f"credentials/{client_of.credential.public_id}/revoke/")
    assert answer.status == 200, answer.body
    assert ask(here) == 401
    until(lambda: ask(there) == 401, "the other process refuses it", PATIENCE)


def test_client_rotated_in_one_is_refused_in_the_other(processes, client_of, act):
    here, there = processes
    ask = status_for(client_of)
    known_to(ask, here, there)
    answer = act(there, f"credentials/{client_of.credential.public_id}/rotate/", '{"overlap": 0}')
    assert answer.status == 201, answer.body
    new = answer.json["client_id"], answer.json["client_secret"]
    assert token(here, *new).status == token(there, *new).status == 200
    until(lambda: ask(here) == 401, "the other process refuses it", PATIENCE)


def test_subscription_cancelled_here_is_in_no_token_of_either(processes, client_of, application, consumer):
    ids = client_of.credential.public_id, client_of.secret
    known_to(status_for(client_of), *processes)
    assert token(processes[0], *ids).json["scope"] == "items:read items:write"
    subscription_actions.cancel(subscription=application.subscriptions.get(), by=consumer)
    for address in processes:
        until(lambda address=address: token(address, *ids).json["scope"] == "", "no scope", PATIENCE)


def test_change_that_nobody_told_is_found_in_the_end(processes, client_of):
    """By hand in the database, without a notice: the memory has an end of its own."""
    ask = status_for(client_of)
    known_to(ask, *processes)
    Credential.objects.update(status="revoked", revoked_at=timezone.now())
    for address in processes:
        until(lambda address=address: ask(address) == 401, "it is refused", 4 * _MAX_AGE_S)


def test_failures_are_counted_together(processes, client_of):
    """The limit reached in one, the other refuses at its own next failure, and the right secret from then on."""
    here, there = processes
    ask = status_for(client_of)
    wrong = [token(here, client_of.credential.public_id, "pcs_wrong").status for _ in range(FAILURES + 1)]
    assert wrong == [401] * FAILURES + [429]
    assert token(there, client_of.credential.public_id, "pcs_wrong").status == 429
    assert (ask(here), ask(there)) == (429, 429)


def test_failures_in_turn_are_one_count(processes, client_of):
    turns = [processes[n % 2] for n in range(FAILURES)]
    client_id = client_of.credential.public_id
    assert [token(address, client_id, "pcs_wrong").status for address in turns] == [401] * FAILURES
    for address in processes:
        assert token(address, client_id, "pcs_wrong").status == 429
    # The process that reached the limit refuses without counting; the other counted once more to learn of it.
    tries = FailedTries.objects.filter(key__startswith=f"client {client_id}").values_list("tries", flat=True)
    assert list(tries) == [FAILURES + 1]
