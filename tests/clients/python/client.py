"""Authlib, as its documentation uses it. It takes plain HTTP on loopback for safe without being told to."""

import json
import sys
from collections.abc import Callable
from typing import Any

import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2 import rfc8414, rfc9207
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import OpenIDProviderMetadata, get_well_known_url
from joserfc import jwt
from joserfc.jwk import KeySet, import_key

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
Task = dict[str, Any]


def main() -> None:
    task = hear()
    say({"done": STORIES[task["story"]](task)})


def hear() -> Task:
    return json.loads(sys.stdin.readline())


def say(said: dict[str, Any]) -> None:
    print(json.dumps(said), flush=True)


def visit(url: str) -> str:
    """Somebody's browser goes there; the address that the portal sends it to at last."""
    say({"visit": url})
    return hear()["arrived"]


def found(task: Task, *, openid: bool = True) -> dict[str, Any]:
    """The server's metadata, from where OpenID Connect or RFC 8414 has it, checked by the library."""
    if openid:
        url, kind = get_well_known_url(task["issuer"], external=True), OpenIDProviderMetadata
    else:
        origin = task["issuer"].removesuffix("/o")
        url = origin + rfc8414.get_well_known_url(task["issuer"])
        kind = rfc8414.AuthorizationServerMetadata
    metadata = kind(requests.get(url, timeout=20).json())
    metadata.validate(metadata_classes=[rfc9207.AuthorizationServerMetadata])
    return metadata


def session(task: Task, metadata: dict[str, Any]) -> OAuth2Session:
    secret = import_key(task["key"]) if task["method"] == "private_key_jwt" else task.get("client_secret")
    made = OAuth2Session(
        task["client_id"],
        secret,
        token_endpoint_auth_method=task["method"],
        revocation_endpoint_auth_method=task["method"],
        code_challenge_method="S256",
        scope=task["scope"],
        redirect_uri=task["redirect_uri"],
        token_endpoint=metadata["token_endpoint"],
    )
    if task["method"] == "private_key_jwt":
        made.register_client_auth_method(PrivateKeyJWT(metadata["token_endpoint"], alg=task["key"]["alg"]))
    return made


def id_token(metadata: dict[str, Any], tokens: dict[str, Any], client_id: str, nonce: str | None) -> str:
    """Whose it is, after the library has checked it."""
    keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=20).json())
    algorithms = metadata["id_token_signing_alg_values_supported"]
    decoded = jwt.decode(tokens["id_token"], keys, algorithms=algorithms)
    params = {"nonce": nonce, "client_id": client_id, "access_token": tokens["access_token"]}
    options = {"iss": {"values": [metadata["issuer"]]}}
    claims = CodeIDToken(decoded.claims, decoded.header, options, params)
    claims.validate(leeway=10)
    return claims["sub"]


def refused(ask: Callable[[], object]) -> str:
    try:
        ask()
    except OAuthError as error:
        return error.error
    return "nothing was refused"


def machine(task: Task) -> dict[str, Any]:
    metadata = found(task, openid=False)
    client = session(task, metadata)
    tokens = client.fetch_token(grant_type="client_credentials", resource=task["resource"])
    token = tokens["access_token"]

    class Validator(JWTBearerTokenValidator):
        def get_jwks(self) -> dict[str, Any]:
            return requests.get(metadata["jwks_uri"], timeout=20).json()

    validator = Validator(issuer=task["issuer"], resource_server=task["resource"])
    claims = validator.authenticate_token(token)
    validator.validate_token(claims, [task["scope"]], None)
    called = client.get(task["api"]).status_code

    def introspect() -> dict[str, Any]:
        return client.introspect_token(metadata["introspection_endpoint"], token).json()

    before = introspect()
    client.revoke_token(metadata["revocation_endpoint"], token).raise_for_status()
    return {
        "scope": tokens["scope"],
        "called": called,
        "claims": claims,
        "before": before,
        "after": introspect(),
    }


def person(task: Task) -> dict[str, Any]:
    metadata = found(task)
    client = session(task, metadata)
    verifier, nonce = generate_token(48), generate_token()
    url, state = client.create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce
    )
    first = client.fetch_token(authorization_response=visit(url), state=state, code_verifier=verifier)
    sub = id_token(metadata, first, task["client_id"], nonce)
    userinfo = client.get(metadata["userinfo_endpoint"]).json()
    second = client.refresh_token()
    return {
        "sub": sub,
        "userinfo": userinfo,
        "called": client.get(task["api"]).status_code,
        "scope": second["scope"],
        "rotated": second["refresh_token"] != first["refresh_token"],
        "reused": refused(lambda: client.refresh_token(refresh_token=first["refresh_token"])),
        "family": refused(lambda: client.refresh_token(refresh_token=second["refresh_token"])),
    }


def device(task: Task) -> dict[str, Any]:
    metadata = found(task)
    client = session(task, metadata)
    fields = {"client_id": task["client_id"], "scope": task["scope"]}
    waiting = client.post(metadata["device_authorization_endpoint"], fields, withhold_token=True).json()
    visit(waiting["verification_uri_complete"])
    tokens = client.fetch_token(grant_type=DEVICE, device_code=waiting["device_code"])
    client.revoke_token(metadata["revocation_endpoint"], tokens["refresh_token"], "refresh_token")
    return {
        "sub": id_token(metadata, tokens, task["client_id"], None),
        "scope": tokens["scope"],
        "revoked": refused(lambda: client.refresh_token(refresh_token=tokens["refresh_token"])),
    }


def refusals(task: Task) -> dict[str, Any]:
    client = session({**task, "client_secret": "wrong"}, found(task))
    return {"secret": refused(lambda: client.fetch_token(grant_type="client_credentials"))}


STORIES = {"machine": machine, "person": person, "device": device, "refusals": refusals}

if __name__ == "__main__":
    main()
