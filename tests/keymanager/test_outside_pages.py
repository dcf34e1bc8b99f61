"""Outside issuers and external clients on the pages and in REST: the same cases for both."""

import csv
import io
import json

import pytest

from gateway.models import Receipt
from keymanager.models import Credential, TrustedIssuer
from keymanager.outside import actions
from tests import factories
from tests.keymanager.issuers import RSA, public

pytestmark = pytest.mark.django_db
API = "/api/v1"
FORM = {
    "name": "Corp SSO",
    "url": "https://sso.corp.example",
    "audiences": "https://apis.example\nother",
    "client_claim": "azp",
    "environments": ["production"],
}


@pytest.fixture
def issuer():
    return factories.IssuerFactory(name="Corp SSO", url="https://sso.corp.example")


@pytest.fixture
def external(application, consumer, issuer):
    return factories.ExternalClientFactory(
        application=application, issuer=issuer, by=consumer, external_id="billing-service"
    )


# ---- administrators -----------------------------------------------------------------------------------------------
def test_pages_are_for_administrators(client_as, consumer, admin, issuer):
    path = issuer.get_absolute_url()
    for page in ("/issuers/", "/issuers/new/", path, f"{path}edit/", f"{path}delete/"):
        assert client_as(consumer).get(page).status_code == 403, page
        assert client_as(admin).get(page).status_code == 200, page
    for step in ("refresh", "disable", "enable", "delete"):
        assert client_as(consumer).post(f"{path}{step}/").status_code == 403, step
    assert client_as(admin).get("/issuers/iss_nothing/").status_code == 404


def test_page_without_an_issuer(client_as, admin):
    assert "No outside issuer is trusted" in client_as(admin).get("/issuers/").content.decode()


def test_trust_edit_and_delete_on_pages(client_as, admin, application, consumer):
    client = client_as(admin)
    made = client.post("/issuers/new/", {**FORM, "given_keys": json.dumps(public(RSA))})
    issuer = TrustedIssuer.objects.get()
    assert made["Location"] == issuer.get_absolute_url()
    assert (issuer.audiences, issuer.client_claim) == (["https://apis.example", "other"], "azp")

    path = issuer.get_absolute_url()
    page = client.get(f"{path}edit/").content.decode()
    assert "theirs-1" in page
    form = {name: value for name, value in FORM.items() if name != "url"}
    keys = json.dumps(public(RSA))
    assert client.post(f"{path}edit/", {**form, "name": "Corp", "given_keys": keys}).status_code == 302
    issuer.refresh_from_db()
    assert (issuer.name, issuer.url) == ("Corp", FORM["url"])

    credential = factories.ExternalClientFactory(application=application, issuer=issuer, by=consumer)
    assert credential.external_id in client.get(path).content.decode()
    page = client.get(f"{path}delete/").content.decode()
    assert "1 credential of its clients is revoked" in page
    assert application.name in page
    assert client.post(f"{path}delete/").status_code == 302
    credential.refresh_from_db()
    assert credential.status == "revoked"
    assert "issued by Corp" in client.get(application.get_absolute_url()).content.decode()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"given_keys": "{"}, "This is no JSON."),
        ({"given_keys": '{"keys": []}'}, "None of its keys"),
        ({"given_keys": "[" * 50_000}, "This is no JSON."),
        ({"url": "nonsense"}, "This is no issuer"),
        ({"url": "https://127.0.0.1/x"}, "does not call"),
        ({"url": "http://10.0.0.1/x"}, "private network"),
    ],
)
def test_trust_not_with_a_bad_form(client_as, admin, fields, words):
    answer = client_as(admin).post("/issuers/new/", {**FORM, "given_keys": "", **fields})

    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert not TrustedIssuer.objects.exists()


def test_disable_and_enable_on_pages(client_as, admin, issuer, external):
    client, path = client_as(admin), issuer.get_absolute_url()
    client.post(f"{path}disable/")
    assert "Disabled" in client.get(path).content.decode()
    assert "Issuer not trusted here" in client.get(external.get_absolute_url()).content.decode()
    client.post(f"{path}enable/")
    assert "Trusted" in client.get(path).content.decode()


def test_problem_is_shown(client_as, admin, issuer):
    TrustedIssuer.objects.update(key_source="discovery", url="https://127.0.0.1")
    client, path = client_as(admin), issuer.get_absolute_url()
    page = client.post(f"{path}refresh/", follow=True).content.decode()

    assert "Those fetched before stay in force" in page
    assert "does not call" in page
    assert client.get(f"{API}/issuers/{issuer.public_id}/").json()["problem"]


def test_issuers_in_rest(client_as, admin, consumer):
    client = client_as(admin)
    body = {**FORM, "audiences": ["https://apis.example"], "given_keys": public(RSA)}
    assert client_as(consumer).post(f"{API}/issuers/", body, "application/json").status_code == 403
    made = client.post(f"{API}/issuers/", body, "application/json")
    assert (made.status_code, made.json()["keys"][0]["kid"]) == (201, "theirs-1")

    path = f"{API}/issuers/{made.json()['id']}/"
    assert client_as(consumer).get(f"{API}/issuers/").json()["results"][0]["name"] == "Corp SSO"
    changed = client.put(path, {**body, "environments": ["sandbox"]}, "application/json").json()
    assert (changed["environments"], changed["url"]) == (["sandbox"], FORM["url"])
    assert client.post(f"{path}refresh/", {}, "application/json").status_code == 409
    assert client.post(f"{path}disable/", {}, "application/json").json()["enabled"] is False
    assert client_as(consumer).get(path).status_code == 404
    assert client.post(f"{path}enable/", {}, "application/json").json()["enabled"] is True
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    "fields",
    [
        {"url": "https://127.0.0.1/x", "given_keys": None},
        {"audiences": []},
        {"environments": ["staging"]},
        {"environments": []},
        {"given_keys": {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}},
        {"client_claim": "a b"},
    ],
)
def test_issuers_in_rest_refused(client_as, admin, fields):
    body = {**FORM, "audiences": ["https://apis.example"], "given_keys": public(RSA), **fields}

    assert client_as(admin).post(f"{API}/issuers/", body, "application/json").status_code == 400
    assert not TrustedIssuer.objects.exists()


# ---- teams --------------------------------------------------------------------------------------------------------
def test_add_client_on_the_page(client_as, consumer, application, issuer):
    client, path = client_as(consumer), f"/applications/{application.public_id}/new-external-client/"
    assert path in client.get(application.get_absolute_url()).content.decode()
    assert "Corp SSO" in client.get(path).content.decode()
    form = {
        "issuer": issuer.public_id,
        "external_id": "billing-service",
        "name": "Billing",
        "environment": "production",
        "expires": "never",
    }
    made = client.post(path, form)
    credential = Credential.objects.get()

    assert made["Location"] == credential.get_absolute_url()
    page = client.get(credential.get_absolute_url()).content.decode()
    assert "Issued by" in page
    assert "billing-service" in page
    assert "/rotate/" not in page
    assert Receipt.objects.about(credential).get().event == "issued"
    again = client.post(path, form)
    assert "already" in again.content.decode()
    assert Credential.objects.count() == 1


def test_add_client_is_for_the_team_on_the_page(client_as, stranger, publisher, application, issuer):
    path = f"/applications/{application.public_id}/new-external-client/"
    assert client_as(stranger).get(path).status_code == 404
    assert client_as(None).get(path).status_code == 302


def test_link_only_where_an_issuer_is_trusted(client_as, consumer, admin, application, issuer):
    actions.disable(issuer=issuer, by=admin)

    assert (
        "new-external-client" not in client_as(consumer).get(application.get_absolute_url()).content.decode()
    )


def test_add_client_in_rest(client_as, consumer, application, issuer):
    path = f"{API}/applications/{application.public_id}/credentials/"
    body = {
        "kind": "external_client",
        "environment": "production",
        "name": "Billing",
        "issuer": issuer.public_id,
        "external_id": "billing-service",
    }
    made = client_as(consumer).post(path, body, "application/json")

    assert made.status_code == 201
    told = made.json()
    assert (told["issuer"], told["external_id"]) == (issuer.public_id, "billing-service")
    assert not {"client_secret", "api_key", "client_id"} & told.keys()
    assert client_as(consumer).post(path, body, "application/json").status_code == 409


@pytest.mark.parametrize(
    "fields",
    [
        {"issuer": "iss_nothing"},
        {"issuer": ""},
        {"external_id": ""},
        {"public": True},
        {"kind": "oauth_client"},
        {"kind": "api_key", "external_id": ""},
    ],
)
def test_add_client_in_rest_refused(client_as, consumer, application, issuer, fields):
    path = f"{API}/applications/{application.public_id}/credentials/"
    body = {
        "kind": "external_client",
        "environment": "production",
        "name": "Billing",
        "issuer": issuer.public_id,
        "external_id": "billing-service",
        **fields,
    }

    assert client_as(consumer).post(path, body, "application/json").status_code == 400
    assert not Credential.objects.exists()


def test_shown_as_such(client_as, consumer, application, external):
    client = client_as(consumer)
    for page in (application.get_absolute_url(), "/credentials/", "/credentials/?kind=external_client"):
        assert "issued by Corp SSO" in client.get(page).content.decode(), page
    rows = csv.DictReader(io.StringIO(client.get("/credentials.csv").getvalue().decode()))
    row = next(rows)
    assert (row["kind"], row["issuer"], row["external_id"]) == (
        "external_client",
        "https://sso.corp.example",
        "billing-service",
    )
    assert external.name in client.get("/credentials/?q=billing-service").content.decode()


def test_no_token_and_no_rotation(client_as, consumer, application, external):
    client = client_as(consumer)
    assert (
        "No OAuth client to get a token for"
        in client.get(f"/applications/{application.public_id}/token/").content.decode()
    )
    path = f"{API}/credentials/{external.public_id}"
    assert client.post(f"{path}/tokens/", {}, "application/json").status_code == 409
    assert client.post(f"{path}/rotate/", {}, "application/json").status_code == 409
    assert client.put(f"{path}/keys/", public(RSA), "application/json").status_code == 409


def test_revoke_on_the_page(client_as, consumer, external):
    client, path = client_as(consumer), f"{external.get_absolute_url()}revoke/"
    page = client.get(path).content.decode()
    assert "Corp SSO gave to" in page
    assert "Rotate" not in page
    assert client.post(path, {"reason": ""}).status_code == 302
    external.refresh_from_db()
    assert external.status == "revoked"
