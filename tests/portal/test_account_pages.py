"""allauth's pages in Portico's own templates: each renders, and the ways through them work."""

import pytest
from allauth.account.models import EmailAddress

pytestmark = pytest.mark.django_db

ANONYMOUS = [
    "/login/",
    "/signup/",
    "/password/reset/",
    "/password/reset/done/",
    "/password/reset/key/1-no/",
    "/confirm-email/",
]
SIGNED_IN = ["/logout/", "/email/", "/password/change/", "/2fa/", "/reauthenticate/"]


@pytest.mark.parametrize("path", ANONYMOUS)
def test_page_of_a_visitor(client, path: str):
    html = client.get(path).content.decode()

    assert html.count("<h1") == 1
    assert 'class="door"' in html
    assert "style=" not in html


@pytest.mark.parametrize("path", SIGNED_IN)
def test_page_of_a_person(client, consumer, path: str):
    client.force_login(consumer)

    html = client.get(path).content.decode()

    assert html.count("<h1") == 1
    assert "style=" not in html


def test_wrong_password_is_said_and_the_address_kept(client, consumer):
    html = client.post("/login/", {"login": consumer.email, "password": "wrong"}).content.decode()

    assert 'class="flash bad" role="alert"' in html
    assert f'value="{consumer.email}"' in html


def test_two_factor_set_up_shows_the_code_without_an_outside_image(client, consumer):
    EmailAddress.objects.create(user=consumer, email=consumer.email, verified=True, primary=True)
    client.post("/login/", {"login": consumer.email, "password": "correct horse battery"})
    client.post("/reauthenticate/", {"password": "correct horse battery"})

    html = client.get("/2fa/totp/activate/").content.decode()

    assert "<svg" in html.split('class="qr"')[1]
    assert "data:image" not in html


def test_rate_limit_is_a_page_of_ours(client, consumer, settings):
    settings.ACCOUNT_RATE_LIMITS = {"reset_password": "1/m/ip"}
    client.post("/password/reset/", {"email": consumer.email})

    answer = client.post("/password/reset/", {"email": consumer.email})

    assert answer.status_code == 429
    assert "Too many tries" in answer.content.decode()


def test_unknown_page_is_a_page_of_ours(client):
    answer = client.get("/no/such/page/")

    assert answer.status_code == 404
    assert "There is nothing here" in answer.content.decode()


def test_misspelt_api_is_searched_for(client):
    assert 'value="prodcuts"' in client.get("/apis/prodcuts/v1/plans/").content.decode()
