from tests import factories


def test_factories_make_rows(db):
    subscription = factories.SubscriptionFactory()
    assert subscription.api.current_version.operations.count() == 2


def test_healthz_answers(client):
    assert client.get("/healthz").json() == {"status": "ok"}


def test_unknown_rest_path_is_a_problem(client, db):
    response = client.get("/api/v1/nothing/")
    assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")
    assert response.json()["request_id"] == response["X-Request-ID"]


def test_unknown_page_is_a_page(client, db):
    response = client.get("/nothing/")
    assert (response.status_code, response["Content-Type"]) == (404, "text/html; charset=utf-8")
