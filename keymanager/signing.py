"""The keys that sign access tokens: published before they sign, kept while their tokens may live, used from memory."""

import base64
import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from django.db import transaction

from portal.encryption import fernet
from portal.errors import Invalid
from portal.locks import transaction_lock

from .models import SigningKey

RSA_BITS = 2048
TOKEN_MAX_CHARACTERS = 16_384
# How stale a process's idea of the keys may be. A new key is published long before it signs, so nothing fails meanwhile.
_CHECK_SECONDS = 5.0
_PURPOSE = "signing"
_TYPE = "at+jwt"


@dataclass(frozen=True, slots=True)
class KeyRing:
    """What one process needs: the key that signs, and every public key that still counts."""

    kid: str
    private: rsa.RSAPrivateKey
    publics: Mapping[str, rsa.RSAPublicKey]
    jwks: Mapping[str, Any]
    version: tuple[tuple[str, str], ...]

    def sign(self, claims: Mapping[str, Any]) -> str:
        """The claims as a compact RS256 JWS of type `at+jwt` (RFC 9068)."""
        header = {"alg": "RS256", "typ": _TYPE, "kid": self.kid}
        signed = f"{_encode_json(header)}.{_encode_json(claims)}"
        return f"{signed}.{_encode(self.private.sign(signed.encode(), padding.PKCS1v15(), SHA256()))}"


class _Held:
    """This process's key ring and when it was last compared with the database."""

    ring: KeyRing | None = None
    checked: float = 0.0


def key_ring() -> KeyRing:
    """The current keys, made if there are none. Reads the database at most once in five seconds."""
    now = time.monotonic()
    if _Held.ring is not None and now - _Held.checked < _CHECK_SECONDS:
        return _Held.ring
    version = _version()
    if "active" not in dict(version).values():
        ensure_signing_keys()
        version = _version()
    if _Held.ring is None or _Held.ring.version != version:
        _Held.ring = _load(version)
    _Held.checked = now
    return _Held.ring


def forget() -> None:
    """Read the keys anew at the next use: after a rotation in this process, and between tests."""
    _Held.ring = None


def jwks() -> dict[str, Any]:
    """The public keys that count now, as RFC 7517 asks: next, active, and retired ones whose tokens may still live."""
    return dict(key_ring().jwks)


def verify(token: str) -> dict[str, Any]:
    """The claims of a token that this portal signed; whether it has ended or was revoked is not looked at.

    Raises:
        Invalid: it is not a token, or not one of ours.
    """
    if len(token) > TOKEN_MAX_CHARACTERS:
        raise Invalid("This is too long to be a token of this portal.", field="token")
    try:
        signed, _, signature = token.rpartition(".")
        header_part, _, claims_part = signed.partition(".")
        header, claims = _decode_json(header_part), _decode_json(claims_part)
        public = key_ring().publics[header["kid"]]
        if header.get("alg") != "RS256" or header.get("typ") != _TYPE:
            raise ValueError
        public.verify(_decode(signature), signed.encode(), padding.PKCS1v15(), SHA256())
    except (ValueError, KeyError, TypeError, InvalidSignature):
        raise Invalid(
            "This is not an access token that this portal signed.",
            remedy="Paste the whole token: three parts with dots between them.",
            field="token",
        ) from None
    return claims


@transaction.atomic
def ensure_signing_keys() -> None:
    """Make the active and the next key where they are missing. Safe in many processes at once."""
    transaction_lock("signing keys")
    there = set(SigningKey.objects.exclude(status=SigningKey.Status.RETIRED).values_list("status", flat=True))
    for status in (SigningKey.Status.ACTIVE, SigningKey.Status.NEXT):
        if status not in there:
            new_key(status).save()


def new_key(status: str) -> SigningKey:
    """A fresh key pair, not saved. Its id is the RFC 7638 thumbprint; the private half is encrypted."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    numbers = private.public_key().public_numbers()
    members = {"e": _encode_number(numbers.e), "kty": "RSA", "n": _encode_number(numbers.n)}
    kid = _encode(
        hashlib.sha256(json.dumps(members, sort_keys=True, separators=(",", ":")).encode()).digest()
    )
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return SigningKey(
        kid=kid,
        public_jwk={**members, "kid": kid, "alg": "RS256", "use": "sig"},
        private_key=fernet(_PURPOSE).encrypt(pem),
        status=status,
    )


def _version() -> tuple[tuple[str, str], ...]:
    return tuple(SigningKey.objects.published().values_list("kid", "status"))


def _load(version: tuple[tuple[str, str], ...]) -> KeyRing:
    rows = list(SigningKey.objects.published())
    active = next(row for row in rows if row.status == SigningKey.Status.ACTIVE)
    private = serialization.load_pem_private_key(
        fernet(_PURPOSE).decrypt(bytes(active.private_key)), password=None
    )
    if not isinstance(private, rsa.RSAPrivateKey):
        raise TypeError(f"signing key {active.kid} is not an RSA key")
    return KeyRing(
        kid=active.kid,
        private=private,
        publics={row.kid: _public(row.public_jwk) for row in rows},
        jwks={"keys": [row.public_jwk for row in rows]},
        version=version,
    )


def _public(jwk: Mapping[str, str]) -> rsa.RSAPublicKey:
    e, n = (int.from_bytes(_decode(jwk[name])) for name in ("e", "n"))
    return rsa.RSAPublicNumbers(e, n).public_key()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _encode_json(data: Mapping[str, Any]) -> str:
    return _encode(json.dumps(data, separators=(",", ":")).encode())


def _encode_number(number: int) -> str:
    return _encode(number.to_bytes((number.bit_length() + 7) // 8))


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _decode_json(text: str) -> dict[str, Any]:
    data = json.loads(_decode(text))
    if not isinstance(data, dict):
        raise TypeError("not a JSON object")
    return data
