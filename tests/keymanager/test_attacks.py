"""What somebody without a right to it tries at the end points: refused, and where a person should know, written down."""

import base64
import json
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.contrib.auth import hashers
from django.test import Client
from jwcrypto import jwk, jws

from keymanager import keys, signing
from keymanager.models import RevokedToken, SigningKey
from keymanager.oauth import validator
from portal.accounts.models import AuditEvent
from portal.encryption import fernet
from portal.errors import Invalid
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def good(ask, client_of) -> dict[str, Any]:
    """The claims of a token that counts."""
    return signing.verify(ask(client_of).json()["access_token"])


def part(data: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=").decode()


def header(**changes: Any) -> dict[str, Any]:
    head = {"alg": "RS256", "typ": "at+jwt", "kid": signing.key_ring().kid} | changes
    return {name: value for name, value in head.items() if value is not None}


def signed(claims: dict[str, Any], key: jwk.JWK, **changes: Any) -> str:
    token = jws.JWS(json.dumps(claims))
    token.allowed_algs = ["RS256", "HS256", "RS512", "PS256", "ES256"]
    token.add_signature(key, None, json.dumps(header(**changes)))
    return token.serialize(compact=True)


def public_pem() -> bytes:
    members = signing.jwks()["keys"][0]
    return jwk.JWK(**members).export_to_pem()


def secret_of(data: bytes) -> jwk.JWK:
    return jwk.JWK(kty="oct", k=base64.urlsafe_b64encode(data).rstrip(b"=").decode())


def own_key() -> jwk.JWK:
    """The portal's active private key, which no attacker has: for claims that only a wrong issuer could sign."""
    row = SigningKey.objects.get(status="active")
    return jwk.JWK.from_pem(fernet("signing").decrypt(bytes(row.private_key)))


def strange_key() -> jwk.JWK:
    return jwk.JWK.generate(kty="RSA", size=2048)


FORGERIES = {
    "alg none": lambda claims: f"{part(header(alg='none'))}.{part(claims)}.",
    "alg None": lambda claims: f"{part(header(alg='None'))}.{part(claims)}.",
    "no alg": lambda claims: f"{part(header(alg=None))}.{part(claims)}.",
    "no signature": lambda claims: f"{part(header())}.{part(claims)}.",
    "two parts": lambda claims: f"{part(header())}.{part(claims)}",
    "public key as HMAC secret": lambda claims: signed(claims, secret_of(public_pem()), alg="HS256"),
    "public JWK as HMAC secret": lambda claims: signed(
        claims, secret_of(json.dumps(signing.jwks()["keys"][0]).encode()), alg="HS256"
    ),
    "another key under our kid": lambda claims: signed(claims, strange_key()),
    "another algorithm of our key": lambda claims: signed(claims, own_key(), alg="RS512"),
    "PSS of our key": lambda claims: signed(claims, own_key(), alg="PS256"),
    "kid of a file": lambda claims: signed(claims, own_key(), kid="../../../dev/null"),
    "kid as SQL": lambda claims: signed(claims, own_key(), kid="x' UNION SELECT 'key"),
    "kid as list": lambda claims: f"{part(header(kid=['x']))}.{part(claims)}.AAAA",
    "kid as object": lambda claims: f"{part(header(kid={'x': 1}))}.{part(claims)}.AAAA",
    "no kid": lambda claims: signed(claims, own_key(), kid=None),
    "id token": lambda claims: signed(claims, own_key(), typ="JWT"),
    "wrong issuer": lambda claims: signed(claims | {"iss": "https://elsewhere.example/o"}, own_key()),
    "no issuer": lambda claims: signed({k: v for k, v in claims.items() if k != "iss"}, own_key()),
    "wrong audience": lambda claims: signed(claims | {"aud": ["https://elsewhere.example"]}, own_key()),
    "audience that begins alike": lambda claims: signed(
        claims | {"aud": [claims["aud"][0] + ".elsewhere.example"]}, own_key()
    ),
    "no audience": lambda claims: signed({k: v for k, v in claims.items() if k != "aud"}, own_key()),
    "not yet": lambda claims: signed(claims | {"nbf": time.time() + 3600}, own_key()),
    "nbf of words": lambda claims: signed(claims | {"nbf": "soon"}, own_key()),
    "changed claims": lambda claims: changed(claims, app="app_other"),
    "claims as list": lambda claims: f"{part(header())}.W10.AAAA",
    "too long": lambda claims: "A" * 20_000,
    "deep": lambda claims: f"{base64.urlsafe_b64encode(b'[' * 9000).decode()}.W10.AAAA",
    "not base64": lambda claims: f"{part(header())}.{part(claims)}.!!!!",
    "zero byte": lambda claims: f"{part(header())}.{part(claims)}.\0",
}
# Headers that name a key of the attacker's own; a verifier that believes them takes it.
INJECTED = {
    "jwk": lambda key: json.loads(key.export_public()),
    "jku": lambda key: "https://elsewhere.example/jwks.json",
    "x5u": lambda key: "https://elsewhere.example/cert.pem",
    "x5c": lambda key: ["MIIB"],
}


def changed(claims: dict[str, Any], **changes: Any) -> str:
    head, _, signature = signed(claims, own_key()).split(".")
    return f"{head}.{part(claims | changes)}.{signature}"


def with_injected_key(claims: dict[str, Any], name: str, kid: str | None) -> str:
    key = strange_key()
    text = part(header(kid=kid) | {name: INJECTED[name](key)}) + "." + part(claims)
    signature = private(key).sign(text.encode(), *rs256())
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def private(key: jwk.JWK) -> rsa.RSAPrivateKey:
    return serialization.load_pem_private_key(key.export_to_pem(private_key=True, password=None), None)


def rs256() -> tuple:
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.hashes import SHA256

    return padding.PKCS1v15(), SHA256()


def assert_refused_everywhere(token: str, ask, client_of):
    with pytest.raises(Invalid):
        signing.verify(token)
    response = ask(client_of, path="/o/introspect/", token=token)
    assert (response.status_code, response.json()) == (200, {"active": False})
    assert ask(client_of, path="/o/revoke_token/", token=token).status_code == 200
    assert not RevokedToken.objects.exists()


@pytest.mark.parametrize("name", FORGERIES)
def test_forged_token(name, good, ask, client_of):
    assert_refused_everywhere(FORGERIES[name](good), ask, client_of)


@pytest.mark.parametrize("kid", ["ours", "theirs", None])
@pytest.mark.parametrize("name", INJECTED)
def test_token_that_brings_its_own_key(name, kid, good, ask, client_of):
    kid = signing.key_ring().kid if kid == "ours" else kid
    assert_refused_everywhere(with_injected_key(good, name, kid), ask, client_of)


def test_the_way_the_forgeries_are_made_makes_good_tokens(good, ask, client_of):
    """Without this, a mistake in the tests would look like a refusal."""
    token = signed(good, own_key())
    assert signing.verify(token) == good
    assert ask(client_of, path="/o/introspect/", token=token).json()["active"] is True


def test_token_that_ended(good, ask, client_of):
    token = signed(good | {"exp": int(time.time()) - 1}, own_key())
    assert ask(client_of, path="/o/introspect/", token=token).json() == {"active": False}


def test_introspection_by_a_stranger_is_refused_and_its_team_told(ask, client_of, application, stranger):
    other = factories.ApplicationFactory(name="Other", team=factories.TeamFactory(slug="strangers"))
    holder = factories.ClientFactory(application=other, by=stranger)
    token = ask(client_of).json()["access_token"]
    for _ in range(2):
        response = ask(holder, path="/o/introspect/", token=token)
        assert response.json() == {"active": False}
    row = AuditEvent.objects.get(event="token_shown_by_stranger")
    assert (row.target_id, row.team) == (client_of.credential.public_id, application.team)
    assert row.data == {"shown_by": holder.credential.public_id}
    assert token not in str(row.data)


def test_introspection_without_proof(ask, client_of):
    token = ask(client_of).json()["access_token"]
    for response in (
        ask(None, path="/o/introspect/", token=token),
        ask(None, path="/o/introspect/", token=token, client_id=client_of.credential.public_id),
        ask(client_of, path="/o/introspect/", token=token, secret="pcs_wrong"),
        Client().post("/o/introspect/", {"token": token}, headers={"Authorization": f"Bearer {token}"}),
    ):
        assert (response.status_code, response.json()) == (401, {"error": "invalid_client"})


def test_wrong_secret_is_refused_and_the_team_told(ask, client_of, application):
    guesses = [
        "",
        "pcs_",
        client_of.secret[:-1],
        client_of.secret + "x",
        client_of.secret.swapcase(),
        "*",
        "%00",
    ]
    for guess in guesses:
        fields = {"client_id": client_of.credential.public_id, "client_secret": guess}
        assert ask(None, **fields).status_code == 401
    row = AuditEvent.objects.get(event="client_refused")
    assert (row.target_id, row.team) == (client_of.credential.public_id, application.team)
    assert not any(guess in str(row.data) for guess in guesses if len(guess) > 4)


def test_the_stored_hash_is_no_secret(ask, client_of):
    stored = client_of.credential.oauth_application.client_secret
    assert ask(client_of, secret=stored).status_code == 401
    assert ask(client_of, secret=stored.rpartition("$")[2]).status_code == 401


def test_key_with_a_wrong_checksum_is_not_ours(key_of):
    assert keys.is_ours(key_of.secret)
    assert not keys.is_ours(key_of.secret[:-1] + ("a" if key_of.secret[-1] != "a" else "b"))
    assert not keys.is_ours(key_of.secret.replace("ptk_live_", "ptk_test_"))


def secret_checks(monkeypatch, act) -> list[str]:
    """The algorithms of the hashes that `act` compares a secret with."""
    seen = []
    real = validator.check_password

    def watched(password, encoded, *args, **kwargs):
        seen.append(hashers.identify_hasher(encoded).algorithm)
        return real(password, encoded, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(validator, "check_password", watched)
        act()
    return seen


@pytest.mark.parametrize("method", ["header", "body"])
def test_time_does_not_tell_a_wrong_secret_from_an_unknown_client(method, monkeypatch, ask, client_of):
    def attempt(client_id: str) -> None:
        if method == "body":
            response = ask(None, client_id=client_id, client_secret="pcs_wrong")
        else:
            pair = base64.b64encode(f"{client_id}:pcs_wrong".encode()).decode()
            response = Client().post(
                "/o/token/", {"grant_type": "client_credentials"}, headers={"Authorization": f"Basic {pair}"}
            )
        assert response.status_code == 401

    known = secret_checks(monkeypatch, lambda: attempt(client_of.credential.public_id))
    unknown = secret_checks(monkeypatch, lambda: attempt("cred_nobody"))
    assert known == unknown == ["portico_sha256"]


def test_secrets_are_compared_in_constant_time(monkeypatch, ask, client_of):
    from keymanager import hashers as ours

    compared = []

    def watched(left, right):
        compared.append((len(left), len(right)))
        return left == right

    monkeypatch.setattr(ours, "constant_time_compare", watched)
    ask(client_of, secret="pcs_wrong")
    ask(client_of, secret="x" * 500)
    assert len(compared) == 2
    assert {left == right for left, right in compared} == {True}
