"""Guessing stops early, in all processes at once, and whoever proves themselves pays nothing for it."""

import base64
import threading

import pytest
import time_machine
from django.db import connection, connections
from django.test import Client, RequestFactory

from portal.accounts import limits, tasks
from portal.accounts.limits import Limit
from portal.accounts.models import AuditEvent, FailedTries
from tests import factories

pytestmark = pytest.mark.django_db
PATHS = ["/o/token/", "/o/introspect/", "/o/revoke_token/"]


def assert_too_many(response, seconds: int = 60):
    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= seconds
    assert (response["Cache-Control"], response["Content-Type"]) == ("no-store", "application/json")
    assert set(response.json()) == {"error", "error_description"}


@pytest.mark.parametrize("path", PATHS)
def test_guessing_a_secret_ends_in_429(path, ask, client_of, settings):
    settings.CLIENT_FAILURES = 3
    for _ in range(3):
        assert ask(client_of, path=path, secret="pcs_wrong", token="x").status_code == 401
    assert_too_many(ask(client_of, path=path, secret="pcs_wrong", token="x"))
    assert_too_many(ask(client_of, path=path, token="x"))
    for other in PATHS:
        assert_too_many(ask(client_of, path=other, token="x"))


def test_guessing_by_body_counts_with_guessing_by_header(ask, client_of, settings):
    settings.CLIENT_FAILURES = 2
    fields = {"client_id": client_of.credential.public_id, "client_secret": "pcs_wrong"}
    assert ask(None, **fields).status_code == 401
    assert ask(client_of, secret="pcs_wrong").status_code == 401
    assert_too_many(ask(None, **fields))


def test_limit_ends_with_its_window(ask, client_of, settings, later):
    settings.CLIENT_FAILURES = 1
    ask(client_of, secret="pcs_wrong")
    wait = int(ask(client_of)["Retry-After"])
    with time_machine.travel(later(wait + 1)):
        assert ask(client_of).status_code == 200
        assert ask(client_of, secret="pcs_wrong").status_code == 401


def test_another_process_refuses_from_its_first_failure_on(ask, client_of, settings):
    settings.CLIENT_FAILURES = 2
    for _ in range(2):
        ask(client_of, secret="pcs_wrong")
    limits.forget()  # what another process knows
    assert_too_many(ask(client_of, secret="pcs_wrong"))
    assert_too_many(ask(client_of))


def test_other_addresses_do_not_keep_a_client_out(ask, client_of, settings):
    settings.CLIENT_FAILURES, settings.TRUSTED_PROXIES = 1, 1
    name = client_of.credential.public_id
    body = {"grant_type": "client_credentials", "client_id": name, "client_secret": "pcs_wrong"}
    for _ in range(2):
        refused = Client().post("/o/token/", body, headers={"X-Forwarded-For": "203.0.113.7"})
    assert_too_many(refused)
    assert ask(client_of).status_code == 200


def test_an_address_that_tries_many_clients_is_refused(ask, client_of, settings):
    settings.ADDRESS_FAILURES = 3
    for n in range(3):
        assert ask(None, client_id=f"cred_{n}", client_secret="pcs_x").status_code == 401
    assert_too_many(ask(None, client_id="cred_9", client_secret="pcs_x"))
    assert_too_many(ask(client_of))


def test_who_proves_itself_costs_no_statement(ask, client_of):
    ask(client_of)
    with connection.execute_wrapper(no_statement_about_failures):
        assert ask(client_of).status_code == 200
    assert not FailedTries.objects.exists()


def no_statement_about_failures(execute, sql, params, many, context):
    assert "failedtries" not in sql
    return execute(sql, params, many, context)


def test_a_flood_over_the_limit_costs_no_statement(ask, client_of, settings, django_assert_num_queries):
    settings.CLIENT_FAILURES = 1
    ask(client_of, secret="pcs_wrong")
    with django_assert_num_queries(0):
        assert_too_many(ask(client_of, secret="pcs_wrong"))


def test_other_errors_do_not_count(ask, client_of, settings):
    settings.CLIENT_FAILURES = 1
    for _ in range(3):
        assert ask(client_of, scope="no:such").status_code == 400
        assert ask(client_of, grant_type="password").status_code == 400
    assert ask(client_of).status_code == 200


def test_public_client_that_tries_the_header_first_is_not_counted(ask, application, consumer, settings):
    """golang.org/x/oauth2 asks twice each time, and only the second time as a public client does."""
    settings.CLIENT_FAILURES = 1
    tv = factories.ClientFactory(application=application, by=consumer, public=True)
    name = tv.credential.public_id
    fields = {"grant_type": "refresh_token", "refresh_token": "x"}
    for _ in range(3):
        assert ask(tv, **fields).status_code == 401
        assert ask(None, client_id=name, **fields).json()["error"] == "invalid_grant"
    assert not FailedTries.objects.filter(key__startswith="client ").exists()
    assert not AuditEvent.objects.filter(event="client_refused").exists()
    assert ask(tv, secret="pcs_guess", **fields).status_code == 401
    assert_too_many(ask(tv, **fields))


def test_empty_secret_of_a_client_that_has_one_counts(ask, client_of, settings):
    settings.CLIENT_FAILURES = 1
    pair = base64.b64encode(f"{client_of.credential.public_id}:".encode()).decode()
    headers = {"Authorization": f"Basic {pair}"}
    fields = {"grant_type": "client_credentials"}
    assert Client().post("/o/token/", fields, headers=headers).status_code == 401
    assert_too_many(Client().post("/o/token/", fields, headers=headers))


def test_the_team_is_told_once_an_hour(ask, client_of, settings, later):
    settings.CLIENT_FAILURES = 3
    for _ in range(6):
        ask(client_of, secret="pcs_wrong")
    rows = AuditEvent.objects.filter(target_id=client_of.credential.public_id, by=None).order_by("id")
    assert [row.event for row in rows] == ["client_refused", "client_limited"]
    assert rows[1].data == {"address": "127.0.0.1", "tries": 3}
    assert rows[1].team == client_of.credential.application.team
    with time_machine.travel(later(120)):
        ask(client_of, secret="pcs_wrong")
    assert rows.all().count() == 2
    with time_machine.travel(later(3700)):
        ask(client_of, secret="pcs_wrong")
    assert rows.all().count() == 3


def test_nobody_is_told_about_clients_that_do_not_exist(ask, settings):
    settings.CLIENT_FAILURES = 2
    before = AuditEvent.objects.count()
    for name in ["cred_nobody", "cred_\0", "x" * 5000, "é", "' or 1=1"] * 3:
        assert ask(None, client_id=name, client_secret="pcs_x").status_code in {401, 429}
    assert AuditEvent.objects.count() == before
    assert all(len(row.key) <= 100 for row in FailedTries.objects.all())


@pytest.mark.django_db(transaction=True)
def test_counting_is_exact_among_many_at_once():
    def count():
        for _ in range(10):
            limits.count(Limit("client x", tries=5, seconds=60))
        connections.close_all()

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert FailedTries.objects.get().tries == 40


def test_what_is_over_is_forgotten(later):
    limits.count(Limit("client x", tries=1, seconds=60))
    tasks.clear_failed_tries()
    assert FailedTries.objects.count() == 1
    with time_machine.travel(later(61)):
        tasks.clear_failed_tries()
    assert not FailedTries.objects.exists()


def test_memory_of_what_is_over_is_bounded(monkeypatch, later):
    monkeypatch.setattr(limits, "_REMEMBERED_MAX", 2)
    for n in range(4):
        limits.count(Limit(f"client {n}", tries=1, seconds=60))
    assert len(limits._Held.over) == 2
    with time_machine.travel(later(61)):
        limits.count(Limit("client 9", tries=1, seconds=60))
        assert set(limits._Held.over) == {"client 9"}


@pytest.mark.parametrize(
    ("trusted", "forwarded", "address"),
    [
        (0, "203.0.113.7", "127.0.0.1"),
        (1, "", "127.0.0.1"),
        (1, "203.0.113.7", "203.0.113.7"),
        (1, "6.6.6.6, 203.0.113.7", "203.0.113.7"),
        (2, "6.6.6.6, 203.0.113.7, 10.0.0.1", "203.0.113.7"),
        (2, "203.0.113.7", "127.0.0.1"),
        (1, "<script>", "127.0.0.1"),
        (1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        (1, "::ffff:203.0.113.7", "203.0.113.7"),
    ],
)
def test_address_is_what_trusted_proxies_say(trusted, forwarded, address, settings):
    settings.TRUSTED_PROXIES = trusted
    assert limits.address_of(RequestFactory().get("/", headers={"X-Forwarded-For": forwarded})) == address


def sign_in(email: str, password: str = "wrong", **headers: str):
    return Client().post("/login/", {"login": email, "password": password}, headers=headers)


def assert_paused(response, seconds: int = 300):
    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= seconds
    assert "Too many tries" in response.content.decode()


def test_guessing_a_password_ends_in_429_in_all_processes(consumer, settings, later):
    settings.LOGIN_FAILURES = 3
    for _ in range(3):
        assert sign_in(consumer.email).status_code == 200
    assert_paused(sign_in(consumer.email, "correct horse battery"))
    limits.forget()  # what another process knows
    assert_paused(sign_in(consumer.email.upper(), "correct horse battery"))
    with time_machine.travel(later(301)):
        assert sign_in(consumer.email, "correct horse battery").status_code == 302
    events = AuditEvent.objects.filter(target_id=consumer.public_id).order_by("id")
    assert [row.event for row in events] == ["sign_in_failed", "sign_in_limited"]


def test_signing_in_does_not_count(consumer, settings):
    settings.LOGIN_FAILURES = 1
    for _ in range(3):
        assert sign_in(consumer.email, "correct horse battery").status_code == 302
    assert not FailedTries.objects.exists()


def test_accounts_that_do_not_exist_are_counted_alike_and_not_kept_readable(settings):
    settings.LOGIN_FAILURES = 2
    for _ in range(2):
        assert sign_in("nobody@example.com").status_code == 200
    assert_paused(sign_in("nobody@example.com"))
    assert not any("nobody" in row.key for row in FailedTries.objects.all())
    assert not AuditEvent.objects.filter(event__startswith="sign_in").exists()


def test_guessing_from_many_addresses_ends_too(consumer, settings):
    settings.LOGIN_FAILURES, settings.TRUSTED_PROXIES = 2, 1
    for n in range(10):
        answer = sign_in(consumer.email, **{"X-Forwarded-For": f"203.0.113.{n}"})
        assert answer.status_code == 200
    assert_paused(sign_in(consumer.email, "correct horse battery"), seconds=3600)


def test_an_address_that_tries_many_accounts_is_refused(consumer, settings):
    settings.LOGIN_FAILURES = 1
    for n in range(10):
        assert sign_in(f"{n}@example.com").status_code == 200
    assert_paused(sign_in(consumer.email, "correct horse battery"))


def test_a_new_password_by_mail_lets_its_owner_in(consumer, settings):
    from allauth.account.adapter import get_adapter

    settings.LOGIN_FAILURES = 1
    sign_in(consumer.email)
    assert_paused(sign_in(consumer.email, "correct horse battery"))
    get_adapter()._delete_login_attempts_cached_email(RequestFactory().post("/"), email=consumer.email)
    assert sign_in(consumer.email, "correct horse battery").status_code == 302


def test_every_end_point_where_clients_prove_themselves_is_limited(ask, client_of, settings):
    settings.CLIENT_FAILURES = 1
    metadata = Client().get("/o/.well-known/openid-configuration").json()
    ask(client_of, secret="pcs_wrong")
    for name, address in metadata.items():
        if name.endswith("_endpoint") and name not in {"authorization_endpoint", "userinfo_endpoint"}:
            assert_too_many(ask(client_of, path=address.removeprefix(settings.PORTAL_URL)))
