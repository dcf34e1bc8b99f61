"""Receipts without a gateway: when they begin, who sees them, how they read."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.template import Context, Template
from django.utils import timezone

from gateway import hops, receipts
from gateway.models import Receipt, ReceiptStatus, Revision
from keymanager import actions as credential_actions
from subscriptions import actions
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def receipt(consumer, publisher):
    """Of a subscription of the consumer's team to the publisher's API."""
    subscription = factories.SubscriptionFactory(status="pending")
    actions.approve(subscription=subscription, by=publisher)
    return Receipt.objects.about(subscription).get()


def reach(receipt, *names, evidence="seen"):
    for name in names:
        receipts.mark([receipt.pk], name, evidence)
    receipt.refresh_from_db()


def complete(receipt):
    reach(receipt, "compiled", "written", "accepted")
    receipt.probes = [
        {
            "environment": "production",
            "request": "GET /orders/v1/items",
            "as": "a token of Shop",
            "expected": "204",
            "answered": "204",
            "request_id": "4d7568de",
            "at": timezone.now().isoformat(),
        }
    ]
    receipt.status, receipt.probed_at = ReceiptStatus.COMPLETE, timezone.now()
    receipt.save()


# ---- when they begin ----------------------------------------------------------------------------------------------
def test_receipt_of_each_change(publisher):
    subscription = factories.SubscriptionFactory(status="pending")
    actions.approve(subscription=subscription, by=publisher)
    actions.suspend(subscription=subscription, by=publisher, reason="Test")
    key = factories.KeyFactory(application=subscription.application).credential

    events = list(Receipt.objects.about(subscription).values_list("event", "status", "by__email"))
    assert events == [("suspended", "running", publisher.email), ("approved", "superseded", publisher.email)]
    assert Receipt.objects.about(key).get().event == "issued"


def test_receipt_not_of_a_mere_request(consumer):
    api = factories.ApiVersionFactory(plans=[plan := factories.PlanFactory(approval="manual")]).api
    application = factories.ApplicationFactory()
    subscription = actions.subscribe(application=application, api=api, plan=plan, by=consumer)

    assert not Receipt.objects.about(subscription).exists()


def test_receipt_goes_with_a_change_that_fails(publisher):
    subscription = factories.SubscriptionFactory(status="pending")
    with transaction.atomic():
        actions.approve(subscription=subscription, by=publisher)
        transaction.set_rollback(True)

    assert not Receipt.objects.exists()


# ---- how they read ------------------------------------------------------------------------------------------------
def test_hops_of_a_new_receipt(receipt):
    assert [hop.status for hop in hops.hops_of(receipt)] == [
        "done",
        "running",
        "waiting",
        "waiting",
        "waiting",
    ]
    assert hops.state_word(receipt) == ("running", "On its way")


def test_hops_add_up(receipt):
    complete(receipt)
    lines = hops.hops_of(receipt)

    assert {hop.status for hop in lines} == {"done"}
    assert sum(hop.took for hop in lines) == pytest.approx(hops.total_ms(receipt))
    assert all(0 <= hop.offset <= 100 and hop.share <= 100 for hop in lines)
    assert lines[-1].name == "Probed: let through"


@pytest.mark.parametrize(
    ("answered", "name"),
    [
        (["204", "204"], "Probed: let through"),
        (["401 token_revoked"], "Probed: kept out"),
        (["204", "403 key_not_for_api"], "Probed: let through and kept out"),
    ],
)
def test_hops_name_what_the_probes_saw(answered, name, receipt):
    complete(receipt)
    receipt.probes = [{**receipt.probes[0], "answered": each} for each in answered]

    assert hops.hops_of(receipt)[-1].name == name


def test_hops_of_a_stuck_receipt(receipt):
    reach(receipt, "compiled")
    Receipt.objects.update(compiled_at=timezone.now() - timedelta(seconds=11))
    receipts.note_problem([receipt.pk], "The disk is full.")
    receipt.refresh_from_db()

    assert [hop.status for hop in hops.hops_of(receipt)] == ["done", "done", "failed", "waiting", "waiting"]
    assert hops.hops_of(receipt)[2].evidence == "The disk is full."
    assert hops.state_word(receipt) == ("failed", "Stuck: written")


def test_hops_without_an_agent(receipt):
    Receipt.objects.update(saved_at=timezone.now() - timedelta(seconds=11))
    receipt.refresh_from_db()

    assert hops.state_word(receipt) == ("failed", "The gateway agent does not run")


def test_mark_keeps_the_first_time_and_all_evidence(receipt):
    reach(receipt, "compiled", "written", evidence="first")
    before = receipt.compiled_at
    reach(receipt, "compiled", evidence="second")

    assert receipt.compiled_at == before
    assert receipt.evidence == {"compiled": "first", "written": "first"}


def test_tag_shows_the_newest_receipt(receipt, rf):
    html = Template("{% load receipts %}{% receipt_for subject %}").render(
        Context({"subject": receipt.subscription})
    )

    assert "every 700ms" in html
    assert 'href="/receipts/' in html
    complete(receipt)
    html = Template("{% load receipts %}{% receipt_for subject %}").render(
        Context({"subject": receipt.subscription})
    )
    assert "every 700ms" not in html
    assert "Probe again" in html
    assert html.count("hop ok") == 5


def test_tag_shows_nothing_without_a_receipt():
    subscription = factories.SubscriptionFactory()
    html = Template("{% load receipts %}{% receipt_for subject %}").render(Context({"subject": subscription}))

    assert html.strip() == ""


# ---- the page and REST: the same cases ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("who", "status"), [("consumer", 200), ("publisher", 200), ("admin", 200), ("stranger", 404)]
)
def test_receipt_visibility(who, status, receipt, client_as, request):
    client = client_as(request.getfixturevalue(who))

    assert client.get(receipt.get_absolute_url()).status_code == status
    assert client.get(f"/api/v1/receipts/{receipt.public_id}/").status_code == status
    assert client.post(f"/receipts/{receipt.public_id}/probe/").status_code == (302 if status == 200 else 404)


def test_receipt_visibility_of_a_credential(consumer, publisher, client_as):
    """The publisher sees the subscription's receipts, not the consumer's credentials."""
    subscription = factories.SubscriptionFactory()
    key = credential_actions.issue_key(
        application=subscription.application, environment="production", name="Key", by=consumer
    )
    receipt = Receipt.objects.about(key.credential).get()

    assert client_as(consumer).get(receipt.get_absolute_url()).status_code == 200
    assert client_as(publisher).get(receipt.get_absolute_url()).status_code == 404


def test_receipt_anonymous(receipt, client):
    assert client.get(receipt.get_absolute_url()).status_code == 302
    assert client.get(f"/api/v1/receipts/{receipt.public_id}/").status_code in (401, 403)


def test_receipt_part_for_htmx(receipt, client_as, consumer):
    html = (
        client_as(consumer).get(receipt.get_absolute_url(), headers={"hx-request": "true"}).content.decode()
    )

    assert "<html" not in html
    assert 'id="receipt"' in html


def test_receipt_rest(receipt, client_as, consumer):
    revision = Revision.objects.create(digest="d", files=["subs.pb"], written_at=timezone.now())
    receipts.mark([receipt.pk], "compiled", "seen", revision=revision)
    complete(receipt)
    body = client_as(consumer).get(f"/api/v1/receipts/{receipt.public_id}/").json()

    assert body["subject"] == {"type": "subscription", "id": receipt.subscription.public_id}
    assert [hop["hop"] for hop in body["hops"]] == list(Receipt.HOPS)
    assert body["probes"][0]["as"] == "a token of Shop"
    assert (body["status"], body["revision"]) == ("complete", revision.pk)
    assert body["total_ms"] == pytest.approx(sum(hop["took_ms"] for hop in body["hops"]), abs=1)


def test_receipt_rest_list(receipt, client_as, consumer, django_assert_max_num_queries):
    client = client_as(consumer)
    factories.KeyFactory(application=receipt.subscription.application)
    path = f"/api/v1/receipts/?subscription={receipt.subscription.public_id}"

    assert [row["id"] for row in client.get(path).json()["results"]] == [receipt.public_id]
    with django_assert_max_num_queries(6):
        assert len(client.get("/api/v1/receipts/").json()["results"]) == 2


def test_receipt_probe_again(receipt, client_as, consumer):
    complete(receipt)
    answer = client_as(consumer).post(f"/api/v1/receipts/{receipt.public_id}/probe/", {}, "application/json")

    assert answer.status_code == 201
    again = Receipt.objects.about(receipt.subscription).first()
    assert (answer.json()["id"], again.event, again.by) == (again.public_id, "probed_again", consumer)
    receipt.refresh_from_db()
    assert receipt.status == ReceiptStatus.COMPLETE
