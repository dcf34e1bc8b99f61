from tests import factories


def test_factories_make_rows(db):
    subscription = factories.SubscriptionFactory()
    assert subscription.api.current_version.operations.count() == 2


def test_healthz_answers(client):
    assert client.get("/healthz").json() == {"status": "ok"}
