"""RS256 and ES256 (RFC 7518 3.3 and 3.4): key pairs, their JWKs, and signatures as a JWS carries them. No database."""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

RSA_BITS = 2048
_P256_BYTES = 32
_PKCS1, _SHA256, _ECDSA = padding.PKCS1v15(), SHA256(), ec.ECDSA(SHA256())


class PublicKey(Protocol):
    @property
    def algorithm(self) -> str: ...

    def verify(self, signature: bytes, data: bytes) -> None:
        """Raises InvalidSignature."""

    def members(self) -> dict[str, str]:
        """The members of its JWK that RFC 7638 makes the thumbprint of."""


class PrivateKey(Protocol):
    def sign(self, data: bytes) -> bytes: ...

    def public(self) -> PublicKey: ...

    def pem(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class RsaPublicKey:
    key: rsa.RSAPublicKey
    algorithm: str = "RS256"

    def verify(self, signature: bytes, data: bytes) -> None:
        self.key.verify(signature, data, _PKCS1, _SHA256)

    def members(self) -> dict[str, str]:
        numbers = self.key.public_numbers()
        return {"e": _encode_number(numbers.e), "kty": "RSA", "n": _encode_number(numbers.n)}


@dataclass(frozen=True, slots=True)
class RsaPrivateKey:
    key: rsa.RSAPrivateKey

    def sign(self, data: bytes) -> bytes:
        return self.key.sign(data, _PKCS1, _SHA256)

    def public(self) -> RsaPublicKey:
        return RsaPublicKey(self.key.public_key())

    def pem(self) -> bytes:
        return _pem(self.key)


@dataclass(frozen=True, slots=True)
class EcPublicKey:
    """On the curve P-256. A JWS carries r and s side by side, 32 bytes each, where OpenSSL has them in DER."""

    key: ec.EllipticCurvePublicKey
    algorithm: str = "ES256"

    def verify(self, signature: bytes, data: bytes) -> None:
        if len(signature) != 2 * _P256_BYTES:
            raise InvalidSignature
        r, s = (int.from_bytes(half) for half in (signature[:_P256_BYTES], signature[_P256_BYTES:]))
        self.key.verify(encode_dss_signature(r, s), data, _ECDSA)

    def members(self) -> dict[str, str]:
        numbers = self.key.public_numbers()
        x, y = (encode(number.to_bytes(_P256_BYTES)) for number in (numbers.x, numbers.y))
        return {"crv": "P-256", "kty": "EC", "x": x, "y": y}


@dataclass(frozen=True, slots=True)
class EcPrivateKey:
    key: ec.EllipticCurvePrivateKey

    def sign(self, data: bytes) -> bytes:
        r, s = decode_dss_signature(self.key.sign(data, _ECDSA))
        return r.to_bytes(_P256_BYTES) + s.to_bytes(_P256_BYTES)

    def public(self) -> EcPublicKey:
        return EcPublicKey(self.key.public_key())

    def pem(self) -> bytes:
        return _pem(self.key)


class Algorithm(NamedTuple):
    """How keys of one algorithm are made, and read back from where they are kept."""

    generate: Callable[[], PrivateKey]
    # Of the PEM.
    load: Callable[[bytes], PrivateKey]
    # Of the JWK.
    public: Callable[[Mapping[str, str]], PublicKey]


def thumbprint(members: Mapping[str, str]) -> str:
    """RFC 7638, with SHA-256."""
    text = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return encode(hashlib.sha256(text.encode()).digest())


def encode(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Raises ValueError where it is not base64url."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _generate_rsa() -> RsaPrivateKey:
    return RsaPrivateKey(rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS))


def _load_rsa(pem: bytes) -> RsaPrivateKey:
    key = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("this signing key is not an RSA key")
    return RsaPrivateKey(key)


def _public_rsa(jwk: Mapping[str, str]) -> RsaPublicKey:
    e, n = (_decode_number(jwk[name]) for name in ("e", "n"))
    return RsaPublicKey(rsa.RSAPublicNumbers(e, n).public_key())


def _generate_ec() -> EcPrivateKey:
    return EcPrivateKey(ec.generate_private_key(ec.SECP256R1()))


def _load_ec(pem: bytes) -> EcPrivateKey:
    key = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise TypeError("this signing key is not a P-256 key")
    return EcPrivateKey(key)


def _public_ec(jwk: Mapping[str, str]) -> EcPublicKey:
    x, y = (_decode_number(jwk[name]) for name in ("x", "y"))
    return EcPublicKey(ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key())


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _encode_number(number: int) -> str:
    return encode(number.to_bytes((number.bit_length() + 7) // 8))


def _decode_number(text: str) -> int:
    return int.from_bytes(decode(text))


ALGORITHMS = {
    "RS256": Algorithm(_generate_rsa, _load_rsa, _public_rsa),
    "ES256": Algorithm(_generate_ec, _load_ec, _public_ec),
}
