"""Scripts in browsers: which sites may read which answer."""

import pytest
from django.test import Client

from tests import factories
from tests.keymanager.authorization import CALLBACK, LOOPBACK, allow, post, redeem

pytestmark = pytest.mark.django_db
SITE = "https://shop.example"
ALLOWED = "Access-Control-Allow-Origin"
PUBLIC = [
    "/o/.well-known/jwks.json",
    "/o/.well-known/openid-configuration",
    "/o/.well-known/oauth-authorization-server",
    "/.well-known/oauth-authorization-server/o",
]
OF_CLIENTS = ["/o/token/", "/o/revoke_token/", "/o/device_authorization/", "/o/userinfo/"]
# "null" is what a sandboxed frame or a file sends.
STRANGERS = [
    "https://evil.example",
    "http://shop.example",
    "https://shop.example:8443",
    "https://shop.example.evil.example",
    "https://shop.example/",
    "https://SHOP.example",
    "https://shop.example@evil.example",
    "http://localhost",
    "https://127.0.0.1",
    "null",
    "*",
]


@pytest.fixture
def app(application, consumer):
    return factories.ClientFactory(
        application=application, by=consumer, redirect_uris=[CALLBACK, LOOPBACK], public=True
    )


def from_site(path: str, site: str, **fields: str):
    return Client(enforce_csrf_checks=True).post(path, fields, headers={"Origin": site})


def asks_first(path: str, method: str = "POST"):
    return Client().options(
        path,
        headers={
            "Origin": "https://anybody.example",
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "authorization,content-type",
        },
    )


@pytest.mark.parametrize("path", PUBLIC)
def test_public_documents_are_for_every_site(path):
    assert Client().get(path, headers={"Origin": "https://anybody.example"})[ALLOWED] == "*"
    assert Client().get(path)[ALLOWED] == "*"
    assert asks_first(path, "GET").status_code == 204


@pytest.mark.parametrize("path", [*PUBLIC, *OF_CLIENTS])
def test_question_before_a_request(path, django_assert_num_queries):
    with django_assert_num_queries(0):
        response = asks_first(path)
    assert (response.status_code, response.content, response[ALLOWED]) == (204, b"", "*")
    assert response["Access-Control-Allow-Headers"] == "Authorization, Content-Type"
    assert "Access-Control-Allow-Credentials" not in response
    assert not response.cookies


@pytest.mark.parametrize("site", [SITE, "http://127.0.0.1", "http://127.0.0.1:5173"])
def test_app_reads_its_tokens_at_home(site, app, ask, client_as, stranger):
    browser = Client(enforce_csrf_checks=True, headers={"Origin": site})

    def ask_from_site(issued, *, path: str = "/o/token/", **fields):
        return browser.post(path, fields)

    code = allow(client_as(stranger), app, scope="openid")
    response = redeem(ask_from_site, app, code)
    assert (response.status_code, response[ALLOWED], response["Vary"]) == (200, site, "Origin")
    assert "Access-Control-Allow-Credentials" not in response
    bearer = {"Authorization": f"Bearer {response.json()['access_token']}"}
    about = browser.get("/o/userinfo/", headers=bearer)
    assert (about.status_code, about[ALLOWED]) == (200, site)
    device = post(ask_from_site, app, path="/o/device_authorization/")
    assert (device.status_code, device[ALLOWED]) == (200, site)
    ended = post(ask_from_site, app, path="/o/revoke_token/", token=response.json()["refresh_token"])
    assert (ended.status_code, ended[ALLOWED]) == (200, site)


@pytest.mark.parametrize("path", OF_CLIENTS[:3])
def test_app_reads_its_errors_at_home(path, app):
    response = from_site(path, SITE, client_id=app.credential.public_id, grant_type="x", scope="no:such")
    assert (response.status_code, response[ALLOWED]) == (400, SITE)
    assert "WWW-Authenticate" in response["Access-Control-Expose-Headers"]


def test_nobody_else_reads_them(app, ask, client_as, stranger):
    token = redeem(ask, app, allow(client_as(stranger), app, scope="openid")).json()["access_token"]
    fields = {"client_id": app.credential.public_id}
    for site in STRANGERS:
        answers = [from_site(path, site, **fields) for path in OF_CLIENTS[:3]]
        bearer = {"Origin": site, "Authorization": f"Bearer {token}"}
        answers.append(Client().get("/o/userinfo/", headers=bearer))
        assert not [site for response in answers if ALLOWED in response]


@pytest.mark.parametrize("path", OF_CLIENTS)
@pytest.mark.parametrize("client_id", ["", "cred_nobody", "x\0"])
def test_no_client_has_no_home(client_id, path):
    assert ALLOWED not in from_site(path, SITE, client_id=client_id)


def test_client_with_a_secret_has_no_place_in_a_browser(application, consumer):
    shop = factories.ClientFactory(application=application, by=consumer, redirect_uris=[CALLBACK])
    fields = {"client_id": shop.credential.public_id, "client_secret": shop.secret}
    response = from_site("/o/token/", SITE, grant_type="client_credentials", **fields)
    assert response.status_code == 200
    assert ALLOWED not in response


@pytest.mark.parametrize("path", ["/o/authorize/", "/o/introspect/", "/device/", "/login/", "/api/v1/me/"])
def test_nothing_else_is_for_other_sites(path):
    for response in (
        asks_first(path),
        Client().get(path, headers={"Origin": SITE}),
        Client().post(path, headers={"Origin": SITE}),
    ):
        assert ALLOWED not in response
