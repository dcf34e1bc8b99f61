"""The short way to a token: a known client that proves itself and asks for what it may have, answered before Django.

Whatever is not plainly that goes the long way, through the view: it refuses, counts failures and knows every grant. Both
ways give the same answer; tests/keymanager/test_tokens_fast.py holds them to it.
"""

import base64
import json
import re
import secrets
from collections.abc import Callable, Iterable
from functools import lru_cache
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from csp.utils import build_policy
from django.conf import settings
from django.db import DatabaseError, close_old_connections
from django.http.request import split_domain_port, validate_host

from keymanager import signing, tokens
from keymanager.entitlements import Entitlements
from keymanager.hashers import GeneratedSecretHasher
from keymanager.resources import RESOURCES_MAX, narrowed
from portal.accounts import limits

from . import changes, clients
from .clients import Client
from .limits import over

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
PATH = "/o/token/"
_FORM = re.compile(r"application/x-www-form-urlencoded(?:; ?charset=utf-8)?", re.IGNORECASE)
_BODY_MAX = 4096
_CLIENT_ID = re.compile(r"cred_[0-9A-Za-z]{1,19}")
_PARAMETERS = frozenset({"grant_type", "scope", "client_id", "client_secret"})
_FIELDS_MAX = len(_PARAMETERS) + RESOURCES_MAX
_hasher = GeneratedSecretHasher()


class FastTokens:
    """WSGI in front of Django's."""

    def __init__(self, django: Wsgi) -> None:
        self._django = django

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == PATH and environ["REQUEST_METHOD"] == "POST":
            body = _body_of(environ)
            answer = None if body is None else issue(environ, body)
            if answer is not None:
                start_response("200 OK", [*_headers(), ("Content-Length", str(len(answer)))])
                return [answer]
        return self._django(environ, start_response)


def issue(environ: dict[str, Any], body: bytes) -> bytes | None:
    """The body of the answer, or None for the long way."""
    if environ.get("QUERY_STRING") or not _host_is_ours(environ.get("HTTP_HOST", "")):
        return None
    asked = _parameters(body)
    if asked is None or asked[0].get("grant_type") != "client_credentials":
        return None
    parameters, resources = asked
    claimed = _claimed(environ.get("HTTP_AUTHORIZATION", ""), parameters)
    if claimed is None or not _CLIENT_ID.fullmatch(claimed[0]):
        return None
    if limits.any_over() and over(claimed[0], environ):
        return None
    known = _known(claimed[0])
    if known is None or not _proven(known[0], claimed[1]):
        return None
    client, ring = known
    entitlements = _limited(client, resources)
    scopes = _scopes(entitlements, parameters) if entitlements else None
    return None if entitlements is None or scopes is None else _answer(client, ring, entitlements, scopes)


def _body_of(environ: dict[str, Any]) -> bytes | None:
    """A small form, left where the view finds it again."""
    length = environ.get("CONTENT_LENGTH") or ""
    if not _FORM.fullmatch(environ.get("CONTENT_TYPE", "")) or not (length.isascii() and length.isdigit()):
        return None
    if not 0 < int(length) <= _BODY_MAX:
        return None
    body: bytes = environ["wsgi.input"].read(int(length))
    environ["wsgi.input"] = BytesIO(body)
    return body if len(body) == int(length) else None


def _parameters(body: bytes) -> tuple[dict[str, str], list[str]] | None:
    """Each at most once, and none that the short way does not know; and the resources, of which there may be many."""
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_FIELDS_MAX)
    except ValueError:
        return None
    parameters, resources = dict(pairs), [value for name, value in pairs if name == "resource"]
    parameters.pop("resource", None)
    once = len(parameters) + len(resources) == len(pairs)
    return (parameters, resources) if once and parameters.keys() <= _PARAMETERS else None


def _claimed(header: str, parameters: dict[str, str]) -> tuple[str, str] | None:
    """Client id and secret, by one method only (RFC 6749 2.3)."""
    if not header:
        return parameters.get("client_id", ""), parameters.get("client_secret", "")
    scheme, _, pair = header.partition(" ")
    if scheme != "Basic" or "client_secret" in parameters:
        return None
    try:
        client_id, colon, secret = base64.b64decode(pair, validate=True).decode().partition(":")
    except ValueError:
        return None
    client_id = unquote_plus(client_id)
    if not colon or parameters.get("client_id", client_id) != client_id:
        return None
    return client_id, unquote_plus(secret)


def _known(client_id: str) -> tuple[Client, signing.KeyRing] | None:
    """The client and what signs, from memory where this process hears of changes, else from the database."""
    client = clients.remembered(client_id) if changes.hearing() else None
    ring = signing.held_ring()
    if client is not None and ring is not None:
        return client, ring
    try:
        client = client or clients.read(client_id)
        return (client, signing.key_ring()) if client else None
    except DatabaseError:
        return None
    finally:
        close_old_connections()


def _proven(client: Client, secret: str) -> bool:
    """In constant time. A secret that is not stored as our own hash is none."""
    stored = client.secret_hash
    return stored.startswith(f"{_hasher.algorithm}$") and _hasher.verify(secret, stored)


def _limited(client: Client, resources: list[str]) -> Entitlements | None:
    """What the client may have there (RFC 8707); None where one of the resources is not open to it."""
    if not resources:
        return client.entitlements
    return narrowed(client.entitlements, client.environment, resources)


def _scopes(entitlements: Entitlements, parameters: dict[str, str]) -> tuple[str, ...] | None:
    """All that the client may have, or those that it asks for; None where it may not, or asks oddly."""
    allowed = entitlements.scopes
    if "scope" not in parameters:
        return allowed
    asked = tuple(parameters["scope"].split(" "))
    return asked if set(asked) <= set(allowed) else None


def _answer(
    client: Client, ring: signing.KeyRing, entitlements: Entitlements, scopes: tuple[str, ...]
) -> bytes:
    token = tokens.signed(
        ring,
        application=client.application,
        environment=client.environment,
        client_id=client.public_id,
        subject=client.public_id,
        entitlements=entitlements,
        scope=" ".join(scopes),
        lifetime=settings.ACCESS_TOKEN_SECONDS,
    )
    answer = {
        "access_token": token,
        "expires_in": settings.ACCESS_TOKEN_SECONDS,
        "token_type": "Bearer",
        "scope": " ".join(scopes),
    }
    return json.dumps(answer).encode()


def _headers() -> list[tuple[str, str]]:
    return [*_same_headers(), ("X-Request-ID", f"req_{secrets.token_hex(8)}")]


@lru_cache(maxsize=1)
def _same_headers() -> list[tuple[str, str]]:
    """What the middleware gives every answer, and RFC 6749 5.1 this one."""
    return [
        ("Content-Type", "application/json"),
        ("Cache-Control", "no-store"),
        ("Pragma", "no-cache"),
        ("Content-Security-Policy", build_policy()),
        ("X-Frame-Options", settings.X_FRAME_OPTIONS),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", settings.SECURE_REFERRER_POLICY),
        ("Cross-Origin-Opener-Policy", settings.SECURE_CROSS_ORIGIN_OPENER_POLICY),
    ]


@lru_cache(maxsize=64)
def _host_is_ours(host: str) -> bool:
    """Django's own rule; an odd host's request is Django's to refuse."""
    domain, _ = split_domain_port(host)
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)
