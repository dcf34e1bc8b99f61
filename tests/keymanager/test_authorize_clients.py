"""How a team makes a client that people sign in through: the page and REST, the same cases."""

import pytest

from keymanager.models import Credential
from tests.keymanager.authorization import CALLBACK, LOOPBACK

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(client_as, consumer):
    return client_as(consumer)


def by_page(browser, application, *, uris: str = "", public: bool = False):
    fields = {"name": "Web", "environment": "sandbox", "expires": "90", "redirect_uris": uris}
    if public:
        fields["public"] = "on"
    return browser.post(f"/applications/{application.public_id}/new-client/", fields)


def by_rest(browser, application, **fields):
    return browser.post(
        f"/api/v1/applications/{application.public_id}/credentials/",
        {"kind": "oauth_client", "environment": "sandbox", "name": "Web", **fields},
        content_type="application/json",
    )


def client():
    return Credential.objects.get().oauth_application


def test_page_makes_a_confidential_client(browser, application):
    response = by_page(browser, application, uris=f"{CALLBACK}\r\n\r\n {LOOPBACK} ")
    assert "Client secret" in response.content.decode()
    assert (client().client_type, client().redirect_uris.split()) == ("confidential", [CALLBACK, LOOPBACK])
    assert CALLBACK in browser.get(Credential.objects.get().get_absolute_url()).content.decode()


def test_page_makes_a_public_client(browser, application):
    body = by_page(browser, application, uris=LOOPBACK, public=True).content.decode()
    assert "Your new public client" in body
    assert "pcs_" not in body
    assert client().client_type == "public"


def test_page_refuses_a_redirect_uri(browser, application):
    response = by_page(browser, application, uris="http://shop.example/callback")
    assert "cannot be a redirect URI" in response.content.decode()
    assert not Credential.objects.exists()


def test_rest_makes_a_confidential_client(browser, application):
    response = by_rest(browser, application, redirect_uris=[CALLBACK])
    assert response.status_code == 201, response.content
    assert response.json()["client_secret"].startswith("pcs_")
    assert (client().client_type, client().redirect_uris) == ("confidential", CALLBACK)


def test_rest_makes_a_public_client(browser, application):
    response = by_rest(browser, application, redirect_uris=[LOOPBACK], public=True)
    assert response.status_code == 201
    assert "client_secret" not in response.json()
    assert client().client_type == "public"


@pytest.mark.parametrize(
    "fields",
    [
        {"redirect_uris": ["http://shop.example/callback"]},
        {"redirect_uris": [f"https://shop.example/{n}" for n in range(11)]},
        {"kind": "api_key", "redirect_uris": [CALLBACK]},
        {"kind": "api_key", "public": True},
    ],
)
def test_rest_refuses(fields, browser, application):
    assert by_rest(browser, application, **fields).status_code == 400
    assert not Credential.objects.exists()
