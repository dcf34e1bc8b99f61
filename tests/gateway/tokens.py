"""Access tokens as the portal's key manager mints them, and wrong ones as an attacker would."""

import base64
import json
import time
from typing import Any

from jwcrypto import jwk, jwt

ISSUER = "http://127.0.0.1:8000/o"


def signing_key(kid: str = "k1") -> jwk.JWK:
    return jwk.JWK.generate(kty="RSA", size=2048, kid=kid, use="sig", alg="RS256")


def jwks(*keys: jwk.JWK) -> str:
    return json.dumps({"keys": [key.export_public(as_dict=True) for key in keys]})


def claims(audience: str, **changes: Any) -> dict[str, Any]:
    now = int(time.time())
    base = {
        "iss": ISSUER,
        "aud": [audience],
        "client_id": "cred_web",
        "sub": "cred_web",
        "app": "app_web",
        "scope": "",
        "jti": "jti-1",
        "iat": now,
        "exp": now + 600,
    }
    merged = {**base, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def mint(key: jwk.JWK, payload: dict[str, Any], **header: str) -> str:
    token = jwt.JWT(header={"alg": "RS256", "typ": "at+jwt", "kid": key.kid, **header}, claims=payload)
    token.make_signed_token(key)
    return token.serialize()


def unsigned(payload: dict[str, Any], alg: str = "none", signature: str = "") -> str:
    parts = [{"alg": alg, "typ": "at+jwt", "kid": "k1"}, payload]
    return ".".join([*(_b64(json.dumps(part).encode()) for part in parts), signature])


def hmac_signed(public_pem: bytes, payload: dict[str, Any]) -> str:
    """The old confusion: the RSA public key used as an HMAC secret."""
    secret = jwk.JWK(kty="oct", k=_b64(public_pem))
    token = jwt.JWT(header={"alg": "HS256", "typ": "at+jwt", "kid": "k1"}, claims=payload)
    token.make_signed_token(secret)
    return token.serialize()


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
