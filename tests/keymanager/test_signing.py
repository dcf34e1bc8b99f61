import base64
import json

import pytest
import time_machine
from django.test import Client
from jwcrypto import jwk, jws, jwt

from keymanager import actions, signing, tasks, tokens
from keymanager.models import SigningKey
from portal.accounts.models import AuditEvent
from portal.errors import Conflict, Forbidden, Invalid

pytestmark = pytest.mark.django_db
Status = SigningKey.Status


def token_of(application) -> str:
    return tokens.mint(application=application, environment="production")


def header_of(token: str) -> dict:
    return json.loads(base64.urlsafe_b64decode(token.partition(".")[0] + "=="))


def published() -> jwk.JWKSet:
    return jwk.JWKSet.from_json(Client().get("/o/.well-known/jwks.json").content)


def test_first_use_makes_active_and_next(application):
    token_of(application)
    assert sorted(SigningKey.objects.values_list("status", flat=True)) == [Status.ACTIVE, Status.NEXT]
    signing.ensure_signing_keys()
    assert SigningKey.objects.count() == 2


def test_jwks_has_public_members_only(application):
    signing.ensure_signing_keys()
    keys = Client().get("/o/.well-known/jwks.json").json()["keys"]
    assert len(keys) == 2
    for key in keys:
        assert set(key) == {"kty", "n", "e", "kid", "alg", "use"}
        assert jwk.JWK(**key).thumbprint() == key["kid"]


def test_es256_jwks_has_public_members_only(settings):
    settings.SIGNING_ALGORITHM = "ES256"
    keys = Client().get("/o/.well-known/jwks.json").json()["keys"]
    assert len(keys) == 2
    for key in keys:
        assert set(key) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
        assert (key["kty"], key["crv"], key["alg"]) == ("EC", "P-256", "ES256")
        assert jwk.JWK(**key).thumbprint() == key["kid"]


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_others_can_check_what_we_sign(application, settings, algorithm):
    settings.SIGNING_ALGORITHM = algorithm
    for _ in range(20):  # an r or s of ES256 that begins with a zero keeps its 32 bytes
        token = token_of(application)
        claims = jwt.JWT(jwt=token, key=published(), expected_type="JWS", algs=[algorithm]).claims
        assert json.loads(claims) == signing.verify(token)
    header = header_of(token)
    assert header == {"alg": algorithm, "typ": "at+jwt", "kid": signing.key_ring().kid}


def test_switching_the_algorithm_fails_no_valid_token(application, settings, later):
    tasks.rotate_signing_keys()
    old = token_of(application)
    first = SigningKey.objects.get(status=Status.ACTIVE)
    settings.SIGNING_ALGORITHM = "ES256"
    tasks.rotate_signing_keys()
    signing.forget()
    coming = SigningKey.objects.get(status=Status.NEXT)
    assert (coming.algorithm, SigningKey.objects.count()) == ("ES256", 2)
    assert header_of(token_of(application))["kid"] == first.kid
    with time_machine.travel(later(settings.JWKS_CACHE_SECONDS + 1)) as clock:
        tasks.rotate_signing_keys()
        signing.forget()
        new = token_of(application)
        assert header_of(new) == {"alg": "ES256", "typ": "at+jwt", "kid": coming.kid}
        assert {key["alg"] for key in signing.jwks()["keys"]} == {"RS256", "ES256"}
        for token in (old, new):
            signed = jws.JWS()
            signed.deserialize(token)
            signed.verify(published())
            assert signing.verify(token)["app"] == application.public_id
        tasks.rotate_signing_keys()
        assert SigningKey.objects.get(status=Status.ACTIVE) == coming
        clock.shift(settings.MAX_TOKEN_SECONDS + 61)
        signing.forget()
        assert {key["alg"] for key in signing.jwks()["keys"]} == {"ES256"}


def test_a_key_verifies_its_own_algorithm_only(application, settings):
    settings.SIGNING_ALGORITHM = "ES256"
    token = token_of(application)
    kid = signing.key_ring().kid
    for alg in ("RS256", "HS256", "ES384", "none", "", None):
        with pytest.raises(Invalid):
            signing.verify(resigned(token, header={"alg": alg, "typ": "at+jwt", "kid": kid}))
    for signature in ("", "AA", "AA" * 43, token.rpartition(".")[2][:-2], "A" * 86):
        with pytest.raises(Invalid):
            signing.verify(resigned(token, signature=signature))
    forged = jws.JWS(json.dumps({"client_id": "x"}))
    stranger = jwk.JWK.generate(kty="EC", crv="P-256")
    forged.add_signature(stranger, None, json.dumps({"alg": "ES256", "typ": "at+jwt", "kid": kid}))
    with pytest.raises(Invalid):
        signing.verify(forged.serialize(compact=True))


def test_private_key_is_encrypted_at_rest():
    signing.ensure_signing_keys()
    for key in SigningKey.objects.all():
        assert b"PRIVATE KEY" not in bytes(key.private_key)


def test_rotation_keeps_old_tokens_good_until_they_end(application, admin, later, settings):
    old = token_of(application)
    with time_machine.travel(later(settings.JWKS_CACHE_SECONDS + 1)) as clock:
        coming = SigningKey.objects.get(status=Status.NEXT)
        actions.rotate_signing_key(by=admin)
        signing.forget()
        new = token_of(application)
        assert json.loads(base64.urlsafe_b64decode(new.split(".")[0] + "=="))["kid"] == coming.kid
        for token in (old, new):
            signed = jws.JWS()
            signed.deserialize(token)
            signed.verify(published())
            signing.verify(token)
        assert len(published()["keys"]) == 3
        clock.shift(settings.MAX_TOKEN_SECONDS + 61)
        signing.forget()
        assert len(published()["keys"]) == 2
        with pytest.raises(Invalid):
            signing.verify(old)
    event = AuditEvent.objects.get(event="signing_key_rotated")
    assert (event.target_id, event.by) == (coming.kid, admin)


def test_rotation_waits_for_the_next_key_to_be_known(admin):
    with pytest.raises(Conflict, match="too new"):
        actions.rotate_signing_key(by=admin)


def test_rotation_is_for_administrators(publisher):
    with pytest.raises(Forbidden):
        actions.rotate_signing_key(by=publisher)


def test_schedule_rotates_when_the_key_is_old(settings, later):
    tasks.rotate_signing_keys()
    first = SigningKey.objects.get(status=Status.ACTIVE)
    tasks.rotate_signing_keys()
    assert SigningKey.objects.get(status=Status.ACTIVE) == first
    with time_machine.travel(later(settings.SIGNING_KEY_DAYS * 86_400 + 1)):
        tasks.rotate_signing_keys()
        tasks.rotate_signing_keys()
    first.refresh_from_db()
    assert first.status == Status.RETIRED
    assert SigningKey.objects.count() == 3


def resigned(token: str, *, header: dict | None = None, signature: str | None = None) -> str:
    head, claims, old = token.split(".")
    if header is not None:
        head = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    return f"{head}.{claims}.{old if signature is None else signature}"


def test_verify_refuses_what_we_did_not_sign(application):
    token = token_of(application)
    kid = signing.key_ring().kid
    stranger = jwk.JWK.generate(kty="RSA", size=2048)
    forged = jws.JWS(json.dumps({"client_id": "x"}))
    forged.add_signature(stranger, None, json.dumps({"alg": "RS256", "typ": "at+jwt", "kid": kid}))
    public = json.dumps(signing.jwks()["keys"][0])
    confused = jws.JWS(json.dumps({"client_id": "x"}))
    confused.add_signature(
        jwk.JWK(kty="oct", k=base64.urlsafe_b64encode(public.encode()).rstrip(b"=").decode()),
        None,
        json.dumps({"alg": "HS256", "typ": "at+jwt", "kid": kid}),
    )
    bad = [
        "",
        "a.b.c",
        "..",
        token[:-8],
        token + "A" * 20_000,
        resigned(token, header={"alg": "none", "typ": "at+jwt", "kid": kid}, signature=""),
        resigned(token, header={"alg": "RS256", "typ": "JWT", "kid": kid}),
        resigned(token, header={"alg": "RS256", "typ": "at+jwt", "kid": "../../etc/passwd"}),
        resigned(token, header={"alg": "RS256", "typ": "at+jwt", "kid": ["x"]}),
        resigned(token, header={"alg": "RS256", "typ": "at+jwt"}),
        forged.serialize(compact=True),
        confused.serialize(compact=True),
    ]
    assert signing.verify(token)["app"] == application.public_id
    for text in bad:
        with pytest.raises(Invalid):
            signing.verify(text)


def test_page_says_when_the_algorithm_changes(admin, client_as, settings):
    page = client_as(admin).get("/signing-keys/").content.decode()
    assert "The next rotation is due" in page
    settings.SIGNING_ALGORITHM = "ES256"
    page = client_as(admin).get("/signing-keys/").content.decode()
    assert "New keys are ES256" in page
    assert sorted(SigningKey.objects.values_list("algorithm", "status")) == [
        ("ES256", Status.NEXT),
        ("RS256", Status.ACTIVE),
    ]
