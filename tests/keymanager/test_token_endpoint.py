"""RFC 6749 sections 4.4, 5.1 and 5.2, and RFC 9068, as a client sees them."""

import base64
import json
import time

import pytest
import time_machine
from django.test import Client
from jwcrypto import jwk, jwt
from oauth2_provider.models import AccessToken

from apis.models import Publication
from keymanager import actions, signing
from keymanager.models import Credential
from subscriptions.models import SubscriptionStatus
from tests import factories

pytestmark = pytest.mark.django_db


def claims_of(response, client=None) -> dict:
    """The claims, after an independent library has checked the signature against the published keys."""
    keys = jwk.JWKSet.from_json(Client().get("/o/.well-known/jwks.json").content)
    token = jwt.JWT(jwt=response.json()["access_token"], key=keys, expected_type="JWS", algs=["RS256"])
    assert json.loads(token.header)["typ"] == "at+jwt"
    return json.loads(token.claims)


def test_token_good(ask, client_of, application, settings):
    response = ask(client_of)
    assert response.status_code == 200, response.content
    assert response["Cache-Control"] == "no-store"
    assert response["Content-Type"] == "application/json"
    body = response.json()
    assert (body["token_type"], body["expires_in"], body["scope"]) == (
        "Bearer",
        600,
        "items:read items:write",
    )
    claims = claims_of(response)
    jti = claims.pop("jti")
    assert len(jti) == 32
    issued_at, ends = claims.pop("iat"), claims.pop("exp")
    assert ends - issued_at == 600
    assert abs(issued_at - time.time()) < 60
    assert claims == {
        "iss": settings.ISSUER,
        "aud": [settings.GATEWAY_URLS["production"]],
        "sub": client_of.credential.public_id,
        "client_id": client_of.credential.public_id,
        "app": application.public_id,
        "scope": "items:read items:write",
        "subs": {"items": "gold"},
    }


def test_token_by_body(ask, client_of):
    response = ask(None, client_id=client_of.credential.public_id, client_secret=client_of.secret)
    assert response.status_code == 200


@pytest.mark.parametrize("scheme", ["basic", "BASIC"])
def test_name_of_the_scheme_in_any_case(scheme, client_of):
    pair = base64.b64encode(f"{client_of.credential.public_id}:{client_of.secret}".encode()).decode()
    headers = {"Authorization": f"{scheme} {pair}"}
    for path, fields in (("token", {"grant_type": "client_credentials"}), ("introspect", {"token": "x"})):
        assert Client().post(f"/o/{path}/", fields, headers=headers).status_code == 200


def test_token_for_asked_scope_only(ask, client_of):
    response = ask(client_of, scope="items:read")
    assert response.json()["scope"] == claims_of(response)["scope"] == "items:read"


def test_token_audience_is_the_environment(ask, application, consumer, settings):
    sandbox = factories.ClientFactory(application=application, by=consumer, environment="sandbox")
    assert claims_of(ask(sandbox))["aud"] == [settings.GATEWAY_URLS["sandbox"]]


def test_token_leaves_no_row(ask, client_of, django_assert_num_queries):
    ask(client_of)
    with django_assert_num_queries(2):  # the client, what its application may do
        assert ask(client_of).status_code == 200
    assert not AccessToken.objects.exists()


@pytest.mark.parametrize("scope", ["items:delete", "items:read items:delete", "portal:admin", "items:read\0"])
def test_token_scope_beyond_subscriptions(ask, client_of, scope):
    response = ask(client_of, scope=scope)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_scope")


@pytest.mark.parametrize("status", [s for s in SubscriptionStatus if s not in {"active", "change_pending"}])
def test_token_of_inactive_subscription_opens_nothing(ask, client_of, application, status):
    application.subscriptions.update(status=status)
    claims = claims_of(ask(client_of))
    assert (claims["scope"], claims["subs"]) == ("", {})


def test_token_of_withdrawn_version_has_no_scope(ask, client_of, application):
    application.subscriptions.get().api.versions.update(status=Publication.RETIRED)
    assert claims_of(ask(client_of))["scope"] == ""


def test_token_of_expired_subscription(ask, client_of, application, later):
    application.subscriptions.update(expires_at=later(-1))
    assert claims_of(ask(client_of))["subs"] == {}


def test_subs_are_capped_and_say_so(ask, client_of, application):
    for n in range(60):
        factories.SubscriptionFactory(application=application, api=factories.ApiFactory(slug=f"many-{n}"))
    claims = claims_of(ask(client_of))
    assert (len(claims["subs"]), claims["subs_total"]) == (50, 61)


def assert_refused(response, *, by_header: bool = True):
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    assert response["WWW-Authenticate"].startswith("Basic")
    assert response["Cache-Control"] == "no-store"


def test_wrong_secret(ask, client_of):
    assert_refused(ask(client_of, secret="pcs_wrong"))


def test_wrong_secret_by_body(ask, client_of):
    assert_refused(ask(None, client_id=client_of.credential.public_id, client_secret="pcs_wrong"))


def test_no_secret(ask, client_of):
    assert_refused(ask(None, client_id=client_of.credential.public_id))


def test_unknown_client(ask):
    assert_refused(ask(None, client_id="cred_nobody", client_secret="pcs_x"))
    assert_refused(ask(None, client_id="cred_\0", client_secret="pcs_x"))
    assert_refused(ask(None))


def test_another_clients_id_in_the_body(ask, client_of, application, consumer):
    other = factories.ClientFactory(application=application, by=consumer)
    assert_refused(ask(client_of, client_id=other.credential.public_id))


def test_basic_and_body_do_not_mix(ask, client_of):
    wrong = {"client_id": client_of.credential.public_id, "client_secret": client_of.secret}
    assert_refused(ask(client_of, secret="pcs_wrong", **wrong))


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Basic Zm9v", "Bearer x", "Basic " + "A" * 5000])
def test_broken_authorization_header(header):
    response = Client().post(
        "/o/token/", {"grant_type": "client_credentials"}, headers={"Authorization": header}
    )
    assert_refused(response)


def test_revoked_client(ask, client_of, consumer):
    actions.revoke(credential=client_of.credential, by=consumer)
    assert_refused(ask(client_of))


def test_expired_client(ask, client_of, later):
    Credential.objects.update(expires_at=later(10))
    assert ask(client_of).status_code == 200
    with time_machine.travel(later(11)):
        assert_refused(ask(client_of))


def test_client_of_deleted_application(ask, client_of, application, later):
    application.deleted_at = later(0)
    application.save()
    assert_refused(ask(client_of))


def test_api_key_is_no_client(ask, key_of):
    assert_refused(ask(key_of))


@pytest.mark.parametrize(
    "grant",
    [
        "password",
        "implicit",
        "x",
    ],
)
def test_other_grants(ask, client_of, grant):
    response = ask(client_of, grant_type=grant, username="a", password="b", code="c", device_code="d")
    assert (response.status_code, response.json()["error"]) == (400, "unsupported_grant_type")


def test_grant_type_missing(ask, client_of):
    response = ask(client_of, grant_type="")
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


def test_parameters_in_the_url(ask, client_of):
    response = Client().post(
        f"/o/token/?client_id={client_of.credential.public_id}&client_secret={client_of.secret}"
    )
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


def test_get_is_not_allowed():
    assert Client().get("/o/token/").status_code == 405


@pytest.mark.parametrize(
    "name", ["entitlements", "credential", "client", "scopes", "expires_in", "user", "extra_credentials"]
)
def test_parameters_named_like_our_attributes_mean_nothing(ask, client_of, name):
    # oauthlib's Request answers unknown attributes with parameters of that name.
    response = ask(client_of, **{name: "portal:admin"})
    assert response.status_code == 200
    assert claims_of(response)["scope"] == "items:read items:write"
    assert response.json()["expires_in"] == 600


def test_stored_secret_must_be_our_hash(ask, client_of):
    type(client_of.credential.oauth_application).objects.update(client_secret=client_of.secret)
    assert_refused(ask(client_of))


def test_keys_are_read_from_memory(ask, client_of, django_assert_num_queries):
    ask(client_of)
    with django_assert_num_queries(0):
        signing.key_ring()
