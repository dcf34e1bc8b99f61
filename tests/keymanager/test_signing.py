import base64
import json

import pytest
import time_machine
from django.test import Client
from jwcrypto import jwk, jws

from keymanager import actions, signing, tasks, tokens
from keymanager.models import SigningKey
from portal.accounts.models import AuditEvent
from portal.errors import Conflict, Forbidden, Invalid

pytestmark = pytest.mark.django_db
Status = SigningKey.Status


def token_of(application) -> str:
    return tokens.mint(application=application, environment="production")


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
        assert jwk.JWK(**key).key_size if hasattr(jwk.JWK, "key_size") else True


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
