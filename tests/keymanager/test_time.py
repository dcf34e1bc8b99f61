"""What time does to credentials: silence in the overlap, and reminders before expiry."""

from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from keymanager import actions, tasks
from keymanager.models import Credential, CredentialStatus
from portal.accounts.models import AuditEvent, TeamRole
from portal.errors import Invalid
from tests import factories

pytestmark = pytest.mark.django_db
WEEK = 604_800


def in_days(days: float):
    return time_machine.travel(timezone.now() + timedelta(days=days), tick=False)


def used(credential: Credential, days: float) -> None:
    """Seen in use that many days from now."""
    Credential.objects.filter(pk=credential.pk).update(last_used_at=timezone.now() + timedelta(days=days))


def status_of(credential: Credential) -> str:
    tasks.retire_due()
    credential.refresh_from_db()
    return credential.status


# ---- silence ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("fixture", ["client_of", "key_of"])
def test_silent_one_retires_early(fixture, request, consumer):
    old = request.getfixturevalue(fixture).credential
    new = actions.rotate(credential=old, overlap=WEEK, silent_days=2, by=consumer).credential
    used(old, 1)
    with in_days(2.9):
        assert status_of(old) == CredentialStatus.RETIRING
    with in_days(3.1):
        assert status_of(old) == CredentialStatus.REVOKED
        assert status_of(old) == CredentialStatus.REVOKED
    new.refresh_from_db()
    assert new.status == CredentialStatus.ACTIVE
    assert AuditEvent.objects.get(event="credential_retired").note == "Unused for 2 days."


def test_silence_counts_from_the_rotation(key_of, consumer):
    used(key_of.credential, -30)
    actions.rotate(credential=key_of.credential, overlap=WEEK, silent_days=1, by=consumer)
    assert status_of(key_of.credential) == CredentialStatus.RETIRING
    with in_days(1.1):
        assert status_of(key_of.credential) == CredentialStatus.REVOKED


@pytest.mark.parametrize("silent_days", [None, 2])
def test_used_or_unseen_one_lives_to_the_deadline(silent_days, key_of, consumer):
    """Never seen in use does not prove unused; and without a chosen silence only the deadline counts."""
    if silent_days is None:
        used(key_of.credential, -1)
    actions.rotate(credential=key_of.credential, overlap=WEEK, silent_days=silent_days, by=consumer)
    with in_days(6.9):
        assert status_of(key_of.credential) == CredentialStatus.RETIRING
    with in_days(7.1):
        assert status_of(key_of.credential) == CredentialStatus.REVOKED
    assert AuditEvent.objects.get(event="credential_retired").note == ""


@pytest.mark.parametrize(("overlap", "silent_days"), [(WEEK, 4), (WEEK, 0), (86_400, 1), (0, 1)])
def test_silence_that_cannot_be(overlap, silent_days, key_of, consumer):
    with pytest.raises(Invalid) as refusal:
        actions.rotate(credential=key_of.credential, overlap=overlap, silent_days=silent_days, by=consumer)
    assert refusal.value.field == "silent_days"
    key_of.credential.refresh_from_db()
    assert key_of.credential.status == CredentialStatus.ACTIVE


def test_silence_on_the_page(client_as, consumer, key_of):
    browser, page = client_as(consumer), f"/credentials/{key_of.credential.public_id}/rotate/"
    assert "Unused for 2 days" in browser.get(page).content.decode()
    assert "longer overlap" in browser.post(page, {"overlap": "900", "silent_days": "2"}).content.decode()
    assert Credential.objects.count() == 1
    browser.post(page, {"overlap": "604800", "silent_days": "2"})
    shown = browser.get(key_of.credential.get_absolute_url()).content.decode()
    assert "unused for 2 days" in shown


def test_silence_in_rest(client_as, consumer, key_of):
    path = f"/api/v1/credentials/{key_of.credential.public_id}/"
    script = client_as(consumer)
    refused = script.post(
        f"{path}rotate/", {"overlap": 900, "silent_days": 1}, content_type="application/json"
    )
    assert (refused.status_code, set(refused.json()["errors"])) == (400, {"silent_days"})
    answer = script.post(
        f"{path}rotate/", {"overlap": WEEK, "silent_days": 3}, content_type="application/json"
    )
    assert answer.status_code == 201
    assert script.get(path).json()["silent_days"] == 3


# ---- reminders ----------------------------------------------------------------------------------------------------
@pytest.fixture
def remind(django_capture_on_commit_callbacks, monkeypatch):
    """Run the sweep and the mails that it asks for; answers the new mails."""
    monkeypatch.setattr(tasks.send_reminder, "delay", tasks.send_reminder)

    def sweep():
        before = len(mail.outbox)
        with django_capture_on_commit_callbacks(execute=True):
            tasks.remind_expiring()
        return mail.outbox[before:]

    return sweep


@pytest.fixture
def expiring(application, consumer):
    """A key that expires in 90 days."""
    expires_at = timezone.now() + timedelta(days=90)
    return factories.KeyFactory(application=application, by=consumer, expires_at=expires_at).credential


def test_reminded_30_7_and_1_days_before_each_once(expiring, consumer, remind):
    sent = {}
    for day in range(91):
        with in_days(day + 0.5):
            sent[day] = [*remind(), *remind()]
    assert [day for day, mails in sent.items() if mails] == [60, 83, 89]
    one = sent[60][0]
    assert one.to == [consumer.email]
    assert expiring.name in one.subject
    assert expiring.label in one.body
    assert expiring.get_absolute_url() in one.body
    assert AuditEvent.objects.filter(event="credential_expiry_reminded", by=None).count() == 3


def test_reminder_that_was_missed_is_not_made_up_for(expiring, remind):
    with in_days(89.5):
        assert len(remind()) == 1
        assert remind() == []


@pytest.mark.parametrize(("days", "reminded"), [(30, [23, 29]), (7, [6]), (1, [])])
def test_short_life_is_not_reminded_at_its_beginning(days, reminded, application, consumer, remind):
    expires_at = timezone.now() + timedelta(days=days)
    factories.KeyFactory(application=application, by=consumer, expires_at=expires_at)
    found = []
    for day in range(days):
        with in_days(day + 0.5):
            found += [day] * len(remind())
    assert found == reminded


def test_no_reminder_of_what_is_over_or_replaced(expiring, consumer, application, remind):
    with in_days(61):
        actions.rotate(credential=expiring, overlap=WEEK, by=consumer)
        assert remind() == []
        actions.revoke(credential=expiring, by=consumer)
        assert remind() == []
    with in_days(92):
        assert remind() == []


def test_no_reminder_for_a_deleted_application(expiring, application, remind):
    type(application).objects.update(deleted_at=timezone.now())
    with in_days(61):
        assert remind() == []


def test_reminder_goes_to_those_who_can_act(expiring, consumer, remind):
    owner = factories.person("Olga Owner", team="consumers", role=TeamRole.OWNER)
    factories.person("Mo Member", team="consumers")
    gone = factories.person("Gone Owner", team="consumers", role=TeamRole.OWNER)
    type(gone).objects.filter(pk=gone.pk).update(is_active=False)
    with in_days(61):
        assert sorted(remind()[0].to) == sorted([consumer.email, owner.email])


def test_reminder_with_a_hostile_name(application, consumer, remind):
    name = "A\r\nBcc: all@example.com <b>"
    expires_at = timezone.now() + timedelta(days=90)
    factories.KeyFactory(application=application, by=consumer, name=name, expires_at=expires_at)
    with in_days(61):
        [sent] = remind()
    assert "\n" not in sent.subject
    assert sent.to == [consumer.email]
    assert sent.recipients() == [consumer.email]
