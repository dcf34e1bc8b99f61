"""The keys that sign access tokens: published before they sign, kept while their tokens may live, used from memory."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext

from portal.encryption import fernet
from portal.errors import Invalid
from portal.locks import transaction_lock

from .algorithms import ALGORITHMS, PrivateKey, PublicKey, decode, encode, thumbprint
from .models import SigningKey

TOKEN_MAX_CHARACTERS = 16_384
# How stale a process's idea of the keys may be. A new key is published long before it signs, so nothing fails meanwhile.
_CHECK_SECONDS = 5.0
_PURPOSE = "signing"
_TYPE = "at+jwt"


@dataclass(frozen=True, slots=True)
class KeyRing:
    """What one process needs: the key that signs, and every public key that still counts."""

    kid: str
    algorithm: str
    private: PrivateKey
    publics: Mapping[str, PublicKey]
    jwks: Mapping[str, Any]
    version: tuple[tuple[str, str], ...]
    # The header of every token that this key signs, as it stands in the token.
    header: str

    def sign(self, claims: Mapping[str, Any]) -> str:
        """The claims as a compact JWS of type `at+jwt` (RFC 9068), of the active key's algorithm."""
        return self._signed(self.header, claims)

    def sign_id_token(self, claims: Mapping[str, Any]) -> str:
        """The same of type `JWT`, which nobody can take for an access token."""
        return self._signed(_encode_json({"alg": self.algorithm, "typ": "JWT", "kid": self.kid}), claims)

    def _signed(self, header: str, claims: Mapping[str, Any]) -> str:
        signed = f"{header}.{_encode_json(claims)}"
        return f"{signed}.{encode(self.private.sign(signed.encode()))}"


class _Held:
    """This process's key ring and when it was last compared with the database."""

    ring: KeyRing | None = None
    checked: float = 0.0


def key_ring() -> KeyRing:
    """The current keys, made if there are none. Reads the database at most once in five seconds."""
    held = held_ring()
    if held is not None:
        return held
    version = _version()
    if "active" not in dict(version).values():
        ensure_signing_keys()
        version = _version()
    if _Held.ring is None or _Held.ring.version != version:
        _Held.ring = _load(version)
    _Held.checked = time.monotonic()
    return _Held.ring


def held_ring() -> KeyRing | None:
    """The keys in this process's memory, while they are fresh. Never reads the database."""
    fresh = time.monotonic() - _Held.checked < _CHECK_SECONDS
    return _Held.ring if fresh else None


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
        raise Invalid(gettext("This is too long to be a token of this portal."), field="token")
    try:
        signed, _, signature = token.rpartition(".")
        header_part, _, claims_part = signed.partition(".")
        header, claims = _decode_json(header_part), _decode_json(claims_part)
        public = key_ring().publics[header["kid"]]
        # A key has one algorithm: what the token's header says can only agree with it.
        if header.get("alg") != public.algorithm or header.get("typ") != _TYPE:
            raise ValueError
        public.verify(decode(signature), signed.encode())
        if not _meant_for_here(claims):
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError, InvalidSignature):
        raise Invalid(
            gettext("This is not an access token that this portal signed."),
            remedy=gettext("Paste the whole token: three parts with dots between them."),
            field="token",
        ) from None
    return claims


def _meant_for_here(claims: Mapping[str, Any]) -> bool:
    """Issued by this portal, for a gateway of its own, and not for a time to come."""
    gateways = tuple(settings.GATEWAY_URLS.values())
    known = any(
        address == url or address.startswith(f"{url}/") for address in claims["aud"] for url in gateways
    )
    return known and claims["iss"] == settings.ISSUER and claims.get("nbf", 0) <= time.time()


@transaction.atomic
def ensure_signing_keys() -> None:
    """Make the active and the next key where they are missing. Safe in many processes at once.

    A next key of another algorithm than PORTICO_SIGNING_ALGORITHM gives way to one of it: it has signed nothing yet.
    The active key keeps its algorithm until the next one has been published for long enough.
    """
    transaction_lock("signing keys")
    Status = SigningKey.Status  # noqa: N806  a class
    SigningKey.objects.filter(status=Status.NEXT).exclude(algorithm=settings.SIGNING_ALGORITHM).delete()
    there = set(SigningKey.objects.exclude(status=Status.RETIRED).values_list("status", flat=True))
    for status in (Status.ACTIVE, Status.NEXT):
        if status not in there:
            new_key(status).save()


def new_key(status: str) -> SigningKey:
    """A fresh key pair of the setting's algorithm, not saved. Its id is the RFC 7638 thumbprint; the private half is
    encrypted."""
    algorithm = settings.SIGNING_ALGORITHM
    private = ALGORITHMS[algorithm].generate()
    members = private.public().members()
    kid = thumbprint(members)
    return SigningKey(
        kid=kid,
        algorithm=algorithm,
        public_jwk={**members, "kid": kid, "alg": algorithm, "use": "sig"},
        private_key=fernet(_PURPOSE).encrypt(private.pem()),
        status=status,
    )


def _version() -> tuple[tuple[str, str], ...]:
    return tuple(SigningKey.objects.published().values_list("kid", "status"))


def _load(version: tuple[tuple[str, str], ...]) -> KeyRing:
    rows = list(SigningKey.objects.published())
    active = next(row for row in rows if row.status == SigningKey.Status.ACTIVE)
    algorithm = ALGORITHMS[active.algorithm]
    return KeyRing(
        kid=active.kid,
        algorithm=active.algorithm,
        private=algorithm.load(fernet(_PURPOSE).decrypt(bytes(active.private_key))),
        publics={row.kid: ALGORITHMS[row.algorithm].public(row.public_jwk) for row in rows},
        jwks={"keys": [row.public_jwk for row in rows]},
        version=version,
        header=_encode_json({"alg": active.algorithm, "typ": _TYPE, "kid": active.kid}),
    )


_compact = json.JSONEncoder(separators=(",", ":")).encode


def _encode_json(data: Mapping[str, Any]) -> str:
    return encode(_compact(data).encode())


def _decode_json(text: str) -> dict[str, Any]:
    data = json.loads(decode(text))
    if not isinstance(data, dict):
        raise TypeError("not a JSON object")
    return data
