"""Discovery says what works, and nothing else; revocation and introspection as RFC 7009 and 7662 ask."""

import pytest
import time_machine
from django.test import Client

from keymanager import actions
from keymanager.models import RevokedToken
from portal.accounts.models import AuditEvent
from tests import factories

pytestmark = pytest.mark.django_db
WELL_KNOWN = [
    "/.well-known/oauth-authorization-server/o",
    "/o/.well-known/oauth-authorization-server",
    "/o/.well-known/openid-configuration",
]


@pytest.mark.parametrize("path", WELL_KNOWN)
def test_metadata_tells_the_truth(path, settings, ask, client_of):
    response = Client().get(path)
    assert (response.status_code, response["Access-Control-Allow-Origin"]) == (200, "*")
    data = response.json()
    assert data["issuer"] == settings.ISSUER
    local = {
        key: value.removeprefix(settings.PORTAL_URL) for key, value in data.items() if isinstance(value, str)
    }
    assert len(Client().get(local["jwks_uri"]).json()["keys"]) == 2
    assert data["grant_types_supported"] == [
        "client_credentials",
        "authorization_code",
        "refresh_token",
        "urn:ietf:params:oauth:grant-type:device_code",
    ]
    assert Client().post(local["device_authorization_endpoint"]).status_code == 401  # no client
    assert (data["response_types_supported"], data["code_challenge_methods_supported"]) == (
        ["code"],
        ["S256"],
    )
    assert data["authorization_response_iss_parameter_supported"] is True
    assert (
        Client().get(local["authorization_endpoint"]).status_code == 400
    )  # no client: a page, and nobody is sent on
    token = ask(client_of, path=local["token_endpoint"], grant_type="client_credentials").json()[
        "access_token"
    ]
    assert ask(client_of, path=local["introspection_endpoint"], token=token).json()["active"] is True
    assert ask(client_of, path=local["revocation_endpoint"], token=token).status_code == 200


@pytest.mark.parametrize("endpoint", ["token_endpoint", "revocation_endpoint", "introspection_endpoint"])
def test_metadata_methods_work(endpoint, client_of, ask, settings):
    data = Client().get(WELL_KNOWN[0]).json()
    path = data[endpoint].removeprefix(settings.PORTAL_URL)
    methods = {"client_secret_basic", "client_secret_post"}
    assert methods <= set(data[f"{endpoint}_auth_methods_supported"])
    assert ("none" in data[f"{endpoint}_auth_methods_supported"]) is (endpoint != "introspection_endpoint")
    fields = {"token": "x", "grant_type": "client_credentials"}
    by_post = {"client_id": client_of.credential.public_id, "client_secret": client_of.secret}
    assert ask(client_of, path=path, **fields).status_code == 200
    assert ask(None, path=path, **fields, **by_post).status_code == 200
    assert ask(None, path=path, **fields).status_code == 401
    assert Client().post(f"{path}?token=x", fields).status_code == 400


def revoke(ask, issued, token, **fields):
    return ask(issued, path="/o/revoke_token/", token=token, **fields)


def introspect(ask, issued, token) -> dict:
    response = ask(issued, path="/o/introspect/", token=token)
    assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
    return response.json()


@pytest.mark.parametrize("hint", ["", "access_token", "nonsense"])
def test_client_revokes_its_token(hint, ask, client_of):
    token = ask(client_of).json()["access_token"]
    assert introspect(ask, client_of, token)["client_id"] == client_of.credential.public_id
    response = revoke(ask, client_of, token, **({"token_type_hint": hint} if hint else {}))
    assert (response.status_code, response.content) == (200, b"")
    assert introspect(ask, client_of, token) == {"active": False}
    assert RevokedToken.objects.get().credential == client_of.credential
    assert AuditEvent.objects.get(event="token_revoked").by is None


def test_nobody_revokes_or_reads_anothers_token(ask, client_of, application, consumer):
    other = factories.ClientFactory(application=application, by=consumer)
    token = ask(client_of).json()["access_token"]
    assert introspect(ask, other, token) == {"active": False}
    assert revoke(ask, other, token).status_code == 200
    assert introspect(ask, client_of, token)["active"] is True
    assert not RevokedToken.objects.exists()


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "ptk_live_x"])
def test_unknown_tokens(token, ask, client_of):
    assert revoke(ask, client_of, token).status_code == (200 if token else 400)
    response = ask(client_of, path="/o/introspect/", token=token)
    assert response.json() == {"active": False} if token else response.status_code == 400


def test_introspection_of_an_ended_token(ask, client_of, later):
    token = ask(client_of).json()["access_token"]
    with time_machine.travel(later(601)):
        assert introspect(ask, client_of, token) == {"active": False}


def test_revocation_needs_a_usable_client(ask, client_of, consumer):
    token = ask(client_of).json()["access_token"]
    assert revoke(ask, client_of, token, client_secret="x").status_code == 200
    actions.revoke(credential=client_of.credential, by=consumer)
    response = revoke(ask, client_of, token)
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
