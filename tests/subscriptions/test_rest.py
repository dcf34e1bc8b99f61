import pytest

from subscriptions.models import Application, Subscription, SubscriptionStatus as Status
from tests import factories

JSON = "application/json"


def test_applications_list_shows_own_teams_only(client_as, consumer, stranger, application):
    assert [row["name"] for row in client_as(consumer).get("/api/v1/applications/").json()["results"]] == [
        "Checkout web"
    ]
    assert client_as(stranger).get("/api/v1/applications/").json()["results"] == []


def test_applications_list_anonymous_is_refused(client_as, application):
    response = client_as(None).get("/api/v1/applications/")
    assert response.status_code in {401, 403}
    assert response["Content-Type"] == "application/problem+json"


def test_application_create(client_as, consumer):
    response = client_as(consumer).post("/api/v1/applications/", {"name": "New", "team": "consumers"}, JSON)
    assert response.status_code == 201, response.content
    assert response.json()["id"].startswith("app_")


def test_application_create_twice_with_one_key_makes_one(client_as, consumer):
    client = client_as(consumer)
    first, second = (
        client.post(
            "/api/v1/applications/", {"name": "New", "team": "consumers"}, JSON, HTTP_IDEMPOTENCY_KEY="k1"
        )
        for _ in range(2)
    )
    assert first.json() == second.json()
    assert second["Idempotent-Replayed"] == "true"
    assert Application.objects.count() == 1


def test_application_create_same_key_other_body_is_a_conflict(client_as, consumer):
    client = client_as(consumer)
    client.post(
        "/api/v1/applications/", {"name": "New", "team": "consumers"}, JSON, HTTP_IDEMPOTENCY_KEY="k1"
    )
    other = client.post(
        "/api/v1/applications/", {"name": "Other", "team": "consumers"}, JSON, HTTP_IDEMPOTENCY_KEY="k1"
    )
    assert other.status_code == 409


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"team": "consumers"}, "name"),
        ({"name": "x", "team": "strangers"}, "team"),
        ({"name": "x" * 121, "team": "consumers"}, "name"),
    ],
)
def test_application_create_bad_input(client_as, consumer, stranger, body, field):
    response = client_as(consumer).post("/api/v1/applications/", body, JSON)
    assert response.status_code == 400
    assert field in response.json()["errors"]


def test_application_unseen_is_404(client_as, stranger, application):
    assert client_as(stranger).get(f"/api/v1/applications/{application.public_id}/").status_code == 404
    assert client_as(stranger).delete(f"/api/v1/applications/{application.public_id}/").status_code == 404


def test_application_delete_needs_an_owner(client_as, consumer, application):
    response = client_as(consumer).delete(f"/api/v1/applications/{application.public_id}/")
    assert response.status_code == 403
    assert "owner" in response.json()["remedy"]


def test_subscribe_automatic_is_201(client_as, consumer, application, api):
    body = {"application": application.public_id, "api": "products", "plan": "free"}
    response = client_as(consumer).post("/api/v1/subscriptions/", body, JSON)
    assert (response.status_code, response.json()["status"]) == (201, "active")


def test_subscribe_manual_is_202(client_as, consumer, application, api):
    body = {"application": application.public_id, "api": "products", "plan": "gold"}
    response = client_as(consumer).post("/api/v1/subscriptions/", body, JSON)
    assert (response.status_code, response.json()["status"]) == (202, "pending")


def test_subscribe_for_another_team_is_invalid(client_as, stranger, application, api):
    body = {"application": application.public_id, "api": "products", "plan": "free"}
    response = client_as(stranger).post("/api/v1/subscriptions/", body, JSON)
    assert response.status_code == 400
    assert not Subscription.objects.exists()


@pytest.mark.parametrize(
    ("verb", "body", "status"),
    [("approve", {}, Status.ACTIVE), ("reject", {"reason": "No"}, Status.REJECTED)],
)
def test_decide(client_as, publisher, pending, verb, body, status):
    response = client_as(publisher).post(f"/api/v1/subscriptions/{pending.public_id}/{verb}/", body, JSON)
    assert response.status_code == 200, response.content
    assert response.json()["status"] == status


def test_reject_without_reason_is_invalid(client_as, publisher, pending):
    assert (
        client_as(publisher).post(f"/api/v1/subscriptions/{pending.public_id}/reject/", {}, JSON).status_code
        == 400
    )


def test_approve_twice_is_a_conflict(client_as, publisher, pending):
    client = client_as(publisher)
    client.post(f"/api/v1/subscriptions/{pending.public_id}/approve/", {}, JSON)
    again = client.post(f"/api/v1/subscriptions/{pending.public_id}/approve/", {}, JSON)
    assert again.status_code == 409
    assert again.json()["title"] == "Conflict"


def test_consumer_may_not_approve(client_as, consumer, pending):
    response = client_as(consumer).post(f"/api/v1/subscriptions/{pending.public_id}/approve/", {}, JSON)
    assert response.status_code == 403


def test_subscription_unseen_is_404(client_as, stranger, pending):
    assert client_as(stranger).get(f"/api/v1/subscriptions/{pending.public_id}/").status_code == 404
    assert (
        client_as(stranger).post(f"/api/v1/subscriptions/{pending.public_id}/cancel/", {}, JSON).status_code
        == 404
    )


def test_suspend_resume_cancel(client_as, consumer, publisher, active):
    base = f"/api/v1/subscriptions/{active.public_id}"
    assert (
        client_as(publisher).post(f"{base}/suspend/", {"reason": "Abuse"}, JSON).json()["status"]
        == "suspended"
    )
    assert client_as(publisher).post(f"{base}/resume/", {}, JSON).json()["status"] == "active"
    assert client_as(consumer).post(f"{base}/cancel/", {}, JSON).json()["status"] == "cancelled"


def test_change_plan_and_withdraw(client_as, consumer, active, gold):
    base = f"/api/v1/subscriptions/{active.public_id}"
    asked = client_as(consumer).post(f"{base}/change-plan/", {"plan": "gold"}, JSON).json()
    assert (asked["status"], asked["plan"], asked["requested_plan"]) == ("change_pending", "free", "gold")
    assert client_as(consumer).post(f"{base}/withdraw-plan-change/", {}, JSON).json()["status"] == "active"


def test_reviewable_filter(client_as, publisher, consumer, pending):
    assert len(client_as(publisher).get("/api/v1/subscriptions/?reviewable=true").json()["results"]) == 1
    assert len(client_as(consumer).get("/api/v1/subscriptions/?reviewable=true").json()["results"]) == 0


@pytest.mark.parametrize("path", ["applications", "subscriptions"])
def test_lists_have_constant_queries(client_as, consumer, api, free, django_assert_max_num_queries, path):
    client = client_as(consumer)
    for _ in range(12):
        factories.SubscriptionFactory(application=factories.ApplicationFactory(), api=api, plan=free)
    with django_assert_max_num_queries(8):
        assert len(client.get(f"/api/v1/{path}/").json()["results"]) == 12


def test_list_pages_by_cursor(client_as, consumer):
    client = client_as(consumer)
    for _ in range(5):
        factories.ApplicationFactory()
    seen, url = [], "/api/v1/applications/?limit=2"
    while url:
        page = client.get(url).json()
        seen += [row["id"] for row in page["results"]]
        url = page["next"]
    assert len(set(seen)) == 5
