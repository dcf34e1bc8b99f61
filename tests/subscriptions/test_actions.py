import pytest
from django.core import mail

from apis.models import PlanApproval, Publication
from portal.accounts.models import AuditEvent
from portal.errors import Conflict, Forbidden, Invalid
from subscriptions import actions
from subscriptions.models import Approval, Subscription, SubscriptionStatus as Status
from subscriptions.signals import subscription_changed
from tests import factories


@pytest.fixture
def plans(db):
    return {
        "free": factories.PlanFactory(slug="free"),
        "gold": factories.PlanFactory(slug="gold", approval=PlanApproval.MANUAL),
        "other": factories.PlanFactory(slug="other"),
    }


@pytest.fixture
def api(plans):
    return factories.ApiVersionFactory(plans=[plans["free"], plans["gold"]]).api


@pytest.fixture
def application(consumer):
    return factories.ApplicationFactory()


@pytest.fixture
def events():
    seen = []

    def hear(sender, instance, event, by, **kwargs):
        seen.append(event)

    subscription_changed.connect(hear)
    yield seen
    subscription_changed.disconnect(hear)


def test_register_application_twice_is_a_conflict(consumer, application):
    with pytest.raises(Conflict, match="already"):
        actions.register_application(team=application.team, name=application.name, by=consumer)


def test_register_application_needs_a_name(consumer, application):
    with pytest.raises(Invalid):
        actions.register_application(team=application.team, name="  ", by=consumer)


def test_subscribe_automatic_is_active_at_once(consumer, application, api, plans, events):
    subscription = actions.subscribe(application=application, api=api, plan=plans["free"], by=consumer)
    assert subscription.status == Status.ACTIVE
    assert subscription.approvals.get().by is None
    assert events == ["approved"]
    assert set(AuditEvent.objects.values_list("event", flat=True)) == {
        "subscription_requested",
        "subscription_approved",
    }


def test_subscribe_manual_waits_and_tells_reviewers(
    consumer, publisher, application, api, plans, events, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        subscription = actions.subscribe(
            application=application, api=api, plan=plans["gold"], by=consumer, reason="A launch"
        )
    assert subscription.status == Status.PENDING
    assert events == ["requested"]
    assert [message.to for message in mail.outbox] == [[publisher.email]]
    assert "A launch" in mail.outbox[0].body


def test_subscribe_twice_is_a_conflict_and_changes_nothing(consumer, application, api, plans):
    actions.subscribe(application=application, api=api, plan=plans["free"], by=consumer)
    with pytest.raises(Conflict, match="already"):
        actions.subscribe(application=application, api=api, plan=plans["gold"], by=consumer)
    assert Subscription.objects.count() == 1


def test_subscribe_again_after_cancelling(consumer, application, api, plans):
    first = actions.subscribe(application=application, api=api, plan=plans["free"], by=consumer)
    actions.cancel(subscription=first, by=consumer)
    assert (
        actions.subscribe(application=application, api=api, plan=plans["free"], by=consumer).status
        == Status.ACTIVE
    )


def test_subscribe_to_a_plan_not_offered_is_invalid(consumer, application, api, plans):
    with pytest.raises(Invalid, match="does not offer"):
        actions.subscribe(application=application, api=api, plan=plans["other"], by=consumer)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Publication.DEPRECATED, "deprecated"),
        (Publication.DISCOVERED, "not published"),
        (Publication.BLOCKED, "not published"),
    ],
)
def test_subscribe_to_what_is_not_on_offer_is_a_conflict(consumer, application, plans, status, words):
    api = factories.ApiVersionFactory(plans=[plans["free"]], status=status).api
    with pytest.raises(Conflict, match=words):
        actions.subscribe(application=application, api=api, plan=plans["free"], by=consumer)


def test_subscribe_for_another_team_is_forbidden(stranger, application, api, plans):
    with pytest.raises(Forbidden, match="subscribe"):
        actions.subscribe(application=application, api=api, plan=plans["free"], by=stranger)


def test_approve_makes_active_and_tells_consumers(
    consumer, publisher, application, api, plans, events, django_capture_on_commit_callbacks
):
    subscription = factories.SubscriptionFactory(
        application=application, api=api, plan=plans["gold"], status=Status.PENDING
    )
    with django_capture_on_commit_callbacks(execute=True):
        subscription = actions.approve(subscription=subscription, by=publisher, reason="Fine")
    assert subscription.status == Status.ACTIVE
    assert subscription.approvals.get().reason == "Fine"
    assert events == ["approved"]
    assert mail.outbox[0].to == [consumer.email]


def test_approve_twice_is_a_conflict(publisher, application, api, plans):
    subscription = factories.SubscriptionFactory(
        application=application, api=api, plan=plans["gold"], status=Status.PENDING
    )
    actions.approve(subscription=subscription, by=publisher)
    with pytest.raises(Conflict, match="active"):
        actions.approve(subscription=subscription, by=publisher)
    assert Approval.objects.count() == 1


def test_reject_needs_a_reason(publisher, api, plans):
    subscription = factories.SubscriptionFactory(api=api, plan=plans["gold"], status=Status.PENDING)
    with pytest.raises(Invalid):
        actions.reject(subscription=subscription, by=publisher, reason=" ")


def test_reject_ends_a_request(publisher, api, plans):
    subscription = factories.SubscriptionFactory(api=api, plan=plans["gold"], status=Status.PENDING)
    assert actions.reject(subscription=subscription, by=publisher, reason="No").status == Status.REJECTED


def test_refused_plan_change_restores_the_old_plan(consumer, publisher, application, api, plans):
    subscription = actions.subscribe(application=application, api=api, plan=plans["free"], by=consumer)
    changed = actions.change_plan(subscription=subscription, plan=plans["gold"], by=consumer)
    assert (changed.status, changed.plan) == (Status.CHANGE_PENDING, plans["free"])
    refused = actions.reject(subscription=subscription, by=publisher, reason="Too much")
    assert (refused.status, refused.plan, refused.requested_plan) == (Status.ACTIVE, plans["free"], None)


def test_approved_plan_change_takes_the_new_plan(consumer, publisher, application, api, plans, events):
    subscription = actions.subscribe(application=application, api=api, plan=plans["free"], by=consumer)
    actions.change_plan(subscription=subscription, plan=plans["gold"], by=consumer)
    approved = actions.approve(subscription=subscription, by=publisher)
    assert (approved.status, approved.plan) == (Status.ACTIVE, plans["gold"])
    assert events[-1] == "plan_changed"


def test_plan_change_to_an_automatic_plan_is_at_once(consumer, application, api, plans):
    subscription = factories.SubscriptionFactory(application=application, api=api, plan=plans["gold"])
    changed = actions.change_plan(subscription=subscription, plan=plans["free"], by=consumer)
    assert (changed.status, changed.plan) == (Status.ACTIVE, plans["free"])


def test_withdrawn_plan_change_goes_on_as_before(consumer, application, api, plans):
    subscription = factories.SubscriptionFactory(application=application, api=api, plan=plans["free"])
    actions.change_plan(subscription=subscription, plan=plans["gold"], by=consumer)
    assert actions.withdraw_plan_change(subscription=subscription, by=consumer).status == Status.ACTIVE


def test_cancel_during_a_plan_change(consumer, application, api, plans):
    subscription = factories.SubscriptionFactory(application=application, api=api, plan=plans["free"])
    actions.change_plan(subscription=subscription, plan=plans["gold"], by=consumer)
    assert actions.cancel(subscription=subscription, by=consumer).status == Status.CANCELLED


def test_suspend_and_resume(publisher, api, plans, events):
    subscription = factories.SubscriptionFactory(api=api, plan=plans["free"])
    assert actions.suspend(subscription=subscription, by=publisher, reason="Abuse").status == Status.SUSPENDED
    assert actions.resume(subscription=subscription, by=publisher).status == Status.ACTIVE
    assert events == ["suspended", "resumed"]


def test_resume_does_not_approve_a_request(publisher, api, plans):
    subscription = factories.SubscriptionFactory(api=api, plan=plans["gold"], status=Status.PENDING)
    with pytest.raises(Conflict):
        actions.resume(subscription=subscription, by=publisher)


def test_delete_application_cancels_its_subscriptions(application, api, plans, events):
    owner = factories.person("Olga Owner", team="consumers", role="owner")
    subscription = factories.SubscriptionFactory(application=application, api=api, plan=plans["free"])
    actions.delete_application(application=application, by=owner)
    subscription.refresh_from_db()
    application.refresh_from_db()
    assert subscription.status == Status.CANCELLED
    assert application.deleted_at is not None
    assert events == ["cancelled"]


def test_expire_due_ends_what_is_over(api, plans):
    from django.utils import timezone

    from subscriptions import tasks

    over = factories.SubscriptionFactory(api=api, plan=plans["free"], expires_at=timezone.now())
    tasks.expire_due()
    over.refresh_from_db()
    assert over.status == Status.EXPIRED


def test_audit_is_written_with_the_change_or_not_at_all(consumer, application, api, plans):
    def refuse(**kwargs):
        raise RuntimeError

    subscription_changed.connect(refuse)
    try:
        with pytest.raises(RuntimeError):
            actions.subscribe(application=application, api=api, plan=plans["free"], by=consumer)
    finally:
        subscription_changed.disconnect(refuse)
    assert not Subscription.objects.exists()
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize("start", Status.values)
@pytest.mark.parametrize("end", Status.values)
def test_every_pair_of_statuses_follows_the_table(start, end):
    subscription = Subscription(status=start)
    if end in Subscription.TRANSITIONS[start]:
        subscription.move_to(end)
        assert subscription.status == end
    else:
        with pytest.raises(Conflict):
            subscription.move_to(end)
