"""Clients that prove themselves by a signature of their own (RFC 7523 2.2): their public keys, and what they sign."""

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from django.utils.translation import gettext

from keymanager.algorithms import ALGORITHMS, PublicKey, RsaPublicKey, decode, thumbprint
from portal.accounts import limits
from portal.errors import Invalid

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# The signature algorithms that an assertion may have; a key has exactly one of them.
SIGNATURES = tuple(ALGORITHMS)
KEYS_MAX = 5
# Seconds. Most libraries sign for a minute or five, Authlib for an hour.
LIFETIME_MAX = 3600

# Seconds that a client's clock may be off.
_LEEWAY = 30
_CHARACTERS_MAX = 8192
_ALGORITHM_OF = {"RSA": "RS256", "EC": "ES256"}
_RSA_BITS = range(2048, 4097)
# A private key has these too; it must never be sent, let alone kept.
PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


def checked_keys(document: object) -> list[dict[str, str]]:
    """The public keys of a JWK set as they are kept: the members that count, each key with an id.

    Raises Invalid for anything but 1 to 5 public keys, RSA of 2048 to 4096 bits or on P-256.
    """
    rows = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(rows, list) or not 1 <= len(rows) <= KEYS_MAX:
        raise Invalid(
            gettext("Give a JWK set with 1 to {keys_max} public keys.").format(keys_max=KEYS_MAX),
            remedy=gettext('It looks like {"keys": [{"kty": "RSA", "n": "…", "e": "AQAB", "kid": "…"}]}.'),
            field="keys",
        )
    keys = [checked_key(row) for row in rows]
    if len({key["kid"] for key in keys}) < len(keys):
        raise Invalid(gettext("Two of the keys have the same kid."), field="keys")
    return keys


def claimed_client(assertion: str) -> str:
    """Whom the assertion says it is from, unproven; "" where it does not say."""
    try:
        name = _parts(assertion)[1]["sub"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return name if isinstance(name, str) else ""


def proves(
    assertion: str, *, client_id: str, keys: Iterable[Mapping[str, str]], audiences: Iterable[str]
) -> bool:
    """Whether one of the client's keys signed it for us, lately, and it is shown for the first time."""
    try:
        header, claims = _parts(assertion)
        signed, _, signature = assertion.rpartition(".")
        if not any(_verifies(key, header, signed, decode(signature)) for key in keys):
            return False
        if not _claims_count(claims, client_id=client_id, audiences=set(audiences)):
            return False
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
    # Only what was signed is written down, so strangers fill no table. Kept for as long as it could be shown again.
    seconds = int(claims["exp"] - time.time()) + 4 * _LEEWAY
    return limits.first_time(f"assertion {client_id} {limits.digest(claims['jti'])}", seconds)


def _claims_count(claims: Mapping[str, Any], *, client_id: str, audiences: set[str]) -> bool:
    """RFC 7523 section 3, and an end and an id that it leaves to us to ask for."""
    now = time.time()
    aud = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    begins = [claims[name] for name in ("nbf", "iat") if name in claims]
    jti = claims["jti"]
    return (
        claims["iss"] == claims["sub"] == client_id
        and not audiences.isdisjoint(aud)
        and now - _LEEWAY < claims["exp"] <= now + LIFETIME_MAX + _LEEWAY
        and all(begin <= now + _LEEWAY for begin in begins)
        and isinstance(jti, str)
        and 1 <= len(jti) <= 256
    )


def _verifies(key: Mapping[str, str], header: Mapping[str, Any], signed: str, signature: bytes) -> bool:
    if header.get("alg") != key["alg"] or header.get("kid", key["kid"]) != key["kid"] or "crit" in header:
        return False
    try:
        ALGORITHMS[key["alg"]].public(key).verify(signature, signed.encode())
    except InvalidSignature:
        return False
    return True


def _parts(assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
    if len(assertion) > _CHARACTERS_MAX:
        raise ValueError("too long")
    header, claims, _ = assertion.split(".")
    parts = json.loads(decode(header)), json.loads(decode(claims))
    if not all(isinstance(part, dict) for part in parts):
        raise TypeError("not JSON objects")
    return parts


def checked_key(row: object) -> dict[str, str]:
    """The members of one public key that count. Raises Invalid."""
    if not isinstance(row, dict) or not all(
        isinstance(row.get(name, ""), str) for name in ("kty", "kid", "alg", "use")
    ):
        raise Invalid(gettext("A key is a JSON object whose members are texts."), field="keys")
    if PRIVATE_MEMBERS & row.keys():
        raise Invalid(
            gettext("This is a private key. It was not kept, but it has travelled: do not use it any more."),
            remedy=gettext("Make a new pair and register its public half."),
            field="keys",
        )
    algorithm = _ALGORITHM_OF.get(row.get("kty", ""), "")
    if not algorithm or row.get("alg", algorithm) != algorithm or row.get("use", "sig") != "sig":
        raise Invalid(
            gettext("A key signs with {names}.").format(names=" or ".join(SIGNATURES)),
            remedy=gettext("Use RSA, or EC on P-256."),
            field="keys",
        )
    public = _public(algorithm, row)
    members = public.members()
    kid = row.get("kid") or thumbprint(members)
    if len(kid) > 128 or not kid.isprintable():
        raise Invalid(gettext("A kid has at most 128 characters that can be read."), field="keys")
    return {**members, "kid": kid, "alg": algorithm, "use": "sig"}


def _public(algorithm: str, row: Mapping[str, Any]) -> PublicKey:
    refusal = Invalid(
        gettext("One of the keys is no public key that counts here."),
        remedy=gettext("Use RSA of 2048 to 4096 bits with the exponent 65537 (AQAB), or EC on P-256."),
        field="keys",
    )
    if algorithm == "ES256" and row.get("crv") != "P-256":
        raise refusal
    try:
        public = ALGORITHMS[algorithm].public(row)
    except (ValueError, KeyError, TypeError):
        raise refusal from None
    if isinstance(public, RsaPublicKey) and not _counts(public):
        raise refusal
    return public


def _counts(public: RsaPublicKey) -> bool:
    """The gateway takes no even modulus, and where an issuer has no other key it would refuse everybody's with it."""
    numbers = public.key.public_numbers()
    return public.key.key_size in _RSA_BITS and numbers.e == 65537 and numbers.n % 2 == 1
