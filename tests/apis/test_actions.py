import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from apis import actions
from apis.models import ApiVersion, Publication
from portal.accounts.models import AuditEvent
from portal.errors import Conflict, Forbidden, Invalid
from tests import factories

SOON = timedelta(days=30)


def day(later: timedelta = SOON):
    return timezone.now().date() + later


def trail(version):
    return [(row.event, row.by_name, row.note) for row in AuditEvent.objects.about(version)]


@pytest.mark.parametrize("status", ["discovered", "rejected"])
def test_publish(version_in, publisher, notices, status):
    version = actions.publish(version=version_in(status, status_note="once said no"), by=publisher)
    version.refresh_from_db()
    assert version.status == Publication.PUBLISHED
    assert version.published_at
    assert version.status_note == ""
    assert notices == [("published", version.version)]
    assert trail(version) == [("version_published", "Pia Publisher", "")]


def test_publish_by_portico_itself(version_in):
    version = actions.publish(version=version_in("discovered"), by=None)
    assert trail(version) == [("version_published", "system", "")]


@pytest.mark.parametrize("status", ["published", "blocked", "deprecated", "retired"])
def test_publish_is_no_way_round_other_steps(version_in, publisher, notices, status):
    version = version_in(status)
    with pytest.raises(Conflict, match=status):
        actions.publish(version=version, by=publisher)
    version.refresh_from_db()
    assert version.status == status
    assert not notices
    assert not trail(version)


@pytest.mark.parametrize(
    ("status", "action"), [("discovered", "publish"), ("blocked", "unblock"), ("deprecated", "republish")]
)
def test_a_vanished_object_cannot_come_back_by_hand(version_in, publisher, status, action):
    version = version_in(status, withdrawn_at=timezone.now())
    with pytest.raises(Conflict, match="gone from the cluster"):
        getattr(actions, action)(version=version, by=publisher)


def test_reject_keeps_the_reason(version_in, publisher, notices):
    version = actions.reject(version=version_in("discovered"), by=publisher, reason=" No owner named. ")
    assert (version.status, version.status_note) == ("rejected", "No owner named.")
    assert trail(version) == [("version_rejected", "Pia Publisher", "No owner named.")]
    assert notices == [("rejected", version.version)]


@pytest.mark.parametrize("reason", ["", "  ", "x" * 2001])
@pytest.mark.parametrize(("action", "status"), [(actions.reject, "discovered"), (actions.block, "published")])
def test_reason_must_be_given_and_short(version_in, publisher, action, status, reason):
    version = version_in(status)
    with pytest.raises(Invalid) as refused:
        action(version=version, by=publisher, reason=reason)
    assert refused.value.field == "reason"
    version.refresh_from_db()
    assert version.status == status


def test_deprecate(published, publisher, notices):
    factories.ApiVersionFactory(api=published.api, version="3.0.0")
    version = actions.deprecate(
        version=published, by=publisher, sunset_on=day(), successor="3.0.0", note="See the guide."
    )
    version.refresh_from_db()
    assert (version.status, version.sunset_on, version.successor) == ("deprecated", day(), "3.0.0")
    assert version.deprecated_at
    assert version.served
    event = AuditEvent.objects.about(version).get()
    assert event.note == "See the guide."
    assert event.data == {"sunset_on": day().isoformat(), "successor": "3.0.0"}
    assert notices == [("deprecated", "2.3.0")]


def test_deprecate_today_is_possible(published, publisher):
    assert (
        actions.deprecate(version=published, by=publisher, sunset_on=day(timedelta(0))).status == "deprecated"
    )


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"sunset_on": day(timedelta(days=-1))}, "sunset_on"),
        ({"sunset_on": day(), "successor": "9.9.9"}, "successor"),
        ({"sunset_on": day(), "successor": "2.3.0"}, "successor"),
    ],
)
def test_deprecate_refuses_what_cannot_be(published, publisher, fields, field):
    with pytest.raises(Invalid) as refused:
        actions.deprecate(version=published, by=publisher, **fields)
    assert refused.value.field == field
    published.refresh_from_db()
    assert (published.status, published.sunset_on) == ("published", None)


def test_republish_forgets_the_deprecation(published, publisher):
    deprecated = actions.deprecate(version=published, by=publisher, sunset_on=day())
    version = actions.republish(version=deprecated, by=publisher)
    version.refresh_from_db()
    assert (version.status, version.sunset_on, version.deprecated_at) == ("published", None, None)


def test_republish_cannot_contradict_the_object(version_in, publisher):
    version = version_in("deprecated", deprecated_in_object=True)
    with pytest.raises(Conflict, match="itself says"):
        actions.republish(version=version, by=publisher)


def test_block_and_unblock(published, publisher, notices):
    blocked = actions.block(version=published, by=publisher, reason="Leaks data.")
    assert (blocked.status, blocked.status_note, blocked.served) == ("blocked", "Leaks data.", False)
    version = actions.unblock(version=blocked, by=publisher)
    assert (version.status, version.status_note, version.served) == ("published", "", True)
    assert [event for event, _ in notices] == ["blocked", "unblocked"]


def test_retire_only_what_is_deprecated(published, publisher):
    with pytest.raises(Conflict):
        actions.retire(version=published, by=publisher)
    deprecated = actions.deprecate(version=published, by=publisher, sunset_on=day())
    retired = actions.retire(version=deprecated, by=publisher)
    assert retired.status == "retired"
    assert not ApiVersion.objects.served().exists()


@pytest.mark.parametrize("who", ["consumer", "stranger"])
def test_publishing_needs_the_role(request, version_in, notices, who):
    version = version_in("discovered")
    with pytest.raises(Forbidden, match="may not publish"):
        actions.publish(version=version, by=request.getfixturevalue(who))
    version.refresh_from_db()
    assert version.status == "discovered"
    assert not notices


def test_who_may_not_is_told_before_what_state_it_is_in(version_in, stranger):
    with pytest.raises(Forbidden):
        actions.publish(version=version_in("retired"), by=stranger)


def test_a_failing_receiver_takes_everything_back(version_in, publisher, notices):
    version = version_in("discovered")

    def fail(**_):
        raise RuntimeError

    from apis.signals import version_changed

    version_changed.connect(fail)
    try:
        with pytest.raises(RuntimeError):
            actions.publish(version=version, by=publisher)
    finally:
        version_changed.disconnect(fail)
    version.refresh_from_db()
    assert version.status == "discovered"
    assert not trail(version)


def test_the_catalog_follows(version_in, publisher):
    old = version_in("published", version="1.0.0")
    new = factories.ApiVersionFactory(api=old.api, version="2.0.0", status="discovered")
    old.api.current_version = old
    old.api.save()
    actions.publish(version=new, by=publisher)
    old.api.refresh_from_db()
    assert old.api.current_version == new


def test_publish_all_leaves_what_is_decided(version_in, publisher):
    waiting, decided = version_in("discovered"), version_in("discovered")
    actions.reject(version=decided, by=publisher, reason="Twice.")
    ApiVersion.objects.filter(pk=decided.pk).update(status="published")
    published, conflicts = actions.publish_all(versions=[waiting, decided], by=publisher)
    assert published == [waiting]
    assert len(conflicts) == 1


@pytest.mark.django_db(transaction=True)
def test_two_publishers_at_once_have_one_effect(publisher, admin):
    """One wins; the other is told, whichever order they come in."""
    version = factories.ApiVersionFactory(status="discovered")
    start, outcomes = threading.Barrier(2), []

    def decide(step, **fields):
        try:
            start.wait(5)
            step(version=version, **fields)
            outcomes.append("done")
        except Conflict:
            outcomes.append("conflict")
        finally:
            connection.close()

    people = [
        threading.Thread(target=decide, args=(actions.publish,), kwargs={"by": publisher}),
        threading.Thread(target=decide, args=(actions.publish,), kwargs={"by": admin}),
    ]
    for person in people:
        person.start()
    for person in people:
        person.join(20)
    assert sorted(outcomes) == ["conflict", "done"]
    assert AuditEvent.objects.about(version).count() == 1


def test_full_sync_needs_an_admin(publisher):
    with pytest.raises(Forbidden):
        actions.start_full_sync(by=publisher)
