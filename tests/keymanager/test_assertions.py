"""private_key_jwt (RFC 7523): which keys are taken, which assertions count, and that each counts once."""

import base64
import json
import time
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.test import Client
from jwcrypto import jwk, jws

from keymanager import actions
from keymanager.models import Credential
from keymanager.oauth import assertions, client_keys
from portal.accounts import limits
from portal.accounts.models import AuditEvent
from portal.errors import Conflict, Forbidden, Invalid
from tests import factories

pytestmark = pytest.mark.django_db
RSA = jwk.JWK.generate(kty="RSA", size=2048, kid="rsa-1")
EC = jwk.JWK.generate(kty="EC", crv="P-256", kid="ec-1")
OTHER = jwk.JWK.generate(kty="EC", crv="P-256", kid="ec-1")
SMALL = jwk.JWK.generate(kty="RSA", size=1024)
P384 = jwk.JWK.generate(kty="EC", crv="P-384")


def public(*keys: jwk.JWK) -> dict[str, Any]:
    return {"keys": [json.loads(key.export_public()) for key in keys]}


@pytest.fixture
def signer(client_of, consumer) -> Credential:
    """A client with one key of each kind."""
    return client_keys.register(credential=client_of.credential, document=public(RSA, EC), by=consumer)


def claims_of(credential: Credential, settings, **changes: Any) -> dict[str, Any]:
    name = credential.public_id
    now = time.time()
    claims = {
        "iss": name,
        "sub": name,
        "aud": settings.ISSUER,
        "iat": now,
        "exp": now + 60,
        "jti": uuid4().hex,
    }
    return {name: value for name, value in (claims | changes).items() if value is not None}


def assertion(claims: dict[str, Any], key: jwk.JWK = EC, alg: str = "ES256", **header: Any) -> str:
    token = jws.JWS(json.dumps(claims))
    token.allowed_algs = ["RS256", "ES256", "PS256", "HS256", "RS512", "ES384"]
    token.add_signature(key, None, json.dumps({"alg": alg, **header}))
    return token.serialize(compact=True)


def present(text: str, *, path: str = "/o/token/", **fields: str):
    fields = {
        "grant_type": "client_credentials",
        "client_assertion_type": assertions.TYPE,
        "client_assertion": text,
        **fields,
    }
    return Client(enforce_csrf_checks=True).post(path, fields)


def assert_refused(response):
    assert (response.status_code, response.json()) == (401, {"error": "invalid_client"})


@pytest.mark.parametrize(("key", "alg"), [(RSA, "RS256"), (EC, "ES256")])
@pytest.mark.parametrize("header", [{}, {"kid": True, "typ": "JWT"}])
def test_client_gets_a_token(key, alg, header, signer, settings, ask, client_of):
    header = {**header, "kid": json.loads(key.export_public())["kid"]} if header else {}
    response = present(assertion(claims_of(signer, settings), key, alg, **header))
    assert response.status_code == 200, response.content
    assert response.json()["scope"] == "items:read items:write"
    assert ask(client_of).status_code == 200  # its secret works on


@pytest.mark.parametrize(
    "audience", ["{issuer}", "{issuer}/token/", ["https://elsewhere.example", "{issuer}"]]
)
def test_audience_is_the_issuer_or_the_token_end_point(audience, signer, settings):
    named = json.loads(json.dumps(audience).replace("{issuer}", settings.ISSUER))
    claims = claims_of(signer, settings, aud=named)
    assert present(assertion(claims), client_id=signer.public_id).status_code == 200


@pytest.mark.parametrize("path", ["/o/introspect/", "/o/revoke_token/"])
def test_other_end_points_take_it_too(path, signer, settings):
    token = present(assertion(claims_of(signer, settings))).json()["access_token"]
    response = present(assertion(claims_of(signer, settings)), path=path, token=token)
    assert response.status_code == 200
    assert path != "/o/introspect/" or response.json()["active"] is True
    assert_refused(present(assertion(claims_of(signer, settings), OTHER), path=path, token=token))


def test_metadata_says_so(signer):
    data = Client().get("/o/.well-known/openid-configuration").json()
    for name in ("token", "revocation", "introspection"):
        assert "private_key_jwt" in data[f"{name}_endpoint_auth_methods_supported"]
        assert data[f"{name}_endpoint_auth_signing_alg_values_supported"] == ["RS256", "ES256"]


def test_each_counts_once_in_all_processes(signer, settings, later):
    text = assertion(claims_of(signer, settings))
    assert present(text).status_code == 200
    assert_refused(present(text))
    limits.forget()  # what another process knows
    assert_refused(present(text))
    with time_machine.travel(later(85)):
        assert_refused(present(text))


def test_long_one_counts_once_while_it_lives(signer, settings, later):
    """Authlib signs for an hour."""
    text = assertion(claims_of(signer, settings, exp=time.time() + 3600))
    assert present(text).status_code == 200
    with time_machine.travel(later(3600 + 29)):
        assert_refused(present(text))


def test_same_id_of_another_client_counts(signer, settings, application, consumer):
    other = factories.ClientFactory(application=application, by=consumer).credential
    client_keys.register(credential=other, document=public(EC), by=consumer)
    for credential in (signer, other):
        assert present(assertion(claims_of(credential, settings, jti="1"))).status_code == 200


WRONG_CLAIMS: dict[str, dict[str, Any]] = {
    "no issuer": {"iss": None},
    "another issuer": {"iss": "cred_other"},
    "another subject": {"sub": "cred_other"},
    "no subject": {"sub": None},
    "no audience": {"aud": None},
    "another audience": {"aud": "https://elsewhere.example/o"},
    "audience of the gateway": {"aud": "http://127.0.0.1:8081"},
    "audience that begins alike": {"aud": "http://127.0.0.1:8000/o/token/more"},
    "audience of numbers": {"aud": [1]},
    "audience of objects": {"aud": [{}]},
    "no end": {"exp": None},
    "end of words": {"exp": "tomorrow"},
    "end that is no number": {"exp": float("nan")},
    "ended": {"exp": time.time() - 31},
    "too far ahead": {"exp": time.time() + 3600 + 300},
    "without end": {"exp": float("inf")},
    "not yet": {"nbf": time.time() + 10_000},
    "issued later": {"iat": time.time() + 10_000},
    "nbf of words": {"nbf": "soon"},
    "no id": {"jti": None},
    "empty id": {"jti": ""},
    "long id": {"jti": "x" * 257},
    "id as list": {"jti": ["x"]},
}


@pytest.mark.parametrize("name", WRONG_CLAIMS)
def test_wrong_claims(name, signer, settings):
    assert_refused(present(assertion(claims_of(signer, settings, **WRONG_CLAIMS[name]))))


def unsigned(claims: dict[str, Any]) -> str:
    parts = (json.dumps(part).encode() for part in ({"alg": "none"}, claims))
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."


def hmac_key() -> jwk.JWK:
    secret = base64.urlsafe_b64encode(RSA.export_to_pem()).rstrip(b"=").decode()
    return jwk.JWK(kty="oct", k=secret)


FORGERIES = {
    "no signature": unsigned,
    "key of another": lambda claims: assertion(claims, OTHER),
    "key of another under our kid": lambda claims: assertion(claims, OTHER, kid="ec-1"),
    "unknown kid": lambda claims: assertion(claims, EC, kid="ec-2"),
    "kid of the other key": lambda claims: assertion(claims, EC, kid="rsa-1"),
    "kid as list": lambda claims: assertion(claims, EC, kid=["ec-1"]),
    "public key as HMAC secret": lambda claims: assertion(claims, hmac_key(), "HS256"),
    "another algorithm of the key": lambda claims: assertion(claims, RSA, "RS512"),
    "PSS": lambda claims: assertion(claims, RSA, "PS256"),
    "critical header": lambda claims: assertion(claims).replace(
        assertion(claims).split(".")[0],
        base64.urlsafe_b64encode(b'{"alg":"ES256","crit":["x"],"x":1}').rstrip(b"=").decode(),
    ),
    "changed": lambda claims: ".".join(
        [
            assertion(claims).split(".")[0],
            unsigned(claims | {"jti": "x"}).split(".")[1],
            assertion(claims).split(".")[2],
        ]
    ),
    "two parts": lambda claims: assertion(claims).rpartition(".")[0],
    "four parts": lambda claims: assertion(claims) + ".x",
    "empty": lambda claims: "",
    "dots": lambda claims: "..",
    "long": lambda claims: assertion(claims) + "A" * 9000,
    "deep": lambda claims: base64.urlsafe_b64encode(b"[" * 5000).decode() + ".e30.AAAA",
    "lists": lambda claims: "W10.W10.W10",
    "zero byte": lambda claims: assertion(claims) + "\0",
}


@pytest.mark.parametrize("name", FORGERIES)
def test_forged(name, signer, settings):
    assert_refused(present(FORGERIES[name](claims_of(signer, settings))))


def test_a_refused_one_uses_up_no_id(signer, settings):
    claims = claims_of(signer, settings, jti="only")
    assert_refused(present(assertion(claims, OTHER)))
    assert present(assertion(claims)).status_code == 200


def test_one_method_in_one_request(signer, settings, ask, client_of):
    text = assertion(claims_of(signer, settings))
    assert_refused(present(text, client_secret=client_of.secret))
    assert_refused(present(text, client_id="cred_other"))
    assert_refused(
        present(text, client_assertion_type="urn:ietf:params:oauth:client-assertion-type:saml2-bearer")
    )
    fields = {"client_assertion": text, "client_assertion_type": assertions.TYPE}
    assert_refused(ask(client_of, **fields))
    assert present(text).status_code == 200


def test_client_without_keys(client_of, settings):
    assert_refused(present(assertion(claims_of(client_of.credential, settings))))


def test_client_whose_keys_were_taken_away(signer, settings, consumer):
    client_keys.withdraw(credential=signer, by=consumer)
    assert_refused(present(assertion(claims_of(signer, settings))))


def test_revoked_client(signer, settings, consumer):
    actions.revoke(credential=signer, by=consumer)
    assert_refused(present(assertion(claims_of(signer, settings))))


def test_guessing_is_limited_and_told(signer, settings):
    settings.CLIENT_FAILURES = 2
    for _ in range(2):
        assert_refused(present(assertion(claims_of(signer, settings), OTHER)))
    assert present(assertion(claims_of(signer, settings))).status_code == 429
    assert AuditEvent.objects.filter(event="client_limited", target_id=signer.public_id).exists()


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"keys": []},
        {"keys": {}},
        {"keys": ["x"]},
        {"keys": [{}]},
        {"keys": [{"kty": "oct", "k": "AAAA"}]},
        {"keys": [{"kty": "RSA"}]},
        {"keys": [{"kty": "RSA", "n": "!", "e": "AQAB"}]},
        {"keys": [{"kty": "RSA", "n": 5, "e": "AQAB"}]},
        {"keys": [{"kty": ["RSA"]}]},
        {"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]},
        {"keys": [{**json.loads(EC.export_public()), "x": json.loads(RSA.export_public())["n"]}]},
        {"keys": [{**json.loads(RSA.export_public()), "e": "AQ"}]},
        {"keys": [{**json.loads(RSA.export_public()), "alg": "HS256"}]},
        {"keys": [{**json.loads(RSA.export_public()), "use": "enc"}]},
        {"keys": [{**json.loads(RSA.export_public()), "kid": "x" * 129}]},
        {"keys": [{**json.loads(RSA.export_public()), "kid": "a\0b"}]},
        public(SMALL),
        public(P384),
        public(EC, OTHER),
        {"keys": [*public(EC)["keys"] * 6]},
    ],
)
def test_keys_that_are_not_taken(document, client_of, consumer):
    with pytest.raises(Invalid):
        client_keys.register(credential=client_of.credential, document=document, by=consumer)
    assert Credential.objects.get(pk=client_of.credential.pk).client_keys == []


def test_a_private_key_is_refused_and_never_kept(client_of, consumer):
    with pytest.raises(Invalid, match="private key"):
        client_keys.register(
            credential=client_of.credential, document={"keys": [json.loads(EC.export())]}, by=consumer
        )


def test_only_members_that_count_are_kept(client_of, consumer):
    row = {**json.loads(EC.export_public()), "x5u": "https://elsewhere.example", "note": "n"}
    del row["kid"]
    kept = client_keys.register(
        credential=client_of.credential, document={"keys": [row]}, by=consumer
    ).client_keys
    assert set(kept[0]) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    assert kept[0]["kid"] == EC.thumbprint()
    event = AuditEvent.objects.get(event="client_keys_registered")
    assert (event.by, event.data) == (consumer, {"kids": [EC.thumbprint()]})


def test_keys_are_for_those_who_manage_working_clients(client_of, key_of, consumer, stranger):
    with pytest.raises(Forbidden):
        client_keys.register(credential=client_of.credential, document=public(EC), by=stranger)
    with pytest.raises(Conflict):
        client_keys.register(credential=key_of.credential, document=public(EC), by=consumer)
    actions.revoke(credential=client_of.credential, by=consumer)
    with pytest.raises(Conflict):
        client_keys.register(credential=client_of.credential, document=public(EC), by=consumer)


def test_rest(client_of, consumer, stranger, client_as, settings):
    path = f"/api/v1/credentials/{client_of.credential.public_id}/keys/"
    mine = client_as(consumer)
    assert mine.get(path).json() == {"keys": []}
    answer = mine.put(path, public(EC), content_type="application/json")
    assert (answer.status_code, len(answer.json()["keys"])) == (200, 1)
    assert mine.get(path).json() == answer.json()
    assert present(assertion(claims_of(client_of.credential, settings))).status_code == 200
    assert mine.put(path, {"keys": []}, content_type="application/json").status_code == 400
    assert mine.put(path, [], content_type="application/json").status_code == 400
    assert client_as(stranger).get(path).status_code == 404
    assert client_as(stranger).delete(path).status_code == 404
    assert client_as(None).get(path).status_code in {401, 403}
    assert mine.delete(path).status_code == 204
    assert mine.get(path).json() == {"keys": []}
