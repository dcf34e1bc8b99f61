"""The pages: the same cases as test_rest."""

import pytest

from subscriptions.models import Application, Subscription, SubscriptionStatus as Status
from tests import factories


def test_applications_list_shows_own_teams_only(client_as, consumer, stranger, application):
    assert b"Checkout web" in client_as(consumer).get("/applications/").content
    assert b"Checkout web" not in client_as(stranger).get("/applications/").content


def test_applications_list_anonymous_signs_in(client_as, application):
    response = client_as(None).get("/applications/")
    assert (response.status_code, response["Location"]) == (302, "/login/?next=/applications/")


def test_applications_filter_by_htmx_is_a_part(client_as, consumer, application):
    response = client_as(consumer).get("/applications/?q=nothing", HTTP_HX_REQUEST="true")
    assert b"No application matches" in response.content
    assert b"<html" not in response.content


def test_application_create(client_as, consumer):
    response = client_as(consumer).post("/applications/new/", {"name": "New", "team": "consumers"})
    assert response["Location"] == Application.objects.get().get_absolute_url()


@pytest.mark.parametrize(
    "body",
    [{"team": "consumers"}, {"name": "x", "team": "strangers"}, {"name": "x" * 121, "team": "consumers"}],
)
def test_application_create_bad_input(client_as, consumer, stranger, body):
    response = client_as(consumer).post("/applications/new/", body)
    assert response.status_code == 200
    assert response.context["form"].errors
    assert not Application.objects.exists()


def test_application_create_name_taken_goes_back_with_the_reason(client_as, consumer, application):
    client = client_as(consumer)
    back = "http://testserver/applications/new/"
    response = client.post(
        "/applications/new/", {"name": "Checkout web", "team": "consumers"}, HTTP_REFERER=back
    )
    assert response["Location"] == back
    assert b"already" in client.get(back).content


def test_application_unseen_is_404(client_as, stranger, application):
    for path in ("", "edit/", "delete/"):
        assert client_as(stranger).get(f"{application.get_absolute_url()}{path}").status_code == 404


def test_application_delete_asks_for_the_name(client_as, application, active):
    owner = factories.person("Olga Owner", team="consumers", role="owner")
    client = client_as(owner)
    path = f"{application.get_absolute_url()}delete/"
    assert active.api.name.encode() in client.get(path).content
    assert client.post(path, {"name": "Something else"}).status_code == 200
    assert client.post(path, {"name": "Checkout web"}).status_code == 302
    assert not Application.objects.live().exists()


def test_application_delete_needs_an_owner(client_as, consumer, application):
    path = f"{application.get_absolute_url()}delete/"
    assert client_as(consumer).post(path, {"name": "Checkout web"}).status_code == 403


def test_subscribe_automatic(client_as, consumer, application, api):
    body = {"application": application.public_id, "plan": "free"}
    response = client_as(consumer).post("/apis/products/subscribe/", body)
    row = Subscription.objects.get()
    assert (response["Location"], row.status) == (row.get_absolute_url(), Status.ACTIVE)


def test_subscribe_manual_waits(client_as, consumer, application, api):
    body = {"application": application.public_id, "plan": "gold", "reason": "Launch"}
    client_as(consumer).post("/apis/products/subscribe/", body)
    assert Subscription.objects.get().status == Status.PENDING


def test_subscribe_for_another_team_is_invalid(client_as, stranger, application, api):
    response = client_as(stranger).post(
        "/apis/products/subscribe/", {"application": application.public_id, "plan": "free"}
    )
    assert response.context["form"].errors
    assert not Subscription.objects.exists()


def test_subscribe_page_of_an_unseen_api_is_404(client_as, stranger, api):
    api.visibility = "team"
    api.save()
    assert client_as(stranger).get("/apis/products/subscribe/").status_code == 404


def test_decide_from_the_page(client_as, publisher, pending):
    client_as(publisher).post(f"{pending.get_absolute_url()}approve/", {"reason": "Fine"})
    pending.refresh_from_db()
    assert pending.status == Status.ACTIVE


def test_reject_without_reason_is_invalid(client_as, publisher, pending):
    assert client_as(publisher).post(f"{pending.get_absolute_url()}reject/").status_code == 400


def test_approve_twice_is_a_conflict(client_as, publisher, pending):
    client = client_as(publisher)
    client.post(f"{pending.get_absolute_url()}approve/")
    assert client.post(f"{pending.get_absolute_url()}approve/").status_code == 409


def test_consumer_may_not_approve(client_as, consumer, pending):
    assert client_as(consumer).post(f"{pending.get_absolute_url()}approve/").status_code == 403
    assert b"Your decision" not in client_as(consumer).get(pending.get_absolute_url()).content


def test_subscription_unseen_is_404(client_as, stranger, pending):
    assert client_as(stranger).get(pending.get_absolute_url()).status_code == 404
    assert client_as(stranger).post(f"{pending.get_absolute_url()}cancel/").status_code == 404


def test_suspend_resume_cancel(client_as, consumer, publisher, active):
    base = active.get_absolute_url()
    for user, verb, body, status in (
        (publisher, "suspend", {"reason": "Abuse"}, Status.SUSPENDED),
        (publisher, "resume", {}, Status.ACTIVE),
        (consumer, "cancel", {}, Status.CANCELLED),
    ):
        assert client_as(user).post(f"{base}{verb}/", body).status_code == 302
        active.refresh_from_db()
        assert active.status == status
        assert client_as(user).get(base).status_code == 200


def test_change_plan_and_withdraw(client_as, consumer, active, gold):
    base, client = active.get_absolute_url(), client_as(consumer)
    assert client.get(f"{base}change-plan/").status_code == 200
    client.post(f"{base}change-plan/", {"plan": "gold"})
    active.refresh_from_db()
    assert (active.status, active.requested_plan) == (Status.CHANGE_PENDING, gold)
    client.post(f"{base}withdraw/")
    active.refresh_from_db()
    assert active.status == Status.ACTIVE


def test_queue_shows_what_waits_and_decides_several(client_as, publisher, consumer, api, gold):
    rows = [
        factories.SubscriptionFactory(
            application=factories.ApplicationFactory(), api=api, plan=gold, status=Status.PENDING
        )
        for _ in range(3)
    ]
    client = client_as(publisher)
    assert b"3 requests wait for you" in client.get("/approvals/").content
    client.post("/approvals/decide/", {"request": [rows[0].public_id, rows[1].public_id], "do": "approve"})
    assert Subscription.objects.filter(status=Status.ACTIVE).count() == 2
    assert b"1 request waits" in client.get("/approvals/").content
    assert client.get("/approvals/?show=approved").content.count(b"chip") == 2


def test_queue_shows_one_request_beside_it(client_as, publisher, api, gold):
    rows = [
        factories.SubscriptionFactory(
            application=factories.ApplicationFactory(name=name), api=api, plan=gold, status=Status.PENDING
        )
        for name in ("Loyalty", "Returns", "Kiosk")
    ]
    client = client_as(publisher)
    assert client.get("/approvals/").context["chosen"] == rows[0]
    shown = client.get(f"/approvals/?request={rows[1].public_id}").context
    assert (shown["chosen"], shown["before"], shown["after"], shown["number"]) == (
        rows[1],
        rows[0],
        rows[2],
        2,
    )
    # Decided meanwhile, or nobody's: the first one that still waits.
    client.post("/approvals/decide/", {"request": rows[0].public_id, "do": "approve"})
    assert client.get(f"/approvals/?request={rows[0].public_id}").context["chosen"] == rows[1]


def test_queue_tells_only_the_reviewer_what_else_is_used(client_as, publisher, pending, gold):
    theirs = factories.ApiFactory(name="Reviews", team=pending.api.team)
    others = factories.ApiFactory(name="Payroll", team=factories.TeamFactory(slug="payroll"))
    for api in (theirs, others):
        factories.SubscriptionFactory(
            application=pending.application, api=api, plan=gold, status=Status.ACTIVE
        )
    page = client_as(publisher).get("/approvals/").content
    assert b"What they already use" in page
    assert b"Reviews" in page
    assert b"Payroll" not in page


def test_queue_does_not_decide_for_others(client_as, consumer, pending):
    client_as(consumer).post("/approvals/decide/", {"request": [pending.public_id], "do": "approve"})
    pending.refresh_from_db()
    assert pending.status == Status.PENDING


@pytest.mark.parametrize("path", ["/applications/", "/approvals/", "/approvals/?show=approved"])
def test_lists_have_constant_queries(client_as, admin, api, gold, path, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from subscriptions import actions

    def more(count):
        for n in range(count):
            row = factories.SubscriptionFactory(
                application=factories.ApplicationFactory(), api=api, plan=gold, status=Status.PENDING
            )
            if n % 2:
                actions.approve(subscription=row, by=admin)

    client = client_as(admin)
    more(4)
    client.get(path)
    with CaptureQueriesContext(connection) as few:
        client.get(path)
    more(12)
    with django_assert_num_queries(len(few)):
        client.get(path)


def test_subscription_offers_the_first_call_where_it_was_wanted(client_as, consumer, application, api):
    client = client_as(consumer)
    body = {"application": application.public_id, "plan": "free"}
    answer = client.post("/apis/products/subscribe/?next=/apis/products/%23try", body)
    assert b'href="/apis/products/#try"' in client.get(answer["Location"]).content
    plain = client.get(answer["Location"].partition("?")[0])
    assert plain.context["first_call"] == "/apis/products/1.0.0/reference/"
    away = client.get(f"{plain.request['PATH_INFO']}?next=https://elsewhere.example/")
    assert away.context["first_call"] == "/apis/products/1.0.0/reference/"
