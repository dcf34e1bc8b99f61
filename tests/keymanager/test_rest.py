"""REST: the same cases as test_views, and what only scripts do."""

import uuid

import pytest
import time_machine
from django.test import Client

from keymanager import actions, tokens
from keymanager.models import Credential, CredentialStatus, RevokedToken
from tests import factories

pytestmark = pytest.mark.django_db
API = "/api/v1"


@pytest.fixture
def script(client_as, consumer):
    return client_as(consumer)


def post(client, path, body=None, **headers):
    return client.post(f"{API}{path}", body or {}, content_type="application/json", headers=headers)


def of(application) -> str:
    return f"/applications/{application.public_id}/credentials/"


NEW_CLIENT = {"kind": "oauth_client", "environment": "sandbox", "name": "Web"}
NEW_KEY = {"kind": "api_key", "environment": "production", "name": "CI"}


# ---- issue --------------------------------------------------------------------------------------------------------
def test_new_client(script, application, ask):
    response = post(script, of(application), NEW_CLIENT)
    assert (response.status_code, response["Cache-Control"]) == (201, "no-store")
    body = response.json()
    credential = Credential.objects.get(public_id=body["id"])
    assert body["client_id"] == body["id"]
    assert ask(actions.Issued(credential, body["client_secret"])).status_code == 200


def test_new_key(script, application):
    body = post(script, of(application), NEW_KEY).json()
    assert body["api_key"].startswith(body["prefix"])
    assert "client_secret" not in body


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"environment": "x"},
        {"kind": "x"},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "soon"},
    ],
)
def test_new_invalid(change, script, application):
    response = post(script, of(application), {**NEW_KEY, **change})
    assert (response.status_code, response["Content-Type"]) == (400, "application/problem+json")
    assert set(response.json()["errors"]) == set(change)
    assert not Credential.objects.exists()


def test_new_repeated_does_not_show_the_secret_again(script, application):
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    first = post(script, of(application), NEW_CLIENT, **headers)
    again = post(script, of(application), NEW_CLIENT, **headers)
    assert (first.status_code, again.status_code) == (201, 409)
    assert first.json()["client_secret"] not in again.content.decode()
    assert post(script, of(application), NEW_KEY, **headers).status_code == 409
    assert Credential.objects.count() == 1


def test_list_and_retrieve_show_no_secret(script, application, client_of, key_of):
    rows = script.get(f"{API}{of(application)}").json()["results"]
    assert [row["id"] for row in rows] == [key_of.credential.public_id, client_of.credential.public_id]
    body = script.get(f"{API}/credentials/{key_of.credential.public_id}/").content.decode()
    for secret in (client_of.secret, key_of.secret, key_of.credential.key_hash):
        assert secret not in body + str(rows)


def test_list_filters(script, application, client_of, key_of):
    rows = script.get(f"{API}{of(application)}?kind=api_key&status=active").json()["results"]
    assert [row["id"] for row in rows] == [key_of.credential.public_id]


def test_list_has_a_constant_query_count(script, application, consumer, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    factories.KeyFactory(application=application, by=consumer)
    with CaptureQueriesContext(connection) as few:
        script.get(f"{API}{of(application)}")
    for _ in range(5):
        factories.ClientFactory(application=application, by=consumer)
    with django_assert_num_queries(len(few)):
        assert len(script.get(f"{API}{of(application)}").json()["results"]) == 6


# ---- rotate, revoke -----------------------------------------------------------------------------------------------
def test_rotate(script, client_of, ask):
    response = post(script, f"/credentials/{client_of.credential.public_id}/rotate/", {"overlap": 900})
    body = response.json()
    assert (response.status_code, body["replaces"]) == (201, client_of.credential.public_id)
    new = actions.Issued(Credential.objects.get(public_id=body["id"]), body["client_secret"])
    assert (ask(client_of).status_code, ask(new).status_code) == (200, 200)


def test_rotate_other_overlap(script, key_of):
    assert (
        post(script, f"/credentials/{key_of.credential.public_id}/rotate/", {"overlap": 60}).status_code
        == 400
    )


def test_rotate_twice_is_a_conflict(script, key_of):
    path = f"/credentials/{key_of.credential.public_id}/rotate/"
    assert post(script, path).status_code == 201
    response = post(script, path)
    assert (response.status_code, response["Content-Type"]) == (409, "application/problem+json")


def test_revoke(script, client_of, ask):
    response = post(script, f"/credentials/{client_of.credential.public_id}/revoke/", {"reason": "leaked"})
    assert (response.status_code, response.json()["status"], response.json()["usable"]) == (
        200,
        "revoked",
        False,
    )
    assert ask(client_of).status_code == 401


# ---- tokens -------------------------------------------------------------------------------------------------------
def test_mint(script, client_of):
    path = f"/credentials/{client_of.credential.public_id}/tokens/"
    response = post(script, path, {"scopes": ["items:read"], "lifetime": 60})
    assert (response.status_code, response["Cache-Control"]) == (201, "no-store")
    assert (response.json()["scope"], response.json()["expires_in"]) == ("items:read", 60)
    assert post(script, path).json()["scope"] == "items:read items:write"


def test_mint_refused(script, client_of, key_of):
    path = f"/credentials/{client_of.credential.public_id}/tokens/"
    assert post(script, path, {"scopes": ["items:delete"]}).json()["errors"].keys() == {"scopes"}
    assert post(script, path, {"lifetime": 901}).status_code == 400
    assert post(script, f"/credentials/{key_of.credential.public_id}/tokens/").status_code == 409


def test_revoke_a_token(script, client_of, client_as, stranger):
    token = tokens.mint_for(credential=client_of.credential)
    assert post(client_as(stranger), "/revoked-tokens/", {"token": token}).status_code == 404
    response = post(script, "/revoked-tokens/", {"token": token})
    assert (response.status_code, response.json()["credential"]) == (201, client_of.credential.public_id)
    assert RevokedToken.objects.exists()
    assert post(script, "/revoked-tokens/", {"token": "x"}).status_code == 400


# ---- who ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("act", ["rotate", "revoke", "tokens"])
def test_credentials_are_the_teams(act, client_of, client_as, stranger):
    member = factories.person("Mo Member", team="consumers")
    path = f"/credentials/{client_of.credential.public_id}/{act}/"
    assert post(client_as(stranger), path).status_code == 404
    assert post(client_as(member), path).status_code == 403
    assert post(client_as(None), path).status_code in {401, 403}
    client_of.credential.refresh_from_db()
    assert client_of.credential.status == CredentialStatus.ACTIVE


def test_new_credential_is_for_maintainers(application, client_as, stranger):
    member = factories.person("Mo Member", team="consumers")
    assert post(client_as(stranger), of(application), NEW_KEY).status_code == 404
    assert post(client_as(member), of(application), NEW_KEY).status_code == 403


def test_signing_keys_are_for_administrators(client_as, consumer, admin):
    assert client_as(consumer).get(f"{API}/signing-keys/").status_code == 403
    assert post(client_as(consumer), "/signing-keys/rotate/").status_code == 403
    assert post(client_as(admin), "/signing-keys/rotate/").status_code == 409
    body = client_as(admin).get(f"{API}/signing-keys/").content.decode()
    assert "private" not in body


# ---- personal tokens ----------------------------------------------------------------------------------------------
def bearer(by, *scopes) -> Client:
    text = actions.issue_personal_token(by=by, name="script", scopes=list(scopes), days=1).secret
    return Client(headers={"Authorization": f"Bearer {text}"})


def test_personal_token_reads_and_writes_within_its_scopes(application, consumer):
    reader, writer = bearer(consumer, "portal:read"), bearer(consumer, "portal:read", "portal:subscribe")
    assert reader.get(f"{API}{of(application)}").status_code == 200
    assert post(reader, of(application), NEW_KEY).status_code == 403
    assert post(writer, of(application), NEW_KEY).status_code == 201
    assert bearer(consumer, "portal:publish").get(f"{API}{of(application)}").status_code == 403


def test_personal_token_of_an_administrator_needs_its_scope(admin):
    assert bearer(admin, "portal:read").get(f"{API}/signing-keys/").status_code == 403
    assert bearer(admin, "portal:admin").get(f"{API}/signing-keys/").status_code == 200


def test_personal_token_ends(application, consumer, later):
    client = bearer(consumer, "portal:read")
    with time_machine.travel(later(86_401)):
        response = client.get(f"{API}{of(application)}")
    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_personal_token_revoked(application, consumer):
    client = bearer(consumer, "portal:read")
    actions.revoke_personal_token(token=consumer.personal_tokens.get(), by=consumer)
    assert client.get(f"{API}{of(application)}").status_code == 401


def test_personal_token_of_a_closed_account(application, consumer):
    client = bearer(consumer, "portal:read")
    consumer.is_active = False
    consumer.save()
    assert client.get(f"{API}{of(application)}").status_code == 401


def test_gateway_token_does_not_open_the_portal(application, client_of):
    token = tokens.mint_for(credential=client_of.credential)
    client = Client(headers={"Authorization": f"Bearer {token}"})
    assert client.get(f"{API}{of(application)}").status_code == 401


def test_personal_token_in_the_url_means_nothing(application, consumer):
    text = actions.issue_personal_token(by=consumer, name="x", scopes=["portal:read"], days=1).secret
    assert Client().get(f"{API}{of(application)}?access_token={text}").status_code == 401
