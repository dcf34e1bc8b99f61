"""The pages: the same cases as test_rest."""

import pytest

from keymanager import actions, keys, tokens
from keymanager.models import Credential, CredentialStatus, PersonalToken, RevokedToken
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(client_as, consumer):
    return client_as(consumer)


def secret_in(response) -> str:
    """The secret that the page shows, found by its checksum."""
    import re

    assert response.status_code == 200, response.content[:500]
    assert response["Cache-Control"] == "no-store"
    found = {text for text in re.findall(keys.PATTERN, response.content.decode()) if keys.is_ours(text)}
    assert len(found) == 1
    return found.pop()


# ---- issue --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["client", "key"])
def test_new_shows_the_secret_once(kind, browser, application, ask):
    page = f"/applications/{application.public_id}/new-{kind}/"
    assert browser.get(page).status_code == 200
    response = browser.post(page, {"name": "Web", "environment": "sandbox", "expires": "90"})
    secret = secret_in(response)
    credential = Credential.objects.get()
    assert (credential.name, credential.environment, credential.created_by.name) == (
        "Web",
        "sandbox",
        "Cora Consumer",
    )
    assert credential.expires_at
    if kind == "client":
        assert ask(actions.Issued(credential, secret)).status_code == 200
    for again in (application.get_absolute_url(), credential.get_absolute_url()):
        assert secret not in browser.get(again).content.decode()
    assert secret not in str(dict(browser.session))


@pytest.mark.parametrize("kind", ["client", "key"])
def test_new_invalid(kind, browser, application):
    response = browser.post(
        f"/applications/{application.public_id}/new-{kind}/", {"name": "", "environment": "x"}
    )
    assert response.status_code == 200
    assert not Credential.objects.exists()


@pytest.mark.parametrize("page", ["new-client", "new-key", "token"])
def test_pages_of_an_application_are_for_its_maintainers(page, application, client_as, stranger):
    member = factories.person("Mo Member", team="consumers")
    address = f"/applications/{application.public_id}/{page}/"
    assert client_as(member).get(address).status_code == 403
    assert client_as(stranger).get(address).status_code == 404
    assert client_as(None).get(address).status_code == 302


def test_credentials_on_the_application_page(browser, application, client_of, key_of, client_as):
    body = browser.get(application.get_absolute_url()).content.decode()
    assert client_of.credential.public_id in body
    assert key_of.credential.prefix in body
    assert f"/credentials/{key_of.credential.public_id}/rotate/" in body
    member = client_as(factories.person("Mo Member", team="consumers"))
    body = member.get(application.get_absolute_url()).content.decode()
    assert key_of.credential.prefix in body
    assert "/rotate/" not in body


def test_credentials_section_has_a_constant_query_count(
    browser, application, consumer, django_assert_max_num_queries
):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    factories.ClientFactory(application=application, by=consumer)
    with CaptureQueriesContext(
        connection,
    ) as few:
        browser.get(application.get_absolute_url())
    for _ in range(5):
        factories.KeyFactory(application=application, by=consumer)
    with django_assert_max_num_queries(len(few)):
        browser.get(application.get_absolute_url())


# ---- rotate, revoke -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("fixture", ["client_of", "key_of"])
def test_rotate(fixture, request, browser):
    old = request.getfixturevalue(fixture).credential
    page = f"/credentials/{old.public_id}/rotate/"
    assert browser.get(page).status_code == 200
    secret_in(browser.post(page, {"overlap": "3600"}))
    old.refresh_from_db()
    assert old.status == CredentialStatus.RETIRING
    assert Credential.objects.get(replaces=old)
    assert "Overlap" in browser.get(old.get_absolute_url()).content.decode()


def test_rotate_without_choice(browser, key_of):
    browser.post(f"/credentials/{key_of.credential.public_id}/rotate/", {"overlap": "60"})
    assert Credential.objects.count() == 1


def test_rotate_twice_tells_the_conflict(browser, key_of):
    page = f"/credentials/{key_of.credential.public_id}/rotate/"
    browser.post(page, {"overlap": "900"})
    assert browser.post(page, {"overlap": "900"}).status_code == 409


def test_revoke(browser, client_of):
    page = f"/credentials/{client_of.credential.public_id}/revoke/"
    assert "Api-" in browser.get(page).content.decode() or browser.get(page).status_code == 200
    response = browser.post(page, {"reason": "leaked"}, follow=True)
    assert "Revoked" in response.content.decode()
    client_of.credential.refresh_from_db()
    assert client_of.credential.status == CredentialStatus.REVOKED


@pytest.mark.parametrize("act", ["", "rotate/", "revoke/"])
def test_credential_pages_are_for_the_team(act, client_of, client_as, stranger):
    member = factories.person("Mo Member", team="consumers")
    address = f"/credentials/{client_of.credential.public_id}/{act}"
    assert client_as(stranger).get(address).status_code == 404
    assert client_as(member).get(address).status_code == (403 if act else 200)
    assert client_as(member).post(address).status_code in {200, 403}
    client_of.credential.refresh_from_db()
    assert client_of.credential.status == CredentialStatus.ACTIVE


# ---- tokens -------------------------------------------------------------------------------------------------------
def test_mint(browser, application, client_of):
    fields = {"credential": client_of.credential.public_id, "scopes": ["items:read"], "lifetime": "600"}
    response = browser.post(f"/applications/{application.public_id}/token/", fields)
    body = response.content.decode()
    assert response["Cache-Control"] == "no-store"
    assert "Authorization: Bearer eyJ" in body
    assert "/items/1.0.0/open" in body
    for language in ("import requests", "await fetch(", "net/http"):
        assert language in body
    assert "items:write" in body  # the choice that was left
    assert client_of.secret not in body


def test_mint_by_htmx_answers_the_region(browser, application, client_of):
    fields = {"credential": client_of.credential.public_id, "scopes": [], "lifetime": "300"}
    response = browser.post(
        f"/applications/{application.public_id}/token/", fields, headers={"HX-Request": "true"}
    )
    assert response.content.decode().lstrip().startswith('<div class="code" id="jwt"')


@pytest.mark.parametrize(
    "fields", [{"scopes": ["items:delete"]}, {"lifetime": "99999"}, {"credential": "cred_x"}]
)
def test_mint_invalid(fields, browser, application, client_of):
    fields = {
        "credential": client_of.credential.public_id,
        "scopes": ["items:read"],
        "lifetime": "600",
        **fields,
    }
    response = browser.post(f"/applications/{application.public_id}/token/", fields)
    assert "eyJ" not in response.content.decode()


def test_mint_without_a_client(browser, application):
    assert "No OAuth client" in browser.get(f"/applications/{application.public_id}/token/").content.decode()


def test_revoke_a_token(browser, client_of):
    token = tokens.mint_for(credential=client_of.credential)
    assert browser.get("/revoke-token/").status_code == 200
    response = browser.post("/revoke-token/", {"token": f"  {token}\n"})
    assert response.url == client_of.credential.get_absolute_url()
    assert RevokedToken.objects.get().credential == client_of.credential


def test_revoke_a_token_that_is_none(browser):
    response = browser.post("/revoke-token/", {"token": "eyJ.a.b"})
    assert "not an access token" in response.content.decode()


# ---- personal tokens ----------------------------------------------------------------------------------------------
def test_personal_tokens(browser, client_as, stranger):
    assert browser.get("/account/tokens/").status_code == 200
    response = browser.post("/account/tokens/", {"name": "laptop", "scopes": ["portal:read"], "days": "30"})
    text = secret_in(response)
    token = PersonalToken.objects.get()
    listed = browser.get("/account/tokens/").content.decode()
    assert token.prefix in listed
    assert text not in listed
    assert token.prefix not in client_as(stranger).get("/account/tokens/").content.decode()
    revoke = f"/account/tokens/{token.public_id}/revoke/"
    assert client_as(stranger).post(revoke).status_code == 404
    assert browser.post(revoke).status_code == 302
    assert not PersonalToken.objects.exists()


def test_personal_token_invalid(browser):
    browser.post("/account/tokens/", {"name": "x", "scopes": ["portal:admin"], "days": "30"})
    browser.post("/account/tokens/", {"name": "x", "scopes": ["portal:read"], "days": "1000"})
    assert not PersonalToken.objects.exists()


# ---- signing keys -------------------------------------------------------------------------------------------------
def test_signing_keys_are_for_administrators(client_as, consumer, admin):
    assert client_as(consumer).get("/signing-keys/").status_code == 403
    assert client_as(consumer).post("/signing-keys/rotate/").status_code == 403
    assert "Next, published" in client_as(admin).get("/signing-keys/").content.decode()
    assert client_as(admin).post("/signing-keys/rotate/").status_code == 409


@pytest.mark.parametrize("page", ["/revoke-token/", "/account/tokens/", "/signing-keys/"])
def test_pages_need_signing_in(page, client_as):
    assert client_as(None).get(page).status_code == 302


def test_claims_are_escaped():
    from keymanager.templatetags.credentials import claims_as_code

    text = claims_as_code({"app": '<b>"x"</b>', "exp": 12, "subs": {"items": "gold"}, "aud": ["http://a"]})
    assert "<b>" not in text
    assert "&lt;b&gt;" in text
    assert '<span class="mi">12</span>' in text
