"""The short way to a token answers as the long one does, and knows at once what has changed."""

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
import pytest
import time_machine
from django.conf import settings
from django.db import connection
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from apis.models import Publication
from apis.signals import version_changed
from keymanager import actions, signing
from keymanager.models import Credential
from keymanager.oauth import changes, clients, fast
from portal.accounts import limits
from subscriptions import actions as subscription_actions
from tests import factories

GRANT = "grant_type=client_credentials"
GATEWAY = settings.GATEWAY_URLS["production"]
ITEMS = f"{GATEWAY}/items/1.0.0"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@pytest.fixture(autouse=True)
def _known_to_nobody(monkeypatch):
    """This process hears of every change: the test's own. The thread is for the tests of it."""
    clients.forget()
    monkeypatch.setattr(changes, "hearing", lambda: True)
    # The test's transaction lives on the connection.
    monkeypatch.setattr(fast, "close_old_connections", lambda: None)


def basic(client_id: str, secret: str) -> str:
    return f"Basic {base64.b64encode(f'{client_id}:{secret}'.encode()).decode()}"


def short(body: str, *, content_type: str = FORM, path: str = fast.PATH, **headers: str) -> Answer | None:
    """What the short way answers; None where it leaves the request to the long one, with its body still to read."""
    environ = (
        RequestFactory()
        .generic("POST", path, body, content_type, headers={"host": "testserver", **headers})
        .environ
    )
    told: list[tuple[str, list[tuple[str, str]]]] = []
    left: list[bytes] = []

    def django(environ, start_response):
        left.append(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        return []

    chunks = fast.FastTokens(django)(environ, lambda status, headers: told.append((status, headers)))
    if left:
        assert left == [body.encode()]
        return None
    ((status, pairs),) = told
    assert len(dict(pairs)) == len(pairs)
    return Answer(int(status.split()[0]), dict(pairs), b"".join(chunks))


def long(body: str, **headers: str) -> Answer:
    response = Client(enforce_csrf_checks=True).post(fast.PATH, body, FORM, headers=headers)
    return Answer(response.status_code, dict(response.items()), response.content)


def parts(answer: Answer) -> tuple[object, ...]:
    """All of an answer that is not by chance or by the clock."""
    told = json.loads(answer.body)
    claims = signing.verify(told.pop("access_token")) if "access_token" in told else {}
    assert claims.pop("exp", 0) - claims.pop("iat", 0) in {0, 600}
    assert len(claims.pop("jti", "x" * 32)) == 32
    own = {"X-Request-ID", "Content-Length"}
    headers = {name: value for name, value in answer.headers.items() if name not in own}
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    return answer.status, headers, list(told.items()), list(claims.items())


def test_path_is_the_token_end_point():
    assert reverse("keymanager:token") == fast.PATH


# What is asked, by which method, and whether the short way answers it.
REQUESTS = {
    "all": (GRANT, "basic", True),
    "one scope": (f"{GRANT}&scope=items:read", "basic", True),
    "two scopes": (f"scope=items:write%20items%3Aread&{GRANT}", "basic", True),
    "a scope twice": (f"{GRANT}&scope=items:read+items:read", "basic", True),
    "own id in the body": (f"{GRANT}&client_id={{id}}", "basic", True),
    "by the body": (f"{GRANT}&client_id={{id}}&client_secret={{secret}}", "", True),
    "a resource": (f"{GRANT}&resource={ITEMS}", "basic", True),
    "a resource and a scope of it": (f"{GRANT}&resource={ITEMS}/&scope=items:read", "basic", True),
    "resources": (f"{GRANT}&resource={ITEMS}&resource={GATEWAY}", "basic", True),
    "unknown resource": (f"{GRANT}&resource={ITEMS}&resource={GATEWAY}/x", "basic", False),
    "blank resource": (f"{GRANT}&resource=", "basic", False),
    "too many resources": (GRANT + f"&resource={ITEMS}" * 25, "basic", False),
    "blank scope": (f"{GRANT}&scope=", "basic", False),
    "spaces around scopes": (f"{GRANT}&scope=+items:read+", "basic", False),
    "spaces between scopes": (f"{GRANT}&scope=items:read++items:write", "basic", False),
    "unknown scope": (f"{GRANT}&scope=items:read+items:delete", "basic", False),
    "portal scope": (f"{GRANT}&scope=portal:admin", "basic", False),
    "no grant": ("scope=items:read", "basic", False),
    "blank grant": ("grant_type=", "basic", False),
    "another grant": ("grant_type=password&username=a&password=b", "basic", False),
    "grant twice": (f"{GRANT}&{GRANT}", "basic", False),
    "scope twice": (f"{GRANT}&scope=items:read&scope=items:write", "basic", False),
    "unknown parameter": (f"{GRANT}&entitlements=x", "basic", False),
    "empty": ("", "basic", False),
    "not a form": ('{"grant_type": "client_credentials"}', "basic", False),
    "not ASCII": (f"{GRANT}&scope=ü", "basic", False),
    "broken escape": (f"{GRANT}&scope=%zz", "basic", False),
    "another id in the body": (f"{GRANT}&client_id=cred_other", "basic", False),
    "two methods": (f"{GRANT}&client_secret={{secret}}", "basic", False),
    "wrong secret": (GRANT, "wrong", False),
    "wrong secret in the body": (f"{GRANT}&client_id={{id}}&client_secret=pcs_wrong", "", False),
    "no secret": (f"{GRANT}&client_id={{id}}", "", False),
    "nobody": (GRANT, "", False),
    "unknown client": (f"{GRANT}&client_id=cred_nobody&client_secret=x", "", False),
    "NUL": (f"{GRANT}&client_id=cred_%00&client_secret=x", "", False),
    "bearer": (GRANT, "bearer", False),
    "small basic": (GRANT, "small", False),
    "broken basic": (GRANT, "broken", False),
}


@pytest.mark.django_db
@pytest.mark.parametrize("case", REQUESTS)
def test_both_ways_answer_alike(case, client_of):
    body, method, is_short = REQUESTS[case]
    client_id, secret = client_of.credential.public_id, client_of.secret
    headers = {
        "basic": {"authorization": basic(client_id, secret)},
        "wrong": {"authorization": basic(client_id, "pcs_wrong")},
        "bearer": {"authorization": f"Bearer {secret}"},
        "small": {"authorization": basic(client_id, secret).replace("Basic", "basic")},
        "broken": {"authorization": "Basic !!!"},
        "": {},
    }[method]
    body = body.format(id=client_id, secret=secret) if "{id}" in body or "{secret}" in body else body
    for _ in range(2):  # read, then remembered
        quick = short(body, **headers)
        limits.forget()
        slow = long(body, **headers)
        assert (quick is not None) == is_short
        if quick is not None:
            assert parts(quick) == parts(slow)
    assert slow.status in ({200} if is_short else {200, 400, 401})


@pytest.mark.django_db
def test_application_without_scopes(client_of, application):
    application.subscriptions.all().delete()
    header = basic(client_of.credential.public_id, client_of.secret)
    assert parts(short(GRANT, authorization=header)) == parts(long(GRANT, authorization=header))


@pytest.mark.django_db
@pytest.mark.parametrize(
    "content_type", ["application/json", f"{FORM}; charset=latin-1", "", "multipart/form-data; boundary=x"]
)
def test_other_bodies_go_the_long_way(content_type, client_of):
    header = basic(client_of.credential.public_id, client_of.secret)
    assert short(GRANT, content_type=content_type, authorization=header) is None


@pytest.mark.django_db
def test_what_is_odd_goes_the_long_way(client_of):
    header = basic(client_of.credential.public_id, client_of.secret)
    assert short(GRANT, path=f"{fast.PATH}?x=1", authorization=header) is None
    assert short(GRANT, path="/o/revoke_token/", authorization=header) is None
    assert short(GRANT, host="evil.example", authorization=header) is None
    assert short(GRANT + "&scope=" + "x" * 5000, authorization=header) is None
    assert short(GRANT, authorization=header) is not None


@pytest.mark.django_db
def test_who_is_over_a_limit_goes_the_long_way_and_nobody_else(client_of, application, consumer, settings):
    settings.CLIENT_FAILURES = 1
    other = factories.ClientFactory(application=application, by=consumer)
    wrong = basic(client_of.credential.public_id, "pcs_wrong")
    Client().post(fast.PATH, GRANT, content_type=FORM, headers={"authorization": wrong})
    assert short(GRANT, authorization=basic(client_of.credential.public_id, client_of.secret)) is None
    assert short(GRANT, authorization=basic(other.credential.public_id, other.secret)) is not None


@pytest.mark.django_db
def test_stored_secret_must_be_our_hash(client_of):
    header = basic(client_of.credential.public_id, client_of.secret)
    type(client_of.credential.oauth_application).objects.update(client_secret=client_of.secret)
    assert short(GRANT, authorization=header) is None


@pytest.mark.django_db
def test_known_client_costs_no_query_and_leaves_no_row(client_of, django_assert_num_queries):
    header = basic(client_of.credential.public_id, client_of.secret)
    short(GRANT, authorization=header)
    with django_assert_num_queries(0):
        for _ in range(3):
            assert short(GRANT, authorization=header).status == 200


@pytest.mark.django_db
def test_process_that_hears_nothing_reads_anew(client_of, monkeypatch, django_assert_num_queries):
    header = basic(client_of.credential.public_id, client_of.secret)
    short(GRANT, authorization=header)
    monkeypatch.setattr(changes, "hearing", lambda: False)
    with django_assert_num_queries(2):
        assert short(GRANT, authorization=header).status == 200
    Credential.objects.update(status="revoked", revoked_at=timezone.now())
    assert short(GRANT, authorization=header) is None


def scope_of(answer: Answer | None) -> str:
    return json.loads(answer.body)["scope"] if answer else "(long)"


@pytest.mark.django_db
def test_changes_count_at_once(client_of, application, consumer, publisher, admin):
    header = basic(client_of.credential.public_id, client_of.secret)

    def ask() -> str:
        return scope_of(short(GRANT, authorization=header))

    assert ask() == "items:read items:write"
    subscription = application.subscriptions.get()
    subscription_actions.suspend(subscription=subscription, by=admin, reason="because")
    assert ask() == ""
    subscription_actions.resume(subscription=subscription, by=admin)
    assert ask() == "items:read items:write"
    version = subscription.api.versions.get()
    version.status = Publication.RETIRED
    version.save()
    version_changed.send(sender=type(version), instance=version, event="retired", by=None)
    assert ask() == ""


@pytest.mark.django_db
def test_revoked_client_is_refused_at_once(client_of, consumer):
    header = basic(client_of.credential.public_id, client_of.secret)
    assert short(GRANT, authorization=header).status == 200
    actions.revoke(credential=client_of.credential, by=consumer)
    assert short(GRANT, authorization=header) is None
    assert long(GRANT, authorization=header).status == 401


@pytest.mark.django_db
def test_rotated_client_is_refused_when_its_overlap_ends(client_of, consumer, later):
    header = basic(client_of.credential.public_id, client_of.secret)
    assert short(GRANT, authorization=header).status == 200
    new = actions.rotate(credential=client_of.credential, overlap=900, by=consumer)
    assert short(GRANT, authorization=header).status == 200
    assert short(GRANT, authorization=basic(new.credential.public_id, new.secret)).status == 200
    with time_machine.travel(later(895), tick=False) as clock:
        assert short(GRANT, authorization=header).status == 200
        clock.shift(6)
        assert short(GRANT, authorization=header) is None
        assert short(GRANT, authorization=basic(new.credential.public_id, new.secret)).status == 200


@pytest.mark.django_db
def test_access_that_ends_by_the_clock(client_of, application, later):
    application.subscriptions.update(expires_at=later(5))
    header = basic(client_of.credential.public_id, client_of.secret)
    assert scope_of(short(GRANT, authorization=header)) == "items:read items:write"
    with time_machine.travel(later(6), tick=False):
        assert scope_of(short(GRANT, authorization=header)) == ""


@pytest.mark.django_db
def test_client_of_deleted_application_is_refused_at_once(client_of, application, consumer):
    header = basic(client_of.credential.public_id, client_of.secret)
    assert short(GRANT, authorization=header).status == 200
    application.deleted_at = timezone.now()
    application.save()
    assert short(GRANT, authorization=header) is None


@pytest.mark.django_db
def test_what_changes_while_it_is_read_is_not_remembered(client_of, monkeypatch):
    client_id = client_of.credential.public_id
    read = clients._read

    def changing(client_id: str) -> clients.Client | None:
        client = read(client_id)
        clients.forget(str(client_of.credential.application_id))
        return client

    monkeypatch.setattr(clients, "_read", changing)
    assert clients.read(client_id) is not None
    assert clients.remembered(client_id) is None


@pytest.mark.django_db
def test_memory_is_bounded_and_about_one_application_at_a_time(client_of, consumer, monkeypatch):
    other = factories.ClientFactory(application=factories.ApplicationFactory(name="Other"), by=consumer)
    clients.forget()
    for issued in (client_of, other):
        clients.read(issued.credential.public_id)
    clients.forget(str(other.credential.application_id))
    assert clients.remembered(other.credential.public_id) is None
    assert clients.remembered(client_of.credential.public_id) is not None
    monkeypatch.setattr(clients, "_REMEMBERED_MAX", 1)
    clients.read(other.credential.public_id)
    assert clients.remembered(client_of.credential.public_id) is None


def wait_until(true: Callable[[], bool], patience: float = 10.0) -> None:
    until = time.monotonic() + patience
    while not true():
        assert time.monotonic() < until, "it did not come true"
        time.sleep(0.01)


@pytest.fixture
def follower(transactional_db):
    follower = changes.Follower()
    follower.start()
    wait_until(lambda: follower.hearing)
    yield follower
    follower.stop()


def another_process() -> psycopg.Connection:
    return psycopg.connect(**changes._parameters(), autocommit=True)


def test_another_process_is_heard(follower, client_of, consumer):
    client_id = client_of.credential.public_id
    # What the fixtures changed may still be on its way here.
    wait_until(lambda: clients.read(client_id) is not None and clients.remembered(client_id) is not None)
    with another_process() as other:
        other.execute("SELECT pg_notify(%s, %s)", [clients.CHANNEL, str(client_of.credential.application_id)])
    wait_until(lambda: clients.remembered(client_id) is None)


def test_change_is_told_to_other_processes_when_it_is_done(transactional_db, client_of, consumer):
    with another_process() as other:
        other.execute(f"LISTEN {clients.CHANNEL}")
        actions.revoke(credential=client_of.credential, by=consumer)
        told = {notice.payload for notice in other.notifies(timeout=5, stop_after=1)}
    assert told == {str(client_of.credential.application_id)}


def test_lost_connection_is_no_news(follower):
    with another_process() as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = %s AND query IN (%s, 'SELECT 1') AND pid <> pg_backend_pid()",
            [connection.settings_dict["NAME"], f"LISTEN {clients.CHANNEL}"],
        )
    before = clients._Held.forgotten
    wait_until(lambda: clients._Held.forgotten > before and follower.hearing)
