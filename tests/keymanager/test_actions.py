"""Issue, rotate, revoke: what is stored, what is told, what is refused."""

import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from oauth2_provider.models import AccessToken

from keymanager import actions, drafts, keys, tasks, tokens
from keymanager.models import Credential, CredentialStatus, PersonalToken, RevokedToken
from keymanager.signals import credential_changed
from portal.accounts.models import AuditEvent
from portal.errors import Conflict, Forbidden, Invalid, NotFound
from subscriptions.models import Application
from tests import factories

pytestmark = pytest.mark.django_db
ISSUE = [actions.issue_client, actions.issue_key]


@pytest.fixture
def notices():
    """(event, credential) of every notice sent while the test runs."""
    heard = []

    def listen(sender, instance, event, by, **kwargs):
        assert connection.in_atomic_block
        heard.append((event, instance))

    credential_changed.connect(listen)
    yield heard
    credential_changed.disconnect(listen)


def whole_database() -> str:
    """Every row of every table as text."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        parts = []
        for table in tables:
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            parts += [row[0] for row in cursor.fetchall()]
    return "\n".join(parts)


@pytest.mark.parametrize("issue", ISSUE)
def test_issue_keeps_no_secret(issue, application, consumer, caplog):
    caplog.set_level("DEBUG")
    with connection.execute_wrapper(_no_secret_in_parameters := _Spy()):
        credential, secret = issue(application=application, environment="sandbox", name=" CI ", by=consumer)
    assert (credential.name, credential.environment, credential.status) == (
        "CI",
        "sandbox",
        CredentialStatus.ACTIVE,
    )
    assert credential.created_by == consumer
    assert keys.is_ours(secret)
    assert secret not in whole_database()
    assert secret not in caplog.text
    assert secret not in "".join(_no_secret_in_parameters.seen)
    event = AuditEvent.objects.get(event="credential_issued")
    assert (event.target_id, event.by, event.team) == (credential.public_id, consumer, application.team)


class _Spy:
    """Collects what goes to the database."""

    def __init__(self):
        self.seen = []

    def __call__(self, execute, sql, params, many, context):
        self.seen.append(repr(params))
        return execute(sql, params, many, context)


def test_issue_client_is_stored_as_a_fast_salted_hash(client_of):
    client = client_of.credential.oauth_application
    client.refresh_from_db()
    assert client.client_id == client_of.credential.public_id
    assert client.client_secret.startswith("portico_sha256$")
    assert client.authorization_grant_type == "client-credentials"


def test_issue_key_is_stored_as_prefix_and_hash(key_of):
    assert key_of.credential.key_hash == keys.key_hash(key_of.secret)
    assert key_of.credential.prefix == key_of.secret[:13]


def test_issue_tells_the_gateway(application, consumer, notices):
    issued = actions.issue_key(application=application, environment="production", name="A", by=consumer)
    assert notices == [("issued", issued.credential)]


@pytest.mark.parametrize("issue", ISSUE)
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"environment": "staging"}, "environment"),
        ({"name": "  "}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, "expires_at"),
    ],
)
def test_issue_invalid(issue, fields, field, application, consumer):
    with pytest.raises(Invalid) as refusal:
        issue(
            **{"application": application, "environment": "production", "name": "A", "by": consumer, **fields}
        )
    assert refusal.value.field == field
    assert not Credential.objects.exists()


@pytest.mark.parametrize("issue", ISSUE)
def test_issue_for_deleted_application(issue, application, consumer, later):
    Application.objects.update(deleted_at=later(0))
    with pytest.raises(NotFound):
        issue(application=application, environment="production", name="A", by=consumer)


def test_issue_at_most_fifty(application, consumer, monkeypatch):
    monkeypatch.setattr(drafts, "LIVE_CREDENTIALS_MAX", 2)
    first = factories.KeyFactory(application=application, by=consumer).credential
    factories.ClientFactory(application=application, by=consumer)
    with pytest.raises(Conflict):
        factories.KeyFactory(application=application, by=consumer)
    actions.revoke(credential=first, by=consumer)
    factories.KeyFactory(application=application, by=consumer)


# ---- rotation -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("fixture", ["client_of", "key_of"])
@pytest.mark.parametrize("overlap", [900, 3600, 86_400, 604_800])
def test_rotate_with_overlap(fixture, overlap, request, consumer, notices):
    old, old_secret = request.getfixturevalue(fixture)
    notices.clear()
    new, secret = actions.rotate(credential=old, overlap=overlap, by=consumer)
    old.refresh_from_db()
    assert (new.kind, new.environment, new.name, new.replaces) == (old.kind, old.environment, old.name, old)
    assert secret != old_secret
    assert old.status == CredentialStatus.RETIRING
    assert abs(old.retires_at - timezone.now() - timedelta(seconds=overlap)) < timedelta(seconds=5)
    assert set(Credential.objects.usable()) == {old, new}
    assert notices == [("rotated", old), ("issued", new)]
    with time_machine.travel(old.retires_at + timedelta(seconds=1)):
        assert list(Credential.objects.usable()) == [new]
        assert not old.usable
        tasks.retire_due()
        tasks.retire_due()
        old.refresh_from_db()
        assert old.status == CredentialStatus.REVOKED
    assert notices[2:] == [("retired", old)]


@pytest.mark.parametrize("fixture", ["client_of", "key_of"])
def test_rotate_at_once(fixture, request, consumer, notices):
    old = request.getfixturevalue(fixture).credential
    notices.clear()
    new = actions.rotate(credential=old, overlap=0, by=consumer).credential
    old.refresh_from_db()
    assert (old.status, list(Credential.objects.usable())) == (CredentialStatus.REVOKED, [new])
    assert notices == [("revoked", old), ("issued", new)]


def test_rotate_both_work_in_the_overlap(ask, client_of, consumer, later):
    new = actions.rotate(credential=client_of.credential, overlap=900, by=consumer)
    assert (ask(client_of).status_code, ask(new).status_code) == (200, 200)
    with time_machine.travel(later(901)):
        assert (ask(client_of).status_code, ask(new).status_code) == (401, 200)


def test_rotate_keeps_the_length_of_life(application, consumer):
    old = factories.KeyFactory(
        application=application, by=consumer, expires_at=timezone.now() + timedelta(days=90)
    ).credential
    new = actions.rotate(credential=old, overlap=900, by=consumer).credential
    assert abs(new.expires_at - timezone.now() - timedelta(days=90)) < timedelta(seconds=5)


def test_rotate_twice_is_a_conflict(key_of, consumer):
    actions.rotate(credential=key_of.credential, overlap=900, by=consumer)
    with pytest.raises(Conflict):
        actions.rotate(credential=key_of.credential, overlap=900, by=consumer)
    assert Credential.objects.count() == 2


def test_rotate_other_overlap(key_of, consumer):
    with pytest.raises(Invalid):
        actions.rotate(credential=key_of.credential, overlap=60, by=consumer)


# ---- revocation ---------------------------------------------------------------------------------------------------
def test_revoke(client_of, consumer, notices):
    notices.clear()
    credential = actions.revoke(credential=client_of.credential, by=consumer, reason=" leaked ")
    assert credential.status == CredentialStatus.REVOKED
    assert credential.revoked_at
    assert not Credential.objects.usable().exists()
    assert notices == [("revoked", credential)]
    assert AuditEvent.objects.get(event="credential_revoked").note == "leaked"


def test_revoke_in_the_overlap(client_of, consumer):
    actions.rotate(credential=client_of.credential, overlap=900, by=consumer)
    assert actions.revoke(credential=client_of.credential, by=consumer).status == CredentialStatus.REVOKED


def test_revoke_twice_is_a_conflict(client_of, consumer):
    actions.revoke(credential=client_of.credential, by=consumer)
    with pytest.raises(Conflict):
        actions.revoke(credential=client_of.credential, by=consumer)
    assert AuditEvent.objects.filter(event="credential_revoked").count() == 1


def test_revoke_rolls_back_with_its_notice(client_of, consumer):
    def fail(**kwargs):
        raise RuntimeError("the gateway's part failed")

    credential_changed.connect(fail)
    try:
        with pytest.raises(RuntimeError):
            actions.revoke(credential=client_of.credential, by=consumer)
    finally:
        credential_changed.disconnect(fail)
    client_of.credential.refresh_from_db()
    assert client_of.credential.status == CredentialStatus.ACTIVE
    assert not AuditEvent.objects.filter(event="credential_revoked").exists()


@pytest.mark.parametrize("status", CredentialStatus.values)
@pytest.mark.parametrize("to", CredentialStatus.values)
def test_transitions(status, to):
    allowed = {("active", "retiring"), ("active", "revoked"), ("retiring", "revoked")}
    assert Credential(status=status).may_become(to) is ((status, to) in allowed)


# ---- one token ----------------------------------------------------------------------------------------------------
def test_revoke_token(client_of, consumer, notices):
    token = tokens.mint_for(credential=client_of.credential)
    notices.clear()
    revoked = actions.revoke_token(token=token, by=consumer)
    assert actions.revoke_token(token=token, by=consumer) == revoked
    assert (revoked.credential, revoked.by) == (client_of.credential, consumer)
    assert notices == [("token_revoked", client_of.credential)]
    assert token not in whole_database()


def test_revoke_token_of_another_team(client_of, stranger):
    token = tokens.mint_for(credential=client_of.credential)
    with pytest.raises(NotFound):
        actions.revoke_token(token=token, by=stranger)
    assert not RevokedToken.objects.exists()


def test_revoke_token_that_ended(client_of, consumer, later):
    token = tokens.mint_for(credential=client_of.credential, lifetime=10)
    with time_machine.travel(later(11)), pytest.raises(Conflict):
        actions.revoke_token(token=token, by=consumer)


def test_revoke_token_of_revoked_client(client_of, consumer):
    token = tokens.mint_for(credential=client_of.credential)
    actions.revoke(credential=client_of.credential, by=consumer)
    with pytest.raises(Conflict):
        actions.revoke_token(token=token, by=consumer)


def test_revoke_token_that_is_none(consumer):
    with pytest.raises(Invalid):
        actions.revoke_token(token="eyJ.x.y", by=consumer)


def test_clear_expired_forgets_what_ended(client_of, consumer, later):
    actions.revoke_token(token=tokens.mint_for(credential=client_of.credential, lifetime=600), by=consumer)
    tasks.clear_expired()
    assert RevokedToken.objects.exists()
    with time_machine.travel(later(661)):
        tasks.clear_expired()
    assert not RevokedToken.objects.exists()


# ---- minting for a person -----------------------------------------------------------------------------------------
def test_mint_for_refuses(client_of, key_of, consumer):
    with pytest.raises(Conflict, match="OAuth client"):
        tokens.mint_for(credential=key_of.credential)
    with pytest.raises(Invalid, match="items:delete"):
        tokens.mint_for(credential=client_of.credential, scopes=["items:delete"])
    for lifetime in (0, 901):
        with pytest.raises(Invalid):
            tokens.mint_for(credential=client_of.credential, lifetime=lifetime)
    actions.revoke(credential=client_of.credential, by=consumer)
    with pytest.raises(Conflict, match="no longer works"):
        tokens.mint_for(credential=client_of.credential)


# ---- personal tokens ----------------------------------------------------------------------------------------------
def test_personal_token_is_stored_as_a_hash(consumer):
    token, text = actions.issue_personal_token(by=consumer, name="CLI", scopes=["portal:read"], days=30)
    assert (token.name, token.prefix) == ("CLI", text[:8])
    assert token.access_token.token == ""
    assert text not in whole_database()
    assert AuditEvent.objects.get(event="personal_token_issued").target_id == token.public_id


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": ["portal:admin"]}, "scopes"),
        ({"scopes": ["items:read"]}, "scopes"),
        ({"days": 0}, "days"),
        ({"days": 366}, "days"),
        ({"name": ""}, "name"),
    ],
)
def test_personal_token_invalid(fields, field, consumer):
    with pytest.raises(Invalid) as refusal:
        actions.issue_personal_token(
            **{"by": consumer, "name": "CLI", "scopes": ["portal:read"], "days": 30, **fields}
        )
    assert refusal.value.field == field
    assert not AccessToken.objects.exists()


def test_personal_token_of_an_administrator_may_administer(admin):
    assert actions.issue_personal_token(by=admin, name="Ops", scopes=["portal:admin"], days=1)


def test_personal_token_is_its_owners_to_revoke(consumer, admin):
    token = actions.issue_personal_token(by=consumer, name="CLI", scopes=["portal:read"], days=30).token
    with pytest.raises(Forbidden):
        actions.revoke_personal_token(token=token, by=admin)
    actions.revoke_personal_token(token=token, by=consumer)
    assert not AccessToken.objects.exists()
    assert not PersonalToken.objects.exists()


def test_personal_token_goes_when_it_has_expired(consumer, later):
    actions.issue_personal_token(by=consumer, name="CLI", scopes=["portal:read"], days=1)
    with time_machine.travel(later(86_401)):
        tasks.clear_expired()
    assert not PersonalToken.objects.exists()


# ---- two people at once -------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("second", ["rotate", "revoke"])
def test_two_at_once_never_have_a_double_effect(second):
    admin = factories.UserFactory(is_admin=True)
    credential = factories.KeyFactory(by=admin).credential
    outcomes = []
    barrier = threading.Barrier(2)

    def act(do, **arguments):
        barrier.wait(10)
        try:
            do(credential=credential, by=admin, **arguments)
            outcomes.append("done")
        except Conflict:
            outcomes.append("conflict")
        finally:
            connection.close()

    other = {"rotate": (actions.rotate, {"overlap": 0}), "revoke": (actions.revoke, {})}[second]
    threads = [
        threading.Thread(target=act, args=(actions.rotate,), kwargs={"overlap": 0}),
        threading.Thread(target=act, args=(other[0],), kwargs=other[1]),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(outcomes) == ["conflict", "done"]
    assert Credential.objects.filter(status="revoked").count() == 1
    assert Credential.objects.count() <= 2
